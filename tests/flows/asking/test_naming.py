"""Names of files are absolute from where they were typed; other names stay as they are."""

from __future__ import annotations

from pathlib import Path

import pytest

from flows.asking.parameters import EvaluateParameters, RedactParameters, RetrainParameters


@pytest.fixture
def here(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    (tmp_path / "models/ours").mkdir(parents=True)
    monkeypatch.chdir(tmp_path)
    return tmp_path


def test_relative_paths_are_resolved_where_they_are_given(
    here: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    asked = RetrainParameters(
        source="in/../in/big.jsonl",
        contract="c.toml",
        mapping="m.toml",
        eval_sets="truth, sets/ours",
        base="models/ours",
        teacher="./other",
        policy="p.toml",
    )
    monkeypatch.chdir("/")
    kept = RetrainParameters.model_validate_json(asked.model_dump_json())
    assert kept == asked
    assert (
        kept.model_dump()
        | {
            "source": f"{here}/in/big.jsonl",
            "contract": f"{here}/c.toml",
            "mapping": f"{here}/m.toml",
            "eval_sets": f"truth,{here}/sets/ours",
            "base": f"{here}/models/ours",
            "teacher": f"{here}/other",
            "policy": f"{here}/p.toml",
        }
        == kept.model_dump()
    )


@pytest.mark.parametrize(
    "source", ["demo", "s3://bucket/raw", "hub:owner/name", "owner/name?split=train", "ftp://x/y"]
)
def test_addresses_stay(source: str, here: Path) -> None:
    assert RetrainParameters(source=source).source == source


def test_what_was_a_relative_path_is_one_for_ever(here: Path) -> None:
    for name in ("data/train", "owner/name", "rows"):
        assert RetrainParameters(source=name).source == f"{here}/{name}"
    assert RetrainParameters(source="file://x.jsonl").source == f"{here}/x.jsonl"
    assert RetrainParameters(source="~/x").source == str(Path.home() / "x")


def test_names_stay(here: Path) -> None:
    asked = RetrainParameters(contract="chat", mapping="a=b", policy="demo", base="owner/model")
    assert (asked.contract, asked.mapping, asked.policy) == ("chat", "a=b", "demo")
    assert (asked.base, asked.teacher, asked.eval_sets) == ("owner/model", "", "")
    assert RetrainParameters(base="models:/a@champion").base == "models:/a@champion"
    assert EvaluateParameters(eval_sets="a,b").eval_sets == "a,b"
    assert RedactParameters(contract="c.toml").contract == f"{here}/c.toml"
