"""What a person may set of a training: one model, which the recipe and the flows' forms inherit.

Names and meaning are those of Hugging Face's `TrainingArguments` and peft's `LoraConfig`, where
they have them. Help texts, defaults and bounds stand here and nowhere else.
"""

from __future__ import annotations

from typing import Literal

from pydantic import BaseModel, Field

from tasks.finetuning.objectives.choosing import ObjectiveSettings

# A few odd rows in any data set should not end a run; one row in twenty is no oddity any more.
MAX_LEFT_OUT_SHARE = 0.05
Scheduler = Literal["cosine_with_min_lr", "cosine", "linear", "constant_with_warmup"]


class Hyperparameters(ObjectiveSettings):  # a form begins with the objective
    """Everything a person may set that decides the trained weights, beside data and base model."""

    method: Literal["lora", "qlora", "full"] = Field(
        default="lora",
        description="Train a LoRA adapter, one over a base in 4 bits (qlora: a quarter of the "
        "memory), or every weight.",
    )
    learning_rate: float = Field(default=1e-3, gt=0, description="Peak learning rate.")
    lr_scheduler_type: Scheduler = Field(
        default="cosine_with_min_lr",
        description="How the learning rate falls after its warmup: cosine_with_min_lr (to a tenth "
        "of its peak), cosine or linear (to zero), constant_with_warmup (not at all).",
    )
    warmup_ratio: float = Field(
        default=0.05,
        ge=0,
        le=1,
        description="Share of the steps in which the learning rate rises to its peak.",
    )
    num_train_epochs: int = Field(default=3, ge=1, description="Passes over the training rows.")
    max_steps: int | None = Field(
        default=None, ge=1, description="Stop training after this many optimizer steps."
    )
    max_seq_length: int | None = Field(
        default=None,
        ge=16,
        description="Tokens in a packed training row. Longer conversations are cut, longer "
        "documents are split. Unset: 512, or more where the rows need it and model and memory "
        "hold it.",
    )
    per_device_train_batch_size: int = Field(default=1, ge=1, description="Packed rows in a batch.")
    gradient_accumulation_steps: int = Field(
        default=1, ge=1, description="Batches in an optimizer step."
    )
    weight_decay: float = Field(
        default=0.0,
        ge=0,
        description="AdamW's weight decay, of matrices alone: not of biases and norms.",
    )
    max_grad_norm: float = Field(
        default=1.0, gt=0, description="Gradients are scaled down to this norm where it is larger."
    )
    neftune_noise_alpha: float | None = Field(
        default=None,
        gt=0,
        description="Noise on the input embeddings while training (NEFTune); 5 is usual. Unset: "
        "none.",
    )
    canaries: int = Field(
        default=0,
        ge=0,
        le=256,
        description="Made-up secrets to plant among the rows (and one control, 16 times), so that "
        "the evaluation can tell what the model keeps by heart. Of chat rows, supervised. 0: none.",
    )
    lora_r: int = Field(default=32, ge=1, description="Rank of the LoRA adapter.")
    lora_alpha: int = Field(default=64, ge=1, description="Scale of the LoRA adapter.")
    lora_dropout: float = Field(
        default=0.0,
        ge=0,
        lt=1,
        description="Share of the LoRA adapter's inputs that is dropped while training.",
    )
    precision: Literal["auto", "bf16", "fp32"] = Field(
        default="auto", description="Number format of training; auto: bf16 where it is faster."
    )
    optimizer_precision: Literal["fp32", "bf16"] = Field(
        default="fp32",
        description="Number format of the optimizer where training is in bf16: fp32 keeps small "
        "updates, bf16 takes less than half of the memory.",
    )
    kernels: Literal["auto", "liger", "plain"] = Field(
        default="auto",
        description="How layers compute. auto: on a GPU by Liger's kernels where they are "
        "installed, on a CPU laid out for it; plain: as transformers wrote them.",
    )
    gradient_checkpointing: bool | None = Field(
        default=None,
        description="Save memory by computing twice, in all layers. Unset: in as many as memory "
        "asks.",
    )
    auto_batch: bool = Field(
        default=False,
        description="Put as many of a step's rows into one pass as memory holds (GPU).",
    )
    gpus: int = Field(
        default=1,
        ge=1,
        description="GPUs to train on, each with the batch above. On a machine without: processes.",
    )
    nodes: int = Field(
        default=1,
        ge=1,
        description="Machines to train on together. They share the home folder and meet at "
        "PADDOCK_RENDEZVOUS. The run starts the first; it says what each other one is to run.",
    )
    seed: int = Field(default=7, ge=0, description="Seed of every random choice.")


class SpendingLimits(BaseModel):
    """How long a training may take and what it may cost."""

    max_minutes: float | None = Field(
        default=None, gt=0, description="Save and stop after so long; a rerun goes on."
    )
    gpu_hour_price: float | None = Field(
        default=None,
        ge=0,
        description="Price of one GPU by the hour (of a machine without): shows the cost.",
    )
    budget: float | None = Field(
        default=None,
        gt=0,
        description="Stop training at the next checkpoint when it has cost this much.",
    )


class RunSettings(BaseModel):
    """How a training goes about it, which decides no weight."""

    max_left_out_share: float = Field(
        default=MAX_LEFT_OUT_SHARE,
        ge=0,
        le=1,
        description="Largest share of the rows that may be left out of training, such as those "
        "whose prompt fills the row or that the chat template refuses. More is an error.",
    )
    save_steps: int = Field(default=20, ge=1, description="Steps between checkpoints.")
