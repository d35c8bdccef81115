from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest

from data_contracts.errors import InputError
from data_contracts.records import Message
from eval_sets.types import Card, Case, EvalSet, Refusal
from tasks.evaluation.generation import generate_answers
from tasks.evaluation.tables import read_json, read_rows
from tasks.models.loading import load_model
from tasks.models.prompts import Prompt, end_tokens, render_prompts
from tasks.models.respondents import answer_prompts

QUESTIONS = [
    "Hi",
    "What does the tent cost?",
    "a " * 40,
    "Tell me everything about boots, stoves and ropes.",
    "89 euros?",
    "Why?",
    "Do you open on Sunday, and if so from when to when?",
]


def eval_set(questions: list[str], budget: int = 12) -> EvalSet:
    cases = tuple(
        Case(
            id=f"case-{index}",
            messages=(Message(role="user", content=question),),
            max_new_tokens=budget + index,
            expect=Refusal(scorer="refusal", refuse=False),
        )
        for index, question in enumerate(questions)
    )
    card = Card(
        name="trial",
        version="1.0.0",
        scope="general",
        scorer="refusal",
        purpose="p",
        provenance="p",
        licence="Apache-2.0",
        gates="none",
    )
    return EvalSet(name="trial", version="1.0.0", card=card, cases=cases, digest="d" * 64)


@pytest.fixture(scope="module")
def parts(tiny_model: Path) -> tuple[Any, Any]:
    return load_model(tiny_model)


def answers(parts: tuple[Any, Any], batch_size: int) -> list[Prompt]:
    model, tokenizer = parts
    prompts = render_prompts([eval_set(QUESTIONS)], tokenizer, 256)
    answer_prompts(model, tokenizer, prompts, batch_size=batch_size)
    return prompts


def test_a_batch_answers_as_each_prompt_alone(parts: tuple[Any, Any]) -> None:
    together = answers(parts, 8)
    assert [p.answer for p in together] == [p.answer for p in answers(parts, 1)]
    assert [p.answer for p in together] == [p.answer for p in answers(parts, 3)]
    assert len({tuple(p.answer) for p in together}) == len(together)  # the prompt matters


def test_answers_are_those_of_transformers_own_greedy_search(parts: tuple[Any, Any]) -> None:
    import torch

    model, _ = parts
    for prompt in answers(parts, 8):
        ids = torch.tensor([prompt.ids])
        out = model.generate(
            ids,
            attention_mask=torch.ones_like(ids),
            max_new_tokens=prompt.budget,
            do_sample=False,
            pad_token_id=1,
        )[0, len(prompt.ids) :].tolist()
        assert prompt.answer == [token for token in out if token != 1]
        assert prompt.truncated == (1 not in out)


def test_each_row_ends_at_its_own_end_token(
    parts: tuple[Any, Any], monkeypatch: pytest.MonkeyPatch
) -> None:
    model, tokenizer = parts
    free = answers(parts, 8)
    longest = max(range(len(free)), key=lambda row: len(free[row].answer))
    end = free[longest].answer[4]  # make an end token of one that a row is known to say
    monkeypatch.setattr(model.generation_config, "eos_token_id", [1, end])
    assert end_tokens(model, tokenizer) == {1, end}
    ended = answers(parts, 8)
    for before, after in zip(free, ended, strict=True):
        if end in before.answer:
            assert after.answer == before.answer[: before.answer.index(end)]
            assert not after.truncated
        else:
            assert after.answer == before.answer
    assert len(ended[longest].answer) <= 4


def test_budgets_hold_and_a_cut_answer_says_so(parts: tuple[Any, Any]) -> None:
    for prompt in answers(parts, 8):
        assert len(prompt.answer) <= prompt.budget
        assert prompt.truncated == (len(prompt.answer) == prompt.budget)


def test_the_output_is_written_in_the_cases_order_and_repeats(
    tiny_model: Path, tmp_path: Path
) -> None:
    sets = [eval_set(QUESTIONS)]
    seen: list[tuple[int, int | None]] = []
    counts = generate_answers(
        tiny_model,
        sets,
        tmp_path / "one",
        seed=5,
        batch_size=3,
        progress=lambda done, total: seen.append((done, total)),
    )
    generate_answers(tiny_model, sets, tmp_path / "two", seed=5, batch_size=3)
    rows = read_rows(tmp_path / "one/answers.parquet")
    assert [row["case_id"] for row in rows] == [case.id for case in sets[0].cases]
    assert counts["answers"] == 7 and counts["tokens"] == sum(row["tokens"] for row in rows)
    assert seen == [(3, 7), (6, 7), (7, 7)]
    assert read_json(tmp_path / "one/answers.json")["eval_sets"]["trial"]["digest"] == "d" * 64
    for name in ("answers.parquet", "answers.json"):
        assert (tmp_path / "one" / name).read_bytes() == (tmp_path / "two" / name).read_bytes()


def test_a_prompt_beyond_the_context_is_refused_by_name(tiny_model: Path, tmp_path: Path) -> None:
    with pytest.raises(InputError) as error:
        generate_answers(tiny_model, [eval_set(["é" * 300])], tmp_path)
    assert "trial/case-0" in str(error.value) and "é" not in str(error.value)
    assert not (tmp_path / "answers.parquet").exists()
