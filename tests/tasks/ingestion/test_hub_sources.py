"""Data sets on the hub: what is one, and which of its splits are read as what."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import datasets
import pytest

from data_contracts.errors import InputError
from tasks.ingestion import hub
from tasks.ingestion.limits import Limits
from tasks.ingestion.readers import read_rows
from tasks.ingestion.sources import parts, resolve


@pytest.mark.parametrize(
    "address", ["hub:owner/name", "hf://datasets/owner/name", "owner/name?config=main", "hub:squad"]
)
def test_addresses_of_the_hub(address: str) -> None:
    assert hub.is_hub_address(address)


@pytest.mark.parametrize(
    "path", ["owner/name", "data/train", "in/big.jsonl", "in/big.jsonl.gz", "rows", "./a/b", "/a/b"]
)
def test_what_may_be_a_path_is_never_looked_up(path: str, monkeypatch: pytest.MonkeyPatch) -> None:
    def asked(*_: Any) -> str:
        raise AssertionError("the hub was asked")

    monkeypatch.setattr(hub, "_revision", asked)
    with pytest.raises(InputError, match="no such file or folder") as told:
        resolve(path)
    assert "hub:owner/name" in told.value.remedy


def test_a_hub_id_that_cannot_be_reached_says_so() -> None:
    with pytest.raises(InputError, match="no such data set could be read from the hub"):
        resolve("nobody/no-such-data-set?config=main")
    with pytest.raises(InputError, match="no address of the hub"):
        resolve("hub:some body/name")


def always(value: Any) -> Callable[..., Any]:
    def answer(*_: Any) -> Any:
        return value

    return answer


def found(monkeypatch: pytest.MonkeyPatch, splits: list[str], asked: str = "") -> Any:
    monkeypatch.setattr(hub, "_revision", always("abc"))
    monkeypatch.setattr(hub, "_splits", always(splits))
    return resolve(f"hub:owner/name{asked}")


def test_the_splits_of_the_authors_keep_their_role(
    monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    source = found(monkeypatch, ["train", "test", "unsupervised"])
    assert [(part.name, part.role) for part in parts(source)] == [
        ("hub:owner/name/test", "test"),
        ("hub:owner/name/train", "train"),
    ]
    assert source.notes == ("splits not read: unsupervised",)
    assert source.held_out == {"test"}

    def load(name: str, config: str | None, *, split: str, revision: str, streaming: bool) -> Any:
        assert (name, config, revision, streaming) == ("owner/name", None, "abc", True)
        return [{"from": split}]

    monkeypatch.setattr(datasets, "load_dataset", load)
    rows = [(row.source, row.value) for row in read_rows(source, tmp_path, Limits())]
    assert rows == [
        ("hub:owner/name/train", {"from": "train"}),
        ("hub:owner/name/test", {"from": "test"}),
    ]


def test_a_split_that_is_named_is_taken_as_it_is(monkeypatch: pytest.MonkeyPatch) -> None:
    source = found(monkeypatch, ["train", "test"], "?split=test")
    assert [(one.split, one.role) for one in source.hub] == [("test", None)]
    assert "split anew" in source.notes[0]
    with pytest.raises(InputError, match="has no split dev") as told:
        found(monkeypatch, ["train", "test"], "?split=dev")
    assert "there are train, test" in told.value.remedy


@pytest.mark.parametrize("splits", [["train_sft", "train_gen", "test_sft"], ["test"]])
def test_splits_to_train_on_must_be_clear(
    splits: list[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    with pytest.raises(InputError, match="not clear"):
        found(monkeypatch, splits)


def test_a_revision_is_asked_for(monkeypatch: pytest.MonkeyPatch) -> None:
    import huggingface_hub

    def info(name: str, *, revision: str, timeout: int) -> SimpleNamespace:
        return SimpleNamespace(sha=f"{name}@{revision}")

    api = SimpleNamespace(dataset_info=info)
    monkeypatch.setattr(huggingface_hub, "HfApi", lambda: api)
    monkeypatch.setattr(hub, "_splits", always(["train"]))
    (one,) = resolve("hub:owner/name?revision=v2").hub
    assert one.revision == "owner/name@v2"
