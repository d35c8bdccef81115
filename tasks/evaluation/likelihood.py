"""How likely a model finds held-out records: the ground of held-out perplexity.

Needs a model folder and records (a snapshot's test split). Writes likelihood.parquet (record_id,
nll_sum in nats, tokens) and likelihood.json: how many records were chosen, and left out for which
reason (the model's chat template takes none such, or the answer lies beyond the limit). Only what
the assistant says is scored, with the token that ends each of its turns; a document is scored
throughout. It is the same text that fine-tuning learns from.
"""

from __future__ import annotations

import heapq
from collections import Counter
from collections.abc import Iterable, Iterator, Sequence
from pathlib import Path
from typing import Any

from data_contracts.records import Frozen, Record
from tasks.evaluation.tables import write_json, write_rows
from tasks.models.attention.packed import boundaries, use_varlen
from tasks.models.chat_rendering import RenderingError, render_record, tokens_of
from tasks.models.loading import Precision, load_model
from tasks.models.prompts import Progress

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
    scored, left_out = _encoded(chosen, tokenizer, max_tokens)
    rows: list[dict[str, Any]] = []
    for batch in _batches(scored):
        for example, nll in zip(batch, negative_log_likelihoods(model, batch), strict=True):
            tokens = sum(example.targets)
            rows.append({"record_id": example.record_id, "nll_sum": nll, "tokens": tokens})
        progress(len(rows), len(scored))
    rows.sort(key=lambda row: row["record_id"])
    write_rows(out / "likelihood.parquet", rows)
    write_json(out / "likelihood.json", {"chosen": len(chosen), "left_out": left_out})
    counts = {"records": len(rows), "tokens": sum(row["tokens"] for row in rows)}
    return {**counts, "left_out": sum(left_out.values())}


def encode(identity: str, record: Record, tokenizer: Any, limit: int) -> Scored | None:
    """Tokenize a record and mark what is scored; None if nothing is within `limit` tokens.

    What is scored is what fine-tuning learns. Raises RenderingError where the template takes none.
    """
    [(ids, said, _)] = tokens_of([render_record(record, tokenizer)], tokenizer)
    targets = [False, *said[1:limit]]  # nothing comes before the first token to predict it from
    if not any(targets):
        return None
    return Scored(record_id=identity, ids=tuple(ids[:limit]), targets=tuple(targets))


def _encoded(
    records: Iterable[tuple[str, Record]], tokenizer: Any, limit: int
) -> tuple[list[Scored], dict[str, int]]:
    """Return the records that can be scored, and how many cannot, by reason."""
    scored: list[Scored] = []
    left_out = Counter[str]()
    for identity, record in records:
        try:
            one = encode(identity, record, tokenizer, limit)
        except RenderingError as error:
            left_out[error.reason] += 1
            continue
        if one is None:
            left_out[f"no answer within their first {limit} tokens"] += 1
        else:
            scored.append(one)
    return scored, dict(left_out)


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
