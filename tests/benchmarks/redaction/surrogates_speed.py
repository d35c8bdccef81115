"""How fast surrogates are beside placeholders, how many values get one, and how many share one.

Reads the labelled sentences, which are dense with personal data: the worst case. Also by itself:

    python -m tests.benchmarks.redaction.surrogates_speed
"""

from __future__ import annotations

import random
import sys
import time
from collections import Counter

from data_contracts.contracts import NO_SURROGATE, PII_KINDS
from tasks.redaction.engine import Redactor, build_redactor
from tasks.redaction.surrogates.lists import pool
from tasks.redaction.surrogates.surrogate import scope_of, surrogate
from tests.benchmarks.limits import Limits
from tests.benchmarks.redaction import labelled

POLICIES = {kind: "surrogate" for kind in PII_KINDS if kind not in NO_SURROGATE}
PEOPLE = 10_000
SEED = 41


def report(limits: Limits) -> None:
    """Print and judge speed, share and collisions."""
    print("\nSurrogates beside placeholders, labelled sentences")
    records = [[one.text] for one in labelled.read_sentences("both")]
    for title, names, least in (("forms", False, 0.3), ("with names", True, 0.6)):
        plain = build_redactor(names=names)
        other = build_redactor(names=names, policies=POLICIES, key=b"benchmark")
        speeds = [0.0, 0.0]
        for _ in range(3):  # by turns, so that both have the same machine
            for place, redactor in enumerate((plain, other)):
                speeds[place] = max(speeds[place], _speed(redactor, records))
        print(f"        {title}: {speeds[1]:,.0f} characters/s, placeholders {speeds[0]:,.0f}")
        limits.at_least(f"of the speed of placeholders, {title}", speeds[1] / speeds[0], least)
    done = other.redact_records(records)
    found, given = Counter[str](), Counter[str]()
    for one in done:
        found += one.kinds
        given += one.surrogates
    without = {kind: found[kind] - given[kind] for kind in found if found[kind] > given[kind]}
    print(f"        {given.total()} of {found.total()} values have one; placeholders: {without}")
    limits.at_least("values that have a surrogate", given.total() / found.total(), 0.95)
    shared = _shared()
    limits.at_most(f"of {PEOPLE:,} full names, those that share one", shared / PEOPLE, 0.05)


def _speed(redactor: Redactor, records: list[list[str]]) -> float:
    start = time.process_time()
    redactor.redact_records(records)
    return sum(len(text) for (text,) in records) / (time.process_time() - start)


def _shared() -> int:
    """Return how many of many people have a surrogate that another one has, over a data set."""
    chance = random.Random(SEED)
    first, last = pool("en", ("f", "m")), pool("en", ("lf",))
    people = {f"{chance.choice(first)} {chance.choice(last)}" for _ in range(2 * PEOPLE)}
    chosen = sorted(people)[:PEOPLE]
    made = Counter(
        str(surrogate("PERSON", one, scope_of(b"benchmark", "", "", [("PERSON", one)])))
        for one in chosen
    )
    return sum(count for count in made.values() if count > 1)


if __name__ == "__main__":
    judged = Limits()
    report(judged)
    sys.exit(judged.exit_code())
