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

from data_contracts.records import Frozen, Record
from tasks.evaluation.tables import write_rows
from tasks.models.attention.packed import boundaries, use_varlen
from tasks.models.loading import Precision, load_model
from tasks.models.prompts import Progress, render_turns

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
    use_varlen(model)
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
    if document := record.plain_text():
        text = document + (tokenizer.eos_token or "")
        return text, [(0, len(text))]
    messages = record.conversation()
    turns = [message.model_dump() for message in messages]
    whole: str = tokenizer.apply_chat_template(turns, tokenize=False)
    spans: list[tuple[int, int]] = []
    for index, message in enumerate(messages):
        if message.role != "assistant" or not message.target:
            continue
        before = render_turns(turns[:index], tokenizer, f"record {identity[:12]}")
        through: str = tokenizer.apply_chat_template(turns[: index + 1], tokenize=False)
        if through.startswith(before) and whole.startswith(through):
            spans.append((len(before), len(through.rstrip("\n"))))
    return whole, spans


def _batches(scored: Sequence[Scored]) -> Iterator[list[Scored]]:
    """Yield records in turn, as many as hold at most TOKENS_AT_ONCE tokens, or one."""
    batch: list[Scored] = []
    held = 0
    for example in scored:
        if batch and held + len(example.ids) > TOKENS_AT_ONCE:
            yield batch
            batch, held = [], 0
        batch.append(example)
        held += len(example.ids)
    if batch:
        yield batch


def negative_log_likelihoods(model: Any, batch: Sequence[Scored]) -> list[float]:
    """Return each record's summed negative log-likelihood in nats, computed in float32.

    `model` must use variable-length attention: the records go through it in one row.
    """
    import torch
    from torch.nn.functional import cross_entropy

    lengths = [len(example.ids) for example in batch]
    ids = torch.tensor([token for example in batch for token in example.ids])
    positions = torch.cat([torch.arange(length) for length in lengths])
    owner = torch.arange(len(batch)).repeat_interleave(torch.tensor(lengths))
    places = torch.tensor([wanted for example in batch for wanted in example.targets])
    places = places.nonzero().flatten()  # never a record's first token: see `encode`
    row = {"input_ids": ids[None], "position_ids": positions[None], **boundaries(lengths)}
    given = {
        name: value.to(model.device) if isinstance(value, torch.Tensor) else value
        for name, value in row.items()
    }
    with torch.inference_mode():
        hidden = model.base_model(**given, use_cache=False).last_hidden_state[0]
        logits = model.get_output_embeddings()(hidden[(places - 1).to(model.device)]).float()
        losses = cross_entropy(logits, ids[places].to(model.device), reduction="none").cpu()
    sums = torch.zeros(len(batch), dtype=torch.float64)
    return sums.index_add_(0, owner[places], losses.double()).tolist()
