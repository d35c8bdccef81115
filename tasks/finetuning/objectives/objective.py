"""What an objective is: what it takes of records, what its loss is over, and what it is told.

One module with one class, and a line in `registry.py`: the form, the recipe, the checks before a
run, the encoding, the memory's estimate and the loop all read the class. The loop knows examples by
their index alone: what one is (a conversation, a pair of answers) and what its loss is over
(tokens, pairs) is the objective's.
"""

from __future__ import annotations

from abc import ABC, abstractmethod
from collections import Counter
from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, ClassVar, Literal, Self

from pydantic import BaseModel

from data_contracts.errors import InputError
from data_contracts.kinds.registry import RecordKind
from data_contracts.records import Record
from tasks.finetuning.batches import Batch
from tasks.finetuning.ranks import ALONE, Ranks

TeacherUse = Literal["none", "logits", "answers"]


@dataclass(frozen=True)
class Preparing:
    """Where and among whom an objective prepares; `progress(done, total)` hears how far it is."""

    folder: Path
    device: Any
    ranks: Ranks = ALONE
    progress: Callable[[int, int], None] = lambda done, total: None


class Settings(BaseModel):
    """Settings of one objective: fields of the recipe and of the form, with help and bounds."""

    @classmethod
    def of(cls, recipe: BaseModel) -> Self:
        """Return an objective's settings as they stand among a recipe's, or a form's."""
        return cls.model_validate({name: getattr(recipe, name) for name in cls.model_fields})


@dataclass(frozen=True, slots=True)
class Taken:
    """Records as an objective takes them, of whatever length, and why others could not be."""

    items: Sequence[Any]  # the objective's own
    unreadable: Mapping[str, int] = field(default_factory=Counter[str])


class Objective(ABC):
    """A loss over examples, as a sum over units that the loop divides by a whole step's units.

    `sequences` are those that an example is made of, which share its tokens.
    `name` and `about` are what people choose by, `settings` what they may set beside, `axis` is
    what a plot of the loss writes beside it, `figures` are the names of what `sums` returns behind
    the loss, `preparing` says what `prepare` takes its time for. `lengths` are the tokens of each
    example (a pair counts both of its documents); `held_bytes` those of another model that the loss
    needs in memory.
    """

    name: ClassVar[str]
    about: ClassVar[str]
    settings: ClassVar[type[Settings]] = Settings
    axis: ClassVar[str]
    figures: ClassVar[tuple[str, ...]] = ()
    preparing: ClassVar[str] = ""
    sequences: ClassVar[int] = 1
    lengths: Sequence[int]
    held_bytes: int = 0

    @classmethod
    def require(cls, kind: RecordKind, given: BaseModel, teacher: str) -> None:
        """Raise InputError for a kind of record, or a setting, that the objective has no use for.

        Most have none for a teacher.
        """
        if teacher:
            raise refused(
                f"the objective {cls.name} has no use for a teacher",
                "teacher",
                "set objective: distill, or leave teacher out",
            )

    @classmethod
    def teacher_use(cls, given: BaseModel) -> TeacherUse:
        """Return what of a teacher is learned: nothing, for most."""
        return "none"

    @classmethod
    @abstractmethod
    def take(cls, records: Iterable[tuple[str, Record]], tokenizer: Any) -> Taken:
        """Return records as tokens."""

    @classmethod
    @abstractmethod
    def size(cls, item: Any) -> int:
        """Return the tokens of a row that would hold the item whole."""

    @classmethod
    @abstractmethod
    def fit(cls, item: Any, limit: int) -> list[Any]:
        """Return what of an item trains in rows of `limit` tokens: nothing, it, or its pieces."""

    @classmethod
    @abstractmethod
    def was_cut(cls, item: Any) -> bool:
        """Tell whether an item that fits lost an end to it."""

    @classmethod
    @abstractmethod
    def over(cls, items: Sequence[Any], recipe: BaseModel, teacher: Any = None) -> Objective:
        """Return the objective over items that fit; `teacher` is the model whose logits count."""

    @classmethod
    def words(cls, figures: Mapping[str, float]) -> list[str]:
        """Say an objective's own figures of a step, in a few words each."""
        return [f"{name.replace('_', ' ')} {figures[name]:.3f}" for name in cls.figures]

    @abstractmethod
    def units(self, index: int) -> int:
        """Return how many units of the mean an example holds: target tokens, or pairs.

        It needs no batch, so that each process knows a whole step's units from the plan.
        """

    @abstractmethod
    def targets(self, index: int) -> int:
        """Return how many tokens of an example the loss looks at."""

    @abstractmethod
    def record_id(self, index: int) -> str:
        """Return the id of the record that an example came from."""

    def prepare(self, model: Any, row_length: int, preparing: Preparing) -> None:  # noqa: B027
        """Compute what the loss needs of the starting weights, and keep it in a folder.

        Called once before the first batch; what stands in the folder already is used again. Most
        losses look at no other weights.
        """

    @abstractmethod
    def collate(self, rows: Sequence[Sequence[int]]) -> Batch:
        """Build a batch, on the CPU, of packed rows of indices."""

    @abstractmethod
    def sums(self, model: Any, batch: Batch, liger: bool) -> Any:
        """Return float32 (1 + F): a batch's loss summed over its units, and F figures likewise.

        `model` is a causal LM without its adapters' wrapper; only the loss carries a gradient.
        """


def units_of(objective: Objective, rows: Sequence[Sequence[int]]) -> int:
    """Return the units of some packed rows, such as those of a step."""
    return sum(objective.units(index) for row in rows for index in row)


def refused(what: str, where: str, remedy: str) -> InputError:
    """Return the error of a setting that does not go with the others."""
    return InputError(what, step="finetune", where=where, remedy=remedy)
