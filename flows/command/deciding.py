"""`paddock decide`: a person says yes or no in the terminal, logged in where there are logins."""

from __future__ import annotations

from data_contracts.errors import InputError
from flows.asking.release_parameters import DecideParameters
from flows.workshop.logins import login_of
from flows.workshop.parts import Workshop
from flows.workshop.settings import Settings
from model_registry.approvals import record_decision
from model_registry.candidates import find_candidate
from model_registry.dossier import read_dossier
from tasks.redaction.logs import show_names

UNPROVEN = (
    "nobody proved to be {person}: this MLflow is a file, or a server without logins (`make up`"
    " starts one that asks for a login)"
)


def record(settings: Settings, parameters: DecideParameters) -> str:
    """Record the decision and return what to say."""
    person = parameters.person
    workshop = Workshop(settings, person=login_of(settings, person))
    registry, name = workshop.registry, parameters.name
    if registry.account and registry.account.casefold() != person.casefold():
        raise InputError(
            f"the login is {registry.account}",
            step="approval",
            where=f"--person {person}",
            remedy="decide under the name that you log in with",
        )
    show_names([person])
    candidate = find_candidate(registry, name, parameters.version)
    record_decision(
        registry,
        name,
        read_dossier(registry, candidate, workshop.keys),
        approve=parameters.approve,
        person=person,
        reason=_clean(parameters.reason),
        seat=parameters.seat,
    )
    word = "approved" if parameters.approve else "declined"
    said = f"{candidate.name} version {candidate.version} is {word} by {person}"
    return said if registry.account else f"{said}; {UNPROVEN.format(person=person)}"


def _clean(reason: str) -> str:
    """Return a reason without values that have the form of personal data: it is kept for ever."""
    from tasks.redaction.engine import build_redactor

    return build_redactor(names=False).redact_text(reason) if reason else reason
