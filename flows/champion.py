"""The champion and what it was made of: its parameters, snapshot and training.

All of it comes from the champion's own references (its version's tags, the outputs they name, the
summary of the run that made it), never from whatever ran last. Nothing is written.
"""

from __future__ import annotations

import json
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from datetime import datetime
from functools import cached_property
from typing import Any

from pydantic import ValidationError

from data_contracts.errors import ContractError
from data_contracts.snapshot.reading import REPORT, read_report
from flows.asking.parameters import DEMO, RetrainParameters
from flows.workshop.parts import Workshop
from model_registry.candidates import candidate_of
from model_registry.releases import serving_since
from model_registry.standing import read_champion
from model_registry.versions import Version
from tasks.finetuning.base_model import EMBEDDED
from tasks.finetuning.reproduce import NAMES as REPRODUCTION
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


@dataclass(frozen=True)
class Champion:
    """The version that serves. What it names is looked up when it is first asked for.

    `step` is the step of which an error speaks.
    """

    workshop: Workshop
    version: Version
    step: str

    @property
    def name(self) -> str:
        """Return the registered model's name."""
        return self.version.name

    @property
    def references(self) -> Mapping[str, str]:
        """Return the digests it names: `base`, `dataset` and `model`."""
        return candidate_of(self.version).references

    @cached_property
    def since(self) -> datetime:
        """Return when it began to serve, by the record of releases."""
        since = serving_since(self.workshop.registry, self.version)
        if since is None:
            raise ContractError(
                "no release made this version the champion, so nobody knows what it has answered",
                step=self.step,
                where=f"{self.name} version {self.version.version}",
                remedy="move the champion with `paddock promote` or `paddock rollback` alone",
            )
        return since

    def ancestor(self, stage: Stage, role: str) -> Reference:
        """Return the output of a stage that it was made from, by the digest its version names."""
        digest = self.references.get(role, "")
        found = self.workshop.outputs.with_digest(stage, digest)
        if found is None:
            raise ContractError(
                f"the champion's {role} is not in the store",
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
        for record in (*self._summaries(), *self._reproduction()):
            try:
                return RetrainParameters.model_validate({**record, "name": self.name})
            except ValidationError:
                continue
        raise ContractError(
            "nobody knows with which parameters the champion was made: the record of its run is "
            "gone, or of an older form",
            step=self.step,
            where=f"{self.name} version {self.version.version}",
            remedy=f"run `paddock run --name {self.name}` with the parameters wanted, and promote",
        )

    def parameters_again(self) -> RetrainParameters:
        """Return the parameters, if they mean the same in any working directory.

        ContractError names those that do not: a path that was kept as it was typed.
        """
        relative = [field for field, given in self._places() if _is_relative(given)]
        relative += self._mistakable()
        if relative:
            raise ContractError(
                f"the champion's run was given a path ({', '.join(relative)}) that leads somewhere "
                "only from the folder it was typed in, which nobody recorded",
                step=self.step,
                where=", ".join(
                    f"{field}: {getattr(self.parameters, field)}" for field in relative
                ),
                remedy=f"run `paddock run --name {self.name}` with the same parameters once more, "
                "from that folder: the record then holds whole paths",
            )
        return self.parameters

    def _places(self) -> Iterator[tuple[str, str]]:
        """Yield the parameters that can be nothing but a file or folder."""
        given = self.parameters
        for field in ("contract", "mapping", "policy"):
            if str(getattr(given, field)).endswith(".toml"):
                yield field, str(getattr(given, field))
        for name in given.eval_sets.split(","):
            if "/" in name:
                yield "eval_sets", name.strip()

    def _mistakable(self) -> list[str]:
        """Return the parameters that were a path, and would now be read as an id on the hub."""
        given, found = self.parameters, list[str]()
        sources = read_report(self.workshop.outputs.fetch(self.snapshot, REPORT)).sources
        from_hub = all(name.startswith("hub:") for name in sources)
        if given.source != DEMO and not from_hub and _is_relative(given.source):
            found.append("source")
        # A folder is recorded by its last name, an id on the hub (`org/name`) as a whole.
        recorded = next((made["base"]["name"] for made in self._made()), "")
        known = given.base in EMBEDDED or ("/" in given.base and given.base == recorded)
        if _is_relative(given.base) and not known:
            found.append("base")
        looks_like_id = given.teacher.count("/") == 1 and given.teacher[0] not in ".~"
        if given.teacher and _is_relative(given.teacher) and not looks_like_id:
            found.append("teacher")
        return found

    def _summaries(self) -> Iterator[dict[str, Any]]:
        """Yield the parameters of the runs that ended in this champion, the newest first."""
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


def _is_relative(given: str) -> bool:
    return "://" not in given and not given.startswith(("/", "models:/"))
