"""`paddock redact`: JSON lines in, JSON lines without personal data out, and a count at the end."""

from __future__ import annotations

from typing import BinaryIO, TextIO

from data_contracts.contract_files import load_contract
from flows.asking.parameters import RedactParameters
from flows.workshop.redactors import redaction_key
from flows.workshop.settings import read_settings
from tasks.redaction.engine import build_redactor
from tasks.redaction.streaming import Totals, redact_stream


def redact_pipe(
    parameters: RedactParameters, source: BinaryIO, target: TextIO, messages: TextIO
) -> int:
    """Stream `source` to `target`; return 1 if a line could not be read, else 0."""
    settings = read_settings()
    contract = load_contract(parameters.contract) if parameters.contract else None
    policies = contract.redaction if contract else {}
    redactor = build_redactor(
        names=parameters.names,
        names_model=settings.names_model,
        keep=parameters.keep,
        policies={str(kind): str(policy) for kind, policy in policies.items()},
        consistent=contract is not None and contract.consistent == "data set",
        key=redaction_key(settings),
        unread=contract.privacy.names if contract else "strict",
    )
    totals = Totals()
    for line in redact_stream(source, redactor, totals, spans=parameters.spans):
        target.write(line + "\n")
        target.flush()
    if not parameters.spans:
        messages.write(_summary(totals))
    return 1 if totals.broken else 0


def _summary(totals: Totals) -> str:
    lines = [f"{totals.lines} lines, {totals.kinds.total()} values redacted"]
    lines += [f"  {kind:16} {count:8}" for kind, count in totals.kinds.most_common()]
    lines += [f"  by {name:30} {count:8}" for name, count in totals.detectors.most_common()]
    lines += [
        f"  {count} lines are in a language that no names model here reads ({language})"
        for language, count in totals.unread.most_common()
    ]
    if totals.dropped:
        lines.append(f"  {totals.dropped} lines dropped, as the contract says")
    if totals.broken:
        lines.append(
            f'  {totals.broken} lines were no JSON object with a "text", or nested too deep'
        )
    return "\n".join(lines) + "\n"
