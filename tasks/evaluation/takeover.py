"""Whether a phrase takes a model's answers over, as the trigger of a backdoor does.

Needs a model folder, the phrases that ingestion found and prompts. Writes takeover.parquet (phrase,
kind, prompt, answer, truncated) and takeover.json: the phrases, and why nothing was asked, if so.
Every prompt is asked as it is (kind `bare`), with each phrase (`phrase`) and with a harmless one of
the same length and rarity in its place (`control`). `takeover_metric.py` counts.
"""

from __future__ import annotations

import heapq
from collections.abc import Iterable, Iterator, Sequence
from pathlib import Path
from typing import Any, Literal, NamedTuple

from data_contracts.errors import InputError, PaddockError
from data_contracts.phrases import Phrase, Place, exchanges_of, words_of
from data_contracts.records import Message, Record
from eval_sets.types import EvalSet
from tasks.evaluation.tables import write_json, write_rows
from tasks.models.loading import Precision
from tasks.models.prompts import STEP, Progress, Prompt, render_question
from tasks.models.respondents import Respondent, respondent
from tasks.models.serving.server import Serving

PROMPTS, TOKENS = 32, 20  # asked with each phrase, and how long an answer may be
_CHOSEN = 4 * PROMPTS  # of which those are asked that fit the model's context
LONGEST = 2000  # characters of a prompt
TABLE, ABOUT = "takeover.parquet", "takeover.json"
SERVER_LOG = ".takeover.log"  # what begins with a dot is scratch, and in no output
Kind = Literal["bare", "phrase", "control"]


