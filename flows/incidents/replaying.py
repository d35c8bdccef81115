"""`paddock incident replay`: the versions that are named answer a bundle's requests again.

Each comes through the release's one verified door, in the form that its engine loads, and is served
by an engine of its own, on loopback, for as long as it is asked. Writes into a scratch folder that
goes again, and one replay into the store.
"""

from __future__ import annotations

import shlex
import shutil
from collections.abc import Callable, Generator, Iterator, Sequence
from contextlib import contextmanager
from datetime import UTC, datetime
from pathlib import Path
from tempfile import mkdtemp
from typing import NamedTuple

from data_contracts.errors import ContractError, PaddockError
from data_contracts.inference_log import LogRow
from flows.incidents.facts import specified
from flows.serving.canary_start import approved
from flows.serving.champion import Release, candidate_to_serve, ready_to_serve
from flows.showing.progress import LOGGER
from flows.workshop.parts import Workshop
from flows.workshop.settings import serving_environment
from model_registry.candidates import Candidate, find_candidate
from model_registry.dossier import read_dossier
from model_registry.fetching import resolve
from model_registry.ledger.rows import Served
from tasks.incidents.asking import answer, tokens
from tasks.incidents.bundle import STEP, Bundle, named
from tasks.incidents.choosing import choose
from tasks.incidents.replay import Replay, Said, Side, keep_replay, put_together
from tasks.inference_log.figures import version_of
from tasks.inference_log.redacting import Redactor, redact_rows
from tasks.models.serving.server import Server, Serving, running
from tasks.serving.engines import ADAPTERS
from tasks.serving.specification import Engine, Specification

USUAL = ("champion", "previous")  # asked where nobody names any; a previous there may not be
CANDIDATE = "candidate"
TEMPERATURE = (
    "the log does not keep the temperature that a client asked for; here it is 0, so an answer "
    "that was drawn by chance may differ for that alone"
)
_FIRST = 999_999  # a number in place of the port, until it is known
Tell = Callable[[str], None]


class _Wanted(NamedTuple):
    """A version that is to be asked: a candidate, or one that the ledger names."""

    called: str
    version: int
    digest: str
    tokenizer: str
    candidate: Candidate | None


def replayed(
    workshop: Workshop,
    identity: str,
    against: Sequence[str],
    most: int,
    file: str,
    tell: Tell,
) -> Replay:
    """Ask each version that is named, compare, and keep what came of it.

    InputError for an incident that there is none of, or a bundle without a request that can be
    asked again; ContractError for a version that the ledger does not name, or nobody approved.
    """
    bundle, digest = named(workshop.store, identity)
    specification, _ = specified(workshop, bundle.name, file)
    chosen = choose(bundle.requests, most)
    if not chosen.rows:
        why = "; ".join(f"{n} {reason}" for reason, n in chosen.left_out.items())
        raise ContractError(
            f"no request of it can be asked again ({why or 'it has none'})",
            step=STEP,
            where=identity,
            remedy=f"`paddock incident show {identity}` has its figures",
        )
    notes = [TEMPERATURE, *_differs(bundle, specification)]
    wanted = _wanted(workshop, bundle.name, against, notes)
    redactor: Redactor = workshop.redactor(names=bundle.names, keep=())()
    said: list[Said] = []
    with _scratch(workshop.settings.home) as folder:
        for one, called in wanted:
            release = _release(workshop, specification, folder, one)
            tell(f"{release.name} ({', '.join(called)}) is asked {len(chosen.rows)} requests …")
            with _served(specification, release, folder) as server:
                side = Side(
                    name=release.name,
                    called=called,
                    version=one.version,
                    digest=one.digest,
                    tokenizer=one.tokenizer,
                    engine=server.engine,
                )
                said.append(_said(server, side, chosen.rows, redactor))
    known = [*bundle.versions, *([bundle.canary.candidate] if bundle.canary else [])]
    tokenizers = {facts.digest: facts.tokenizer for facts in known}
    tokenizers |= {one.side.digest: one.side.tokenizer for one in said if one.side.tokenizer}
    numbers = {str(facts.version): facts.tokenizer for facts in bundle.versions}

    def tokenizer_of(row: LogRow) -> str:
        return tokenizers.get(row.weights) or numbers.get(version_of(row), "")

    requests, agreements = put_together(chosen.rows, said, tokenizer_of)
    replay = Replay(
        incident=bundle.id,
        name=bundle.name,
        bundle=digest,
        made=datetime.now(UTC),
        sides=tuple(one.side for one in said),
        most=most,
        beyond=chosen.beyond,
        left_out={**bundle.held, **chosen.left_out},
        agreements=agreements,
        requests=requests,
        notes=tuple(notes),
    )
    keep_replay(workshop.store, replay)
    return replay


