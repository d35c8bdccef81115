"""The training loop: packed rows, loss on target tokens, checkpoints it can resume from.

On the CPU a resumed run ends in the same weights, bit for bit, as an undisturbed one: the order
of the data follows from the seed, the learning rate from the step, and what else is random (a
base with dropout) from both.
"""

from __future__ import annotations

import math
import resource
import signal
import time
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Any

from data_contracts.errors import PaddockError
from tasks.finetuning.checkpoints import load_checkpoint, save_checkpoint
from tasks.finetuning.packing import collate, schedule
from tasks.finetuning.recipe import Recipe
from tasks.finetuning.tokenizing import Example

Report = Callable[[dict[str, Any]], None]


class StoppedError(Exception):
    """A SIGTERM or Ctrl-C asked the run to end; its state is in a checkpoint."""


class Trainer:
    """One run over one set of examples; `model` is a causal LM with its trainable weights set."""

    def __init__(
        self, model: Any, recipe: Recipe, examples: Sequence[Example], pad_id: int, device: Any
    ) -> None:
        import torch

        self.model, self.recipe, self.examples = model, recipe, examples
        self.pad_id, self.device = pad_id, device
        self.parameters = {n: p for n, p in model.named_parameters() if p.requires_grad}
        self.optimizer = torch.optim.AdamW(
            self.parameters.values(),
            lr=recipe.learning_rate,
            weight_decay=recipe.weight_decay,
            fused=True,
        )
        rows_per_step = recipe.per_device_train_batch_size * recipe.gradient_accumulation_steps
        lengths = [len(example.tokens) for example in examples]
        steps = schedule(
            lengths, recipe.max_seq_length, rows_per_step, recipe.num_train_epochs, recipe.seed
        )
        self.plan = steps[: recipe.max_steps] if recipe.max_steps else steps
        self.losses: list[float] = []
        self._stop = False

    def learning_rate(self, step: int) -> float:
        """Return the rate of a step (from 0): linear warmup, then cosine down to a tenth."""
        total = len(self.plan)
        warmup = max(1, round(total * self.recipe.warmup_ratio))
        if step < warmup:
            return self.recipe.learning_rate * (step + 1) / warmup
        done = (step - warmup) / max(1, total - warmup)
        return self.recipe.learning_rate * (0.1 + 0.45 * (1 + math.cos(math.pi * done)))

    def run(self, folder: Path, save_steps: int, report: Report) -> list[float]:
        """Train to the end of the plan, resuming from `folder`; return the loss of each step."""
        for number in (signal.SIGTERM, signal.SIGINT):
            signal.signal(number, self._ask_to_stop)
        first = self._resume(folder)
        report({"event": "start", "step": first, "steps": len(self.plan)})
        self.model.train()
        for step in range(first, len(self.plan)):
            started = time.perf_counter()
            tokens = sum(len(self.examples[i].tokens) for row in self.plan[step] for i in row)
            self.losses.append(self._step(step))
            seconds = time.perf_counter() - started
            report(self._progress(step, tokens / seconds))
            last = step + 1 == len(self.plan)
            if self._stop or last or (step + 1) % save_steps == 0:
                self._save(folder, step + 1)
            if self._stop and not last:
                raise StoppedError
        return self.losses

    def mean_loss(self, examples: Sequence[Example]) -> float:
        """Return the mean loss per target token over some examples, without training on them."""
        import torch

        self.model.eval()
        total, count = 0.0, 0
        lengths = [len(example.tokens) for example in examples]
        with torch.no_grad():
            for rows in schedule(lengths, self.recipe.max_seq_length, 2, 1, seed=0):
                batch = collate(rows, examples, self.pad_id, self.device)
                total += float(self._loss_sum(batch))
                count += len(batch["labels"])
        _require_finite(total, "loss", f"after the last of {len(self.plan)} steps")
        return total / count

    def _step(self, step: int) -> float:
        import torch

        torch.manual_seed(self.recipe.seed * 1_000_003 + step)
        rows = self.plan[step]
        size = self.recipe.per_device_train_batch_size
        batches = [
            collate(rows[at : at + size], self.examples, self.pad_id, self.device)
            for at in range(0, len(rows), size)
        ]
        targets = sum(len(batch["labels"]) for batch in batches)
        total = 0.0
        for batch in batches:
            loss = self._loss_sum(batch) / targets
            loss.backward()
            total += float(loss.detach())
        norm = torch.nn.utils.clip_grad_norm_(self.parameters.values(), self.recipe.max_grad_norm)
        _require_finite(total, "loss", f"at step {step + 1}")
        _require_finite(float(norm), "gradient", f"at step {step + 1}")
        for group in self.optimizer.param_groups:
            group["lr"] = self.learning_rate(step)
        self.optimizer.step()
        self.optimizer.zero_grad(set_to_none=True)
        return total

    def _loss_sum(self, batch: dict[str, Any]) -> Any:
        """Return the summed cross-entropy of a batch."""
        import torch

        causal = self.model.get_base_model() if self.recipe.method == "lora" else self.model
        mixed = self.recipe.method == "full" or self.device.type == "cuda"
        with torch.autocast(self.device.type, torch.bfloat16, enabled=mixed and self._bf16):
            logits = target_logits(causal, batch)
        return torch.nn.functional.cross_entropy(logits.float(), batch["labels"], reduction="sum")

    @property
    def _bf16(self) -> bool:
        return self.recipe.precision == "bf16"

    def _progress(self, step: int, tokens_per_second: float) -> dict[str, Any]:
        return {
            "event": "step",
            "step": step + 1,
            "steps": len(self.plan),
            "loss": self.losses[-1],
            "learning_rate": self.learning_rate(step),
            "tokens_per_second": tokens_per_second,
            "memory_gib": _memory_gib(self.device),
        }

    def _ask_to_stop(self, *_: object) -> None:
        self._stop = True

    def _save(self, folder: Path, step: int) -> None:
        tensors: dict[str, Any] = {f"weight/{n}": p.detach() for n, p in self.parameters.items()}
        for name, parameter in self.parameters.items():
            for key, value in self.optimizer.state[parameter].items():
                tensors[f"{key}/{name}"] = value
        save_checkpoint(folder, step, tensors, {"step": step, "losses": self.losses})

    def _resume(self, folder: Path) -> int:
        import torch

        found = load_checkpoint(folder)
        if found is None:
            return 0
        tensors, state = found
        with torch.no_grad():
            for name, parameter in self.parameters.items():
                parameter.copy_(tensors[f"weight/{name}"])
                self.optimizer.state[parameter] = {
                    key: tensors[f"{key}/{name}"].to(self.device)
                    for key in ("step", "exp_avg", "exp_avg_sq")
                }
        self.losses = list(state["losses"])
        return int(state["step"])


def target_logits(model: Any, batch: dict[str, Any]) -> Any:
    """Return the logits (N, vocabulary) of a collated batch at its N places, and nowhere else."""
    hidden = model.get_decoder()(
        input_ids=batch["input_ids"],
        position_ids=batch["position_ids"],
        attention_mask=batch["attention_mask"],
        use_cache=False,
    ).last_hidden_state
    return model.get_output_embeddings()(hidden.flatten(0, 1)[batch["places"]])


def _require_finite(value: float, what: str, when: str) -> None:
    if not math.isfinite(value):
        raise PaddockError(
            f"the {what} became {value} {when}",
            step="finetune",
            where="the training process",
            remedy="lower learning_rate, or look for broken rows in the data",
        )


def _memory_gib(device: Any) -> float:
    """Return the peak memory of this process, or of the GPU where it trains on one."""
    if device.type == "cuda":
        import torch

        return torch.cuda.max_memory_allocated() / 2**30
    return resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 2**20
