"""Prefect's view of retrieval: build an index of a snapshot, judge one; found if unchanged."""

from __future__ import annotations

from pathlib import Path

from prefect import task
from prefect.cache_policies import NO_CACHE

from data_contracts.digests import file_digest
from data_contracts.errors import InputError, IntegrityError, shielded
from eval_sets.retrieval.loading import RetrievalSet
from model_registry.scorecard import Role
from tasks.models.encoding import Encoder
from tasks.retrieval.building import FACTS, Asked, Tell, write_index
from tasks.retrieval.chunking import Chunking
from tasks.retrieval.evaluating import Differences, Estimates, Page, evaluate_indexes
from tasks.retrieval.in_postgres import open_index
from tasks.retrieval.index import Index, read_facts
from tasks.retrieval.vector_database import VectorDatabase
from tasks.storage.choosing import chosen_output
from tasks.storage.outputs import Built, Outputs, Reference
from tasks.storage.stages import INDEX, INDEX_SCORECARD, SNAPSHOT

STEP = "index"


@task(name="build the index", cache_policy=NO_CACHE)
def index_step(
    outputs: Outputs,
    snapshot: Reference,
    encoder: Encoder,
    chunking: Chunking,
    exact_up_to: int,
    tell: Tell,
) -> Built:
    """Index a snapshot of documents, or find its index.

    Of the newest index with the same encoder and chunking it takes over the documents both have.
    """
    asked = Asked(snapshot.digest, chunking, exact_up_to)
    inputs = {"snapshot": snapshot.digest, "encoder": encoder.digest}
    parameters = {"chunking": chunking.model_dump(), "exact_up_to": exact_up_to}

    def make(folder: Path) -> dict[str, int]:
        before = earlier_index(outputs, encoder, chunking)
        with outputs.borrow(snapshot) as rows, shielded(STEP, OSError):
            opened = Index(outputs.fetch(before), encoder) if before else None
            return write_index(
                rows, asked, encoder, folder, earlier=opened and opened.earlier(), tell=tell
            )

    return outputs.build(INDEX.of(inputs, parameters), make)


@task(name="publish the vectors", cache_policy=NO_CACHE)
def publish_step(database: VectorDatabase, digest: str, folder: Path, store: str) -> bool:
    """Copy an index's vectors into a database; return whether they were not there yet."""
    return database.publish(digest, folder, store)


@task(name="judge the index", cache_policy=NO_CACHE)
def index_scorecard_step(
    outputs: Outputs,
    index: Reference,
    encoder: Encoder,
    chosen: RetrievalSet,
    *,
    seed: int,
    resamples: int,
    estimate: Estimates,
    difference: Differences,
    page: Page,
    champion: tuple[str, Path] | None = None,
    database: VectorDatabase | None = None,
) -> Built:
    """Ask an index the questions of a set, or find what it found.

    `estimate` and `difference` give figures their intervals and `page` draws the scorecard, as in
    every evaluation. A `champion`, by its digest and folder, is asked the same. Vectors are
    searched in the `database` where there is one: all compared they are found alike, by its graph
    not quite.
    """

    def opened(folder: Path, digest: str) -> Index:
        return open_index(folder, digest, encoder, database)

    def make(folder: Path) -> dict[str, int]:
        asked: dict[Role, tuple[str, Index]] = {
            "candidate": (index.digest, opened(outputs.fetch(index), index.digest))
        }
        if champion:
            asked["champion"] = champion[0], opened(champion[1], champion[0])
        scorecard = evaluate_indexes(
            asked,
            chosen,
            folder,
            seed=seed,
            resamples=resamples,
            estimate=estimate,
            difference=difference,
            page=page,
        )
        return {"metrics": len(scorecard.metrics), "cases": len(chosen.cases)}

    inputs = {"index": index.digest, "encoder": encoder.digest}
    if champion:
        inputs["champion index"] = champion[0]
    parameters = {"seed": seed, "set": chosen.digest}
    if database and read_facts(outputs.fetch(index, FACTS)).nodes:
        parameters["searched"] = "postgresql"
    return outputs.build(INDEX_SCORECARD.of(inputs, parameters), make)


@task(name="build the index anew", cache_policy=NO_CACHE)
def require_same_anew(
    outputs: Outputs, index: Reference, encoder: Encoder, scratch: Path | str
) -> None:
    """Build an index with nothing of an earlier one; IntegrityError if it is another then."""
    manifest = outputs.manifest(index)
    snapshot = outputs.with_digest(SNAPSHOT, manifest.inputs["snapshot"])
    if snapshot is None:
        raise InputError(
            "the snapshot that an index was made of is gone",
            step=STEP,
            where=f"index {index.digest[:16]}, in {outputs.store.uri}",
            remedy="build the index from its source again",
        )
    asked = Asked(
        snapshot.digest,
        Chunking.model_validate(manifest.parameters["chunking"]),
        manifest.parameters["exact_up_to"],
    )
    folder = Path(scratch)
    with outputs.borrow(snapshot) as rows, shielded(STEP, OSError):
        write_index(rows, asked, encoder, folder)
    made = {name for name in manifest.files if not name.startswith("about/")}
    other = [
        name for name in sorted(made) if file_digest(folder / name) != manifest.files[name].sha256
    ]
    if other:
        raise IntegrityError(
            f"built anew, an index has other bytes: {', '.join(other)}",
            step=STEP,
            where=f"index {index.digest[:16]}",
            remedy="delete it in the store and build it again; search nothing in it meanwhile",
        )


def earlier_index(outputs: Outputs, encoder: Encoder, chunking: Chunking) -> Reference | None:
    """Return the newest index that has the same encoder and chunking, if there is one."""
    fitting = [
        (manifest.created_at, reference)
        for reference, manifest in outputs.every(INDEX)
        if manifest.inputs.get("encoder") == encoder.digest
        and manifest.parameters.get("chunking") == chunking.model_dump()
        and not outputs.is_of_older_form(reference, INDEX)
    ]
    return max(fitting, key=lambda one: one[0])[1] if fitting else None


def chosen_index(outputs: Outputs, given: str) -> Reference:
    """Return the index whose digest begins so, or the newest; InputError if it is not one."""
    return chosen_output(outputs, INDEX, given, step=STEP, made_with="paddock index build")
