"""A registered version, the champion above all, and what it was made of.

All of it (parameters, snapshot, training) comes from its own references (tags, the outputs they
name, the summary of the run that made it), never from whatever ran last. Nothing is written.
"""

from __future__ import annotations

import json
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from datetime import datetime
from functools import cached_property
from typing import Any, ClassVar

from pydantic import ValidationError

from data_contracts.errors import ContractError, IntegrityError
from data_contracts.kinds.registry import KINDS
from eval_sets.loading import list_eval_sets
from flows.asking.naming import CHAMPION, DEMO, DEMOS
from flows.asking.parameters import RetrainParameters
from flows.showing.progress import LOGGER
from flows.workshop.parts import Workshop
from model_registry.candidates import candidate_name, candidate_of, find_candidate
from model_registry.releases import serving_since
from model_registry.standing import read_champion
from model_registry.versions import Version, find_version
from tasks.finetuning.base_model import EMBEDDED
from tasks.finetuning.reproduce import NAMES as REPRODUCTION
from tasks.ingestion.hub import is_hub_address
from tasks.storage.outputs import ABOUT, Reference
from tasks.storage.stages import MODEL, SNAPSHOT, Stage


def find_champion(workshop: Workshop, name: str, step: str) -> Champion:
    """Return the version that serves; ContractError where none does, or another than is due."""
    version = read_champion(workshop.registry, name, step)
    if version is None:
        raise ContractError(
            "there is no champion",
            step=step,
            where=name,
            remedy="promote a candidate first: `paddock show` lists what waits",
        )
    return Champion(workshop, version, step)


def candidate_behind(workshop: Workshop, name: str, version: int | None, step: str) -> Registered:
    """Return the candidate that is named, or (None) the one that the champion was."""
    registry = workshop.registry
    if version is None:
        digest = find_champion(workshop, name, step).version.digest
    else:
        digest = find_candidate(registry, name, version).digest
    found = find_version(registry, candidate_name(name), digest)
    if found is None:
        raise IntegrityError(
            "the candidate that it was is gone from the registry",
            step=step,
            where=candidate_name(name),
            remedy="restore MLflow from a backup, or retrain and promote",
        )
    return Registered(workshop, found, step)


def nothing_serves(workshop: Workshop, name: str, step: str) -> bool:
    """Tell whether no version of a model serves; ContractError where another than is due does."""
    return read_champion(workshop.registry, name, step) is None


