"""Stage outputs: made once, found again, checked when fetched, and nothing half-made counts."""

from __future__ import annotations

import secrets
from collections.abc import Callable, Mapping
from concurrent.futures import ThreadPoolExecutor
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest

from data_contracts.errors import IntegrityError
from tasks.storage.objects import LocalStore, open_store
from tasks.storage.outputs import MANIFEST, Built, Outputs
from tasks.storage.stages import Stage

STAGE = Stage("stage", 1, ())


class Maker:
    """Fills a folder and counts how often it was asked to."""

    def __init__(self, fails: int = 0) -> None:
        self.calls, self.fails, self.found = 0, fails, list[str]()

    def __call__(self, folder: Path) -> Mapping[str, int]:
        self.calls += 1
        self.found = sorted(path.name for path in folder.iterdir())
        (folder / "inner").mkdir(exist_ok=True)
        (folder / "inner" / "part.txt").write_text("content")
        (folder / ".scratch").write_text("not to be kept")
        if self.calls <= self.fails:
            raise RuntimeError("killed half-way")
        return {"rows": 3}


@pytest.fixture
def local(tmp_path: Path) -> Outputs:
    return Outputs(LocalStore(tmp_path / "store"), tmp_path / "work", "revision")


def test_what_is_about_the_making_is_stored_but_no_part_of_the_digest(tmp_path: Path) -> None:
    made: list[Built] = []
    for number in (1, 2):
        outputs = Outputs(LocalStore(tmp_path / f"store{number}"), tmp_path / f"work{number}")

        def make(folder: Path, number: int = number) -> Mapping[str, int]:
            (folder / "about").mkdir()
            (folder / "about/when.txt").write_text(f"the {number}th")
            (folder / "about.txt").write_text("the same")
            return {}

        made.append(build(outputs, make))
        folder = outputs.fetch(made[-1].reference)
        assert (folder / "about/when.txt").read_text() == f"the {number}th"
        (folder / "about/when.txt").write_text("a lie")
        with pytest.raises(IntegrityError):
            outputs.fetch(made[-1].reference)
    assert made[0].reference == made[1].reference


def test_row_05_who_comes_second_leaves_the_first_ones_files(tmp_path: Path) -> None:
    """Two machines over one store; what one makes is not the other's to the byte."""
    machines = [Outputs(LocalStore(tmp_path / "store"), tmp_path / f"work{n}") for n in (1, 2)]

    def write(folder: Path, text: str) -> Mapping[str, int]:
        (folder / "part.txt").write_text(text)
        return {}

    def frozen_meanwhile(folder: Path) -> Mapping[str, int]:
        build(machines[1], lambda other: write(other, "the second machine's"))
        return write(folder, "the first machine's")

    first = build(machines[0], frozen_meanwhile)
    second = build(machines[1], lambda _: pytest.fail("made twice"))
    assert first.reference == second.reference
    folder = machines[0].fetch(first.reference)
    assert (folder / "part.txt").read_text() == "the second machine's"


def build(outputs: Outputs, make: Callable[[Path], Mapping[str, int]], seed: int = 1) -> Built:
    return outputs.build(STAGE.of({"source": "digest"}, {"seed": seed}), make)


def test_a_second_run_finds_the_first_ones_output(local: Outputs) -> None:
    make = Maker()
    first, second = build(local, make), build(local, make)
    assert (first.reused, second.reused, make.calls) == (False, True, 1)
    assert first.reference == second.reference
    manifest = local.manifest(first.reference)
    assert list(manifest.files) == ["inner/part.txt"]
    assert (manifest.counts, manifest.code_revision) == ({"rows": 3}, "revision")
    assert (local.fetch(first.reference) / "inner/part.txt").read_text() == "content"


def test_other_parameters_are_another_output_of_the_same_digest(local: Outputs) -> None:
    one, two = build(local, Maker()), build(local, Maker(), seed=2)
    assert not two.reused
    assert one.reference.key != two.reference.key
    assert one.reference.digest == two.reference.digest


def test_the_fingerprint_ignores_order_and_sees_the_recipe() -> None:
    one = STAGE.of({"a": "1", "b": "2"}, {"x": 1, "y": 2})
    assert one.fingerprint == STAGE.of({"b": "2", "a": "1"}, {"y": 2, "x": 1}).fingerprint
    raised = replace(STAGE, recipe=2).of(one.inputs, one.parameters)
    assert one.fingerprint != raised.fingerprint


def test_a_stage_that_dies_leaves_nothing_that_counts_but_can_resume(local: Outputs) -> None:
    make = Maker(fails=1)
    with pytest.raises(RuntimeError, match="half-way"):
        build(local, make)
    assert list(local.store.keys("stage")) == []
    built = build(local, make)
    assert make.found == [".scratch", "inner"]
    assert not built.reused


def test_a_store_that_fails_before_the_manifest_has_no_output(
    local: Outputs, monkeypatch: pytest.MonkeyPatch
) -> None:
    def full(key: str, data: bytes, *, only_if_absent: bool = False) -> bool:
        raise OSError(28, "No space left on device")

    with monkeypatch.context() as patch:
        patch.setattr(local.store, "write", full)
        with pytest.raises(OSError, match="No space"):
            build(local, Maker())
    make = Maker()
    assert not build(local, make).reused
    assert make.calls == 1


def test_two_builders_at_once_make_it_once(local: Outputs) -> None:
    make = Maker()
    with ThreadPoolExecutor(4) as pool:
        built = [done.result() for done in [pool.submit(build, local, make) for _ in range(4)]]
    assert make.calls == 1
    assert len({one.reference.digest for one in built}) == 1


def test_changed_bytes_are_refused(local: Outputs) -> None:
    reference = build(local, Maker()).reference
    local.store.write(f"{reference.key}/inner/part.txt", b"changed")
    with pytest.raises(IntegrityError, match=r"inner/part\.txt"):
        local.fetch(reference)


def test_a_replaced_manifest_is_refused(local: Outputs) -> None:
    reference = build(local, Maker()).reference
    other = reference.model_copy(update={"digest": "0" * 64})
    with pytest.raises(IntegrityError, match="not the one"):
        local.manifest(other)
    assert local.store.exists(f"{reference.key}/{MANIFEST}")


def test_over_s3_a_damaged_local_copy_is_fetched_again(s3_server: Any, tmp_path: Path) -> None:
    store = open_store(f"s3://{s3_server.bucket}/{secrets.token_hex(6)}", s3_server.endpoint_url)
    outputs = Outputs(store, tmp_path / "work")
    make = Maker()
    reference = build(outputs, make).reference
    assert build(outputs, make).reused
    folder = outputs.fetch(reference)
    (folder / "inner" / "part.txt").write_text("damaged on this machine")
    assert (outputs.fetch(reference) / "inner/part.txt").read_text() == "content"
    store.write(f"{reference.key}/inner/part.txt", b"damaged in the store")
    (folder / "inner" / "part.txt").unlink()
    with pytest.raises(IntegrityError):
        outputs.fetch(reference)
