"""Distillation: a student learns what a teacher finds likely, not only what the data says.

Hinton et al. 2015 (arXiv 1503.02531): over the target places, T² KL(teacher || student), both
softened by temperature T, mixed with the cross-entropy of the data. The teacher must share the
student's vocabulary; one that does not can still teach through its answers.
"""

from __future__ import annotations

import hashlib
import json
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Literal

from pydantic import BaseModel, Field

from data_contracts.errors import InputError
from data_contracts.kinds.registry import KINDS, RecordKind
from model_registry.model_files import load_tokenizer
from tasks.finetuning.batches import Batch
from tasks.finetuning.kernels import choice as kernels
from tasks.finetuning.kernels.choice import in_chunks, target_states
from tasks.finetuning.objectives.objective import Objective, Settings, TeacherUse, refused
from tasks.finetuning.objectives.supervised import Supervised
from tasks.finetuning.quantization import stored_bytes
from tasks.finetuning.tokenizing import Example
from tasks.models.attention.packed import use_varlen
from tasks.models.loading import load_model


class DistillationSettings(Settings):
    """What may be set of it."""

    distill_from: Literal["logits", "answers"] = Field(
        default="logits",
        description="What of the teacher is learned: its logits (it must have the base's "
        "vocabulary), or its own answers to the rows' prompts (any teacher).",
    )
    distill_alpha: float = Field(
        default=0.5, ge=0, le=1, description="Share of the teacher's logits in the loss."
    )
    distill_temperature: float = Field(
        default=2.0, gt=0, description="Temperature that softens the logits of both models."
    )
    distill_max_new_tokens: int = Field(
        default=256, ge=1, description="Longest answer of the teacher; longer ones are left out."
    )


@dataclass(frozen=True, slots=True)
class Softening:
    """Temperature of both models, and the share of the teacher in the loss."""

    temperature: float
    alpha: float


class Distillation(Supervised):
    """Per target token: alpha T² KL(teacher || student) + (1 - alpha) cross-entropy.

    `teacher_divergence` is the KL (nats, at the temperature), `cross_entropy` that of the data.
    """

    name = "distill"
    about = "from a teacher"
    settings = DistillationSettings
    axis = "distillation loss per target token"
    figures = ("teacher_divergence", "cross_entropy")

    def __init__(self, examples: Sequence[Example], teacher: Any, softening: Softening) -> None:
        super().__init__(examples)
        self.teacher, self.softening = teacher, softening
        self.held_bytes = sum(map(stored_bytes, teacher.parameters()))

    @classmethod
    def require(cls, kind: RecordKind, given: BaseModel, teacher: str) -> None:
        """Raise InputError where no teacher is named, or it is asked what no row asks."""
        if not teacher:
            raise refused(
                "the objective distill learns from a teacher, and none is named",
                "teacher",
                "name a teacher as you would a base, or set objective: supervised",
            )
        if not KINDS[kind].ANSWERS and cls.teacher_use(given) == "answers":
            raise refused(
                f"a row of kind {kind} asks nothing that a teacher could answer",
                "distill_from: answers",
                "set distill_from: logits, or give rows of another kind",
            )

    @classmethod
    def teacher_use(cls, given: BaseModel) -> TeacherUse:
        """Return what of the teacher is learned."""
        return DistillationSettings.of(given).distill_from

    @classmethod
    def over(cls, items: Sequence[Example], recipe: BaseModel, teacher: Any = None) -> Objective:
        """Return the objective over examples; a teacher's answers are targets as any are."""
        own = DistillationSettings.of(recipe)
        if own.distill_from == "answers":
            return Supervised(items)
        return cls(items, teacher, Softening(own.distill_temperature, own.distill_alpha))

    @classmethod
    def words(cls, figures: Mapping[str, float]) -> list[str]:
        """Say how far from the teacher a step was."""
        return [f"{figures['teacher_divergence']:.3f} from the teacher"]

    def sums(self, model: Any, batch: Batch, liger: bool) -> Any:
        """Return (3): loss, divergence and cross-entropy, each summed over the targets."""
        import torch

        with torch.no_grad():
            taught = target_states(self.teacher, batch)
        return chunked_distillation(
            (target_states(model, batch), model.get_output_embeddings().weight),
            (taught, self.teacher.get_output_embeddings().weight),
            batch["labels"],
            self.softening,
        )


def chunked_distillation(
    student: tuple[Any, Any], teacher: tuple[Any, Any], labels: Any, softening: Softening
) -> Any:
    """Return (3): loss, divergence and cross-entropy, summed over N places.

    Student and teacher are each hidden states (N, H) and a head (V, H). Where one head has more
    rows (padding behind the same vocabulary), the divergence is over those that both have. No
    more logits are there at a time than LOGITS, of both together.
    """
    import torch
    from torch.nn.functional import cross_entropy, kl_div, linear

    (states, head), (taught, other_head) = student, teacher
    shared, heat = min(len(head), len(other_head)), softening.temperature

    def part(mine: Any, theirs: Any, wanted: Any) -> Any:
        logits = linear(mine, head).float()
        data = cross_entropy(logits, wanted, reduction="sum")
        goal = (linear(theirs, other_head[:shared]).float() / heat).log_softmax(dim=-1)
        found = (logits[:, :shared] / heat).log_softmax(dim=-1)
        divergence = kl_div(found, goal, reduction="sum", log_target=True)
        loss = softening.alpha * heat**2 * divergence + (1 - softening.alpha) * data
        return torch.stack([loss, divergence.detach(), data.detach()])

    size = kernels.LOGITS // (len(head) + shared)
    return torch.stack(in_chunks(part, size, states, taught, labels)).sum(dim=0)


def load_teacher(folder: Path, student: Path, precision: str, device: Any) -> Any:
    """Return a teacher that computes as the student does, and never learns."""
    require_same_vocabulary(folder, student)
    dtype = "bfloat16" if precision == "bf16" else "float32"
    teacher: Any = load_model(folder, device=str(device), dtype=dtype)[0]
    use_varlen(teacher)
    return teacher.requires_grad_(False)


def require_same_vocabulary(teacher: Path, student: Path) -> None:
    """Raise InputError unless each token has the same number in both models."""
    if vocabulary_digest(teacher) != vocabulary_digest(student):
        raise InputError(
            "the teacher's tokenizer has another vocabulary than the student's, so its logits "
            "are about other tokens",
            step="finetune",
            where="teacher",
            remedy="use generated answers instead (distill_from: answers), or a teacher of the "
            "same family",
        )


def vocabulary_digest(folder: Path) -> str:
    """Return the sha256 (hex) of a tokenizer's tokens and their numbers."""
    tokenizer: Any = load_tokenizer(folder)
    content = json.dumps(sorted(tokenizer.get_vocab().items()), ensure_ascii=False)
    return hashlib.sha256(content.encode("utf-8", "surrogatepass")).hexdigest()
