"""Direct preference optimization: make the better of two answers likelier than the worse one.

Rafailov et al. 2023 (arXiv 2305.18290), equation 7. How likely the starting weights find both
answers is computed once, before the first step, and kept beside the checkpoints: so no second
model is in memory, and a resumed run compares with the same numbers.
"""

from __future__ import annotations

import hashlib
from collections import Counter
from collections.abc import Iterable, Mapping, Sequence
from typing import Any, NamedTuple

from pydantic import BaseModel, Field

from data_contracts.kinds.registry import KINDS, RecordKind
from data_contracts.records import Record
from tasks.finetuning.batches import Batch, to_device
from tasks.finetuning.checkpoints import load_checkpoint, save_checkpoint
from tasks.finetuning.kernels.choice import chunked_log_probabilities, target_states
from tasks.finetuning.objectives.objective import (
    Objective,
    Preparing,
    Settings,
    Taken,
    refused,
)
from tasks.finetuning.packing import collate, pack
from tasks.finetuning.tokenizing import Example
from tasks.models.chat_rendering import Rendered, RenderingError, render_record, tokens_of

LOG_PROBABILITIES = "log_probabilities"


class Pair(NamedTuple):
    """Two conversations that differ in the answer, the better one first."""

    chosen: Example
    rejected: Example

    @property
    def documents(self) -> tuple[Example, Example]:
        """Return both, in their order within a batch."""
        return self.chosen, self.rejected

    @property
    def length(self) -> int:
        """Return the tokens of both."""
        return len(self.chosen.tokens) + len(self.rejected.tokens)


def take_pairs(records: Iterable[tuple[str, Record]], tokenizer: Any) -> Taken:
    """Tokenize preference records to pairs, of whatever length they are."""
    names: list[str] = []
    texts: list[Rendered] = []
    unreadable = Counter[str]()
    for name, record in records:
        worse = record.worse()
        if worse is None:
            unreadable["it has no two answers"] += 1
            continue
        try:
            texts += [render_record(record, tokenizer), render_record(worse, tokenizer)]
        except RenderingError as error:
            unreadable[error.reason] += 1
            continue
        names.append(name)
    found = [(ids, targets) for ids, targets, _ in tokens_of(texts, tokenizer)]
    pairs = [
        Pair(Example.of(name, *better), Example.of(name, *worse))
        for name, better, worse in zip(names, found[::2], found[1::2], strict=True)
    ]
    return Taken(pairs, unreadable)


def fit_pair(pair: Pair, limit: int) -> list[Pair]:
    """Return a pair cut to `limit` tokens, its longer answer first.

    Nothing is left of one that loses a whole answer.
    """
    half = limit // 2
    first = max(half, limit - len(pair.rejected.tokens))
    second = max(limit - half, limit - len(pair.chosen.tokens))
    cut = Pair(chosen=pair.chosen.cut_to(first), rejected=pair.rejected.cut_to(second))
    return [cut] if cut.chosen.trains and cut.rejected.trains else []


def encode_pairs(records: Iterable[tuple[str, Record]], tokenizer: Any, limit: int) -> list[Pair]:
    """Return what trains of the records as pairs; see `take_pairs` and `fit_pair`."""
    whole = take_pairs(records, tokenizer).items
    return [pair for one in whole for pair in fit_pair(one, limit)]


class PreferenceSettings(Settings):
    """What may be set of it."""

    dpo_beta: float = Field(
        default=0.1, gt=0, description="How closely DPO stays with the starting model."
    )


