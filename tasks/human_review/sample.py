"""Draws the answers that people are asked to rate: some of every kind, the same ones every time.

Needs the cases.parquet of an evaluation, or what was served. Writes sample.jsonl (redacted) into a
folder. Reviewers see nothing of whose answer it is; that stands in this file alone.
"""

from __future__ import annotations

import hashlib
import json
from collections.abc import Callable, Collection, Mapping, Sequence
from functools import cache
from pathlib import Path
from typing import Any

from pydantic import ValidationError

from data_contracts.digests import canonical_json
from data_contracts.errors import InputError
from data_contracts.records import Frozen
from eval_sets.loading import list_eval_sets, load_eval_set
from tasks.human_review.design import Case, Drawn, draw, place, size_for

STEP = "review"
SAMPLE = "sample.jsonl"
SERVED = "served"
LEAKS = "pii_leak"  # the scorer whose cases quote what was planted
CANDIDATE = "candidate"
REFERENCES = 0.25  # of the answers asked about: those of base or champion to the same questions
TWICE = 0.2  # of the answers asked about: a second person rates them as well

Redact = Callable[[str], str]


class SampledAnswer(Frozen):
    """An answer to rate: what was asked, what is known to be right, and what a model said.

    `item` is the identity of what is shown. `models` said it: candidate, base, champion, or served.
    `weight` is one over the chance with which its question was drawn. `scores` are the automatic
    ones of this answer. `twice`: a second person is asked too. `cut`: the answer came to no end.
    """

    item: str
    eval_set: str
    case_id: str
    system: str
    prompt: str
    known: str
    answer: str
    models: tuple[str, ...]
    weight: float
    random: bool
    twice: bool
    scores: dict[str, float | None]
    disagrees: bool
    cut: bool = False


class Served(Frozen):
    """A question that was asked of what serves, and its answer."""

    name: str
    prompt: str
    answer: str


def draw_sample(
    cases: Path,
    out: Path,
    *,
    redact: Redact,
    size: int = 24,
    half_width: float | None = None,
    seed: int = 0,
) -> dict[str, int]:
    """Write a sample of at most `size` answers; returns the counts a manifest keeps.

    A quarter of them are the reference's (the champion's, or the base's where there is none) to
    questions whose candidate's answer is asked about too, those first that were scored differently.
    With a `half_width`, as many are drawn as a share's 95% interval of it needs. See `design.draw`;
    strata are eval set x the candidate's scores x whether the reference's scores differ. Questions
    that redaction has changed cannot be judged, and are not drawn; those of eval sets that ship
    with Paddock are public, and stay as they are.
    """
    every = sorted(_rows(cases), key=lambda row: (row["eval_set"], row["case_id"]))
    public = public_texts()
    rows = [row for row in every if not _spoiled(row, redact, public)]
    if half_width is not None:
        size = round(size_for(half_width, len(rows)) / (1 - REFERENCES))
    drawn = draw([_case(row) for row in rows], size - round(size * REFERENCES), seed)
    beside = _beside(rows, drawn, size - len(drawn), seed)
    answers: list[SampledAnswer] = []
    for entry in drawn:
        row, other = rows[entry.place], _other(rows[entry.place])
        same = row[f"answer_{other}"] == row["answer_candidate"]
        said_by = (CANDIDATE, other) if same else (CANDIDATE,)
        answers.append(_sampled(row, said_by, entry, redact, public))
        if entry.place in beside:
            answers.append(_sampled(row, (other,), entry, redact, public))
    counts = _write(out, answers, seed, len(rows))
    return {**counts, "spoiled by redaction": len(every) - len(rows)}


@cache
def public_texts() -> frozenset[str]:
    """Return every text of the eval sets that ship with Paddock, but for what was planted.

    A set that looks for leaks quotes values of the raw rows.
    """
    found = set[str]()
    for name in list_eval_sets():
        eval_set = load_eval_set(name)
        if eval_set.card.scorer != LEAKS:
            found |= {message.content for case in eval_set.cases for message in case.messages}
            found |= {_known(case.expect.model_dump_json()) for case in eval_set.cases}
    return frozenset(found)


def _spoiled(row: Mapping[str, Any], redact: Redact, public: Collection[str]) -> bool:
    """Tell whether a question, or what is known of its answer, is not what was asked any more."""
    return any(
        text not in public and redact(text) != text
        for text in (row["prompt"], _known(row["expect"]))
    )


def served_place(row: Served, seed: int) -> str:
    """Return where a request stands in the order in which they are drawn."""
    return place(row.name, f"{seed}/{SERVED}")


