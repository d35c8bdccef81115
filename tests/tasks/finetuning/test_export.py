from __future__ import annotations

import json
import shutil
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from model_registry.model_files import (
    check_model_folder,
    load_tokenizer,
    refuse_other_tokenizer,
    tokenizer_digest,
)
from tasks.finetuning.export import weights_note
from tasks.finetuning.recipe import Recipe, TrainingJob
from tasks.finetuning.train_process import train
from tasks.models.loading import load_model

TOKENIZER = ("tokenizer.json", "tokenizer_config.json", "chat_template.jinja")


# Weights in bf16 are off by up to 0.4 %; two layers of large random weights make it some 3 %.
BF16 = 0.05


def logits(model: Any) -> Any:
    import torch

    ids = torch.randint(2, 280, (3, 40), generator=torch.Generator().manual_seed(1))
    with torch.no_grad():
        return model.eval()(input_ids=ids).logits.float()


def adapted(base: Path, adapter: Path) -> Any:
    """The base under its adapter, as whoever takes the adapter loads it."""
    from peft import PeftModel

    return PeftModel.from_pretrained(load_model(base)[0], adapter)


def test_the_tokenizer_that_trained_is_the_one_that_ships(finished: Any, base: Path) -> None:
    model = Path(finished.job.out) / "model"
    for name in TOKENIZER:
        assert (model / name).read_bytes() == (base / name).read_bytes()
    refuse_other_tokenizer(tokenizer_digest(base), model)
    check_model_folder(model)


def test_the_merged_model_says_what_base_and_adapter_say(finished: Any, base: Path) -> None:
    out = Path(finished.job.out)
    together = logits(adapted(base, out / "adapter"))
    merged = logits(load_model(out / "model")[0])
    off = float((merged - together).norm() / together.norm())
    learned = float((logits(load_model(base)[0]) - together).norm() / together.norm())
    assert off < BF16 and learned > 5 * off


def test_each_merged_weight_is_the_base_and_the_adapters_product_rounded_nowhere(
    finished: Any, base: Path
) -> None:
    import torch
    from safetensors.torch import load_file

    out, recipe = Path(finished.job.out), finished.job.recipe
    adapter = load_file(out / "adapter/adapter_model.safetensors")
    merged = load_file(out / "model/model.safetensors")
    assert {tensor.dtype for tensor in merged.values()} == {torch.float32}  # as it was trained
    scale, seen = recipe.lora_alpha / recipe.lora_r, 0
    for name, weight in load_file(base / "model.safetensors").items():
        stem = f"base_model.model.{name.removesuffix('.weight')}"
        if f"{stem}.lora_A.weight" in adapter:
            product = adapter[f"{stem}.lora_B.weight"] @ adapter[f"{stem}.lora_A.weight"]
            weight, seen = weight + scale * product, seen + 1
        torch.testing.assert_close(merged[name].float(), weight, rtol=1e-6, atol=1e-6)
    assert seen == len(adapter) / 2 == 14


def test_a_bf16_adapter_is_merged_as_well(
    make_job: Callable[..., TrainingJob], base: Path, tmp_path: Path
) -> None:
    job = make_job(tmp_path, precision="bf16", num_train_epochs=1)
    summary = train(job, tmp_path, lambda _: None)
    assert summary.precision == "bf16"
    assert json.loads((tmp_path / "model/config.json").read_text())["dtype"] == "bfloat16"
    assert "bfloat16; the base's are float32, and were rounded" in summary.notes[-1]
    together = logits(adapted(base, tmp_path / "adapter"))
    merged = logits(load_model(tmp_path / "model")[0])
    assert float((merged - together).norm() / together.norm()) < BF16


def test_no_file_names_a_local_path(finished: Any, base: Path) -> None:
    out = Path(finished.job.out)
    config = json.loads((out / "adapter/adapter_config.json").read_text())
    named = config["base_model_name_or_path"]
    assert named == f"tiny (sha256 {finished.job.base_digest})"
    shipped = [
        path
        for path in out.rglob("*")
        if path.is_file() and not path.relative_to(out).as_posix().startswith(".")
    ]
    assert len(shipped) >= 9
    for path in shipped:
        content = path.read_bytes()
        for place in (out.parent.parent, base.parent, Path.home(), Path.cwd()):
            assert str(place).encode() not in content, path.name


