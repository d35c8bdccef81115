"""`paddock compress` on a champion: compared, measured, signed; served so where it passed."""

from __future__ import annotations

import json
import shutil
from collections.abc import Callable
from pathlib import Path

import pytest

from flows.serving.champion import SAFE, ready_to_serve
from flows.workshop.parts import Workshop
from flows.workshop.settings import Settings
from model_registry.variant_evidence import require_variant
from tasks.serving.specification import Specification
from tests.flows.living.conftest import NAME, Ended, Lived, done

Run = Callable[..., Ended]


@pytest.fixture(scope="module")
def compressed(
    lived: Lived, terminal: Run, tmp_path_factory: pytest.TempPathFactory
) -> tuple[Path, str]:
    """Return a home whose champion was compared in eight and in four bits, and what was said."""
    home = tmp_path_factory.mktemp("compressed") / "home"
    shutil.copytree(lived.home, home)
    return home, done(terminal(home, "compress", *NAME, "--weights", "q4_0,q8_0"))


def _serving(weights: str) -> Specification:
    return Specification.model_validate({"name": "shelves", "engine": {"weights": weights}})


def test_each_way_is_measured_and_judged_by_the_version_s_own_gates(
    compressed: tuple[Path, str],
) -> None:
    home, said = compressed
    assert "of 2 ways to keep weights q8_0, q4_0 may serve" in said
    workshop = Workshop(Settings(home=home))
    digest = workshop.registry.ledger.rows("shelves")[-1].digest or ""
    found = {
        weights: require_variant(workshop.registry, "shelves", digest, weights, workshop.keys)
        for weights in ("q8_0", "q4_0")
    }
    assert found["q4_0"].file_bytes < found["q8_0"].file_bytes
    assert {one.verdict for one in found.values()} == {"passed"}
    for one in found.values():
        assert one.cold_seconds > 0 and one.tokens_per_second > 0 and one.peak_bytes > 1 << 20


def test_few_bits_serve_where_they_passed_and_eight_where_nobody_looked(
    compressed: tuple[Path, str], lived: Lived, terminal: Run, tmp_path: Path
) -> None:
    home, _ = compressed
    workshop, said = Workshop(Settings(home=home)), list[str]()
    release = ready_to_serve(workshop, _serving("q4_0"), tmp_path / "served", said.append)
    assert release.model.name == "shelves-q4_0.gguf" and not said
    other = ready_to_serve(workshop, _serving("q5_0"), tmp_path / "served", said.append)
    assert other.model.name == f"shelves-{SAFE}.gguf"  # what serves must not wait for it
    assert "nobody compared" in said[0] and "paddock compress --name shelves" in said[0]

    changed = tmp_path / "home"
    shutil.copytree(home, changed)
    (place,) = changed.glob("mlflow-artifacts/**/variants/q4_0/content/variants.json")
    kept = json.loads(place.read_text())
    place.write_text(json.dumps(kept | {"file_bytes": 1}))
    moved = Workshop(Settings(home=changed))
    found = ready_to_serve(moved, _serving("q4_0"), tmp_path / "other", said.append)
    assert found.model.name == f"shelves-{SAFE}.gguf"
    assert "does not match" in said[1] or "signature" in said[1]


def test_a_variant_that_fails_its_gates_is_said_and_does_not_serve(
    compressed: tuple[Path, str], terminal: Run, tmp_path: Path
) -> None:
    """A set that no gate's metric is of leaves the gate without its figure: that fails."""
    home = tmp_path / "home"
    shutil.copytree(compressed[0], home)
    asked = ["--weights", "q8_0", "--eval-sets", "pii_leakage"]
    refused = terminal(home, "compress", *NAME, *asked)
    assert refused.returncode == 1
    assert "of 1 ways to keep weights none may serve" in refused.stdout


def test_what_cannot_be_is_refused_before_anything_is_asked(
    compressed: tuple[Path, str], terminal: Run
) -> None:
    home, _ = compressed
    for words, said in (
        (["--weights", "q3_k"], "weights are kept as f16, bf16, q8_0, q6_k, q5_0, q4_k, q4_0"),
        (["--version", "9"], "version 9"),
        (["--name", "nobody"], "there is no champion"),
    ):
        refused = terminal(home, "compress", *([] if "--name" in words else NAME), *words)
        assert refused.returncode in (1, 2) and said in refused.stderr, refused.stderr
