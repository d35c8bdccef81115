"""Rows and an eval set from an index and questions with known answers: `paddock index pairs`.

Needs the index, and the file of questions. Writes a folder that is not there yet: pairs.jsonl to
train on, and `set/` to be judged by. Questions and answers are redacted as the documents were.
"""

from __future__ import annotations

import json
import shutil
from collections.abc import Callable, Iterable, Sequence
from pathlib import Path

from pydantic import ValidationError

from data_contracts.errors import InputError
from eval_sets.types import Case
from flows.asking.index_parameters import IndexParameters
from flows.asking.training import chosen_snapshot
from flows.workshop.parts import Workshop
from tasks.retrieval.answering import Thresholds
from tasks.retrieval.index import Index
from tasks.retrieval.pairs import KnownAnswer, Pairs, make_pairs

STEP = "pairs"
ROWS, SET = "pairs.jsonl", "set"
NAME = "own_documents"
_SHOWN = 3  # lines that are named where several cannot be read
_CARD = """name = "{name}"
version = "1.0.0"
scope = "named"
scorer = "from_passages"
purpose = "Does a model answer from what an index finds, with documents that it was not trained on?"
provenance = "Made by `paddock index pairs` from {n} questions, of documents of snapshot {digest}."
licence = "as the documents"
gates = "Answers are looked for by their accepted parts; passages are those that the index found."
"""


def require_places(parameters: IndexParameters) -> None:
    """Return if there are questions to read and a place to write; InputError otherwise."""
    if not parameters.questions:
        raise InputError(
            "no file of questions was given",
            step=STEP,
            where="--questions",
            remedy='give JSON lines: {"question": …, "answer": …, "gold": ["…"]}',
        )
    if Path(parameters.to).exists():
        raise InputError(
            "the folder to write is there already",
            step=STEP,
            where=parameters.to,
            remedy="name another with --to, or move that one away",
        )


def write_pairs(workshop: Workshop, index: Index, parameters: IndexParameters) -> str:
    """Write the folder and say what is in it, what is not and why, and how to go on."""
    known = read_questions(Path(parameters.questions))
    redactor = workshop.redactor_of(chosen_snapshot(workshop, index.facts.snapshot))()
    thresholds = Thresholds(least_cosine=parameters.least_cosine, passages=parameters.passages)
    made = make_pairs(
        index,
        # As a record is, not as a text for people is: the documents may hold surrogates.
        [_redacted(one, lambda text: redactor.redact_record([text]).texts[0]) for one in known],
        thresholds,
        held=parameters.held,
        seed=parameters.seed,
    )
    if not made.rows:
        raise InputError(
            f"no question became a row to train on ({_told(made)})",
            step=STEP,
            where=parameters.questions,
            remedy="word `gold` as the documents do, and see that the index is of these documents",
        )
    _write(Path(parameters.to), made, index.facts.snapshot)
    return _summary(parameters, made, len(known))


def read_questions(path: Path) -> list[KnownAnswer]:
    """Return the questions of a file; InputError says which lines cannot be read, and why."""
    try:
        lines = path.read_text("utf-8").splitlines()
    except (OSError, ValueError) as error:
        raise InputError(
            f"the questions cannot be read ({type(error).__name__})",
            step=STEP,
            where=str(path),
            remedy="give a file of JSON lines in UTF-8",
        ) from error
    known: list[KnownAnswer] = []
    wrong: list[str] = []
    for number, line in enumerate(lines, start=1):
        if not line.strip():
            continue
        try:
            known.append(KnownAnswer.model_validate_json(line))
        except ValidationError as error:
            first = error.errors(include_input=False, include_url=False, include_context=False)[0]
            where = ".".join(str(part) for part in first["loc"])
            wrong.append(f"line {number}: {f'{where}: ' if where else ''}{first['msg']}")
    if wrong or not known:
        more = f" (and {len(wrong) - _SHOWN} more)" if len(wrong) > _SHOWN else ""
        raise InputError(
            f"{'; '.join(wrong[:_SHOWN])}{more}" if wrong else "there is no question",
            step=STEP,
            where=str(path),
            remedy='a line is {"question": …, "answer": …, "gold": ["…"]}, or a question alone',
        )
    return known


def _redacted(one: KnownAnswer, redact: Callable[[str], str]) -> KnownAnswer:
    """Return a question as the documents' redaction leaves it: passages must still be found."""
    return KnownAnswer(
        question=redact(one.question),
        answer=redact(one.answer) if one.answer else "",
        gold=tuple(map(redact, one.gold)),
        accepted=tuple(tuple(map(redact, part)) for part in one.accepted),
    )


def _write(place: Path, made: Pairs, digest: str) -> None:
    """Write all of it beside its place, and then there: a half is never found."""
    draft = place.with_name(f".{place.name}.part")
    shutil.rmtree(draft, ignore_errors=True)
    draft.mkdir(parents=True)
    rows = ({"messages": [turn.model_dump() for turn in row]} for row in made.rows)
    (draft / ROWS).write_text(_lines(rows), "utf-8")
    if made.cases:
        (draft / SET).mkdir()
        card = _CARD.format(name=NAME, digest=digest[:16], n=_asked(made.cases))
        (draft / SET / "card.toml").write_text(card, "utf-8")
        cases = (one.model_dump(mode="json", exclude_defaults=True) for one in made.cases)
        (draft / SET / "cases.jsonl").write_text(_lines(cases), "utf-8")
    draft.rename(place)


def _lines(values: Iterable[object]) -> str:
    return "".join(json.dumps(one, ensure_ascii=False) + "\n" for one in values)


def _asked(cases: Sequence[Case]) -> int:
    return len({case.cluster for case in cases})


def _told(made: Pairs) -> str:
    return ", ".join(f"{n} {why}" for why, n in made.counts.items())


def _summary(parameters: IndexParameters, made: Pairs, asked: int) -> str:
    lines = [f"{asked} questions: {len(made.rows)} rows to train on, {len(made.cases)} cases."]
    lines += [f"  {n} {why}" for why, n in made.counts.items()]
    train = f"paddock run --name {parameters.name} --source {parameters.to}/{ROWS} --kind chat"
    if made.cases:
        train += f" --eval-sets {parameters.to}/{SET},instruction_following,safety"
    else:
        lines.append("  nothing was held out to be judged by: give more documents, or raise --held")
    return "\n".join([*lines, f"To train on them: {train}"])
