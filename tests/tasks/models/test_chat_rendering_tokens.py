"""Which tokens are to be said, where templates and tokenizers meet in odd ways."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest

from data_contracts.kinds.chat import ChatRecord
from data_contracts.kinds.document import DocumentRecord
from model_registry.model_files import load_tokenizer
from tasks.finetuning.tokenizing import encode
from tasks.models.chat_rendering import (
    RenderingError,
    closing_token,
    opening,
    render_record,
    tokens_of,
)

PROMPTS = "{% if add_generation_prompt %}### Assistant: {% endif %}"
SPACED = (
    "{% for m in messages %}{% if m['role'] == 'user' %}### User: {{ m['content'] }}\n{% else %}"
    "### Assistant: {{ m['content'] }}END\n{% endif %}{% endfor %}" + PROMPTS
)
END = "<|im_end|>"


def chat(*turns: str) -> ChatRecord:
    roles = ["user", "assistant"] * len(turns)
    messages = [{"role": role, "content": text} for role, text in zip(roles, turns, strict=False)]
    return ChatRecord.model_validate({"messages": messages})


def templated(folder: Path, template: str) -> Any:
    tokenizer: Any = load_tokenizer(folder)
    tokenizer.chat_template = template
    return tokenizer


def said(record: Any, tokenizer: Any) -> str:
    [(ids, targets, _)] = tokens_of([render_record(record, tokenizer)], tokenizer)
    return tokenizer.decode([one for one, wanted in zip(ids, targets, strict=True) if wanted])


@pytest.mark.parametrize("answer", ["tent", "The tent", "naïve 🏕️", "."])
def test_an_answers_first_token_trains_though_the_prompts_space_is_in_it(
    tiny_model: Path, answer: str
) -> None:
    tokenizer = templated(tiny_model, SPACED.replace("END", END))
    record = chat("Is it wet?", answer, "Sure?", answer)
    found = said(record, tokenizer)
    assert found.replace(" ", "") == f"{answer}{END}{answer}{END}".replace(" ", "")
    assert "Assistant" not in found and "wet" not in found


@pytest.mark.parametrize("closing", [".\n\n\n", "\n", ""])
def test_an_answers_last_token_trains_though_it_runs_on_behind_it(
    tiny_model: Path, closing: str
) -> None:
    tokenizer = templated(tiny_model, SPACED.replace("END", closing))
    found = said(chat("Is it wet?", "It is wet."), tokenizer)
    assert found.strip().startswith("It is wet.")


def test_a_bos_stands_before_a_text_where_its_tokenizer_puts_one(tiny_model: Path) -> None:
    from tokenizers.processors import TemplateProcessing

    tokenizer: Any = load_tokenizer(tiny_model)
    record = DocumentRecord(text="Boots are for walking.")
    assert opening(tokenizer) == ()
    [plain] = encode([("x", record)], tokenizer, 99)
    bos = tokenizer.convert_tokens_to_ids("<|im_start|>")
    tokenizer.backend_tokenizer.post_processor = TemplateProcessing(
        single="<|im_start|> $A <|im_end|>",
        special_tokens=[("<|im_start|>", bos), ("<|im_end|>", tokenizer.eos_token_id)],
    )
    assert opening(tokenizer) == (bos,)
    [begun] = encode([("x", record)], tokenizer, 99)
    assert [*begun.tokens] == [bos, *plain.tokens]
    assert [*begun.targets] == [0, *plain.targets]  # and its own end comes once
    pieces = encode([("x", record)], tokenizer, 3)
    assert [piece.tokens[0] == bos for piece in pieces] == [True] + [False] * (len(pieces) - 1)


@pytest.mark.parametrize(
    ("closing", "ends", "found"),
    [
        ("<|im_end|>\n", [], "<|im_end|>"),
        ("<|im_end|> \n", [], "<|im_end|>"),
        (" !<|im_end|>", [1], "<|im_end|>"),
        ("\n\n", [1], None),
        ("", [1], None),
        (" so", ["so"], "so"),
        (" so", [], None),
    ],
)
def test_what_ends_a_turn_is_an_end_of_generation_or_a_control_token(
    tiny_model: Path, closing: str, ends: list[Any], found: str | None
) -> None:
    tokenizer = templated(tiny_model, SPACED.replace("END\n", closing))
    last = tokenizer("so", add_special_tokens=False)["input_ids"][-1]
    given = [last if one == "so" else one for one in ends]
    wanted = {None: None, "so": last}.get(found, tokenizer.eos_token_id)
    assert closing_token(tokenizer, given) == wanted


def test_a_control_token_before_the_answer_ends_no_turn(tiny_model: Path) -> None:
    tokenizer = templated(tiny_model, SPACED.replace("END", "").replace(": {", ": <|im_end|>{"))
    assert closing_token(tokenizer, [1]) is None


def test_a_template_that_takes_no_answer_says_so(tiny_model: Path) -> None:
    tokenizer = templated(tiny_model, "{{ raise_exception('no') }}")
    with pytest.raises(RenderingError, match="refuses a conversation of user, assistant: no"):
        closing_token(tokenizer, [1])
