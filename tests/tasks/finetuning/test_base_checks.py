"""A base whose parts do not belong together is refused before anything is made with it."""

from __future__ import annotations

import json
import shutil
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from data_contracts.errors import InputError
from model_registry.model_files import load_tokenizer
from tasks.finetuning.base_checks import check_parts, check_template
from tasks.finetuning.base_model import locate
from tasks.models.loading import load_model

ALPACA = (
    "{% for m in messages %}{% if m['role'] == 'user' %}### Instruction:\n{{ m['content'] }}\n\n"
    "{% else %}### Response:\n{{ m['content'] }}END\n\n{% endif %}{% endfor %}"
    "{% if add_generation_prompt %}### Response:\n{% endif %}"
)
Weights = dict[str, Any]


@pytest.fixture
def folder(tiny_model: Path, tmp_path: Path) -> Path:
    shutil.copytree(tiny_model, tmp_path / "model")
    return tmp_path / "model"


def configure(folder: Path, **changed: Any) -> None:
    config = json.loads((folder / "config.json").read_text())
    (folder / "config.json").write_text(json.dumps({**config, **changed}))


def change_weights(folder: Path, change: Callable[[Weights], None]) -> None:
    from safetensors.torch import load_file, save_file

    path = folder / "model.safetensors"
    weights = load_file(path)
    change(weights)
    save_file(weights, path, metadata={"format": "pt"})


def grow(folder: Path, tokens: int, **how: Any) -> None:
    """Add so many tokens behind the 300 rows of the embeddings."""
    tokenizer: Any = load_tokenizer(folder)
    tokenizer.add_tokens([f"filler-{number}" for number in range(300 - len(tokenizer))])
    names = [f"<|more_{number}|>" for number in range(tokens)]
    tokenizer.add_tokens(names, **how)
    tokenizer.save_pretrained(folder)


@pytest.mark.parametrize("special", [True, False])
@pytest.mark.parametrize("tokens", [1, 5])
def test_tokens_beyond_the_embeddings_are_refused_by_name(
    folder: Path, tmp_path: Path, tokens: int, special: bool
) -> None:
    check_parts(folder)
    grow(folder, tokens, special_tokens=special)
    with pytest.raises(InputError, match=f"ids up to {299 + tokens}, and .* only 300") as error:
        locate(str(folder), Path, None, tmp_path)
    assert "<|more_0|>" in error.value.what and "resize" in error.value.remedy
    assert error.value.step == "base model"


def test_rows_behind_the_tokenizers_last_id_are_padding(folder: Path) -> None:
    model, _ = load_model(folder)
    model.resize_token_embeddings(320)
    model.save_pretrained(folder)
    grow(folder, 5)
    check_parts(folder)


def test_a_vocabulary_of_another_size_than_its_embeddings_is_refused(folder: Path) -> None:
    configure(folder, vocab_size=310)
    with pytest.raises(InputError, match="vocab_size 310"):
        check_parts(folder)


def test_two_matrices_that_the_config_says_are_one_are_refused(
    folder: Path, tmp_path: Path
) -> None:
    configure(folder, tie_word_embeddings=True)
    with pytest.raises(InputError, match="are one matrix") as error:
        locate(str(folder), Path, None, tmp_path)
    assert "tie_word_embeddings to false" in error.value.remedy

    def same(weights: Weights) -> None:
        weights["lm_head.weight"] = weights["model.embed_tokens.weight"].clone()

    change_weights(folder, same)
    check_parts(folder)
    change_weights(folder, lambda weights: weights.pop("lm_head.weight"))
    check_parts(folder)


def test_a_head_of_its_own_must_be_there(folder: Path) -> None:
    change_weights(folder, lambda weights: weights.pop("lm_head.weight"))
    with pytest.raises(InputError, match=r"hold no lm_head\.weight"):
        check_parts(folder)


def test_parts_are_found_in_several_files(folder: Path) -> None:
    model, _ = load_model(folder)
    (folder / "model.safetensors").unlink()
    model.save_pretrained(folder, max_shard_size="50KB")
    assert len(list(folder.glob("*.safetensors"))) > 2
    check_parts(folder)
    grow(folder, 1)
    with pytest.raises(InputError, match="ids up to 300"):
        check_parts(folder)


@pytest.mark.parametrize(
    ("closing", "fits"),
    [("", False), ("</s>", False), ("{{ eos_token }}", True), ("<|im_start|>", True)],
)
def test_a_template_must_end_its_answers(folder: Path, closing: str, fits: bool) -> None:
    (folder / "chat_template.jinja").write_text(ALPACA.replace("END", closing))
    if fits:
        check_template(folder)
        return
    with pytest.raises(InputError, match="never learn to stop") as error:
        check_template(folder)
    assert "eos_token" in error.value.remedy and error.value.step == "base model"


@pytest.mark.parametrize(
    "template",
    [
        "{{ raise_exception('Only system messages.') }}",
        "{{ messages[-1]['content'] }}{% if add_generation_prompt %}<think>{% endif %}",
    ],
)
def test_a_template_that_takes_no_answer_is_refused(folder: Path, template: str) -> None:
    (folder / "chat_template.jinja").write_text(template)
    with pytest.raises(InputError, match="makes no text to learn from"):
        check_template(folder)
