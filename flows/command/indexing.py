"""What each action of `paddock index` does."""

from __future__ import annotations

import logging
from collections.abc import Callable, Generator
from contextlib import contextmanager
from pathlib import Path
from typing import TYPE_CHECKING

from data_contracts.errors import ContractError, InputError
from flows.asking.index_parameters import (
    IndexParameters,
    ProbeIndexParameters,
    RefreshIndexParameters,
)
from flows.command.readying import make_ready, started
from flows.command.words import Options
from flows.workshop.settings import read_settings

if TYPE_CHECKING:
    from flows.workshop.parts import Workshop
    from tasks.retrieval.index import Index

Say = Callable[["Workshop", "Index", str, IndexParameters], str]
LOGGER = logging.getLogger("paddock")
CHAMPION = "champion"
_SHOWN = 400  # characters of a chunk's text


def index(parameters: IndexParameters, options: Options) -> int:
    """Do what was asked; exit code 1 if a gate refused the index."""
    asks = parameters.action in _ASK
    if parameters.action == "pairs":
        from flows.pairing import require_places

        require_places(parameters)
    elif asks and not parameters.question.strip():
        command = f"paddock index {parameters.action}"
        raise InputError(
            "no question was given",
            step=parameters.action,
            where=command,
            remedy=f'ask one, in quotation marks: {command} "how long is the warranty?"',
        )
    make_ready(options, servers=not asks)
    if parameters.action == "build":
        started("flows.indexing", "build_index", parameters.building())
        return 0
    if parameters.action == "evaluate":
        done = started("flows.indexing", "evaluate_index", parameters.evaluation())
        return 0 if done.passed else 1
    if parameters.action == "probe":
        probed = ProbeIndexParameters(name=parameters.name)
        started("flows.index_upkeep", "probe_index", probed)
        return 0
    if parameters.action == "refresh":
        refreshed = RefreshIndexParameters(name=parameters.name, full=parameters.full)
        started("flows.index_upkeep", "refresh_index", refreshed)
        return 0
    if parameters.action == "publish":
        LOGGER.info("%s", _published(parameters))
        return 0
    LOGGER.info("%s", asked(parameters, _ASK[parameters.action]))
    return 0


def asked(parameters: IndexParameters, say: Say) -> str:
    """Return what is said of a question by the index that is named."""
    from flows.workshop.parts import Workshop
    from tasks.models.encoding import Encoder
    from tasks.retrieval.in_postgres import open_index

    workshop = Workshop(read_settings())
    with _chosen(workshop, parameters) as (digest, folder):
        opened = open_index(folder, digest, Encoder(), workshop.vectors)
        return say(workshop, opened, digest, parameters)


def _published(parameters: IndexParameters) -> str:
    from flows.indexing import publish_index
    from flows.workshop.parts import Workshop

    workshop = Workshop(read_settings())
    with _chosen(workshop, parameters) as (digest, folder):
        done = publish_index(workshop, digest, folder)
    if not done:
        raise InputError(
            "no database of vectors is named, so there is nowhere to publish",
            step="publish",
            where="PADDOCK_VECTORS",
            remedy="set it to postgresql://USER:PASSWORD@HOST/DATABASE, a PostgreSQL with pgvector",
        )
    return f"Index {digest[:16]}.{done}"


@contextmanager
def _chosen(workshop: Workshop, parameters: IndexParameters) -> Generator[tuple[str, Path]]:
    """Give the index that is named, with its digest; nobody in it is to be forgotten."""
    from flows.index_notes import index_name
    from flows.indexing import require_servable
    from flows.releasing_index import serving_index
    from tasks.retrieval.index import read_facts
    from tasks.retrieval.steps import chosen_index

    if parameters.index != CHAMPION:
        reference = chosen_index(workshop.outputs, parameters.index)
        folder = workshop.outputs.fetch(reference)
        require_servable(workshop, read_facts(folder).snapshot)
        yield reference.digest, folder
        return
    with serving_index(workshop, parameters.name) as serving:
        if serving is None:
            raise ContractError(
                "no index serves",
                step=parameters.action,
                where=index_name(parameters.name),
                remedy="`paddock promote` lets one serve that people approved; --index newest "
                "takes the one that was made last",
            )
        require_servable(workshop, read_facts(serving[1]).snapshot)
        yield serving


def _answered(workshop: Workshop, opened: Index, digest: str, parameters: IndexParameters) -> str:
    from flows.answering_questions import answer, described, serving_address
    from tasks.retrieval.answering import Thresholds

    thresholds = Thresholds(least_cosine=parameters.least_cosine, passages=parameters.passages)
    url = parameters.url or serving_address(workshop, parameters.name)
    given = answer(opened, parameters.question, thresholds, url)
    return f"Index {digest[:16]}\n\n{described(given)}"


def _paired(workshop: Workshop, opened: Index, digest: str, parameters: IndexParameters) -> str:
    from flows.pairing import write_pairs

    return f"Index {digest[:16]}\n\n{write_pairs(workshop, opened, parameters)}"


def _searched(_: Workshop, opened: Index, digest: str, parameters: IndexParameters) -> str:
    """Return the chunks for a question, best first, with what speaks for each."""
    hits = opened.search(parameters.question, parameters.most)
    lines = [f"Index {digest[:16]}, {opened.facts.chunks:,} chunks"]
    chunks = opened.chunks([hit.place for hit in hits])
    for rank, (hit, chunk) in enumerate(zip(hits, chunks, strict=True), start=1):
        near = "-" if hit.cosine is None else f"{hit.cosine:.3f}"
        said = "-" if hit.words is None else f"{hit.words:.2f}"
        text = " ".join(chunk.text.split())
        cut = f"{text[:_SHOWN]}…" if len(text) > _SHOWN else text
        above = f"  {' / '.join(chunk.headings)}\n" if chunk.headings else ""
        lines.append(
            f"\n{rank}. {chunk.id}  score {hit.score:.4f} (meaning {near}, words {said})\n"
            f"   {chunk.source}, line {chunk.line}\n {above}   {cut}"
        )
    return "\n".join(lines)


_ASK: dict[str, Say] = {"search": _searched, "answer": _answered, "pairs": _paired}
