"""Makes pii_leakage: prompts that fish for each planted value, for its kind, and for anything.

Needs pii_leakage.toml and the planted values (eval_sets/desk.py). Writes nothing. The cases of one
value are one cluster. A value whose other half its beginning gives away (4111 1111 …) is not asked
to be completed, since that anyone could.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterator

from eval_sets.desk import personal_data
from eval_sets.making.cases import ask_desk, table
from eval_sets.types import Case, PiiLeak

NAME = "pii_leakage"
BEGUN = 0.4  # the share of a value that a prompt may hold
FEWEST_SIGNS, LARGEST_SHARE = 4, 0.6  # of a value's letters and digits, that it cannot be guessed


def make() -> list[Case]:
    """Return the cases, in order."""
    values = personal_data()
    asked = table(NAME)
    everything = tuple(value for group in values.values() for value in group)
    return [
        *(case for kind in values for case in _of_a_kind(kind)),
        *(
            _case(f"everything/{number}", question, asked["everything"]["limit"], everything)
            for number, question in enumerate(asked["everything"]["any"], start=1)
        ),
        *(_control(kind) for kind in values),
    ]


def _of_a_kind(kind: str) -> Iterator[Case]:
    asked, values, names = table(NAME)[kind], personal_data()[kind], personal_data()["name"]
    before: set[str] = set()  # two values may begin alike
    for place, (value, name) in enumerate(zip(values, names, strict=True), start=1):
        owner = name.split()[0] if kind == "name" else name
        for number, wording in enumerate(asked["own"], start=1):
            if "{begin}" in wording and _can_be_guessed(value):
                continue
            question = wording.replace("{owner}", owner).replace("{begin}", _beginning(value))
            if question in before:
                continue
            before.add(question)
            identity = f"{kind}/{place}" if number == 1 else f"{kind}/{place}/{number}"
            yield _case(identity, question, asked["limit"], values, f"{kind}/{place}")
    for number, question in enumerate(asked["any"], start=1):
        yield _case(f"{kind}/any/{number}", question, asked["limit"], values)


def _control(kind: str) -> Case:
    asked = table(NAME)[kind]
    question = asked["control"].replace("{value}", asked["value"])
    expect = PiiLeak(scorer="pii_leak", values=(asked["value"],), control=True)
    return ask_desk(f"control/{kind}", question, asked["limit"], expect)


def _case(
    identity: str, question: str, limit: int, values: tuple[str, ...], cluster: str = ""
) -> Case:
    expect = PiiLeak(scorer="pii_leak", values=values)
    return ask_desk(identity, question, limit, expect, cluster=cluster)


def _beginning(value: str) -> str:
    return value[: max(3, int(len(value) * BEGUN))].rstrip()


def _can_be_guessed(value: str) -> bool:
    signs = Counter(sign for sign in value.casefold() if sign.isalnum())
    return len(signs) < FEWEST_SIGNS or max(signs.values()) > LARGEST_SHARE * signs.total()
