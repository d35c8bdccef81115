from __future__ import annotations

import copy
import shutil
from pathlib import Path
from typing import Any

import pytest

from data_contracts.kinds.chat import ChatRecord
from data_contracts.kinds.document import DocumentRecord
from data_contracts.records import Message, Record, record_id
from model_registry.model_files import load_tokenizer
from tasks.evaluation.likelihood import encode, negative_log_likelihoods, score_held_out
from tasks.evaluation.tables import read_json, read_rows
from tasks.finetuning.tokenizing import tokenize
from tasks.models.attention.packed import use_varlen
from tasks.models.chat_rendering import REFUSES
from tasks.models.loading import load_model


def chat(*turns: str) -> ChatRecord:
    roles = ("user", "assistant") * len(turns)
    return ChatRecord(
        messages=tuple(
            Message(role=role, content=text) for role, text in zip(roles, turns, strict=False)
        )
    )


RECORDS: list[Record] = [
    chat("What does the tent cost?", "The tent costs 89 euros."),
    chat("Hi", "Hello!", "Why?", "Because the stove is hot and the rope is long."),
    DocumentRecord(text="Boots are for walking."),
]


@pytest.fixture(scope="module")
def parts(tiny_model: Path) -> tuple[Any, Any]:
    return load_model(tiny_model)


def test_only_what_the_assistant_says_is_scored(parts: tuple[Any, Any]) -> None:
    _, tokenizer = parts
    scored = [encode("x", record, tokenizer, 256) for record in RECORDS]
    said = [
        tokenizer.decode([i for i, t in zip(s.ids, s.targets, strict=True) if t])
        for s in scored
        if s
    ]
    assert said[0] == "The tent costs 89 euros.<|im_end|>"
    assert said[1] == ("Hello!<|im_end|>Because the stove is hot and the rope is long.<|im_end|>")
    whole = tokenizer.decode(tokenizer("Boots are for walking.<|im_end|>")["input_ids"][1:])
    assert said[2] == whole


def test_an_answer_that_is_context_only_is_not_scored(parts: tuple[Any, Any]) -> None:
    _, tokenizer = parts
    first, wrong, *rest = RECORDS[1].conversation()
    marked = ChatRecord(messages=(first, wrong.model_copy(update={"target": False}), *rest))
    scored = encode("x", marked, tokenizer, 256)
    assert scored is not None and "Hello!" in tokenizer.decode(scored.ids)
    said = [i for i, t in zip(scored.ids, scored.targets, strict=True) if t]
    assert tokenizer.decode(said) == "Because the stove is hot and the rope is long.<|im_end|>"


def test_the_sum_is_that_of_the_plain_formula_whatever_stands_beside(
    parts: tuple[Any, Any],
) -> None:
    import torch

    model, tokenizer = parts
    batch = [s for r in RECORDS if (s := encode("x", r, tokenizer, 256)) is not None]
    packed = copy.deepcopy(model)
    use_varlen(packed)
    found = negative_log_likelihoods(packed, batch)
    for example, nll in zip(batch, found, strict=True):
        with torch.no_grad():
            logits = model(torch.tensor([example.ids])).logits[0].log_softmax(-1)
        expected = -sum(
            float(logits[place - 1, token])
            for place, (token, wanted) in enumerate(zip(example.ids, example.targets, strict=True))
            if wanted
        )
        assert nll == pytest.approx(expected, rel=1e-4)


def test_the_cap_takes_the_smallest_ids_whatever_the_order(
    tiny_model: Path, tmp_path: Path
) -> None:
    pairs = [(record_id(record), record) for record in RECORDS]
    counts = score_held_out(tiny_model, pairs, tmp_path / "a", max_records=2)
    score_held_out(tiny_model, reversed(pairs), tmp_path / "b", max_records=2)
    rows = read_rows(tmp_path / "a/likelihood.parquet")
    assert [row["record_id"] for row in rows] == sorted(i for i, _ in pairs)[:2]
    tokens = sum(row["tokens"] for row in rows)
    assert counts == {"records": 2, "tokens": tokens, "left_out": 0}
    first, second = (tmp_path / n / "likelihood.parquet" for n in "ab")
    assert first.read_bytes() == second.read_bytes()


def test_a_long_record_is_cut_and_one_without_a_target_is_left_out(
    parts: tuple[Any, Any],
) -> None:
    _, tokenizer = parts
    cut = encode("x", RECORDS[0], tokenizer, 28)
    assert cut is not None and len(cut.ids) == 28 and any(cut.targets)
    assert encode("x", RECORDS[0], tokenizer, 10) is None


def test_without_records_the_output_is_empty(tiny_model: Path, tmp_path: Path) -> None:
    counts = score_held_out(tiny_model, [], tmp_path)
    assert counts == {"records": 0, "tokens": 0, "left_out": 0}
    assert read_rows(tmp_path / "likelihood.parquet") == []


GREETING = Message(role="assistant", content="Welcome to the shop!")
SYSTEM = Message(role="system", content="You are a desk.")
ASKED = chat("What does the tent cost?", "89 euros.", "And the stove?", "10 euros.").messages


@pytest.mark.parametrize(
    "messages",
    [
        (GREETING, *ASKED),
        (SYSTEM, GREETING, *ASKED),
        (*ASKED[:2], GREETING, *ASKED[2:]),  # the assistant speaks twice in a row
        (GREETING, GREETING, *ASKED),
        (*ASKED, ASKED[0]),  # the user has the last word
    ],
)
def test_what_is_scored_is_what_training_learns(
    messages: tuple[Message, ...], parts: tuple[Any, Any]
) -> None:
    _, tokenizer = parts
    record = ChatRecord.model_construct(messages=messages)
    [learned] = tokenize([("x", record)], tokenizer).examples
    scored = encode("x", record, tokenizer, 512)
    assert scored is not None and [*scored.ids] == [*learned.tokens]
    assert list(scored.targets[1:]) == [bool(wanted) for wanted in learned.targets[1:]]
    assert "89 euros." in tokenizer.decode(scored.ids)


STRICT = (
    "{% for m in messages %}{% if (m['role'] == 'user') != (loop.index0 % 2 == 0) %}"
    "{{ raise_exception('cannot take ' + m['content']) }}{% endif %}"
    "<|im_start|>{{ m['role'] }}\n{{ m['content'] }}<|im_end|>\n{% endfor %}"
    "{% if add_generation_prompt %}<|im_start|>assistant\n{% endif %}"
)


def test_records_that_cannot_be_scored_are_counted_by_reason(
    tiny_model: Path, tmp_path: Path
) -> None:
    folder = tmp_path / "strict"
    shutil.copytree(tiny_model, folder)
    tokenizer = load_tokenizer(folder)
    tokenizer.chat_template = STRICT
    tokenizer.save_pretrained(folder)
    records: list[Record] = [
        *RECORDS,
        ChatRecord(messages=(GREETING, *ASKED)),
        ChatRecord(messages=(GREETING, ASKED[0])),
        chat("why " * 200, "Because."),
    ]
    pairs = [(record_id(record), record) for record in records]
    counts = score_held_out(folder, pairs, tmp_path / "out", max_tokens=150)
    assert (counts["records"], counts["left_out"]) == (3, 3)
    told = read_json(tmp_path / "out/likelihood.json")
    assert told["chosen"] == 6
    assert told["left_out"] == {REFUSES: 2, "no answer within their first 150 tokens": 1}
    assert "Welcome" not in (tmp_path / "out/likelihood.json").read_text()