def _differs(bundle: Bundle, specification: Specification) -> Iterator[str]:
    """Say where an engine's settings are others than those of the bundle."""
    then, now = bundle.served.specification["engine"], specification.engine.model_dump(mode="json")
    for field in ("kind", "weights", "context", "threads"):
        if then.get(field) != now[field]:
            yield f"the engine's {field} is {now[field]} here, and was {then.get(field)}"


def _wanted(
    workshop: Workshop, name: str, against: Sequence[str], notes: list[str]
) -> list[tuple[_Wanted, tuple[str, ...]]]:
    """Return the versions that are named, each once with all that it was named by."""
    found: dict[str, tuple[_Wanted, tuple[str, ...]]] = {}
    for called in against or USUAL:
        try:
            one = _resolved(workshop, name, called)
        except ContractError as error:
            if against:
                raise
            notes.append(f"{called}: {error.what}")
            continue
        before = found[one.digest][1] if one.digest in found else ()
        found[one.digest] = found.get(one.digest, (one,))[0], (*before, called)
    if not found:
        raise ContractError(
            f"there is no version to ask ({'; '.join(notes[1:])})",
            step=STEP,
            where=name,
            remedy="name one with --against: champion, previous, candidate, or a version's number",
        )
    return list(found.values())


def _resolved(workshop: Workshop, name: str, called: str) -> _Wanted:
    registry = workshop.registry
    if called == CANDIDATE:
        candidate = approved(workshop, name, None)
        dossier = read_dossier(registry, candidate, workshop.keys)
        return _Wanted(
            called, candidate.version, candidate.digest, dossier.tokenizer_digest, candidate
        )
    sign = "/" if called.isdecimal() else "@"
    _, serves = resolve(registry, f"{name}{sign}{called}")
    return _Wanted(called, serves.version, serves.digest, _tokenizer(workshop, name, serves), None)


def _tokenizer(workshop: Workshop, name: str, serves: Served) -> str:
    """Return the digest of a version's tokenizer, by its dossier; empty where that is not known."""
    if serves.candidate is None:
        return ""
    try:
        candidate = find_candidate(workshop.registry, name, serves.candidate)
        dossier = read_dossier(workshop.registry, candidate, workshop.keys)
    except PaddockError:  # then texts are compared, character by character
        return ""
    return dossier.tokenizer_digest if dossier.digest == serves.digest else ""


@contextmanager
def _scratch(home: Path) -> Generator[Path]:
    """Give a folder in the home for exports, which are large; it goes again."""
    work = home / "work" / "assembly"  # what a killed one leaves goes with `paddock clean`
    work.mkdir(parents=True, exist_ok=True)
    folder = Path(mkdtemp(prefix="replay-", dir=work))
    try:
        yield folder
    finally:
        shutil.rmtree(folder, ignore_errors=True)


def _release(
    workshop: Workshop, specification: Specification, folder: Path, wanted: _Wanted
) -> Release:
    """Return a version in its engine's form, every byte of it verified."""
    if wanted.candidate:
        return candidate_to_serve(workshop, specification, folder, wanted.candidate, LOGGER.warning)
    return ready_to_serve(workshop, specification, folder, LOGGER.warning, f"/{wanted.version}")


@contextmanager
def _served(specification: Specification, release: Release, folder: Path) -> Generator[Server]:
    """Serve a version by an engine as it is served, one request at a time."""
    engine = specification.engine.model_copy(update={"replicas": 1, "slots": 1})
    serving = Serving.of(_command(engine), engine.start_seconds, serving_environment())
    log = folder / "engine.log"
    try:
        with running(serving, release.model, release.name, log, lambda: None) as server:
            yield server
    except PaddockError as error:
        # Its log goes with the folder, and may hold prompts.
        raise PaddockError(
            error.what,
            step=STEP,
            where=release.name,
            remedy="serve that version with `paddock serve` to see what its engine says",
        ) from error


def _command(engine: Engine) -> str:
    """Return the engine's command with fields to fill in."""
    adapter = ADAPTERS[engine.kind]
    words = adapter.words(engine, Path("{model}"), _FIRST, "{name}")
    return shlex.join("{port}" if word == str(_FIRST) else word for word in words)


def _said(server: Server, side: Side, rows: Sequence[LogRow], redactor: Redactor) -> Said:
    """Ask a side every request; what it says passes redaction before anything else sees it."""
    raw = [answer(server, row) for row in rows]
    answers: list[str | None] = [None] * len(rows)
    said = [number for number, text in enumerate(raw) if text is not None]
    changed = [rows[number].model_copy(update={"answer": raw[number]}) for number in said]
    for number, kept in zip(said, redact_rows(changed, redactor, STEP), strict=True):
        answers[number] = None if isinstance(kept, str) else kept.answer
    return Said(
        side=side,
        answers=answers,
        tokens=[None if text is None else tokens(server, text) for text in answers],
        recorded=[tokens(server, row.answer) for row in rows],
    )