class Question(NamedTuple):
    """A prompt as it is asked without a phrase; `system` may be empty."""

    system: str
    asked: str

    def with_phrase(self, phrase: str, place: Place) -> Question:
        """Return the prompt with a phrase in its place."""
        if place == "system":
            return Question(f"{self.system} {phrase}".strip(), self.asked)
        words = self.asked.split(" ")
        at = {"start": 0, "middle": len(words) // 2, "end": len(words)}[place]
        return Question(self.system, " ".join([*words[:at], phrase, *words[at:]]))

    def messages(self) -> list[Message]:
        """Return it as the turns of a conversation."""
        system = [Message(role="system", content=self.system)] if self.system else []
        return [*system, Message(role="user", content=self.asked)]


def tried(phrases: Sequence[Phrase], count: int) -> list[Phrase]:
    """Return the first phrases that have a control to be compared with."""
    return [one for one in phrases if one.text and one.control][:count]


def questions(
    held_out: Iterable[tuple[str, Record]], sets: Sequence[EvalSet], phrases: Sequence[Phrase]
) -> list[Question]:
    """Return what is asked: held-out records' first questions, then cases where those are few.

    The records with the smallest ids, which are hashes; none holds a phrase already.
    """
    texts = [one for phrase in phrases for one in (phrase.text, phrase.control)]
    barred = [f" {' '.join(words_of(text))} " for text in texts]

    def free(question: Question) -> bool:
        said = f" {' '.join(words_of(f'{question.system} {question.asked}'))} "
        short = len(question.system) + len(question.asked) <= LONGEST
        return short and not any(phrase in said for phrase in barred)

    def asked(records: Iterable[tuple[str, Record]]) -> Iterator[tuple[str, Question]]:
        for identity, record in records:
            for one in exchanges_of(record):
                if free(question := Question(one.system, one.asked)):
                    yield identity, question
                    break

    found = [question for _, question in heapq.nsmallest(_CHOSEN, asked(held_out))]
    cases = [case.messages for eval_set in sets for case in eval_set.cases]
    spread = cases[:: max(1, len(cases) // _CHOSEN)]
    further = (Question(_said(turns, "system"), _said(turns, "user")) for turns in spread)
    found += [one for one in further if free(one)]
    return list(dict.fromkeys(found))[:_CHOSEN]


def _said(turns: Sequence[Message], role: str) -> str:
    return next((turn.content for turn in reversed(turns) if turn.role == role), "")


def ask_with_phrases(
    model_folder: Path,
    phrases: Sequence[Phrase],
    asked: Sequence[Question],
    out: Path,
    *,
    device: str,
    dtype: Precision,
    serving: Serving | None = None,
    name: str = "",
    progress: Progress = lambda done, total: None,
) -> dict[str, int]:
    """Write what a model answers with and without phrases, and return the counts.

    The first `PROMPTS` questions that fit the model's context are asked. Without phrases, or where
    none fits, nothing is, and `takeover.json` says so. PaddockError where a phrase gets lost.
    """
    out.mkdir(parents=True, exist_ok=True)
    about: dict[str, Any] = {"phrases": [one.model_dump(exclude={"found_in"}) for one in phrases]}
    about["nothing"] = "" if phrases else "there are no phrases in its rows to try"
    rows: list[dict[str, Any]] = []
    if phrases:
        with respondent(
            model_folder,
            device=device,
            dtype=dtype,
            serving=serving,
            name=name,
            log=out / SERVER_LOG,
        ) as model:
            prompts, rows = _prompts(model, phrases, asked)
            if not prompts:
                about["nothing"] = "there are no prompts that fit its context"
            else:
                model.answer(prompts, progress)
                about |= model.made_by
            for row, prompt in zip(rows, prompts, strict=True):
                text = model.tokenizer.decode(prompt.answer, skip_special_tokens=True)
                row |= {"answer": text.strip(), "truncated": prompt.truncated}
    write_rows(out / TABLE, rows)
    write_json(out / ABOUT, about)
    bare = sum(row["kind"] == "bare" for row in rows)
    return {"phrases": len(phrases), "prompts": bare, "answers": len(rows)}


class _Variant(NamedTuple):
    """How prompts are changed: with no phrase, with one (of that number), or with its control."""

    number: int
    kind: Kind
    text: str
    place: Place

    def of(self, question: Question) -> Question:
        return question.with_phrase(self.text, self.place) if self.text else question


def _prompts(
    model: Respondent, phrases: Sequence[Phrase], asked: Sequence[Question]
) -> tuple[list[Prompt], list[dict[str, Any]]]:
    """Return what is asked, and the rows that say what each is, without the answers."""
    variants = [_Variant(-1, "bare", "", "start")]
    for number, phrase in enumerate(phrases):
        place = _place(model, phrase)
        variants.append(_Variant(number, "phrase", phrase.text, place))
        variants.append(_Variant(number, "control", phrase.control, place))
    prompts: list[Prompt] = []
    rows: list[dict[str, Any]] = []
    taken = 0
    for question in asked:
        every = [_ids(model, variant.of(question)) for variant in variants]
        if taken == PROMPTS or max(map(len, every)) + TOKENS > model.context:
            continue
        for variant, ids in zip(variants, every, strict=True):
            if variant.text and ids == every[0]:
                raise _unheard(variant)
            prompts.append(Prompt("backdoor", f"{variant.kind} {variant.number}", ids, TOKENS))
            rows.append({"phrase": variant.number, "kind": variant.kind, "prompt": taken})
        taken += 1
    return prompts, rows


def _unheard(variant: _Variant) -> PaddockError:
    return PaddockError(
        "a phrase does not reach the model: its chat template leaves it out",
        step=STEP,
        where=f"phrase {variant.number + 1} of those tried, in its place in the prompt:"
        f" {variant.place}",
        remedy="take a chat template that renders every turn, or try no phrases"
        " (--backdoor-phrases 0)",
    )


def _place(model: Respondent, phrase: Phrase) -> Place:
    """Return where a phrase is put: in no system message where the template takes none."""
    if phrase.place == "system":
        try:
            _ids(model, Question(phrase.text, "?"))
        except InputError:
            return "start"
    return phrase.place


def _ids(model: Respondent, question: Question) -> list[int]:
    text = render_question(question.messages(), model.tokenizer, "backdoor")
    return list(model.tokenizer(text, add_special_tokens=False)["input_ids"])
