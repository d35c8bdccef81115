"""What a canary begins with: a candidate that people approved, and a policy that can be held to."""

from __future__ import annotations

from datetime import UTC, datetime

from data_contracts.errors import ContractError, InputError, PaddockError
from flows.serving.canary_ticks import END, Record, Site, kind_of
from flows.serving.chaos import require_calm
from flows.serving.places import Places
from flows.workshop.parts import Workshop
from model_registry.candidates import Candidate, find_candidate, list_candidates
from model_registry.dossier import read_dossier
from model_registry.fetching import require_approved
from model_registry.policy import SHADOW
from model_registry.standing import read_standing
from tasks.canary.phases import Version, begin
from tasks.canary.policy import STEP, CanaryPolicy
from tasks.experiment.judge import Experiment
from tasks.serving.specification import Specification

FROM_ROWS = ("truncated", "hallucinated", "refused")  # counted by the log's writer


def begun(
    workshop: Workshop,
    site: Site,
    name: str,
    version: int | None,
    fast: float | None,
    *,
    shadow: bool = False,
) -> Record:
    """Return the record of the canary that runs already, or of one that begins now.

    InputError if another candidate's runs, or if what serves cannot be held to the policy;
    ContractError if no candidate may go on.
    """
    specification = site.specification()
    if running := under_way(site, name, version, STEP):
        return running
    policy = policy_of(specification, fast)
    record = beside_champion(workshop, site, name, version, policy)
    if shadow or policy.shadow or _may_be_shadowed(workshop, record):
        record = record.model_copy(update={"policy": _shadowed(specification, policy)})
    return record


def _may_be_shadowed(workshop: Workshop, record: Record) -> bool:
    """Tell whether the candidate's gate policy lets recorded requests fill a canary's counts."""
    registry, state = workshop.registry, record.state
    candidate = find_candidate(registry, state.name, state.candidate.version)
    return read_dossier(registry, candidate, workshop.keys).canary == SHADOW


def _shadowed(specification: Specification, policy: CanaryPolicy) -> CanaryPolicy:
    if specification.cluster or not specification.log.keep:
        why = "on a cluster nobody asks them again" if specification.cluster else "no log is kept"
        raise InputError(
            f"there are no recorded requests to ask again: {why}",
            step=STEP,
            where=f"the serving of {specification.name}",
            remedy='leave --shadow out; a policy with canary = "shadow" takes users\' requests too'
            if specification.cluster
            else "set keep = true in [log], or leave --shadow out",
        )
    return policy.model_copy(update={"shadow": True})


def under_way(site: Site, name: str, version: int | None, wanted: str) -> Record | None:
    """Return the canary's or experiment's record that goes on; None if there is none.

    InputError if it is another version's, or one where the other of both is `wanted`.
    """
    running = site.record()
    if running is None or running.state.ended:
        return None
    stands, kind = running.state.candidate.version, kind_of(running)
    if kind == wanted and version in (None, stands):
        return running
    raise InputError(
        f"the {kind} of version {stands} is under way",
        step=wanted,
        where=name,
        remedy=f"wait for its end, or `paddock {END[kind]} --name {name} --reason …`",
    )


def beside_champion(
    workshop: Workshop,
    site: Site,
    name: str,
    version: int | None,
    policy: CanaryPolicy,
    experiment: Experiment | None = None,
) -> Record:
    """Return the record of an approved candidate that is to stand beside the champion.

    With an experiment it is never promoted. ContractError if no candidate may, or nothing serves.
    """
    promotes = experiment is None
    if site.specification().router:
        raise InputError(
            "a router sends some requests to a small model, so what a second version is compared "
            "on would not be what users ask",
            step=STEP,
            where=f"[router] of the serving of {name}",
            remedy="take [router] out of the serving's file, start it again, and begin anew",
        )
    require_calm(Places(workshop.settings.home, name), name, STEP)
    candidate = approved(workshop, name, version)
    champion = read_standing(workshop.registry, name).champion
    if champion is None:
        raise ContractError(
            "nothing serves that a canary could stand beside",
            step=STEP,
            where=name,
            remedy=f"`paddock promote --name {name}` lets the first version serve",
        )
    seen = Version(version=champion.version, digest=champion.digest)
    mine = Version(version=candidate.version, digest=candidate.digest)
    # What it refuses, before the weights are written.
    begin(name, mine, seen, datetime.now(UTC), promotes=promotes)
    release = site.release(workshop, candidate)
    state = begin(name, mine, seen, datetime.now(UTC), promotes=promotes)
    return Record(
        state=state, policy=policy, release=release, since=site.totals(), experiment=experiment
    )


def policy_of(specification: Specification, fast: float | None) -> CanaryPolicy:
    """Return what a canary is held to; InputError if what serves does not count what it asks."""
    policy = CanaryPolicy.model_validate(specification.canary)
    if fast is not None:
        policy = policy.model_copy(update={"fast": fast})
    unseen = [] if specification.log.keep else [of for of in policy.judged if of in FROM_ROWS]
    if not policy.eval_sets and "hallucinated" in policy.judged and not unseen:
        unseen = ["hallucinated"]
        why = "no eval set says what is true: name some as eval_sets"
    else:
        why = "they are counted in the log, which is not kept: set keep = true in [log]"
    if unseen:
        raise InputError(
            f"the canary's policy judges what nobody counts here: {', '.join(unseen)}",
            step=STEP,
            where=f"[canary] of the serving of {specification.name}",
            remedy=f"{why}, or leave it out of metrics; then start the serving again",
        )
    return policy


def approved(workshop: Workshop, name: str, version: int | None) -> Candidate:
    """Return the candidate that is named, or the newest that people approved."""
    registry, keys = workshop.registry, workshop.keys
    if version is not None:
        return require_approved(registry, name, version, keys)
    served = read_standing(registry, name).served
    passed_over: list[str] = []
    for candidate in list_candidates(registry, name):
        if candidate.digest in served:
            break  # whatever is older than one that served is out of date
        try:
            return require_approved(registry, name, candidate.version, keys)
        except PaddockError as refusal:
            passed_over.append(f"version {candidate.version}: {refusal.what}")
    raise ContractError(
        f"no candidate may stand beside the champion ({'; '.join(passed_over) or 'there is none'})",
        step=STEP,
        where=name,
        remedy=f"`paddock show --name {name}` says what waits for whom",
    )