def draw_served(
    rows: Sequence[Served],
    out: Path,
    *,
    redact: Redact,
    size: int = 24,
    half_width: float | None = None,
    seed: int = 0,
    total: int | None = None,
) -> dict[str, int]:
    """Write a simple random sample of what was served; an answer given often is asked about once.

    Its weight is then that of all the requests drawn that had this very answer. `total`: how many
    were served, where `rows` are only the first of them in the order of `served_place`.
    """
    total = len(rows) if total is None else total
    if half_width is not None:
        size = size_for(half_width, total)
    chosen = sorted(rows, key=lambda row: served_place(row, seed))[:size]
    found: dict[str, SampledAnswer] = {}
    for row in chosen:
        texts = {"system": "", "prompt": redact(row.prompt), "answer": redact(row.answer)}
        item = _identity([SERVED, *texts.values()])
        before = found[item].weight if item in found else 0.0
        found[item] = SampledAnswer(
            item=item,
            eval_set=SERVED,
            case_id=row.name,
            **texts,
            known="",
            models=(SERVED,),
            weight=before + total / len(chosen),
            random=True,
            twice=False,
            scores={},
            disagrees=False,
            cut=False,
        )
    return _write(out, list(found.values()), seed, total)


def read_sample(folder: Path) -> tuple[SampledAnswer, ...]:
    """Return the sample of a folder; InputError if it cannot be read."""
    try:
        # Not splitlines: an answer may hold other signs that end a line, such as U+2028.
        lines = (folder / SAMPLE).read_text(encoding="utf-8").split("\n")
        return tuple(SampledAnswer.model_validate_json(line) for line in lines if line)
    except (OSError, ValueError, ValidationError) as error:
        raise InputError(
            "the review sample cannot be read",
            step=STEP,
            where=str(folder),
            remedy="draw the sample again",
        ) from error


def _write(out: Path, answers: list[SampledAnswer], seed: int, cases: int) -> dict[str, int]:
    """Write the answers in an order that says nothing of whose they are."""
    answers = sorted(answers, key=lambda answer: answer.item)
    again = sorted(answers, key=lambda answer: place(answer.item, f"{seed}/twice"))
    twice = {answer.item for answer in again[: round(len(answers) * TWICE)]}
    answers = [answer.model_copy(update={"twice": answer.item in twice}) for answer in answers]
    out.mkdir(parents=True, exist_ok=True)
    lines = [f"{answer.model_dump_json()}\n" for answer in answers]
    (out / SAMPLE).write_text("".join(lines), encoding="utf-8")
    return {
        "cases": cases,
        "sampled": len(answers),
        "disagreements": sum(a.disagrees and CANDIDATE in a.models for a in answers),
        "of the reference": sum(
            CANDIDATE not in a.models and SERVED not in a.models for a in answers
        ),
        "asked twice": len(twice),
    }


def _beside(
    rows: Sequence[Mapping[str, Any]], drawn: Sequence[Drawn], size: int, seed: int
) -> set[int]:
    """Return the questions whose other answer is asked about too, if it is another one."""
    differ = [
        entry.place
        for entry in drawn
        if rows[entry.place][f"answer_{_other(rows[entry.place])}"]
        != rows[entry.place]["answer_candidate"]
    ]
    order = sorted(
        differ,
        key=lambda index: (
            not _disagrees(rows[index]),
            place(_name(rows[index]), f"{seed}/reference"),
        ),
    )
    return set(order[: max(0, size)])


def _case(row: Mapping[str, Any]) -> Case:
    return Case(
        name=_name(row),
        group=row["eval_set"],
        stratum=(not _disagrees(row), row["scores_candidate"]),
    )


def _name(row: Mapping[str, Any]) -> str:
    return f"{row['eval_set']}/{row['case_id']}"


def _rows(cases: Path) -> list[dict[str, Any]]:
    import pyarrow as pa
    import pyarrow.parquet as pq

    try:
        return pq.ParquetFile(cases).read().to_pylist()
    except (OSError, pa.ArrowException) as error:
        raise InputError(
            "the answers to sample from cannot be read",
            step=STEP,
            where=str(cases),
            remedy="run the evaluation again",
        ) from error


def _other(row: Mapping[str, Any]) -> str:
    return "champion" if row.get("answer_champion") is not None else "base"


def _disagrees(row: Mapping[str, Any]) -> bool:
    return row["scores_candidate"] != row[f"scores_{_other(row)}"]


def _sampled(
    row: Mapping[str, Any],
    models: tuple[str, ...],
    entry: Drawn,
    redact: Redact,
    public: Collection[str],
) -> SampledAnswer:
    def shown(text: str) -> str:
        return text if text in public else redact(text)

    texts = {"system": shown(row["system"]), "prompt": shown(row["prompt"])}
    answer = redact(row[f"answer_{models[0]}"])
    return SampledAnswer(
        item=_identity([row["eval_set"], row["case_id"], *texts.values(), answer]),
        eval_set=row["eval_set"],
        case_id=row["case_id"],
        **texts,
        known=shown(_known(row["expect"])),
        answer=answer,
        models=models,
        weight=1 / entry.chance,
        random=entry.random,
        twice=False,
        scores=json.loads(row[f"scores_{models[0]}"]),
        disagrees=_disagrees(row),
        cut=bool(row.get(f"truncated_{models[0]}")),
    )


def _identity(parts: Sequence[str]) -> str:
    return hashlib.sha256(canonical_json(list(parts))).hexdigest()


def _known(expect: str) -> str:
    """Return the gold facts of a question. What a leak would leak is left out on purpose."""
    return " ".join(json.loads(expect).get("facts") or ())