class Preference(Objective):
    """The loss -log sigmoid(beta (log-ratio of chosen - log-ratio of rejected)) over pairs.

    A log-ratio is log p(answer) of the model less that of the starting weights; beta times it is
    the answer's reward. `reward_margin` is chosen's less rejected's; `pair_accuracy` the share of
    pairs in which it is positive. `prepare` must come before the first batch.
    """

    name = "dpo"
    about = "to prefer the chosen answer to the rejected one (kind: preference)"
    settings = PreferenceSettings
    axis = "DPO loss per pair"
    figures = ("reward_margin", "pair_accuracy")
    preparing = "asks the starting weights, for DPO"
    sequences = 2

    def __init__(self, pairs: Sequence[Pair], beta: float) -> None:
        self.pairs, self.beta = pairs, beta
        self.lengths = [pair.length for pair in pairs]
        self.references: Any = None

    @classmethod
    def require(cls, kind: RecordKind, given: BaseModel, teacher: str) -> None:
        """Raise InputError for rows that hold one answer."""
        super().require(kind, given, teacher)
        if KINDS[kind].ANSWERS < 2:
            of_two = " or ".join(name for name, one in KINDS.items() if one.ANSWERS == 2)
            raise refused(
                f"the objective dpo compares two answers, and a row of kind {kind} has fewer",
                "objective: dpo",
                f"set kind: {of_two}, or objective: supervised",
            )

    @classmethod
    def take(cls, records: Iterable[tuple[str, Record]], tokenizer: Any) -> Taken:
        """Return each record as a pair."""
        return take_pairs(records, tokenizer)

    @classmethod
    def size(cls, item: Pair) -> int:
        """Return the tokens of both answers with their prompts."""
        return item.length

    @classmethod
    def fit(cls, item: Pair, limit: int) -> list[Pair]:
        """Return the pair cut to the limit, or nothing."""
        return fit_pair(item, limit)

    @classmethod
    def was_cut(cls, item: Pair) -> bool:
        """Tell whether either of a pair's answers lost its end."""
        return any(one.cut for one in item.documents)

    @classmethod
    def over(cls, items: Sequence[Pair], recipe: BaseModel, teacher: Any = None) -> Objective:
        """Return the objective over pairs."""
        return cls(items, PreferenceSettings.of(recipe).dpo_beta)

    @classmethod
    def words(cls, figures: Mapping[str, float]) -> list[str]:
        """Say margin and accuracy of a step."""
        told_apart = f"{figures['pair_accuracy']:.0%} of pairs"
        return [f"margin {figures['reward_margin']:.3f}, {told_apart}"]

    def units(self, index: int) -> int:
        """Return 1: the mean is over pairs."""
        return 1

    def targets(self, index: int) -> int:
        """Return the tokens of both answers."""
        return sum(sum(one.targets[1:]) for one in self.pairs[index].documents)

    def record_id(self, index: int) -> str:
        """Return the id of the record that a pair came from."""
        return self.pairs[index].chosen.record_id

    def collate(self, rows: Sequence[Sequence[int]]) -> Batch:
        """Build a batch of P pairs, with `references` (P, 2)."""
        batch = self._collate(rows)
        batch["references"] = self.references[[index for row in rows for index in row]]
        return batch

    def sums(self, model: Any, batch: Batch, liger: bool) -> Any:
        """Return (3): loss, reward margins and pairs told apart, each summed over the pairs."""
        import torch

        ratios = _log_probabilities(model, batch) - batch["references"]
        margins = self.beta * (ratios[:, 0] - ratios[:, 1])
        losses = -torch.nn.functional.logsigmoid(margins)
        told_apart = (margins.detach() > 0).float()
        return torch.stack([losses, margins.detach(), told_apart]).sum(dim=1)

    def prepare(self, model: Any, row_length: int, preparing: Preparing) -> None:
        """Compute the references with the starting weights, or read them from the folder.

        The processes of a run compute a part each; the first one keeps them for all.
        """
        folder, state = preparing.folder, {"pairs": self._digest()}
        found = load_checkpoint(folder, preparing.ranks)
        if found is None or found[1] != state:
            values = self._reference(model, row_length, preparing)
            if preparing.ranks.first:
                save_checkpoint(folder, 0, {LOG_PROBABILITIES: values}, state)
            found = {LOG_PROBABILITIES: values}, state
        self.references = found[0][LOG_PROBABILITIES]

    def _reference(self, model: Any, row_length: int, preparing: Preparing) -> Any:
        """Return log p (P, 2, float32) of every pair's answers, on the CPU."""
        import torch

        ranks, device = preparing.ranks, preparing.device
        values = torch.zeros(len(self.pairs), 2, device=device)
        rows = pack(self.lengths, row_length, seed=0)[ranks.rank :: ranks.world]
        model.eval()
        with torch.no_grad():
            for done, row in enumerate(rows):
                preparing.progress(done, len(rows))
                batch = to_device(self._collate([row]), device)
                values[row] = _log_probabilities(model, batch)
        return ranks.add(values).cpu()

    def _collate(self, rows: Sequence[Sequence[int]]) -> Batch:
        """Build a batch in which a pair is two documents, chosen and rejected, side by side.

        `owners` (N) are the places' documents.
        """
        import torch

        documents = [one for row in rows for i in row for one in self.pairs[i].documents]
        batch = collate([range(len(documents))], documents)
        counts = torch.tensor([sum(one.targets[1:]) for one in documents])
        batch["owners"] = torch.arange(len(documents)).repeat_interleave(counts)
        return batch

    def _digest(self) -> str:
        """Return what tells these pairs from others."""
        total = hashlib.sha256()
        for one in (one for pair in self.pairs for one in pair.documents):
            total.update(f"{one.record_id} {len(one.tokens)}\n".encode())
            total.update(one.tokens.tobytes())
        return total.hexdigest()


def _log_probabilities(model: Any, batch: Batch) -> Any:
    """Return log p (P, 2) of a batch's answers, chosen and rejected: sums over their tokens."""
    weight = model.get_output_embeddings().weight
    each = chunked_log_probabilities(target_states(model, batch), weight, batch["labels"])
    documents = len(batch["cu_seq_lens_q"]) - 1
    return each.new_zeros(documents).index_add(0, batch["owners"], each).view(-1, 2)
