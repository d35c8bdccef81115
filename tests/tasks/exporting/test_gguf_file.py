"""GGUF files beside their models: transformers reads them back, llama.cpp runs them."""

from __future__ import annotations

import json
import shutil
from collections.abc import Callable
from pathlib import Path
from typing import Any, cast

import pytest

from data_contracts.errors import InputError
from tasks.exporting.gguf_file import plan_gguf, write_gguf
from tasks.exporting.weights import ENDS, FEW_BITS, Quantize
from tasks.models.loading import load_model
from tests.llama_cpp import LlamaCpp
from tests.tasks.exporting.llamas import KINDS, TEXT, WIDE, Kind, save_llama

Made = Callable[[str], Path]
QUESTION = [{"role": "user", "content": "What does the tent cost?"}]
TALK = [*QUESTION, {"role": "assistant", "content": "89 euros."}, {"role": "user", "content": "1?"}]


@pytest.fixture(scope="module")
def llama(tmp_path_factory: pytest.TempPathFactory) -> Made:
    """Tiny models by their kind, each made once."""
    made: dict[str, Path] = {}

    def make(name: str) -> Path:
        if name not in made:
            made[name] = save_llama({**KINDS, "wide": WIDE}[name], tmp_path_factory.mktemp("llama"))
        return made[name]

    return make


def written(model: Path, out: Path, quantize: Quantize = "f16") -> Path:
    write_gguf(plan_gguf(model, quantize), out / "x.gguf", "larkspur")
    return out / "x.gguf"


def rendered(tokenizer: Any, turns: list[dict[str, str]]) -> str:
    return tokenizer.apply_chat_template(turns, tokenize=False, add_generation_prompt=True)


@pytest.mark.parametrize("name", KINDS)
def test_llama_cpp_reads_and_says_what_transformers_does(
    name: str, llama: Made, tmp_path: Path
) -> None:
    import torch

    model, tokenizer = load_model(llama(name))
    there = LlamaCpp(written(llama(name), tmp_path))
    for text in [*TEXT, " ".join(TEXT), " x", "x ", "a\x00b\u0301", "1234 5", "<s>x</s> y"]:
        if KINDS[name].cut == "first":
            text = f"<s>{text}"  # a chat begins so; see the notes of an export
        mine = tokenizer(text, add_special_tokens=False)["input_ids"]
        assert there.tokens(text) == mine, text
    talk, run = cast("Any", tokenizer), cast("Any", model)
    compared = 0
    for turns in (QUESTION, TALK):
        text = rendered(talk, turns)
        prompt = talk(text, add_special_tokens=False)["input_ids"]
        assert there.tokens(there.chat_text(turns), special=True) == prompt
        assert there.chat_length(turns) == len(prompt)
        for _ in range(12):  # as transformers goes on, since a tie may go either way
            with torch.no_grad():
                logits = run(torch.tensor([prompt])).logits[0, -1].double()
            mine = torch.log_softmax(logits, -1)
            for token, likely in there.next_tokens(prompt).items():
                assert likely == pytest.approx(float(mine[token]), abs=0.1)
                compared += 1
            prompt.append(int(mine.argmax()))
    assert compared >= 50


@pytest.mark.parametrize(
    ("name", "quantize", "most"),
    [
        ("gpt-2", "q8_0", 1 / 128),
        ("smollm", "bf16", 1 / 128),
        ("smollm", "q5_0", 1 / 15),
        ("smollm", "q4_0", 1 / 7),
        ("wide", "q6_k", 1 / 30),
        ("wide", "q4_k", 1 / 7),
    ],
)
def test_rounded_weights_are_near(
    name: str, quantize: Quantize, most: float, llama: Made, tmp_path: Path
) -> None:
    import gguf
    import numpy as np

    from tasks.exporting.weights import read_tensor

    planned = plan_gguf(llama(name), quantize)
    reader: Any = gguf.GGUFReader(written(llama(name), tmp_path, quantize))
    kept = {tensor.name: tensor for tensor in reader.tensors}
    assert set(kept) == {tensor.name for tensor in planned.tensors}
    for tensor in planned.tensors:
        was, found = read_tensor(tensor), kept[tensor.name]
        now = gguf.quants.dequantize(found.data, found.tensor_type).reshape(was.shape)
        error = np.abs(now - was).max() / np.abs(was).max()
        assert error <= (most if was.ndim == 2 else 0), tensor.name
        ends = quantize in FEW_BITS and tensor.name in ENDS
        kind = "q8_0" if ends else quantize
        assert found.tensor_type.name.lower() == (kind if was.ndim == 2 else "f32")
    said = LlamaCpp(tmp_path / "x.gguf").answer([3, 4, 5], 4)
    assert len(said) <= 4  # llama.cpp takes it


def test_k_quants_need_rows_of_256_and_say_what_keeps_eight_bits(
    llama: Made, tmp_path: Path
) -> None:
    with pytest.raises(InputError, match=r"rows \(64, 96, 128 numbers\) fill no blocks of 256"):
        plan_gguf(llama("smollm"), "q4_k")
    narrow = WIDE._replace(config={"hidden_size": 256, "intermediate_size": 96})
    planned = plan_gguf(save_llama(narrow, tmp_path / "model"), "q6_k")
    kinds = {tensor.name: tensor.kind for tensor in planned.tensors if len(tensor.shape) > 1}
    assert {kinds["blk.0.ffn_down.weight"], kinds["token_embd.weight"]} == {"q8_0"}
    assert kinds["blk.0.ffn_up.weight"] == kinds["blk.1.attn_q.weight"] == "q6_k"


