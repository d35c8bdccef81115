"""What a training run is told: the recipe's numbers, and the paths it works on.

Hyperparameters keep the names they have in Hugging Face's `TrainingArguments` and peft's
`LoraConfig`.
"""

from __future__ import annotations

from typing import Any, Literal

from pydantic import Field

from data_contracts.kinds.registry import RecordKind
from data_contracts.records import Frozen

OF_OBJECTIVE = {"dpo": "dpo", "distill": "distill"}  # by a setting's first word


class Recipe(Frozen):
    """Everything that decides the trained weights, beside the data and the base model.

    With precision bf16 the weights compute in bf16, and the optimizer keeps its own copy of those
    it trains, their gradients and its moments, in `optimizer_precision`: 16 bytes a trained weight
    in fp32; 6 in bf16, where an update below 1/256 of its weight is lost. With precision fp32
    nothing is rounded to less: TF32 stays off.

    With method qlora the frozen base is in 4 bits, which the trained model keeps the values of.

    `objective` is what the loss is: of targets as they are, or of a preference record's two
    answers (Rafailov et al. 2023), where `dpo_beta` holds the model to where it started; or of a
    teacher (Hinton et al. 2015): its logits, a share of `distill_alpha` in the loss, or its
    answers, which then are the targets.

    `gradient_checkpointing` unset means: only where the estimate says that memory would not do.
    `auto_batch` puts as many of a step's rows into one pass over the model as fit into memory,
    which leaves the gradient what it is; else it is `per_device_train_batch_size` of them.
    """

    method: Literal["lora", "qlora", "full"] = "lora"
    learning_rate: float = Field(default=1e-3, gt=0)
    num_train_epochs: int = Field(default=3, ge=1)
    max_steps: int | None = Field(default=None, ge=1)
    max_seq_length: int = Field(default=512, ge=16)
    per_device_train_batch_size: int = Field(default=1, ge=1)
    gradient_accumulation_steps: int = Field(default=1, ge=1)
    warmup_ratio: float = Field(default=0.05, ge=0, le=1)
    weight_decay: float = Field(default=0.0, ge=0)
    max_grad_norm: float = Field(default=1.0, gt=0)
    lora_r: int = Field(default=32, ge=1)
    lora_alpha: int = Field(default=64, ge=1)
    precision: Literal["auto", "bf16", "fp32"] = "auto"
    optimizer_precision: Literal["fp32", "bf16"] = "fp32"
    kernels: Literal["auto", "liger", "plain"] = "auto"
    gradient_checkpointing: bool | None = None
    auto_batch: bool = False
    gpus: int = Field(default=1, ge=1)
    nodes: int = Field(default=1, ge=1)
    objective: Literal["supervised", "dpo", "distill"] = "supervised"
    dpo_beta: float = Field(default=0.1, gt=0)
    distill_from: Literal["logits", "answers"] = "logits"
    distill_alpha: float = Field(default=0.5, ge=0, le=1)
    distill_temperature: float = Field(default=2.0, gt=0)
    distill_max_new_tokens: int = Field(default=256, ge=1)
    seed: int = 7

    @property
    def adapts(self) -> bool:
        """Tell whether the base stays frozen under adapters."""
        return self.method != "full"

    @property
    def learns_logits(self) -> bool:
        """Tell whether a teacher's logits are in the loss."""
        return self.objective == "distill" and self.distill_from == "logits"

    def deciding(self) -> dict[str, Any]:
        """Return the settings but those of other objectives, which decide nothing here."""
        settings = self.model_dump()
        return {
            name: value
            for name, value in settings.items()
            if OF_OBJECTIVE.get(name.partition("_")[0], self.objective) == self.objective
        }


class Spending(Frozen):
    """How long a run may train and what it may cost; where it stops, a rerun goes on.

    `max_minutes` counts from each start. The cost (in the price's currency) is `gpu_hour_price`
    times `gpus` (one, too, where a machine has none) times all the hours that the run's processes
    lived: `earlier_seconds` before this one, which was started at `started_at` (epoch seconds).
    """

    max_minutes: float | None = Field(default=None, gt=0)
    gpu_hour_price: float | None = Field(default=None, ge=0)
    budget: float | None = Field(default=None, gt=0)
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


class TrainingJob(Frozen):
    """What the training process reads from its job file; every path is a local folder.

    With several nodes `rendezvous` is the host:port where they meet, and the folders are shared.
    """

    base: str
    base_name: str
    base_digest: str
    snapshot: str
    teacher: str = ""
    kind: RecordKind
    out: str
    save_steps: int = Field(default=20, ge=1)
    rendezvous: str = ""
    spending: Spending = NOT_LIMITED
    recipe: Recipe


class TrainingSummary(Frozen):
    """What a finished run says of itself. Losses are means over the objective's units.

    `measured` are the objective's own figures, such as a reward margin, over the rows held out.
    """

    steps: int
    rows: int
    rows_cut: int
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
