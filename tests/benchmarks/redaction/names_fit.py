"""Fits the weights of English names (`names/lists/weights.json`) to labelled sets.

    NAME_SETS=FOLDER python -m tests.benchmarks.redaction.names_fit

FOLDER holds what `names_sets` wrote; only `*.tuning.jsonl` is read, with the tuning half of the
synthetic sentences and code of installed packages, which is taken to name nobody. A multinomial
logistic regression for sentences with case and one for those without; every set has the weight that
`SETS` gives its rows, so that none drowns the others. The same files give the same weights.
"""

from __future__ import annotations

import json
import os
import random
import sysconfig
from collections import Counter
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any, NamedTuple

import numpy

from tasks.redaction.names.features import features
from tasks.redaction.names.finder import read_sentences
from tasks.redaction.names.model import DEFAULT_NAMES_MODEL, NamesModel, load_names_model
from tasks.redaction.names.technical import read_code
from tasks.redaction.names.units import Unit, units
from tasks.redaction.names.weights import KINDS, WEIGHTS, Meaning
from tasks.redaction.names.word_lists import word_lists
from tests.benchmarks.redaction import labelled, technical
from tests.benchmarks.redaction.names_made import made

FOLDER = "NAME_SETS"
SETS = {"banking77": 1.5, "code": 2.0, "btc": 0.35, "crossner": 0.35, "synthetic": 2.0}
SELDOM = 12  # a feature of fewer units gets no weight
STRENGTH = 0.05  # of the fit: less keeps weights smaller
MEANING = 2.0  # how much larger the weights of meanings may grow
# Of a person, place and organization; chosen on the tuning halves, with weights fitted to two
# thirds of each and measured on the other: F2 stays above the rules before and the model alone in
# all. Persons in small letters from 0.33, for payees ("refund tarquila voskin today").
ENOUGH = {"cased": [0.4, 0.4, 0.5], "small": [0.33, 0.4, 0.5]}
CODE_WORDS = 400_000
UNLABELLED = ("code", "banking questions, no names")  # but they say where somebody is
_NAMES_IN_CODE = ("spacy/lang", "faker", "/tests/", "names_dataset", "pytz", "tzdata", "babel")
Row = dict[str, Any]


class Case(NamedTuple):
    """A unit of a text: where it stands, what is known of it, what it may be.

    `kinds` is empty where it is no name, and None where the labels do not say.
    """

    text: int
    start: int
    end: int
    table: str
    features: list[str]
    words: list[str]
    kinds: tuple[str, ...] | None


@dataclass(frozen=True, slots=True)
class Labelled:
    """The cases of a set, with its rows."""

    name: str
    rows: Sequence[Row]
    cases: Sequence[Case]


def read_set(path: Path) -> list[Row]:
    """Return the rows of a set as `names_sets` wrote it."""
    return [json.loads(line) for line in path.read_text(encoding="utf-8").splitlines()]


def cases_of(rows: Sequence[Row], model: NamesModel) -> list[Case]:
    """Return every unit of the texts of some rows."""
    lists = word_lists()
    read = [
        (number, sentence)
        for number, row in enumerate(rows)
        for _, _, sentence in read_sentences(row["text"], lists, read_code(row["text"]))
        if sentence is not None
    ]
    marked = model.read([sentence.text for _, sentence in read])
    cases: list[Case] = []
    for (number, sentence), entities in zip(read, marked, strict=True):
        text = rows[number]["text"]
        for unit in units(text, sentence, entities, lists):
            cases.append(
                Case(
                    number,
                    unit.start,
                    unit.end,
                    "small" if sentence.guessed else "cased",
                    list(dict.fromkeys(features(text, unit, lists))),
                    [word.text for word in unit.words],
                    _kinds(rows[number], unit),
                )
            )
    return cases


def _kinds(row: Row, unit: Unit) -> tuple[str, ...] | None:
    whole = " ".join(word.folded for word in unit.words)
    if row["genre"] in UNLABELLED and whole in word_lists().places:
        return None
    touched = [kinds for low, high, kinds in row["labels"] if low < unit.end and unit.start < high]
    kinds = dict.fromkeys(kind for own in touched for kind in own)
    return None if touched and not kinds else tuple(kinds)


def synthetic(half: labelled.Half) -> list[Row]:
    """Return one half of the synthetic sentences, in the form of the other sets."""
    rows: list[Row] = []
    for sentence in labelled.read_sentences(half):
        labels = [
            [one.start, one.end, sorted(set(KINDS) & labelled.KINDS.get(one.name, frozenset()))]
            for one in sentence.labels
        ]
        rows.append({"genre": "synthetic", "text": sentence.text, "labels": labels})
    return rows


