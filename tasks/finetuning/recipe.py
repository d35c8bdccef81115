"""What a training run is told: the recipe's numbers, and the paths it works on.

Hyperparameters keep the names they have in Hugging Face's `TrainingArguments` and peft's
`LoraConfig`.
"""

from __future__ import annotations

from typing import Literal

from pydantic import Field

from data_contracts.records import Frozen, RecordKind


class Recipe(Frozen):
    """Everything that decides the trained weights, beside the data and the base model."""

    method: Literal["lora", "full"] = "lora"
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
    seed: int = 7


class TrainingJob(Frozen):
    """What the training process reads from its job file; every path is a local folder."""

    base: str
    base_name: str
    base_digest: str
    snapshot: str
    kind: RecordKind
    out: str
    save_steps: int = Field(default=20, ge=1)
    recipe: Recipe


class TrainingSummary(Frozen):
    """What a finished run says of itself. Losses are mean cross-entropy per target token."""

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
