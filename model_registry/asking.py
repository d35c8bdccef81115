"""What the promoter does for people: it asks about what passed its gates, and knows who decides.

Needs candidates with dossiers. Writes items into the seats' queues (approvals.py).
"""

from __future__ import annotations

from data_contracts.errors import ContractError, IntegrityError
from model_registry.accounts.seats import read_seated, seat_queue
from model_registry.approval_items import item_of
from model_registry.approvals import Request, promotions, request_approval
from model_registry.candidates import Candidate, list_candidates
from model_registry.copies import verify_candidate
from model_registry.dossier import PASSED, VERDICT_TAG, Dossier, read_dossier
from model_registry.review_queues import find_queue, read_items
from model_registry.review_traces import trace_id
from model_registry.signing import SigningKeys
from model_registry.tracking import Registry
from model_registry.versions import find_version


def ask(registry: Registry, candidate: Candidate, dossier: Dossier, keys: SigningKeys) -> Request:
    """Put a dossier before people; the first time once its bytes were seen to be signed."""
    if not _was_asked(registry, candidate.model, dossier):
        verify_candidate(registry, candidate, dossier, keys)
    return request_approval(registry, candidate.model, dossier)


def _was_asked(registry: Registry, name: str, dossier: Dossier) -> bool:
    """Tell whether exactly this dossier waits, or waited, in each of its seats' queues."""
    experiment, item = promotions(registry, name), item_of(dossier)
    trace = trace_id(experiment, item.key)
    for seat in dossier.seats:
        queue = find_queue(registry, experiment, seat_queue(seat))
        items = read_items(registry, queue, answers=False) if queue else []
        if trace not in {entry.trace for entry in items}:
            return False
    return True


def ask_what_waits(registry: Registry, name: str, keys: SigningKeys) -> dict[int, str]:
    """Put every candidate before people that passed since the last release; again is harmless.

    Where a server knows accounts, who trains may not write what people are asked: the promoter
    does. Returns by version why one cannot be asked about.
    """
    refused: dict[int, str] = {}
    for candidate in list_candidates(registry, name) if registry.account else []:
        if find_version(registry, name, candidate.digest) is not None:
            break  # it served, so whatever is older is out of date
        if candidate.tags.get(VERDICT_TAG) != PASSED:
            continue
        try:
            ask(registry, candidate, read_dossier(registry, candidate, keys), keys)
        except (ContractError, IntegrityError) as refusal:
            refused[candidate.version] = refusal.what
    return refused


def deciders(registry: Registry, name: str) -> set[str]:
    """Return the names of all who may decide about a model, or did so without an account."""
    seated = read_seated(registry, name)
    if seated is not None:
        return seated.names
    found, experiment = set[str](), registry.find_experiment(f"{name}-promotions")
    for queue in registry.store.list_review_queues(experiment) if experiment else []:
        found |= {item.person for item in read_items(registry, queue.queue_id, answers=False)}
    return found - {""}
