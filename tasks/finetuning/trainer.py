"""The training loop: packed rows, loss on target tokens, checkpoints it can resume from.

On the CPU a resumed run ends in the same weights, bit for bit, as an undisturbed one: the order
of the data follows from the seed, the learning rate from the step, and what else is random (a
dropout, noise) from both. A GPU is never waited for: its figures are read some steps later.
Several processes share each step's rows; every one knows the whole plan, so they need not ask.
"""

from __future__ import annotations

import signal
from collections.abc import Callable, Sequence
from dataclasses import replace
from math import ceil
from pathlib import Path
from typing import Any

from tasks.finetuning.batches import Batch, made_ahead, pin, to_device
from tasks.finetuning.checkpoints import load_checkpoint, save_checkpoint
from tasks.finetuning.kernels.choice import use_kernels
from tasks.finetuning.learning_rate import learning_rate, warmup_steps
from tasks.finetuning.memory import Fit, fit, gpu_capacity, peak_gib
from tasks.finetuning.neftune import add_noise
from tasks.finetuning.objectives.objective import Objective, units_of
from tasks.finetuning.optimizer import Optimizer
from tasks.finetuning.packing import schedule
from tasks.finetuning.part_optimizer import choose_optimizer
from tasks.finetuning.ranks import ALONE, Ranks
from tasks.finetuning.readings import Readings, require_finite, require_sound
from tasks.finetuning.recipe import NOT_LIMITED, Recipe, Spending
from tasks.finetuning.replicas import Replicas
from tasks.finetuning.sharding import gather, pieces, shard
from tasks.finetuning.throughput import Meter, flops_per_token, matmul_limit
from tasks.models.attention.packed import use_varlen

Report = Callable[[dict[str, Any]], None]


class StoppedError(Exception):
    """A signal, the time limit or the budget ended the run; its state is in a checkpoint."""


