"""The records of drift in the object store: verdicts by window, claims of retrainings, outcomes.

Under `drift/<name>/`: `verdicts/<champion>/<window>.json`, `triggers/<fingerprint>/<attempt>.json`
and, once it is known, `triggers/<fingerprint>/<attempt>.outcome.json`. A claim is a conditional
write, so of any number of monitors one starts the retraining.
"""

from __future__ import annotations

from datetime import datetime

from data_contracts.records import Frozen
from tasks.drift.comparison import WindowReport
from tasks.drift.decision import Decision, Ended, Outcome, Trigger, WindowResult
from tasks.storage.objects import ObjectStore

_OUTCOME = ".outcome.json"


class Ending(Frozen):
    """How a retraining ended."""

    outcome: Ended


def result_of(report: WindowReport, champion: str) -> WindowResult:
    """Return what is kept of a window's report: the verdict against a champion, by its digest."""
    found = report.result
    worse = "; ".join(f"{one.name}: {one.explanation}" for one in report.service if one.drifted)
    return WindowResult(
        window=report.window,
        champion=champion,
        status=found.status,
        reason=f"{found.reason}{f'; served worse ({worse})' if worse else ''}",
        measured=report.measured,
    )


def record_result(store: ObjectStore, name: str, result: WindowResult) -> None:
    """Keep a window's verdict; a window compared again (its log grew) replaces its verdict."""
    key = f"drift/{name}/verdicts/{result.champion[:24]}/{result.window}.json"
    store.write(key, result.model_dump_json().encode())


def read_history(
    store: ObjectStore, name: str, champion: str, newest: int = 500
) -> list[WindowResult]:
    """Return the newest verdicts on windows compared with this champion, oldest first."""
    keys = sorted(store.keys(f"drift/{name}/verdicts/{champion[:24]}"))
    return [WindowResult.model_validate_json(store.read(key)) for key in keys[-newest:]]


def claim_trigger(
    store: ObjectStore, name: str, decision: Decision, now: datetime, candidate: int | None = None
) -> Trigger | None:
    """Claim a decision's fingerprint and attempt; None if another monitor has it.

    `candidate` is the newest candidate's version; of an episode, the first claim's stands.
    """
    earlier = _episode(store, name, decision.fingerprint)
    trigger = Trigger(
        candidate=earlier[0].candidate if earlier else candidate,
        fingerprint=decision.fingerprint,
        attempt=decision.attempt,
        champion=decision.champion,
        window=decision.window,
        claimed_at=now,
    )
    data = trigger.model_dump_json().encode()
    claimed = store.write(_key(name, trigger) + ".json", data, only_if_absent=True)
    return trigger if claimed else None


def record_outcome(store: ObjectStore, name: str, trigger: Trigger, outcome: Ended) -> bool:
    """Keep how a retraining ended; the first word stands (False if there was one)."""
    data = Ending(outcome=outcome).model_dump_json().encode()
    return store.write(_key(name, trigger) + _OUTCOME, data, only_if_absent=True)


def last_trigger(store: ObjectStore, name: str) -> Trigger | None:
    """Return the newest claim with its outcome and its episode's failures, or None."""
    claims = _claims(store, f"drift/{name}/triggers")
    if not claims:
        return None
    newest = max(claims, key=lambda claim: (claim.claimed_at, claim.attempt))
    earlier = _episode(store, name, newest.fingerprint)[: newest.attempt - 1]
    # One that never said how it ended was taken for crashed when the next was started.
    failed = [_outcome(store, name, claim) in ("crashed", "running") for claim in earlier]
    update = {"outcome": _outcome(store, name, newest), "failures": sum(failed)}
    return newest.model_copy(update=update)


def every_trigger(store: ObjectStore, name: str) -> list[Trigger]:
    """Return all claims of a model with their outcomes, the oldest first."""
    claims = sorted(_claims(store, f"drift/{name}/triggers"), key=lambda claim: claim.claimed_at)
    return [claim.model_copy(update={"outcome": _outcome(store, name, claim)}) for claim in claims]


def _episode(store: ObjectStore, name: str, fingerprint: str) -> list[Trigger]:
    """Return an episode's claims, the first first."""
    claims = _claims(store, f"drift/{name}/triggers/{fingerprint}")
    return sorted(claims, key=lambda claim: claim.attempt)


def _claims(store: ObjectStore, folder: str) -> list[Trigger]:
    keys = [key for key in store.keys(folder) if not key.endswith(_OUTCOME)]
    return [Trigger.model_validate_json(store.read(key)) for key in keys]


def _outcome(store: ObjectStore, name: str, trigger: Trigger) -> Outcome:
    try:
        data = store.read(_key(name, trigger) + _OUTCOME)
    except FileNotFoundError:
        return "running"
    return Ending.model_validate_json(data).outcome


def _key(name: str, trigger: Trigger) -> str:
    return f"drift/{name}/triggers/{trigger.fingerprint}/{trigger.attempt:03d}"
