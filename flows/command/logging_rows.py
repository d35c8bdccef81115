"""`paddock log import` and `paddock log stats`: rows of other logs brought in, and all counted."""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from itertools import chain
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Any

from data_contracts.errors import InputError
from flows.asking.log_parameters import LogParameters
from flows.workshop.parts import Workshop
from model_registry.served_traces import read_traces
from tasks.inference_log import chat_rows, trace_rows
from tasks.inference_log.figures import read_figures
from tasks.inference_log.files import Entry
from tasks.inference_log.importing import Imported, Target, file_entries, import_rows
from tasks.inference_log.tables import describe_figures
from tasks.storage.objects import LocalStore, ObjectStore, open_store

STEP = "log import"
TRACES = "mlflow://"


def count(workshop: Workshop, parameters: LogParameters) -> str:
    """Return the table of a log's figures."""
    with TemporaryDirectory(prefix="paddock-log-") as scratch:
        found = read_figures(
            workshop.store,
            parameters.name,
            parameters.since,
            parameters.until,
            Path(scratch),
            by_day=parameters.by == "day",
        )
    return describe_figures(found, parameters.name)


def bring_in(workshop: Workshop, parameters: LogParameters) -> str:
    """Bring rows in and say what became of each."""
    if not parameters.source:
        raise _refused("nothing to bring in was named", parameters.source)
    target = Target(
        name=parameters.name, served_as=parameters.served_as, version=parameters.model_version
    )
    found = Imported()
    with TemporaryDirectory(prefix="paddock-log-") as scratch:
        values = _values(workshop, parameters.source, found, Path(scratch))
        import_rows(workshop.store, target, values, found, Path(scratch))
    return _describe(found, parameters)


def _values(
    workshop: Workshop, source: str, found: Imported, scratch: Path
) -> Iterable[dict[str, Any] | str]:
    if source.startswith(TRACES):
        traces = read_traces(workshop.registry, source.removeprefix(TRACES))
        return map(trace_rows.as_row, traces)
    store, only = _opened(source, workshop.settings.s3_endpoint_url or None)
    entries = file_entries(store, only, found, scratch)
    first = next(entries, None)
    if first is None:
        raise _refused(f"no file of rows is there ({found.unread_files} of other endings)", source)
    return _rows(chain([first], entries))


def _rows(entries: Iterable[Entry]) -> Iterator[dict[str, Any] | str]:
    for entry in entries:
        yield entry.reason if entry.value is None else chat_rows.as_row(entry.value)


def _opened(source: str, endpoint: str | None) -> tuple[ObjectStore, str]:
    """Return the folder or bucket that a source is in, and its name there if it is one file."""
    if source.startswith("s3://"):
        return open_store(source, endpoint), ""
    path = Path(source.removeprefix("file://"))
    if path.is_dir():
        return LocalStore(path), ""
    if not path.is_file():
        raise _refused("there is no such file or folder", source)
    return LocalStore(path.parent), path.name


def _refused(what: str, source: str) -> InputError:
    return InputError(
        what,
        step=STEP,
        where=source,
        remedy="name a file, a folder, s3://bucket/prefix or mlflow://EXPERIMENT; rows are JSON "
        "lines (.jsonl, .ndjson, as .gz or .zst too) or Parquet",
    )


def _describe(found: Imported, parameters: LogParameters) -> str:
    refused = sum(found.refused.values())
    lines = [
        f"{found.rows:,} rows read: {found.new:,} brought into {len(found.windows)} windows of "
        f"{parameters.name}, {found.known:,} there already, {found.repeated:,} repeated, "
        f"{refused:,} refused."
    ]
    lines += [
        f"  {n:>10,}  {why}"
        for why, n in sorted(found.refused.items(), key=lambda entry: (-entry[1], entry[0]))
    ]
    if found.unread_files:
        lines.append(f"{found.unread_files} files of other endings were not read.")
    if found.unversioned:
        lines.append(
            f"{found.unversioned:,} name no version of the model: drift goes by their time, "
            "nothing is trained on them. --model-version says which one answered."
        )
    if found.refused.get("of another model"):
        lines.append(
            "Rows of another model: is it this one under the name that it is served by? "
            "--served-as NAME."
        )
    return "\n".join(lines)