class Trainer:
    """One run over an objective's examples; `model` is a causal LM, its trainable weights set.

    `prepare` may use the model while it is still whole, with the kernels that train it.
    """

    def __init__(
        self,
        model: Any,
        recipe: Recipe,
        objective: Objective,
        device: Any,
        ranks: Ranks = ALONE,
        prepare: Callable[[Any], None] = lambda _: None,
    ) -> None:
        self.model, self.recipe, self.objective, self.device = model, recipe, objective, device
        self.ranks = ranks
        self.causal = model.get_base_model() if recipe.adapts else model
        use_varlen(self.causal)
        self.kernels = use_kernels(recipe.kernels, recipe.precision, self.causal, device)
        liger = self.kernels == "liger"
        self.lengths = objective.lengths
        rows = recipe.per_device_train_batch_size * recipe.gradient_accumulation_steps
        steps = schedule(
            self.lengths,
            recipe.row_length,
            rows * ranks.world,
            recipe.num_train_epochs,
            recipe.seed,
        )
        self.plan = steps[: recipe.max_steps] if recipe.max_steps else steps
        self.flops = flops_per_token(model, recipe)
        self.fit = fit(
            model,
            recipe,
            liger,
            recipe.row_length,
            rows,
            gpu_capacity(device),
            ranks.world,
            objective.held_bytes,
        )
        prepare(self.causal)
        if recipe.neftune_noise_alpha:  # behind `prepare`, which asks the weights as they are
            add_noise(self.causal, recipe.neftune_noise_alpha)
        whole = self.fit.whole
        self._compute = shard(model, self.causal, recipe, liger, ranks, whole=whole)
        self._replicas = Replicas(model, self.causal, ranks) if whole and ranks.world > 1 else None
        self.optimizer = self._optimizer()
        self.losses: list[float] = []
        self._readings = Readings(device)
        self._stop: str | None = None
        if self.fit.checkpointing:
            self._checkpoint_gradients()

    def learning_rate(self, step: int) -> float:
        """Return the rate of a step (from 0)."""
        return learning_rate(self.recipe, step, len(self.plan))

    def run(
        self, folder: Path, save_steps: int, report: Report, spending: Spending = NOT_LIMITED
    ) -> list[float]:
        """Train to the end of the plan, resuming from `folder`; return the loss of each step."""
        for number in (signal.SIGTERM, signal.SIGINT):
            signal.signal(number, self._ask_to_stop)
        self.model.train()
        on_gpu = self.device.type == "cuda"
        if on_gpu:
            # Said before it is tried: where memory does not do, the error quotes it.
            report({"event": "estimate", "estimate_gib": self.fit.estimate.figures()})
            self._try_out()
        first, spent = self._resume(folder)
        limit = matmul_limit(self.device)
        report(self._start(first, limit))
        every = None if limit is None else limit * self.ranks.world
        meter = Meter(len(self.plan), self.flops, every, spending, spent)
        steps = range(first, len(self.plan))
        # Without a GPU a thread would only take the same processors.
        coming = made_ahead(self._batches, steps) if on_gpu else map(self._batches, steps)
        for step, batches in zip(steps, coming, strict=True):
            self._step(step, batches)
            self._read(meter, report)
            stop = self._agree(self._stop or meter.out_of_time())
            last = step + 1 == len(self.plan)
            if stop or last or (step + 1) % save_steps == 0:
                self._read(meter, report, everything=True)  # nothing unsound is saved
                self._save(folder, step + 1, meter.seconds)
                stop = stop or self._agree(meter.out_of_budget())
            if stop and not last:
                raise StoppedError(stop)
        return self.losses

    def gather(self) -> None:
        """Make the model whole on the first process, after the last use of its weights."""
        if self._replicas is None:
            gather(self._compute, self.ranks)
        else:
            self._replicas.settle()

    def means(self, objective: Objective) -> dict[str, float]:
        """Return the mean `loss` and figures over an objective's examples, training on none."""
        import torch

        self.model.eval()
        names = ("loss", *objective.figures)
        totals, count = torch.zeros(len(names), dtype=torch.float64), 0
        with torch.no_grad():
            for rows in schedule(objective.lengths, self.recipe.row_length, 2, 1, seed=0):
                batch = to_device(objective.collate(rows), self.device)
                totals += self._compute(objective, batch).cpu()
                count += units_of(objective, rows)
        require_finite(float(totals[0]), "loss", f"after the last of {len(self.plan)} steps")
        return dict(zip(names, (totals / count).tolist(), strict=True))

    def _batches(self, step: int) -> list[Batch]:
        """Return this process's rows of a step as the batches of its passes over the model."""
        rows = self.plan[step][self.ranks.rank :: self.ranks.world]
        size = self.fit.rows
        batches = [self.objective.collate(rows[at : at + size]) for at in range(0, len(rows), size)]
        return [pin(batch) for batch in batches] if self.device.type == "cuda" else batches

    def _step(self, step: int, batches: list[Batch]) -> None:
        import torch

        torch.manual_seed(self.recipe.seed * 1_000_003 + step)
        rows = self.plan[step]
        passes = ceil(ceil(len(rows) / self.ranks.world) / self.fit.rows)
        while len(batches) < passes:  # the others go through the model once more, so we must
            batches.append(self.objective.collate(rows[:1]) | {"weight": 0.0})
        means = self.ranks.add(self._backward(batches, units_of(self.objective, rows)))
        norm = self.optimizer.clip(self.recipe.max_grad_norm)
        self._readings.put(step, means, norm)
        self.optimizer.step(self.learning_rate(step))

    def _backward(self, batches: list[Batch], units: int) -> Any:
        """Add up the gradients of the mean loss over so many units; return it and the figures."""
        parts: list[Any] = []
        for batch in batches:
            weight = batch.pop("weight", 1.0)
            sums = self._compute(self.objective, to_device(batch, self.device))
            means = sums * (weight / units)
            (means[0] * self.ranks.world).backward()  # FSDP2 takes the mean over processes
            self.optimizer.gather()
            parts.append(means.detach())
        return sum(parts)

    def _try_out(self) -> None:
        """Go once through the largest step, so that the run's memory is there from its start.

        Where it is not: with `auto_batch` half the rows a pass, then a quarter of the layers more
        under gradient checkpointing, unless the recipe decides that.
        """
        import torch

        while True:
            rows = self.fit.rows
            largest = max(self.plan, key=lambda step: self._tokens(step[:rows]))[:rows]
            batch = self.objective.collate(largest)
            smaller = self._smaller_fit()
            try:
                self._backward([batch], units_of(self.objective, largest))
                break
            except torch.OutOfMemoryError:
                if smaller is None or self.ranks.world > 1:
                    raise  # the others wait for this process
            self.optimizer.zero_grad()
            self.fit = smaller
            self.optimizer = self._optimizer()
            torch.cuda.empty_cache()
            if self.fit.checkpointing:
                self._checkpoint_gradients()
        self.optimizer.zero_grad()

    def _optimizer(self) -> Optimizer:
        rows = self.recipe.per_device_train_batch_size * self.recipe.gradient_accumulation_steps
        one_pass = self.fit.rows >= rows
        return choose_optimizer(self.model, self.recipe, one_pass=one_pass, replicas=self._replicas)

    def _smaller_fit(self) -> Fit | None:
        if self.recipe.auto_batch and self.fit.rows > 1:
            return replace(self.fit, rows=self.fit.rows // 2)
        layers, number = self.causal.config.num_hidden_layers, self.fit.checkpointing
        if self.recipe.gradient_checkpointing is None and number < layers:
            return replace(self.fit, checkpointing=min(layers, number + ceil(layers / 4)))
        return None

    def _checkpoint_gradients(self) -> None:
        """Let the first layers compute twice: when they do, the last ones' memory is free again."""
        self.causal.gradient_checkpointing_enable({"use_reentrant": False})
        for number, layer in enumerate(self.causal.get_decoder().layers):
            layer.gradient_checkpointing = number < self.fit.checkpointing

    def _tokens(self, rows: Sequence[Sequence[int]]) -> int:
        return sum(self.lengths[index] for row in rows for index in row)

    def _read(self, meter: Meter, report: Report, *, everything: bool = False) -> None:
        """Check and report the steps whose figures have arrived."""
        for step, (loss, *figures), norm in self._readings.take(everything=everything):
            rows = [self.objective.record_id(index) for row in self.plan[step] for index in row]
            warmup = warmup_steps(self.recipe, len(self.plan))
            require_sound(step, loss, norm, self.losses, warmup, rows)
            self.losses.append(loss)
            own = dict(zip(self.objective.figures, figures, strict=True))
            report(
                {
                    "event": "step",
                    "step": step + 1,
                    "steps": len(self.plan),
                    "loss": loss,
                    **own,
                    "words": self.objective.words(own),
                    "gradient_norm": norm,
                    "learning_rate": self.learning_rate(step),
                    "memory_gib": peak_gib(self.device),
                    **meter.figures(step + 1, self._tokens(self.plan[step])),
                }
            )

    def _start(self, first: int, limit: float | None) -> dict[str, Any]:
        """Say how the run goes about its steps."""
        return {
            "event": "start",
            "step": first,
            "steps": len(self.plan),
            "estimate_gib": self.fit.estimate.figures(),
            "rows_per_pass": self.fit.rows,
            "gradient_checkpointing": self.fit.checkpointing,
            "kernels": self.kernels,
            "processes": self.ranks.world,
            "axis": self.objective.axis,
            "matmul_tflops": None if limit is None else limit / 1e12,
        }

    def _ask_to_stop(self, *_: object) -> None:
        self._stop = "was asked to stop"

    def _agree(self, stop: str | None) -> str | None:
        """Return why all processes stop, if any must."""
        if self.ranks.highest(int(stop is not None)):
            return stop or "was asked to stop"
        return None

    def _save(self, folder: Path, step: int, seconds: float) -> None:
        state = {"step": step, "losses": self.losses, "seconds": seconds}
        save_checkpoint(folder, step, self.optimizer.state(), state, self.ranks)

    def _resume(self, folder: Path) -> tuple[int, float]:
        """Return the step to begin with, and the seconds that the steps before it took."""
        found = load_checkpoint(folder, self.ranks)
        if found is None:
            return 0, 0.0
        tensors, state = found
        self.optimizer.restore({name: pieces(whole, self.ranks) for name, whole in tensors.items()})
        self.losses = list(state["losses"])
        return int(state["step"]), float(state["seconds"])
