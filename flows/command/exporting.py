"""`paddock export`: a released model in the form that another program loads. Writes the folder."""

from __future__ import annotations

from pathlib import Path

from flows.asking.ledger_parameters import ExportParameters
from flows.workshop.parts import Workshop
from tasks.exporting.folders import export


def write(workshop: Workshop, parameters: ExportParameters) -> str:
    """Export what was named; return what it is and the line that runs it."""
    done = export(
        workshop.registry,
        parameters.model,
        Path(parameters.folder).expanduser(),
        workshop.keys,
        parameters.format,
        parameters.quantize,
    )
    made = done.export
    how = "was there already, verified again" if done.again else "verified and written"
    form = f"{made.format}, {made.quantize}" if made.quantize else made.format
    return (
        f"{made.name} version {made.version} ({form}): {how} in {done.folder}\n\nIt runs with:\n\n"
        f"  {made.run}\n"
    )
