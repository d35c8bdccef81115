"""What `paddock run` and `paddock check` do with a model's file (flows/asking/model_file.py)."""

from __future__ import annotations

from pathlib import Path

from data_contracts.errors import ContractError
from flows.asking.given import require_given
from flows.asking.model_file import ModelFile
from flows.asking.parameters import RetrainParameters
from flows.workshop.logins import EXAMPLE, known_passwords
from flows.workshop.parts import Workshop
from model_registry.accounts.people import load_people
from model_registry.policy import load_policy


def over_file(file: ModelFile, given: RetrainParameters) -> RetrainParameters:
    """Return a file's parameters, and in their place what was given beside it."""
    typed = given.model_dump(include=given.model_fields_set)
    return RetrainParameters.model_validate(file.parameters.model_dump() | typed)


def check(workshop: Workshop, file: ModelFile) -> str:
    """Look at all that a model's file names; InputError or ContractError says what cannot be.

    Reads rows, template, tokenizer, base, eval sets, policy and registry; trains nothing.
    """
    from flows.asking.plan import plan_retraining, resolve_inputs
    from flows.going_on import judged_alike
    from flows.showing.notifying import require_blocks
    from flows.showing.planned import describe

    require_given(file.parameters)
    require_blocks(workshop.settings)
    parameters = judged_alike(workshop, file.parameters)
    inputs = resolve_inputs(workshop, parameters)
    plan = describe(plan_retraining(workshop, parameters, inputs))
    schedules = file.schedules.model_dump(exclude={"timezone"})
    crons = [f"{flow} {cron or 'by hand'}" for flow, cron in schedules.items()]
    lines = [
        plan,
        "",
        f"  eval sets  {', '.join(entry.name for entry in inputs.sets)}",
        f"  policy     {parameters.gate_policy}: {_who_approves(workshop, parameters)}",
        f"  schedules  {'; '.join(crons)} ({file.schedules.timezone})",
        "",
        f"{file.name} can be trained.",
    ]
    return "\n".join(lines)


def _who_approves(workshop: Workshop, parameters: RetrainParameters) -> str:
    """Say who sits in each seat that the policy names; ContractError for a seat that is empty."""
    seats = load_policy(parameters.gate_policy).seats
    known = known_passwords(workshop.settings)
    if not known.server:
        return f"a yes in {', '.join(seats)}; without logins anybody may give it"
    people = load_people(Path(known.plan or EXAMPLE)).seated()
    empty = [seat for seat in seats if not people.get(seat)]
    if empty:
        raise ContractError(
            f"nobody sits in a seat that must say yes: {', '.join(empty)}",
            step="check",
            where=str(known.plan or EXAMPLE),
            remedy="seat an approver there, and run `paddock accounts apply FILE`",
        )
    return "; ".join(f"{seat}: {' or '.join(people[seat])}" for seat in seats)
