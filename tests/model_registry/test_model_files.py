from __future__ import annotations

import json
import shutil
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from data_contracts.errors import InputError, IntegrityError
from model_registry.model_files import (
    check_model_folder,
    load_tokenizer,
    refuse_other_tokenizer,
    tokenizer_digest,
)
from tasks.models.loading import load_model

TEMPLATE = "{% for m in messages %}<s>{{ m['role'] }}: {{ m['content'] }}</s>\n{% endfor %}"


@pytest.fixture(scope="module")
def original(tmp_path_factory: pytest.TempPathFactory) -> Path:
    from tokenizers import Tokenizer, models, pre_tokenizers
    from transformers import LlamaConfig, LlamaForCausalLM, PreTrainedTokenizerFast

    folder = tmp_path_factory.mktemp("model")
    words = {word: index for index, word in enumerate(["<unk>", "<s>", "</s>", "auto_map", "hi"])}
    core = Tokenizer(models.WordLevel(words, unk_token="<unk>"))
    core.pre_tokenizer = pre_tokenizers.Whitespace()
    tokenizer = PreTrainedTokenizerFast(
        tokenizer_object=core, bos_token="<s>", eos_token="</s>", unk_token="<unk>"
    )
    tokenizer.chat_template = TEMPLATE
    tokenizer.save_pretrained(folder)
    config = LlamaConfig(
        vocab_size=5,
        hidden_size=8,
        intermediate_size=8,
        num_hidden_layers=1,
        num_attention_heads=2,
        num_key_value_heads=2,
    )
    LlamaForCausalLM(config).save_pretrained(folder)
    return folder


@pytest.fixture
def folder(original: Path, tmp_path: Path) -> Path:
    return Path(shutil.copytree(original, tmp_path / "model"))


def edit(path: Path, change: Callable[[dict[str, Any]], Any]) -> None:
    content = json.loads(path.read_text())
    change(content)
    path.write_text(json.dumps(content))


def test_a_good_folder_loads_in_the_precision_asked_for(folder: Path) -> None:
    import torch

    model, tokenizer = load_model(folder, dtype="bfloat16")
    assert model.dtype == torch.bfloat16 and not model.training
    assert tokenizer.chat_template == TEMPLATE


@pytest.mark.parametrize(
    "name", ["pytorch_model.bin", "extra/weights.PT", "optimizer.pkl", "a.pickle", "b.ckpt"]
)
def test_a_pickle_anywhere_is_refused(folder: Path, name: str) -> None:
    (folder / name).parent.mkdir(exist_ok=True)
    (folder / name).write_bytes(b"\x80\x04.")
    with pytest.raises(InputError, match="may be a pickle"):
        load_model(folder)


def test_code_is_refused(folder: Path) -> None:
    (folder / "modeling_llama.py").write_text("raise SystemExit")
    with pytest.raises(InputError, match=r"modeling_llama\.py is code"):
        load_model(folder)


@pytest.mark.parametrize("name", ["config.json", "tokenizer_config.json", "generation_config.json"])
@pytest.mark.parametrize("key", ["auto_map", "_attn_implementation", "attn_implementation"])
def test_a_config_that_asks_for_code_is_refused(folder: Path, name: str, key: str) -> None:
    edit(folder / name, lambda c: c.update({"inner": [{key: "someone/kernels"}]}))
    with pytest.raises(InputError, match=f"{name} asks for code"):
        load_model(folder)


def test_a_word_of_the_vocabulary_is_no_request_for_code(folder: Path) -> None:
    assert "auto_map" in (folder / "tokenizer.json").read_text()
    check_model_folder(folder)


@pytest.mark.parametrize(
    "change",
    [
        {"model_type": "gpt2"},
        {"model_type": "gpt2", "architectures": ["LlamaForCausalLM"]},
        {"architectures": ["GPT2LMHeadModel"]},
        {"model_type": ["llama"]},
        {"model_type": None},
    ],
)
def test_another_architecture_is_refused(folder: Path, change: dict[str, Any]) -> None:
    edit(folder / "config.json", lambda c: c.update(change))
    with pytest.raises(InputError, match="not LLaMA-shaped"):
        load_model(folder)


@pytest.mark.parametrize(
    ("name", "what"),
    [
        ("config.json", "config.json cannot be read"),
        ("model.safetensors", "no safetensors weights"),
        ("tokenizer.json", r"no tokenizer\.json"),
        ("chat_template.jinja", "no chat template"),
    ],
)
def test_a_missing_part_is_named(folder: Path, name: str, what: str) -> None:
    (folder / name).unlink()
    with pytest.raises(InputError, match=what):
        load_model(folder)


def test_a_missing_folder_and_a_broken_config_are_named(folder: Path, tmp_path: Path) -> None:
    with pytest.raises(InputError, match="no such folder"):
        load_model(tmp_path / "nowhere")
    (folder / "config.json").write_bytes(b"[" * 100_000)
    with pytest.raises(InputError, match="cannot be read as JSON"):
        load_model(folder)
    (folder / "config.json").write_bytes(b"[]")
    with pytest.raises(InputError, match="not a JSON object"):
        load_model(folder)


def test_the_tokenizer_digest_is_over_meaning_not_over_bytes(folder: Path, tmp_path: Path) -> None:
    digest = tokenizer_digest(folder)
    load_tokenizer(folder).save_pretrained(tmp_path / "again")
    path = folder / "tokenizer.json"
    path.write_text(json.dumps(json.loads(path.read_text()), indent=7, sort_keys=True))
    assert tokenizer_digest(folder) == digest == tokenizer_digest(tmp_path / "again")
    assert refuse_other_tokenizer(digest, tmp_path / "again") == digest


@pytest.mark.parametrize("part", ["vocabulary", "special token", "template"])
def test_a_changed_tokenizer_does_not_ship(folder: Path, original: Path, part: str) -> None:
    if part == "vocabulary":
        edit(folder / "tokenizer.json", lambda c: c["model"]["vocab"].update({"bye": 5}))
    elif part == "special token":
        edit(folder / "tokenizer_config.json", lambda c: c.update({"eos_token": "<s>"}))
    else:
        (folder / "chat_template.jinja").write_text(TEMPLATE + " ")
    trained = tokenizer_digest(original)
    with pytest.raises(IntegrityError, match="not the one that trained"):
        refuse_other_tokenizer(trained, folder)
