"""Adapters are read whole or refused, and what is refused is refused before a model is loaded."""

from __future__ import annotations

import json
import shutil
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest

from data_contracts.errors import InputError
from data_contracts.kinds.chat import ChatRecord
from data_contracts.records import Message, Record, record_id
from eval_sets.loading import load_eval_set
from tasks.evaluation.generation import generate_answers
from tasks.evaluation.likelihood import score_held_out
from tasks.evaluation.tables import read_rows
from tasks.models.adapters import read_adapter, require_fit
from tests.lora import write_adapter

CONFIG, WEIGHTS = "adapter_config.json", "adapter_model.safetensors"


@pytest.fixture(scope="module")
def lora(tiny_model: Path, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Return a folder with `adapter` and `merged`."""
    folder = tmp_path_factory.mktemp("lora")
    write_adapter(tiny_model, folder)
    return folder


@pytest.fixture
def changed(lora: Path, tmp_path: Path) -> Path:
    """Return a copy of the adapter, to be spoilt."""
    return shutil.copytree(lora / "adapter", tmp_path / "adapter")


def configure(folder: Path, **entries: Any) -> None:
    config = json.loads((folder / CONFIG).read_text())
    (folder / CONFIG).write_text(json.dumps(config | entries))


def test_it_answers_and_scores_as_the_merged_model_does(
    tiny_model: Path, lora: Path, tmp_path: Path
) -> None:
    sets, adapter = [load_eval_set("safety")], read_adapter(lora / "adapter")
    turns = (Message(role="user", content="Cost?"), Message(role="assistant", content="89 euros."))
    record: Record = ChatRecord(messages=turns)
    answered: list[Any] = []
    sure: list[Any] = []
    likely: list[float] = []
    for name, folder, beside in (
        ("unmerged", tiny_model, adapter),
        ("merged", lora / "merged", None),
        ("base", tiny_model, None),
    ):
        generate_answers(folder, sets, tmp_path / name, adapter=beside)
        rows = read_rows(tmp_path / name / "answers.parquet")
        sure.append([row.pop("log_probability") for row in rows])
        answered.append(rows)
        score_held_out(folder, [(record_id(record), record)], tmp_path / name, adapter=beside)
        likely.append(read_rows(tmp_path / name / "likelihood.parquet")[0]["nll_sum"])
    assert answered[0] == answered[1] != answered[2]
    assert sure[0] == pytest.approx(sure[1], rel=1e-4)  # sums in another order
    assert likely[0] == pytest.approx(likely[1], rel=1e-4)
    assert likely[2] != pytest.approx(likely[1], rel=1e-2)
    assert json.loads((tmp_path / "unmerged/answers.json").read_text())["adapter"] == adapter.digest


@pytest.mark.parametrize(
    ("entries", "said"),
    [
        ({"use_dora": True}, "use_dora"),
        ({"modules_to_save": ["lm_head"]}, "modules_to_save"),
        ({"bias": "all"}, "bias"),
        ({"init_lora_weights": "pissa"}, "init_lora_weights"),
        ({"peft_type": "IA3"}, "not a LoRA adapter"),
        ({"r": 0}, "no r and lora_alpha"),
        ({"r": 8}, "says rank 8, its factors of .* have 4"),
        ({"lora_alpha": float("inf")}, "no finite number"),
        ({"target_modules": ["q_proj", "k_proj"]}, "names k_proj, which has no factors"),
    ],
)
def test_an_adapter_that_is_more_or_less_than_its_products_is_refused(
    changed: Path, entries: dict[str, Any], said: str
) -> None:
    configure(changed, **entries)
    with pytest.raises(InputError, match=said):
        read_adapter(changed)


def test_what_is_no_adapter_is_refused_by_its_own_reason(changed: Path, tiny_model: Path) -> None:
    def refused(said: str) -> None:
        with pytest.raises(InputError, match=said):
            read_adapter(changed)

    from safetensors.torch import load_file, save_file

    whole = load_file(changed / WEIGHTS)
    name = min(whole)
    save_file({**whole, name: whole[name] * float("nan")}, changed / WEIGHTS)
    refused("no matrix of finite numbers")
    save_file({key: value for key, value in whole.items() if key != name}, changed / WEIGHTS)
    refused("do not belong together")
    (changed / WEIGHTS).write_bytes(b"torn")
    refused(f"{WEIGHTS} cannot be read")
    (changed / WEIGHTS).rename(changed / "adapter_model.bin")
    refused(r"adapter_model\.bin may be a pickle")
    (changed / CONFIG).write_text("[")
    refused("cannot be read as JSON")
    with pytest.raises(InputError, match=f"there is no {CONFIG}"):
        read_adapter(tiny_model)


def test_the_scale_is_part_of_what_it_is(changed: Path) -> None:
    one = read_adapter(changed)
    configure(changed, lora_alpha=24)
    assert read_adapter(changed).digest != one.digest
    whole = [f"model.{name}" for name in one.factors]  # as our training names its layers
    configure(changed, lora_alpha=12, target_modules=whole)
    assert read_adapter(changed).digest == one.digest


def test_a_base_that_it_does_not_fit_is_told_by_the_bases_config(
    lora: Path, tiny_model: Path, tmp_path: Path
) -> None:
    adapter = read_adapter(lora / "adapter")
    outline = tmp_path / "outline"
    shutil.copytree(tiny_model, outline)
    (outline / "model.safetensors").write_bytes(b"never read")
    require_fit(adapter, outline)
    config = json.loads((outline / "config.json").read_text())
    for wrong, said in (({"num_hidden_layers": 1}, "no layers.1"), ({"hidden_size": 32}, "shape")):
        (outline / "config.json").write_text(json.dumps(config | wrong))
        with pytest.raises(InputError, match=said):
            require_fit(replace(adapter), outline)
