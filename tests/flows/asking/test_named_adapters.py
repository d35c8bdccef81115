"""An adapter that a person named is found and held against the base before anything is asked."""

from __future__ import annotations

import json
import shutil
from collections.abc import Callable
from contextlib import nullcontext
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import pytest

from data_contracts.errors import InputError
from eval_sets.loading import load_eval_set
from flows.asking.adapters import find_adapter
from tasks.evaluation.steps import Evaluated, answers_step, answers_work
from tasks.models.adapters import CONFIG, read_adapter
from tasks.storage.objects import LocalStore
from tasks.storage.outputs import Outputs, Reference
from tasks.storage.stages import BASE, MODEL, Stage
from tests.lora import write_adapter


class Made:
    """A store with a base model; `train` adds what a training leaves."""

    def __init__(self, folder: Path, base: Path) -> None:
        self.store = LocalStore(folder / "store")
        self.outputs = Outputs(self.store, folder / "work")
        self.workshop: Any = SimpleNamespace(store=self.store, outputs=self.outputs, serving=None)
        self.base = self._output(BASE, lambda out: shutil.copytree(base, out, dirs_exist_ok=True))

    def train(self, method: str, adapter: Path | None = None, seed: int = 0) -> Reference:
        def make(out: Path) -> None:
            told = {"recipe": {"method": method, "seed": seed}}
            (out / "training.json").write_text(json.dumps(told))
            if adapter:
                shutil.copytree(adapter, out / "adapter")

        return self._output(MODEL, make, method=method, seed=seed)

    def _output(self, stage: Stage, make: Callable[[Path], Any], **of: Any) -> Reference:
        def fill(folder: Path) -> dict[str, int]:
            make(folder)
            return {}

        return self.outputs.build(stage.of({}, of), fill).reference


@pytest.fixture(scope="module")
def made(tiny_model: Path, tmp_path_factory: pytest.TempPathFactory) -> Made:
    return Made(tmp_path_factory.mktemp("made"), tiny_model)


@pytest.fixture
def adapter(tiny_model: Path, tmp_path: Path) -> Path:
    """Return a folder of an adapter from elsewhere."""
    write_adapter(tiny_model, tmp_path, ("q_proj", "up_proj"))
    return tmp_path / "adapter"


def record_base(adapter: Path, digest: str) -> None:
    """Write what training's export writes of the base."""
    config = json.loads((adapter / CONFIG).read_text())
    config["base_model_name_or_path"] = f"tiny (sha256 {digest})"
    (adapter / CONFIG).write_text(json.dumps(config))


def refused(made: Made, given: str | Path, said: str) -> None:
    with pytest.raises(InputError, match=said):
        find_adapter(made.workshop, str(given), made.base)


def test_a_folder_is_taken_and_what_is_not_known_of_its_base_is_said(
    made: Made, adapter: Path
) -> None:
    found = find_adapter(made.workshop, str(adapter), made.base)
    assert found.adapter.digest == read_adapter(adapter).digest
    assert "does not record the digest of the base" in " ".join(found.remarks)
    record_base(adapter, made.base.digest)
    [remark] = find_adapter(made.workshop, str(adapter), made.base).remarks
    assert remark.startswith(f"is adapter {found.adapter.digest[:16]} over the base")


def test_a_trained_models_adapter_is_found_by_the_beginning_of_its_digest(
    made: Made, adapter: Path
) -> None:
    record_base(adapter, made.base.digest)
    lora, qlora = made.train("lora", adapter), made.train("qlora", adapter)
    for given in (lora.digest, lora.digest[:8]):
        found = find_adapter(made.workshop, given, made.base)
        assert found.adapter.digest == read_adapter(adapter).digest
        assert len(found.remarks) == 1
    said = find_adapter(made.workshop, qlora.digest[:12], made.base).remarks
    assert "over the base in 4 bits" in said[1]


def test_what_cannot_be_asked_is_refused_by_its_reason(made: Made, adapter: Path) -> None:
    refused(made, made.train("full").digest[:10], "has no adapter: all its weights were trained")
    refused(made, "0123456789ab", "no such folder, and no trained model's digest begins so")
    refused(made, made.base.digest[:4], "no such folder")
    refused(made, adapter / "absent", "no such folder")
    refused(made, made.outputs.fetch(made.base), f"there is no {CONFIG}")
    record_base(adapter, "a" * 64)
    refused(made, adapter, "another base than the champion's")
    refused(made, made.train("lora", adapter, seed=1).digest, "another base than the champion's")


def test_an_adapter_of_other_shapes_is_refused(
    made: Made, tiny_model: Path, adapter: Path, tmp_path: Path
) -> None:
    other = shutil.copytree(tiny_model, tmp_path / "other")
    config = json.loads((other / "config.json").read_text())
    (other / "config.json").write_text(json.dumps(config | {"num_hidden_layers": 1}))
    smaller = Made(tmp_path / "smaller", other)
    refused(smaller, adapter, "does not fit the model: the model has no layers.1")


def test_where_a_server_answers_no_adapter_is_taken(made: Made, adapter: Path) -> None:
    serving: Any = SimpleNamespace(**{**vars(made.workshop), "serving": object()})
    with pytest.raises(InputError, match="PADDOCK_SERVE_COMMAND"):
        find_adapter(serving, str(adapter), made.base)


def test_answers_with_an_adapter_are_never_taken_for_the_bases(
    made: Made, tiny_model: Path, adapter: Path
) -> None:
    sets = [load_eval_set("safety")]
    asked = read_adapter(adapter)
    below = Evaluated(made.base.digest, lambda: nullcontext(tiny_model))
    beside = Evaluated(below.digest, below.folder, asked)
    works = [answers_work(below.digest, sets, 0, None, one) for one in (None, asked)]
    assert works[0].inputs == {k: v for k, v in works[1].inputs.items() if k != "adapter"}
    built = [
        answers_step.fn(made.outputs, one, sets, seed=0, progress=lambda done, total: None)
        for one in (below, beside, beside)
    ]
    assert [one.reused for one in built] == [False, False, True]
    assert built[0].reference.digest != built[1].reference.digest
    assert made.outputs.manifest(built[1].reference).inputs["adapter"] == asked.digest