def package_code() -> Iterator[Row]:
    """Yield code of installed packages, drawn by a fixed seed, without remarks."""
    root = Path(sysconfig.get_paths()["purelib"])
    paths = sorted(root.rglob("*.py"))
    random.Random(5).shuffle(paths)
    words = 0
    for path in paths:
        if any(part in path.as_posix() for part in _NAMES_IN_CODE):
            continue
        text = path.read_text(encoding="utf-8", errors="replace")
        if len(text) > 60_000 or "@" in text:
            continue
        try:
            text = technical.without_remarks(text)
        except (SyntaxError, ValueError):
            continue
        yield {"genre": "code", "text": text, "labels": []}
        words += len(text.split())
        if words > CODE_WORDS:
            return


def fitted(sets: Sequence[Labelled], table: str, meaning: Meaning | None) -> dict[str, Any]:
    """Return the weights that fit one table's cases of some sets best."""
    from scipy.sparse import csr_matrix, hstack
    from sklearn.linear_model import LogisticRegression

    rows, targets, weights = list[Case](), list[int](), list[float]()
    for one in sets:
        for case in one.cases:
            if case.table != table or case.kinds is None:
                continue
            for kind in case.kinds or ("",):
                rows.append(case)
                targets.append(KINDS.index(kind) + 1 if kind else 0)
                weights.append(SETS.get(one.name, 1.0) / max(1, len(case.kinds)))
    counts = Counter(name for case in rows for name in case.features)
    columns = {n: i for i, n in enumerate(sorted(n for n in counts if counts[n] >= SELDOM))}
    places = [(r, columns[n]) for r, case in enumerate(rows) for n in case.features if n in columns]
    ones = csr_matrix((numpy.ones(len(places)), tuple(zip(*places, strict=True))))
    vectors = numpy.array([_meant(case.words, meaning) for case in rows]) * MEANING
    model: Any = LogisticRegression(C=STRENGTH, max_iter=400, tol=1e-4)
    model.fit(hstack([ones, csr_matrix(vectors)]).tocsr(), targets, sample_weight=weights)
    found = (model.coef_ - model.coef_[0])[1:]
    base = (model.intercept_ - model.intercept_[0])[1:]
    half = vectors.shape[1] // 2
    meant = (found[:, len(columns) :] * MEANING).T.round(2)
    known = {n: [round(float(v), 2) for v in found[:, i]] for n, i in columns.items()}
    known["any"] = [round(float(v + b), 2) for v, b in zip(known["any"], base, strict=True)]
    return {
        "enough": ENOUGH[table],
        "rows": {name: row for name, row in known.items() if any(row)},
        "first": meant[:half].tolist(),
        "last": meant[half:].tolist(),
    }


_SIZE = 300


def _meant(words: Sequence[str], meaning: Meaning | None) -> Any:
    parts = numpy.zeros((2, _SIZE))
    for part, word in enumerate((words[0], words[-1])):
        vector = meaning(word) if meaning and (part or len(words) > 1) else None
        if vector is not None:
            parts[part] = vector
    return parts.ravel()


def tuning_sets(folder: Path, model: NamesModel) -> list[Labelled]:
    """Return every set that weights are fitted to."""
    read = {path.name.split(".")[0]: read_set(path) for path in sorted(folder.glob("*.tuning.*"))}
    read |= {"synthetic": synthetic("tuning"), "made": list(made()), "code": list(package_code())}
    return [Labelled(name, rows, cases_of(rows, model)) for name, rows in read.items()]


def written(tables: dict[str, Any]) -> str:
    """Return tables as JSON with one row a line, so that a change can be read."""
    parts: list[str] = []
    for name, table in tables.items():
        rows = ",\n".join(
            f"   {json.dumps(n, ensure_ascii=False)}: {json.dumps(row)}"
            for n, row in sorted(table["rows"].items())
        )
        meant = ",\n".join(
            f'  "{part}": {json.dumps(table[part], separators=(",", ":"))}'
            for part in ("first", "last")
        )
        head = f' "{name}": {{\n  "enough": {table["enough"]},\n  "rows": {{\n'
        parts.append(f"{head}{rows}\n  }},\n{meant}\n }}")
    return "{\n" + ",\n".join(parts) + "\n}\n"


def main() -> None:
    """Fit both tables and write them."""
    model = load_names_model(DEFAULT_NAMES_MODEL)
    sets = tuning_sets(Path(os.environ[FOLDER]), model)
    tables = {name: fitted(sets, name, model.meaning) for name in ENOUGH}
    WEIGHTS.write_text(written(tables), encoding="utf-8")
    for name, table in tables.items():
        print(f"{name}: {len(table['rows'])} rows")


if __name__ == "__main__":
    main()
