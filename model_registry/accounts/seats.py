"""Who sits where, as the server holds it: who approves in each seat, who rates answers.

An admin writes it into a tag of the registered model, which only the promoter may change beside;
everybody reads it there. Needs a Registry; writes nothing.
"""

from __future__ import annotations

from collections.abc import Mapping

from pydantic import ValidationError

from data_contracts.errors import ContractError
from data_contracts.records import Frozen
from model_registry.accounts.people import STEP, People
from model_registry.tracking import Registry, error_code

TAG = "paddock.people"
LONGEST_TAG = 5000
_QUEUE = "Promotions "


class Seated(Frozen):
    """The approvers of each seat, the reviewers, and the accounts that train."""

    seats: dict[str, tuple[str, ...]]
    reviewers: tuple[str, ...]
    pipeline: tuple[str, ...]

    @classmethod
    def of(cls, people: People) -> Seated:
        """Return who sits where by an accounts file."""
        return cls.model_validate(
            {
                "seats": people.seated(),
                "reviewers": people.having("reviewer"),
                "pipeline": people.having("pipeline"),
            }
        )

    @property
    def raters(self) -> list[str]:
        """Return who sits in the queues of answers: who made such a queue reads it as a member."""
        return [*self.reviewers, *(name for name in self.pipeline if name not in self.reviewers)]

    @property
    def names(self) -> set[str]:
        """Return every account that is named."""
        return {*self.reviewers, *self.pipeline, *(n for seat in self.seats.values() for n in seat)}


def seat_queue(seat: str) -> str:
    """Return the name of the review queue in which a seat's approvers decide."""
    return f"{_QUEUE}({seat})"


def seat_of(queue: str) -> str:
    """Return the seat of a review queue, by its name."""
    return queue.removeprefix(_QUEUE).strip("()")


def read_seated(registry: Registry, name: str) -> Seated | None:
    """Return who sits where for a registered model; None where the server knows no accounts.

    ContractError where it knows accounts and nobody made the model ready for them.
    """
    if not registry.account:
        return None
    tags: Mapping[str, str] = {}
    try:
        tags = registry.client.get_registered_model(name).tags
    except Exception as error:
        if error_code(error) != "RESOURCE_DOES_NOT_EXIST":
            raise
    try:
        return Seated.model_validate_json(tags[TAG])
    except (KeyError, ValidationError) as error:
        raise ContractError(
            "nobody said who may approve what on this server of accounts",
            step=STEP,
            where=f"{name}, tag {TAG}",
            remedy=f"put {name} among the models of the accounts file, and have an admin run "
            "`paddock accounts apply FILE`",
        ) from error
