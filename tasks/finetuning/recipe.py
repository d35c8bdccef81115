"""What a training run is told: the recipe's numbers, and the paths it works on."""

from __future__ import annotations

from typing import Any

from pydantic import Field

from data_contracts.kinds.registry import RecordKind
from data_contracts.records import Frozen
from tasks.finetuning.hyperparameters import Hyperparameters, RunSettings, SpendingLimits
from tasks.finetuning.objectives.choosing import foreign_settings

ROW_LENGTH = 512  # tokens of a row, where nothing is said and no row needs more


class Recipe(Frozen, Hyperparameters):
    """Everything that decides the trained weights, beside the data and the base model.

    With precision bf16 the weights compute in bf16, and the optimizer keeps its own copy of those
    it trains, their gradients and its moments, in `optimizer_precision`: 16 bytes a trained weight
    in fp32; 6 in bf16, where an update below 1/256 of its weight is lost. With precision fp32
    nothing is rounded to less: TF32 stays off.

    With method qlora the frozen base is in 4 bits, which the trained model keeps the values of.

    `objective` is what the loss is, and `tasks.finetuning.objectives` holds what it may be and the
    settings that belong to it.

    `max_seq_length` unset means: as many tokens as the rows need (`tasks.finetuning.row_length`).

    `gradient_checkpointing` unset means: as many layers as the estimate says that memory asks.
    `auto_batch` puts as many of a step's rows into one pass over the model as fit into memory,
    which leaves the gradient what it is; else it is `per_device_train_batch_size` of them.
    """

    @property
    def adapts(self) -> bool:
        """Tell whether the base stays frozen under adapters."""
        return self.method != "full"

    @property
    def row_length(self) -> int:
        """Return the tokens of a packed row."""
        return self.max_seq_length or ROW_LENGTH

    def deciding(self) -> dict[str, Any]:
        """Return the settings but those that decide nothing here: of other objectives, no canaries.

        So what was trained before there were canaries is found.
        """
        unsaid = set() if self.canaries else {"canaries"}
        return self.model_dump(exclude=foreign_settings(self.objective) | unsaid)


class Spending(Frozen, SpendingLimits):
    """How long a run may train and what it may cost; where it stops, a rerun goes on.

    `max_minutes` counts from each start. The cost (in the price's currency) is `gpu_hour_price`
    times `gpus` (one, too, where a machine has none) times all the hours that the run's processes
    lived: `earlier_seconds` before this one, which was started at `started_at` (epoch seconds).
    """

    gpus: int = Field(default=1, ge=1)
    earlier_seconds: float = Field(default=0.0, ge=0)
    started_at: float | None = None

    def cost(self, seconds: float) -> float | None:
        """Return what so many seconds cost, where a price is set."""
        price = self.gpu_hour_price
        return None if price is None else seconds / 3600 * price * self.gpus

    def overspent(self, seconds: float) -> str | None:
        """Say that so many seconds have spent the budget, if they have."""
        cost = self.cost(seconds)
        if self.budget is None or cost is None or cost < self.budget:
            return None
        return f"spent {money(cost)} of its budget of {self.budget:g}"


def money(amount: float) -> str:
    """Return an amount with two digits behind the point, or two that say something: 0.0042."""
    return f"{amount:.2f}" if amount >= 0.1 or amount == 0 else f"{amount:.2g}"


NOT_LIMITED = Spending()


class TrainingJob(Frozen, RunSettings):
    """What the training process reads from its job file; every path is a local folder.

    The training `goes_on` from the base where that is a model trained before.
    With several nodes `rendezvous` is the host:port where they meet, and the folders are shared.
    `rows_asked` are the rows that a teacher was to answer, where the snapshot holds its answers.
    More than `max_left_out_share` of the rows left out, and the run is refused.
    """

    base: str
    base_name: str
    base_digest: str
    goes_on: bool = False
    snapshot: str
    teacher: str = ""
    kind: RecordKind
    out: str
    rows_asked: int | None = None
    rendezvous: str = ""
    spending: Spending = NOT_LIMITED
    recipe: Recipe


class TrainingSummary(Frozen):
    """What a finished run says of itself. Losses are means over the objective's units.

    `measured` are the objective's own figures, such as a reward margin, over the rows held out.
    Of the `rows_given` to train on `rows` were trained on, of which `rows_cut` lost their end, and
    `rows_left_out` counts the others by reason; lengths are in tokens. `notes` say that, and what
    the weights are, in sentences.
    """

    steps: int
    rows_given: int
    rows: int
    rows_cut: int
    rows_left_out: dict[str, int]
    row_length: int
    longest_row: int
    notes: tuple[str, ...]
    tokens: int
    target_tokens: int
    trainable_parameters: int
    precision: str
    device: str
    first_loss: float
    final_loss: float
    validation_loss: float | None
    losses: tuple[float, ...]
    measured: dict[str, float]
