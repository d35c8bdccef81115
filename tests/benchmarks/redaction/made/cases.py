"""Generated cases of every fixed form that the labelled sentences lack, and how a finder does.

For each group (MAC, web addresses with credentials, wallets, keys, national numbers ...) fresh
values stand in sentences, log lines, JSON and CSV, and near misses in the same. A seed makes them
the same each time; another seed makes others.
"""

from __future__ import annotations

import random
from collections.abc import Callable, Iterator, Sequence
from typing import NamedTuple

from tests.benchmarks.redaction.labelled import Find, Found, Score
from tests.benchmarks.redaction.made import secrets
from tests.benchmarks.redaction.made.national import NUMBERS, Number, written
from tests.benchmarks.redaction.made.near_misses import NEAR_MISSES
from tests.benchmarks.redaction.made.wallets import NAMED_WALLETS, WALLETS

EACH = 40  # values of each family
NEAR = 600  # near misses of each group
SEED = 20_271
_NAMES = frozenset({"PERSON", "LOCATION", "ORGANIZATION"})  # "Bern" in the frames; scored elsewhere
_NATIONAL = frozenset({"NATIONAL_ID", "TAX_ID", "HEALTH_ID", "SSN"})
KINDS = {
    "MAC": frozenset({"MAC"}),
    "URL with credentials": frozenset({"URL"}),
    "wallet": frozenset({"CRYPTO"}),
    "AWS key": frozenset({"SECRET"}),
    "API key": frozenset({"SECRET"}),
    "JWT": frozenset({"SECRET"}),
    "private key": frozenset({"SECRET"}),
    "national number": _NATIONAL,  # a country's one number is its tax number too
}
# {w}: what the value is called; {v}: the value.
ALONE = (
    "{v}",
    "Please write it down: {v}. Thanks!",
    "ok so here it is {v} let me know",
    "2026-03-01T10:22:31Z INFO intake.form value={v} status=200",
    '{"name": "row 17", "value": "{v}", "status": "new"}',
    "name,value,status\nrow 17,{v},new\n",
    "name;value\nrow 17;{v}\n",
    "Hi all,\n\nit has changed: {v}\n\nBest regards",
    '<td class="cell">{v}</td>',
    "(see {v})",
    'He wrote "{v}" and left.',
)
NAMED = (
    "my {w} is {v}",
    "{w}: {v}",
    "The {w} on file is {v}, please check it.",
    '{"{w}": "{v}", "status": "new"}',
    "id,{w},city\n17,{v},Bern\n",
    "2026-03-01T10:22:31Z INFO intake.form {w}={v} status=200",
    "What is your {w}?\n\nIt's {v}.",
    "Could you check {w} {v} again?",
)


class Case(NamedTuple):
    """A text; characters `start` to `end` are personal, or nothing where both are 0."""

    group: str
    family: str
    text: str
    start: int
    end: int


HEAD = (
    f"{'':46} {'n':>5} {'recall':>7} {'precision':>9} {'exact recall':>12} {'exact precision':>15}"
)


def row(name: str, score: Score) -> str:
    """Return a line of a table: n, then recall and precision, touching and exact."""
    return (
        f"{name:46} {score.labels:5d} {score.recall:7.3f} {score.precision:9.3f} "
        f"{score.exact_recall:12.3f} {score.exact_precision:15.3f}"
    )


def generated(seed: int = SEED, each: int = EACH) -> list[Case]:
    """Return the cases with a value; the same ones for the same seed."""
    chance = random.Random(seed)
    cases: list[Case] = []
    for group, family, frames, word, draw in _families():
        for _ in range(each):
            cases.append(_case(group, family, chance.choice(frames), word, draw(chance)))
    return cases


def near_misses(seed: int = SEED, each: int = NEAR) -> list[Case]:
    """Return the cases in which nothing is personal."""
    chance = random.Random(seed + 1)
    return [
        Case(group, "near miss", chance.choice(frames).replace("{v}", draw(chance)), 0, 0)
        for group, (frames, draw) in NEAR_MISSES.items()
        for _ in range(each)
    ]


Family = tuple[str, str, Sequence[str], str, Callable[[random.Random], str]]


def _families() -> Iterator[Family]:
    yield "MAC", "MAC", (*ALONE, *NAMED), "MAC address", secrets.mac
    yield "URL with credentials", "URL", ALONE, "", secrets.url
    for name, (word, draw) in WALLETS.items():
        yield "wallet", name, (*ALONE, *NAMED), f"{word} address", draw
    for name, (word, draw) in NAMED_WALLETS.items():
        yield "wallet", name, NAMED, f"{word} wallet", draw
    yield "AWS key", "access key id", (*ALONE, *NAMED), "aws_access_key_id", secrets.aws_id
    yield "AWS key", "secret", NAMED, "aws_secret_access_key", secrets.aws_secret
    for name, draw in secrets.KEYS.items():
        yield "API key", name, (*ALONE, *NAMED), "token", draw
    for name, (word, draw) in secrets.NAMED_KEYS.items():
        yield "API key", name, NAMED[1:6:2] + NAMED[:1], word, draw
    yield "JWT", "JWT", (*ALONE, *NAMED), "token", secrets.jwt
    yield "private key", "private key", ALONE, "", secrets.private_key
    for number in NUMBERS:
        for mask in number.alone:
            for word in number.words:
                yield "national number", number.name, (*ALONE, *NAMED), word, _written(number, mask)
        for mask in number.masks:
            for word in number.words:
                yield "national number", number.name, NAMED, word, _written(number, mask)


def _written(number: Number, mask: str) -> Callable[[random.Random], str]:
    return lambda chance: written(number.fresh(chance), mask)


def _case(group: str, family: str, frame: str, word: str, value: str) -> Case:
    frame = frame.replace("{w}", word)
    start = frame.index("{v}")
    return Case(group, family, frame.replace("{v}", value), start, start + len(value))


def measure(find: Find, cases: Sequence[Case]) -> tuple[dict[str, Score], list[str]]:
    """Return the scores by group and, as "group: family", by family; and what went wrong."""
    scores: dict[str, Score] = {}
    wrong: list[str] = []
    for case, found in zip(cases, find([case.text for case in cases]), strict=True):
        own = [
            scores.setdefault(name, Score())
            for name in (case.group, f"{case.group}: {case.family}")
        ]
        found = [one for one in found if one.kind not in _NAMES]
        right = [one for one in found if one.kind in KINDS[case.group] and _touch(one, case)]
        exact = [one for one in right if (one.start, one.end) == (case.start, case.end)]
        for score in own:
            score.labels += case.end > 0
            score.found += bool(right)
            score.exact += bool(exact)
            score.findings += len(found)
            score.right += len(right)
            score.right_exact += len(exact)
        if len(right) != len(found) or (case.end and not right):
            told = ", ".join(f"{one.kind} {case.text[one.start : one.end]!r}" for one in found)
            wrong.append(f"{case.group}: {case.family}: {case.text!r} gave {told or 'nothing'}")
    return scores, wrong


def _touch(found: Found, case: Case) -> bool:
    return found.start < case.end and case.start < found.end
