"""A better and a worse answer, each as turns, as the tools that people use write them.

TRL and OpenAI have a column for each; ms-swift gives the worse one beside messages, or a query and
its response, that end in the better; Gemini scores two completions. Pure; writes nothing.
"""

from __future__ import annotations

from collections.abc import Mapping
from numbers import Real
from typing import Any

from data_contracts.rows.literals import structured
from data_contracts.rows.prompts import read_answer, read_prompt
from data_contracts.rows.turns import Turn, read_turns
from data_contracts.rows.values import Row, UnfitRowError, is_absent, present


def read_compared(row: Row) -> tuple[list[Turn], list[Turn]]:
    """Return the better answer and the worse; both may begin with what came before them."""
    if not row.column("chosen") and not row.column("rejected"):
        if row.column("rejected_response") or row.column("rejected_messages"):
            return _beside(row)
        if row.column("completions"):
            return _scored(row)
    row.require("chosen", "rejected")
    return read_answer(row, "chosen"), read_answer(row, "rejected")


def _beside(row: Row) -> tuple[list[Turn], list[Turn]]:
    """Read ms-swift's layout: what is there ends in the better answer."""
    if row.column("messages") and not row.is_mapped("prompt", "response"):
        better = read_turns(row.get("messages"), row)
    else:
        row.require("prompt", "response")
        better = [*read_prompt(row, "prompt"), *read_answer(row, "response")]
    if len(better) < 2 or better[-1]["role"] != "assistant":
        raise UnfitRowError("messages that do not end with the better answer")
    if row.column("rejected_messages"):
        return better, read_turns(row.get("rejected_messages"), row)
    return better, [*better[:-1], *read_answer(row, "rejected_response")]


def _scored(row: Row) -> tuple[list[Turn], list[Turn]]:
    """Read Gemini's layout: two completions, of which the higher score is the better."""
    given = row.get("completions")
    given = structured(given) if isinstance(given, str) else given
    items = [item for item in given if not is_absent(item)] if isinstance(given, list) else []
    scored = [_completion(item, row) for item in items]
    if len(scored) != 2 or scored[0][0] == scored[1][0]:
        raise UnfitRowError("completions are not two that differ in their score")
    (_, worse), (_, better) = sorted(scored, key=lambda one: one[0])
    return better, worse


def _completion(item: Any, row: Row) -> tuple[float, list[Turn]]:
    said = present(item) if isinstance(item, Mapping) else {}
    score = said.get("score")
    if not isinstance(score, Real) or "completion" not in said:
        raise UnfitRowError("a completion without a score or without its text")
    return float(score), read_turns(said["completion"], row)
