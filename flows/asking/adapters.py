"""The adapter that a person named: a folder of theirs, or that of a trained model in the store.

Cheap: the adapter's own file is read and held against the base model's config; nothing is asked.
"""

from __future__ import annotations

import json
import re
from collections.abc import Iterator
from pathlib import Path
from typing import NamedTuple

from data_contracts.errors import InputError
from flows.workshop.parts import Workshop
from tasks.models.adapters import CONFIG, STEP, WEIGHTS, Adapter, read_adapter, require_fit
from tasks.models.respondents import not_served
from tasks.storage.outputs import Reference
from tasks.storage.stages import MODEL

PART = "adapter"  # where training leaves it, beside the merged model
_DIGEST = re.compile(r"[0-9a-f]{8,64}")
_OURS = re.compile(r"\(sha256 ([0-9a-f]{64})\)$")  # as training's export records the base


class Named(NamedTuple):
    """An adapter, and what a reader of its figures must know of it."""

    adapter: Adapter
    remarks: tuple[str, ...]


def find_adapter(workshop: Workshop, given: str, base: Reference) -> Named:
    """Return the adapter that was named, once it is seen to fit the base model.

    InputError says why it cannot be asked: there is none, it is no plain LoRA, it was trained on
    another base, it does not fit, or a server is to answer, which takes no adapter.
    """
    if workshop.serving is not None:
        raise not_served()
    folder = Path(given)
    model = None if folder.is_dir() else _trained(workshop, given)
    if model is not None:
        folder = workshop.outputs.fetch(model, f"{PART}/{CONFIG}", f"{PART}/{WEIGHTS}") / PART
    adapter = read_adapter(folder)
    recorded = _OURS.search(adapter.base)
    if recorded and recorded[1] != base.digest:
        raise InputError(
            "the adapter was trained on another base than the champion's",
            step=STEP,
            where=f"{given}: {adapter.base[:160]}; the champion's is sha256 {base.digest}",
            remedy="give an adapter of the champion's base, or retrain on it",
        )
    require_fit(adapter, workshop.outputs.fetch(base))
    remarks = [f"is adapter {adapter.digest[:16]} over the base, not merged"]
    if not recorded:
        remarks.append("its adapter does not record the digest of the base that it was trained on")
    if model is not None and _was_quantized(workshop, model):
        remarks.append(
            "its adapter was trained over the base in 4 bits, and is asked over it whole"
        )
    return Named(adapter, tuple(remarks))


def _trained(workshop: Workshop, given: str) -> Reference:
    """Return the trained model whose digest begins so, if it has an adapter."""
    found = dict(_beginning(workshop, given)) if _DIGEST.fullmatch(given) else {}
    if len(found) != 1:
        what = "no trained model's digest begins so"
        if found:
            what = f"the digests of {len(found)} trained models begin so"
        raise InputError(
            f"there is no such folder, and {what}",
            step=STEP,
            where=given,
            remedy=f"give a folder with {CONFIG} and {WEIGHTS}, or at least 8 digits of the digest "
            f"of a model in {workshop.store.uri}/{MODEL.name}",
        )
    [model] = found.values()
    if f"{PART}/{WEIGHTS}" not in workshop.outputs.manifest(model).files:
        raise InputError(
            "the trained model has no adapter: all its weights were trained",
            step=STEP,
            where=f"{workshop.store.uri}/{model.key}",
            remedy="give a model that was trained with --method lora or qlora",
        )
    return model


def _beginning(workshop: Workshop, digits: str) -> Iterator[tuple[str, Reference]]:
    for reference, _ in workshop.outputs.every(MODEL):
        if reference.digest.startswith(digits):
            yield reference.digest, reference


def _was_quantized(workshop: Workshop, model: Reference) -> bool:
    file = "training.json"
    told = json.loads((workshop.outputs.fetch(model, file) / file).read_bytes())
    return told["recipe"].get("method") == "qlora"
