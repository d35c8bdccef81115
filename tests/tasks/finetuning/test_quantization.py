"""QLoRA, and that adapters of either method merge to the logits they were trained to give."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from data_contracts.kinds.document import DocumentRecord
from data_contracts.snapshot.reading import read_records
from tasks.finetuning import export
from tasks.finetuning.kernels.choice import loss_sum
from tasks.finetuning.objectives.supervised import Supervised
from tasks.finetuning.quantization import count, dequantized, merge, quantize, stored_bytes
from tasks.finetuning.recipe import Recipe, TrainingJob
from tasks.finetuning.throughput import flops_per_token
from tasks.finetuning.tokenizing import encode
from tasks.finetuning.train_process import prepare, train
from tasks.finetuning.trainer import StoppedError, Trainer
from tasks.models.attention.packed import use_varlen
from tasks.models.loading import load_model

MakeJob = Callable[..., TrainingJob]


def ignore(_: dict[str, Any]) -> None: ...


def model_of(folder: Path, method: str, dtype: Any = "float32") -> tuple[Any, Any, Recipe]:
    import torch

    precision = "bf16" if dtype == "bfloat16" else "fp32"
    recipe = Recipe.model_validate({"method": method, "precision": precision, "lora_r": 4})
    model, tokenizer = load_model(folder, dtype=dtype)
    if method == "qlora":
        model = quantize(model, torch.device("cpu"))
    return prepare(model, recipe), tokenizer, recipe


def logits(model: Any) -> Any:
    import torch

    ids = torch.randint(2, 280, (3, 40), generator=torch.Generator().manual_seed(1))
    positions = torch.arange(40)[None]
    rows: list[Any] = []
    model.eval()
    with torch.no_grad():
        for row in ids:
            lengths = {"cu_seq_lens_q": torch.tensor([0, 40]), "max_length_q": 40}
            known = lengths if model.config._attn_implementation == "torch_varlen" else {}
            rows.append(model(input_ids=row[None], position_ids=positions, **known).logits.float())
    return torch.cat(rows)


def off(one: Any, other: Any) -> float:
    return float((one - other).norm() / other.norm())


@pytest.mark.parametrize("method", ["lora", "qlora"])
def test_adapters_merge_to_the_same_logits(
    make_job: MakeJob, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, method: str
) -> None:
    """In float32; what export writes is the merged weights rounded once to bf16."""
    import torch

    job = make_job(tmp_path, method=method, learning_rate=5e-3)
    model, tokenizer, _ = model_of(Path(job.base), method)
    start = logits(model)
    examples = encode(read_records(Path(job.snapshot), "train"), tokenizer, 192)
    recipe = job.recipe.model_copy(update={"max_steps": 8})
    Trainer(model, recipe, Supervised(examples), torch.device("cpu")).run(tmp_path, 99, ignore)
    together = logits(model)
    assert off(start, together) > 0.05  # the adapters say something
    merged: dict[str, Any] = {}

    def watched(given: Any) -> Any:
        found = merge(given)
        merged.update({name: it.detach().clone() for name, it in found.named_parameters()})
        return found

    monkeypatch.setattr(export, "merge", watched)
    export.export_model(model, job, tmp_path)
    shipped = load_model(tmp_path / "model")[0]
    for name, weight in shipped.named_parameters():
        assert torch.equal(weight, merged[name]), name
    assert off(logits(shipped), together) < 1e-4


@pytest.mark.parametrize("method", ["lora", "qlora"])
def test_a_merged_model_computes_what_base_and_adapter_compute(base: Path, method: str) -> None:
    import torch

    model, _, _ = model_of(base, method)
    start = logits(model)
    torch.manual_seed(3)
    for name, parameter in model.named_parameters():
        if "lora_B" in name:
            torch.nn.init.normal_(parameter, std=0.05)
    together = logits(model)
    assert off(start, together) > 0.05
    merged = merge(model)
    assert off(logits(merged), together) < 1e-5
    assert not any("lora" in name for name, _ in merged.named_modules())
    assert all(parameter.dtype == torch.float32 for parameter in merged.parameters())


@pytest.mark.parametrize("dtype", ["float32", "bfloat16"])
def test_linear_layers_are_in_four_bits_and_the_rest_as_it_was(base: Path, dtype: str) -> None:
    import torch

    plain, (model, _, recipe) = load_model(base, dtype=dtype)[0], model_of(base, "qlora", dtype)  # pyright: ignore[reportArgumentType]
    quantized = {n: p for n, p in model.get_base_model().named_parameters() if count(p) > p.numel()}
    assert len(quantized) == 14
    for name, parameter in quantized.items():
        original = plain.get_parameter(name.replace(".base_layer", ""))
        assert parameter.dtype == torch.uint8 and count(parameter) == original.numel()
        assert stored_bytes(parameter) / count(parameter) == pytest.approx(0.516, abs=0.01)
        assert dequantized(parameter).dtype == original.dtype
        assert 0.01 < off(dequantized(parameter).float(), original.float()) < 0.12
    assert model.get_base_model().lm_head.weight.dtype == getattr(torch, dtype)
    lora, _, other = model_of(base, "lora")
    assert flops_per_token(model, recipe) == flops_per_token(lora, other)
    trained = {n for n, p in model.named_parameters() if p.requires_grad}
    assert trained == {n for n, p in lora.named_parameters() if p.requires_grad}


def test_a_packed_row_has_the_gradients_of_its_documents(base: Path) -> None:
    import torch

    def gradients(rows: list[list[int]]) -> list[Any]:
        model, tokenizer, _ = model_of(base, "qlora")
        use_varlen(model.get_base_model())
        torch.manual_seed(3)
        trained = [p for p in model.parameters() if p.requires_grad]
        for parameter in trained:
            torch.nn.init.normal_(parameter, std=0.05)
        texts = ["Boots are for walking.", "A tent.", "The stove costs ten euros."]
        records = [(text, DocumentRecord(text=text)) for text in texts]
        objective = Supervised(encode(records, tokenizer, 192))
        for row in rows:
            loss_sum(model.eval().get_base_model(), objective.collate([row]), False).backward()
        return [parameter.grad for parameter in trained]

    for one, other in zip(gradients([[2, 0, 1]]), gradients([[0], [1], [2]]), strict=True):
        scale = float(other.abs().max())
        torch.testing.assert_close(one, other, rtol=1e-5, atol=1e-5 * scale)


def test_a_qlora_run_learns_and_goes_on_bit_for_bit(make_job: MakeJob, tmp_path: Path) -> None:
    settings = {"method": "qlora", "learning_rate": 5e-3, "max_steps": 12}
    whole, cut = make_job(tmp_path / "whole", **settings), make_job(tmp_path / "cut", **settings)
    expected = train(whole, tmp_path / "whole", ignore)
    assert expected.final_loss < 0.8 * expected.first_loss

    def stop(event: dict[str, Any]) -> None:
        if event["event"] == "step" and event["step"] == 5:
            raise StoppedError("killed")

    with pytest.raises(StoppedError):
        train(cut, tmp_path / "cut", stop)
    assert train(cut, tmp_path / "cut", ignore) == expected
    for name in ("model/model.safetensors", "adapter/adapter_model.safetensors"):
        one, other = ((tmp_path / run / name).read_bytes() for run in ("whole", "cut"))
        assert one == other
    shipped = load_model(tmp_path / "whole/model")[0]
    assert "quantization_config" not in shipped.config.to_dict()