def test_a_rerun_after_the_end_trains_nothing_and_writes_the_same(
    finished: Any, tmp_path: Path
) -> None:
    """As when storing the output failed, even half-way."""
    first, again = Path(finished.job.out), tmp_path / "again"
    shutil.copytree(first, again)
    shutil.rmtree(again / "adapter")
    (again / "model/model.safetensors").write_bytes(b"half")
    events: list[dict[str, Any]] = []
    job = finished.job.model_copy(update={"out": str(again)})
    assert train(job, again, events.append) == finished.summary
    start = next(event for event in events if event["event"] == "start")
    begun = {key: start[key] for key in ("event", "step", "steps")}
    assert begun == {"event": "start", "step": 48, "steps": 48}
    assert not [event for event in events if event["event"] == "step"]
    for path in [path for path in first.rglob("*") if path.is_file()]:
        name = path.relative_to(first)
        if not name.as_posix().startswith("."):
            assert (again / name).read_bytes() == path.read_bytes(), name


def test_what_belongs_to_the_base_comes_along_but_not_its_weights(
    make_job: Callable[..., TrainingJob], base: Path, tmp_path: Path
) -> None:
    other = tmp_path / "base"
    shutil.copytree(base, other)
    (other / "LICENSE").write_text("Apache")
    shutil.copyfile(other / "model.safetensors", other / "consolidated.safetensors")
    job = make_job(tmp_path / "out", base=str(other), method="full", max_steps=1)
    train(job, tmp_path / "out", lambda _: None)
    assert (tmp_path / "out/model/LICENSE").read_text() == "Apache"
    assert not (tmp_path / "out/model/consolidated.safetensors").exists()


@pytest.mark.parametrize("method", ["lora", "full"])
def test_small_updates_of_float32_weights_reach_the_model_that_ships(
    make_job: Callable[..., TrainingJob], base: Path, tmp_path: Path, method: str
) -> None:
    from safetensors.torch import load_file

    job = make_job(tmp_path, method=method, learning_rate=1e-6, max_steps=2, lora_r=8)
    summary = train(job, tmp_path, lambda _: None)
    assert summary.notes[-1] == "weights are trained and kept in float32"
    assert json.loads((tmp_path / "model/config.json").read_text())["dtype"] == "float32"
    before, after = (load_file(f / "model.safetensors") for f in (base, tmp_path / "model"))
    moved = [name for name, weight in before.items() if not weight.equal(after[name])]
    assert moved
    # As much as two steps of this rate can move: in bf16 it would be rounded away.
    assert max(float((before[name] - after[name]).abs().max()) for name in moved) < 1e-4


@pytest.mark.parametrize("kept", ["bfloat16", "float16"])
def test_a_note_says_what_became_of_the_bases_precision(tmp_path: Path, kept: str) -> None:
    (tmp_path / "config.json").write_text(json.dumps({"torch_dtype": kept}))
    wide = weights_note(Recipe(precision="fp32"), tmp_path)
    assert f"kept in float32; the base's are {kept}, and were widened" in wide
    narrow = weights_note(Recipe(precision="bf16"), tmp_path)
    assert ("rounded" in narrow) == (kept == "float16")


def test_generation_of_what_ships_stops_where_its_template_ends_a_turn(
    make_job: Callable[..., TrainingJob], base: Path, tmp_path: Path
) -> None:
    """A base whose configured end is not the token that its template closes a turn with."""
    other = tmp_path / "base"
    shutil.copytree(base, other)
    tokenizer: Any = load_tokenizer(other)
    tokenizer.eos_token = "<|im_start|>"
    tokenizer.save_pretrained(other)
    for name in ("config.json", "generation_config.json"):
        config = json.loads((other / name).read_text())
        (other / name).write_text(json.dumps({**config, "eos_token_id": 0}))
    out = tmp_path / "out"
    train(make_job(out, base=str(other), max_steps=1), out, lambda _: None)
    shipped = json.loads((out / "model/generation_config.json").read_text())
    assert shipped["eos_token_id"] == [0, tokenizer.convert_tokens_to_ids("<|im_end|>")]