@pytest.mark.parametrize("name", ["gpt-2", "smollm", "llama-bpe", "prepend"])
def test_transformers_reads_it_back(name: str, llama: Made, tmp_path: Path) -> None:
    import torch
    from transformers import AutoModelForCausalLM, AutoTokenizer, GgufConfig

    file = written(llama(name), tmp_path)
    again: Any = AutoModelForCausalLM.from_pretrained(
        tmp_path,
        gguf_file=file.name,
        quantization_config=GgufConfig(gguf_file=file.name, dequantize=True),
        dtype=torch.float32,
    )
    model, tokenizer = load_model(llama(name))
    before, after = model.state_dict(), again.state_dict()
    assert set(before) == set(after)
    for key, value in before.items():
        assert torch.equal(value, after[key]), key
    read: Any = AutoTokenizer.from_pretrained(tmp_path, gguf_file=file.name)
    assert read.chat_template == tokenizer.chat_template
    first = list(range(60))
    assert read.convert_ids_to_tokens(first) == tokenizer.convert_ids_to_tokens(first)


def test_a_window_bounds_what_it_reads(llama: Made) -> None:
    assert plan_gguf(llama("mistral"), "f16").context == 128
    assert plan_gguf(llama("gpt-2"), "f16").context == 256


def _normalizes(tokenizer: dict[str, Any]) -> None:
    tokenizer["normalizer"] = {"type": "NFKC"}


def _prefixes(tokenizer: dict[str, Any]) -> None:
    tokenizer["pre_tokenizer"]["add_prefix_space"] = True


def _cuts_otherwise(tokenizer: dict[str, Any]) -> None:
    tokenizer["pre_tokenizer"]["use_regex"] = False


def _takes_spaces(tokenizer: dict[str, Any]) -> None:
    tokenizer["added_tokens"][0]["lstrip"] = True


@pytest.mark.parametrize(
    ("change", "why"),
    [
        (_normalizes, "normalizer"),
        (_prefixes, "add_prefix_space"),
        (_cuts_otherwise, "in a way of its own"),
        (_takes_spaces, "takes the space beside it"),
    ],
)
def test_a_tokenizer_that_llama_cpp_has_not_is_refused(
    change: Callable[[dict[str, Any]], None], why: str, llama: Made, tmp_path: Path
) -> None:
    shutil.copytree(llama("gpt-2"), tmp_path / "model")
    file = tmp_path / "model" / "tokenizer.json"
    content = json.loads(file.read_text())
    change(content)
    file.write_text(json.dumps(content))
    with pytest.raises(InputError) as refused:
        plan_gguf(tmp_path / "model", "q8_0")
    assert why in refused.value.what
    assert "--format safetensors" in refused.value.remedy


def _config(**changes: Any) -> Callable[[dict[str, Any]], None]:
    return lambda config: config.update(changes)


@pytest.mark.parametrize(
    ("change", "why"),
    [
        (_config(hidden_act="gelu"), "its activation is gelu"),
        (
            _config(rope_parameters={"rope_type": "dynamic", "rope_theta": 1e4, "factor": 2.0}),
            "its positions are scaled in a way (dynamic",
        ),
        (_config(eos_token_id=[1, 5, 6, 7]), "an answer ends at 4 different tokens"),
        (_config(num_hidden_layers=3), "weights are missing: blk.2"),
    ],
)
def test_what_no_gguf_file_says_is_refused(
    change: Callable[[dict[str, Any]], None], why: str, llama: Made, tmp_path: Path
) -> None:
    shutil.copytree(llama("gpt-2"), tmp_path / "model")
    file = tmp_path / "model" / "config.json"
    content = json.loads(file.read_text())
    change(content)
    file.write_text(json.dumps(content))
    (tmp_path / "model" / "generation_config.json").unlink(missing_ok=True)
    with pytest.raises(InputError) as refused:
        plan_gguf(tmp_path / "model", "q8_0")
    assert why in refused.value.what


@pytest.mark.parametrize("scheme", ["first", "always"])
def test_pieces_whose_merges_have_another_order_are_refused(scheme: str, tmp_path: Path) -> None:
    save_llama(Kind(scheme, KINDS["prepend"].template, {}, bos=True), tmp_path / "model")
    file = tmp_path / "model" / "tokenizer.json"
    content = json.loads(file.read_text())
    del content["model"]["merges"][3]
    file.write_text(json.dumps(content))
    with pytest.raises(InputError, match="not every way to make a piece is among its merges"):
        plan_gguf(tmp_path / "model", "q8_0")


def test_numbers_beyond_half_are_refused_in_half_alone(llama: Made, tmp_path: Path) -> None:
    from safetensors.torch import load_file, save_file

    shutil.copytree(llama("gpt-2"), tmp_path / "model")
    file = tmp_path / "model" / "model.safetensors"
    weights = load_file(file)
    weights["model.layers.0.mlp.up_proj.weight"][0, 0] = 1e6
    save_file(weights, file, {"format": "pt"})
    with pytest.raises(InputError, match="numbers beyond 65504, which f16 has not"):
        written(tmp_path / "model", tmp_path)
    assert written(tmp_path / "model", tmp_path, "bf16").exists()
