"""How likely a model finds held-out records: the ground of held-out perplexity.

Needs a model folder and records (a snapshot's test split). Writes likelihood.parquet (record_id,
nll_sum in nats, tokens). Only what the assistant says is scored, with the token that ends each of
its turns; a document is scored throughout. It is the same text that fine-tuning learns from.
"""

from __future__ import annotations

import heapq
from collections.abc import Iterable, Iterator, Sequence
from pathlib import Path
from typing import Any

from data_contracts.records import DocumentRecord, Frozen, Record, conversation
from model_registry.loading import Precision, load_model
from tasks.evaluation.generation import Progress, render_turns
from tasks.evaluation.tables import write_rows

TOKENS_AT_ONCE = 2048  # logits of one batch: 2,048 x 49,152 floats are 400 MB


class Scored(Frozen):
    """A record as tokens; `targets[i]` tells whether token i is scored."""

    record_id: str
    ids: tuple[int, ...]
    targets: tuple[bool, ...]


def score_held_out(
    model_folder: Path,
    records: Iterable[tuple[str, Record]],
    out: Path,
    *,
    max_records: int = 200,
    max_tokens: int = 1024,
    device: str = "cpu",
    dtype: Precision = "float32",
    progress: Progress = lambda done, total: None,
) -> dict[str, int]:
    """Write each record's negative log-likelihood, and return the counts.

    At most `max_records` are scored, those with the smallest ids (which are hashes, so it is a
    fixed random sample), each up to `max_tokens`. `progress(done, total)` counts records.
    """
    chosen = heapq.nsmallest(max_records, records, key=lambda pair: pair[0])
    model, tokenizer = load_model(model_folder, device=device, dtype=dtype)
    scored = [s for pair in chosen if (s := encode(*pair, tokenizer, max_tokens)) is not None]
    rows: list[dict[str, Any]] = []
    for batch in _batches(scored):
        for example, nll in zip(batch, negative_log_likelihoods(model, batch), strict=True):
            tokens = sum(example.targets)
            rows.append({"record_id": example.record_id, "nll_sum": nll, "tokens": tokens})
        progress(len(rows), len(scored))
    rows.sort(key=lambda row: row["record_id"])
    write_rows(out / "likelihood.parquet", rows)
    return {"records": len(rows), "tokens": sum(row["tokens"] for row in rows)}


def encode(identity: str, record: Record, tokenizer: Any, limit: int) -> Scored | None:
    """Tokenize a record and mark what is scored; None if nothing is within `limit` tokens.

    A turn is scored if the chat template renders the conversation up to it as a prefix of the
    whole. Templates that rewrite earlier turns leave at least the last.
    """
    text, spans = _rendered(identity, record, tokenizer)
    tokens = tokenizer(text, add_special_tokens=False, return_offsets_mapping=True)
    ids, offsets = tokens["input_ids"][:limit], tokens["offset_mapping"][:limit]
    inside = [any(a <= start and end <= b for a, b in spans) for start, end in offsets]
    targets = [False, *inside[1:]]  # nothing comes before the first token to predict it from
    if not any(targets):
        return None
    return Scored(record_id=identity, ids=tuple(ids), targets=tuple(targets))


def _rendered(identity: str, record: Record, tokenizer: Any) -> tuple[str, list[tuple[int, int]]]:
    if isinstance(record, DocumentRecord):
        text = record.text + (tokenizer.eos_token or "")
        return text, [(0, len(text))]
    messages = conversation(record)
    turns = [message.model_dump() for message in messages]
    whole: str = tokenizer.apply_chat_template(turns, tokenize=False)
    spans: list[tuple[int, int]] = []
    for index, message in enumerate(messages):
        if message.role != "assistant":
            continue
        before = render_turns(turns[:index], tokenizer, f"record {identity[:12]}")
        through: str = tokenizer.apply_chat_template(turns[: index + 1], tokenize=False)
        if through.startswith(before) and whole.startswith(through):
            spans.append((len(before), len(through.rstrip("\n"))))
    return whole, spans


def _batches(scored: Sequence[Scored]) -> Iterator[list[Scored]]:
    """Yield records of like length together, at most TOKENS_AT_ONCE with padding."""
    batch: list[Scored] = []
    for example in sorted(scored, key=lambda s: (len(s.ids), s.record_id)):
        if batch and len(example.ids) * (len(batch) + 1) > TOKENS_AT_ONCE:
            yield batch
            batch = []
        batch.append(example)
    if batch:
        yield batch


def negative_log_likelihoods(model: Any, batch: Sequence[Scored]) -> list[float]:
    """Return each record's summed negative log-likelihood in nats, computed in float32."""
    import torch
    from torch.nn.functional import cross_entropy

    width = max(len(example.ids) for example in batch)
    rows = [[*e.ids, *[0] * (width - len(e.ids))] for e in batch]
    masks = [[1] * len(e.ids) + [0] * (width - len(e.ids)) for e in batch]
    wanted = [[*e.targets, *[False] * (width - len(e.ids))] for e in batch]
    ids = torch.tensor(rows, device=model.device)
    mask = torch.tensor(masks, device=model.device)
    target = torch.tensor(wanted, device=model.device)[:, 1:]
    with torch.inference_mode():
        hidden = model.base_model(input_ids=ids, attention_mask=mask).last_hidden_state[:, :-1]
        logits = model.get_output_embeddings()(hidden[target]).float()
        losses = cross_entropy(logits, ids[:, 1:][target], reduction="none")
    owner = torch.arange(len(batch), device=model.device)[:, None].expand_as(target)[target]
    sums = torch.zeros(len(batch), dtype=torch.float64, device=model.device)
    return sums.index_add_(0, owner, losses.double()).tolist()