@dataclass(frozen=True)
class Registered:
    """A registered version. What it names is looked up when it is first asked for.

    `step` is the step of which an error speaks.
    """

    workshop: Workshop
    version: Version
    step: str
    called: ClassVar[str] = "model"

    @property
    def name(self) -> str:
        """Return the name of the model, which a candidate bears with an ending."""
        return candidate_of(self.version).model

    @property
    def references(self) -> Mapping[str, str]:
        """Return the digests it names: `base`, `dataset` and `model`."""
        return candidate_of(self.version).references

    def ancestor(self, stage: Stage, role: str) -> Reference:
        """Return the output of a stage that it was made from, by the digest its version names."""
        digest = self.references.get(role, "")
        found = self.workshop.outputs.with_digest(stage, digest)
        if found is None:
            raise ContractError(
                f"the {self.called}'s {role} is not in the store",
                step=self.step,
                where=f"{self.workshop.store.uri}/{stage.name}, digest {digest}",
                remedy="restore the store from a backup, or retrain and promote",
            )
        return found

    @cached_property
    def snapshot(self) -> Reference:
        """Return the snapshot it was trained on."""
        return self.ancestor(SNAPSHOT, "dataset")

    @cached_property
    def model(self) -> Reference:
        """Return the trained model that its version is a copy of."""
        return self.ancestor(MODEL, "model")

    @cached_property
    def training(self) -> Mapping[str, Any]:
        """Return what the training said of itself (`training.json`)."""
        file = "training.json"
        return json.loads((self.workshop.outputs.fetch(self.model, file) / file).read_bytes())

    @cached_property
    def parameters(self) -> RetrainParameters:
        """Return what the run that made it was asked for, or what its training was.

        ContractError where neither record is there, or both are of an older form.
        """
        return self._recorded[1]

    def parameters_again(self) -> RetrainParameters:
        """Return the parameters, if they mean the same in any working directory.

        ContractError names those that do not: a path that was kept as it was typed, which would
        now be sought in another folder, or on the hub as somebody else's.
        """
        given = self._recorded[0]
        relative = {field: given[field] for field in self._as_typed(given)}
        if relative:
            raise ContractError(
                f"the {self.called}'s run was given a path ({', '.join(relative)}) that leads "
                "somewhere only from the folder it was typed in, which nobody recorded",
                step=self.step,
                where=", ".join(f"{field}: {value}" for field, value in relative.items()),
                remedy=f"run `paddock run --name {self.name}` with the same parameters once more, "
                "from that folder (a data set of the hub as hub:owner/name): the record then says "
                "where it is",
            )
        self._say_how_the_teacher_is_read(given)
        return self.parameters

    def _say_how_the_teacher_is_read(self, given: Mapping[str, Any]) -> None:
        """Of a teacher nobody recorded whether it was a folder; later records have whole paths."""
        teacher, of_older_form = str(given.get("teacher", "")), isinstance(given.get("keep"), str)
        if of_older_form and teacher and teacher not in EMBEDDED and _is_relative(teacher):
            LOGGER.warning(
                "the %s's run names the teacher %s, which may have been a folder: it is read as a "
                "model on the hub; if it was a folder, run `paddock run --name %s` with its whole "
                "path",
                self.called,
                teacher,
                self.name,
            )

    @cached_property
    def _recorded(self) -> tuple[dict[str, Any], RetrainParameters]:
        """Return the parameters as they were recorded, and as they are read today."""
        for record in (*self._summaries(), *self._reproduction()):
            try:
                read = RetrainParameters.model_validate({**_as_asked(record), "name": self.name})
            except ValidationError:
                continue
            return record, read
        raise ContractError(
            f"nobody knows with which parameters the {self.called} was made: the record of its run "
            "is gone, or of an older form",
            step=self.step,
            where=f"{self.version.name} version {self.version.version}",
            remedy=f"run `paddock run --name {self.name}` with the parameters wanted, and promote",
        )

    def _as_typed(self, given: Mapping[str, Any]) -> list[str]:
        """Return the parameters of a record that are a path, and no whole one."""
        source = str(given.get("source", DEMO))
        contract = str(given.get("contract", ""))
        paths = {
            "source": [] if source in DEMOS or is_hub_address(source) else [source],
            "contract": [contract] if contract and contract not in KINDS else [],
            "eval_sets": [name for name in _eval_sets(given) if name not in list_eval_sets()],
        }
        for field in ("mapping", "policy"):
            paths[field] = [name for name in (str(given.get(field, "")),) if _is_toml(name)]
        for field in ("base", "start", "teacher"):
            paths[field] = [
                name
                for name in (str(given.get(field, "")),)
                if name not in ("", CHAMPION) and not self._is_id(name)
            ]
        return [field for field, names in paths.items() if any(map(_is_relative, names))]

    def _is_id(self, model: str) -> bool:
        """Tell whether a model's name is ours, or an id on the hub (`owner/name`).

        Of the base it is known: a folder is recorded by its last name, an id as a whole.
        """
        recorded = next((made["base"]["name"] for made in self._made()), "")
        looks_so = model.count("/") == 1 and model[0] not in ".~/"
        folder = model.rpartition("/")[2] == recorded != model
        return model in EMBEDDED or (looks_so and not folder)

    def _summaries(self) -> Iterator[dict[str, Any]]:
        """Yield the parameters of the runs that ended in this version, the newest first."""
        store = self.workshop.store
        for key in sorted(store.keys(f"runs/{self.name}"), reverse=True):
            summary = json.loads(store.read(key))
            if summary.get("candidate_digest") == self.version.digest:
                yield summary["parameters"]

    def _reproduction(self) -> Iterator[dict[str, Any]]:
        for made in self._made():
            yield dict(made["parameters"])

    def _made(self) -> Iterator[dict[str, Any]]:
        """Yield the record that lies beside the trained model, if there is one."""
        file = f"{ABOUT}/{REPRODUCTION[0]}"
        if file in self.workshop.outputs.manifest(self.model).files:
            yield json.loads((self.workshop.outputs.fetch(self.model, file) / file).read_bytes())


class Champion(Registered):
    """The version that serves."""

    called: ClassVar[str] = "champion"

    @cached_property
    def since(self) -> datetime:
        """Return when it began to serve, by the release ledger."""
        since = serving_since(self.workshop.registry, self.version)
        if since is None:
            raise ContractError(
                "no release made this version the champion, so nobody knows what it has answered",
                step=self.step,
                where=f"{self.name} version {self.version.version}",
                remedy="move the champion with `paddock promote` or `paddock rollback` alone",
            )
        return since


def _as_asked(record: dict[str, Any]) -> dict[str, Any]:
    """Return a record's parameters; where lists were texts, no kind was written as chat."""
    unsaid = isinstance(record.get("eval_sets"), str) and record.get("contract")
    return {**record, "kind": None} if unsaid and record.get("kind") == "chat" else record


def _eval_sets(record: Mapping[str, Any]) -> list[str]:
    """Return the eval sets a record names: a list, or a text with commas in older ones."""
    named = record.get("eval_sets") or ()
    names = named.split(",") if isinstance(named, str) else named
    return [str(name).strip() for name in names if str(name).strip()]


def _is_toml(name: str) -> bool:
    return name.endswith(".toml")


def _is_relative(given: str) -> bool:
    return "://" not in given and not given.startswith(("/", "models:/"))
