"""What a check says, and checks side by side: none may take long, and none ends the others.

Needs nothing; writes nothing.
"""

from __future__ import annotations

import threading
import time
from collections import Counter
from collections.abc import Callable, Iterable, Sequence
from typing import Literal, NamedTuple

from data_contracts.errors import PaddockError

State = Literal["ok", "look", "broken"]
LONGEST = 9.0  # seconds for all looks together


class Check(NamedTuple):
    """What was looked at, how it is, and what to do about it; nothing secret is ever in it."""

    what: str
    state: State
    said: str
    todo: str = ""


Look = Callable[[], Iterable[Check]]


def look_at(looks: Sequence[tuple[str, Look]]) -> list[Check]:
    """Return what each look found, in their order.

    One that fails is a finding itself, and so is one that is not done in time: it goes on in a
    thread that ends with the process.
    """
    end = time.monotonic() + LONGEST
    found: dict[int, list[Check]] = {}

    def work(number: int, name: str, look: Look) -> None:
        found[number] = _looked(name, look)

    jobs = [
        threading.Thread(target=work, args=(number, *entry), daemon=True)
        for number, entry in enumerate(looks)
    ]
    for job in jobs:
        job.start()
    for job in jobs:
        job.join(max(0, end - time.monotonic()))
    late = f"no answer within {LONGEST:g} s"
    return [
        check
        for number, (name, _) in enumerate(looks)
        for check in found.get(number, [Check(name, "broken", late, "see why it does not answer")])
    ]


def _looked(name: str, look: Look) -> list[Check]:
    try:
        return list(look())
    except PaddockError as error:
        return [Check(name, "broken", error.what, error.remedy)]
    except Exception as error:  # a library's own words may quote what is secret
        return [Check(name, "broken", f"could not be looked at ({type(error).__name__})")]


def table(checks: Sequence[Check]) -> str:
    """Return checks as a table, with what to do below each that is not well."""
    width = max(len(check.what) for check in checks)
    lines: list[str] = []
    for check in checks:
        lines.append(f"  {check.state:6s}  {check.what:{width}s}  {check.said}")
        if check.todo:
            lines.append(f"  {'':6s}  {'':{width}s}  to do: {check.todo}")
    counts = Counter(check.state for check in checks)
    words: dict[State, str] = {"ok": "ok", "look": "to look at", "broken": "broken"}
    told = [f"{counts[state]} {word}" for state, word in words.items() if counts[state]]
    return "\n".join([*lines, "", f"  {', '.join(told)}"])
