"""Accounts for the rows of a training: trained on, cut, or left out and why.

Every row that comes in is in the account, and the account is what is shown: in the log, the
summary, the model card. Too many left out is an error before the first step.
"""

from __future__ import annotations

import json
from collections import Counter
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from pydantic import computed_field

from data_contracts.errors import InputError, PaddockError
from data_contracts.records import Frozen, Record
from tasks.finetuning.objectives.objective import Objective

NO_ROOM = "the row is full before an answer begins"
NO_ANSWER = "it holds no answer to learn"
NO_TEACHING = "the teacher gave no whole answer"
_WHOLE = 2**31 - 1  # tokens, more than any row has


class RowAccount(Frozen):
    """Rows to train on, by what became of them, in packed rows of `row_length` tokens."""

    given: int
    trained: int
    cut: int
    left_out: dict[str, int]
    row_length: int
    chosen: bool  # row_length, from the data
    longest: int  # tokens

    @computed_field
    @property
    def share(self) -> float:
        """Return the share of the rows that is left out."""
        return sum(self.left_out.values()) / self.given if self.given else 0.0

    def words(self) -> str:
        """Say the account in a sentence."""
        how = "chosen from the data" if self.chosen else "as asked"
        said = (
            f"{self.trained} of {self.given} rows train, in packed rows of {self.row_length} "
            f"tokens ({how}; the longest has {self.longest}); {self.cut} lose their end"
        )
        out = sum(self.left_out.values())
        return f"{said}; {out} left out" + (f" ({reasons(self.left_out)})" if out else "")


@dataclass(frozen=True, slots=True)
class Rows:
    """A split's rows as an objective takes them, before they are fitted into packed rows."""

    objective: type[Objective]
    given: int
    items: Sequence[Any]
    left_out: Mapping[str, int]

    @property
    def sizes(self) -> list[int]:
        """Return the tokens of each row."""
        return [self.objective.size(item) for item in self.items]

    def fit(self, limit: int, *, chosen: bool) -> tuple[list[Any], RowAccount]:
        """Return what trains in packed rows of so many tokens, and what becomes of the rows."""
        left_out, cut = Counter(self.left_out), 0
        fitting: list[Any] = []
        for item in self.items:
            parts = self.objective.fit(item, limit)
            if not parts:
                left_out[NO_ROOM if self.objective.fit(item, _WHOLE) else NO_ANSWER] += 1
            cut += any(map(self.objective.was_cut, parts))
            fitting += parts
        account = RowAccount(
            given=self.given,
            trained=self.given - left_out.total(),
            cut=cut,
            left_out=dict(sorted(left_out.items())),
            row_length=limit,
            chosen=chosen,
            longest=max(self.sizes, default=0),
        )
        return fitting, account


def take_rows(
    objective: type[Objective],
    records: Iterable[tuple[str, Record]],
    tokenizer: Any,
    asked: int | None = None,
) -> Rows:
    """Return records as rows; `asked` of them there should be, had a teacher answered them all."""
    given = list(records)
    taken = objective.take(given, tokenizer)
    left_out, count = Counter(taken.unreadable), len(given)
    if asked is not None and asked > count:
        left_out[NO_TEACHING] = asked - count
        count = asked
    return Rows(objective, count, taken.items, left_out)


def require_rows(account: RowAccount, most: float, where: str) -> None:
    """Raise an error where no row trains, or a larger share than `most` is left out."""
    if not account.trained:
        raise PaddockError(
            f"no row is left to train on: {reasons(account.left_out) or 'there are none'}",
            step="finetune",
            where=where,
            remedy=_remedy(account),
        )
    if account.share > most:
        out = sum(account.left_out.values())
        raise InputError(
            f"{out} of {account.given} rows to train on would train nothing "
            f"({account.share:.0%}, where max_left_out_share allows {most:.0%}): "
            f"{reasons(account.left_out)}",
            step="finetune",
            where=where,
            remedy=f"{_remedy(account)}; or set max_left_out_share to {_above(account.share)} to "
            "train without them",
        )


def require_share(model: Path, most: float) -> None:
    """Hold a trained model, as one that was found, to the share of rows left out as well."""
    training = json.loads((model / "training.json").read_text())
    account = RowAccount(
        given=training["rows_given"],
        trained=training["rows"],
        cut=training["rows_cut"],
        left_out=training["rows_left_out"],
        row_length=training["row_length"],
        chosen=False,
        longest=training["longest_row"],
    )
    require_rows(account, most, str(model))


def reasons(left_out: Mapping[str, int]) -> str:
    """Return counts by reason as people read them."""
    return "; ".join(f"{count}: {reason}" for reason, count in left_out.items())


def _remedy(account: RowAccount) -> str:
    """Return what would let the rows train, by why they do not."""
    longer = (
        "give shorter prompts, or take a base model, or a machine, that holds longer rows"
        if account.chosen
        else "leave max_seq_length unset, or raise it, or give shorter prompts"
    )
    room = f"{longer} (it is {account.row_length}; the longest row has {account.longest} tokens)"
    ways = {NO_ROOM: room, NO_TEACHING: "raise distill_max_new_tokens"}
    found = [way for reason, way in ways.items() if reason in account.left_out]
    if set(account.left_out) - set(ways):
        found.append("drop such rows, or take a base model whose chat template takes them")
    return "; ".join(found) or "give more rows"


def _above(share: float) -> str:
    return f"{min(1.0, int(share * 100 + 1) / 100):g}"
