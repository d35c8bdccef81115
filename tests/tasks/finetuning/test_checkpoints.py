from __future__ import annotations

import json
import pickletools
import zipfile
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from tasks.finetuning.checkpoints import MARKER, TENSORS, load_checkpoint, save_checkpoint


def tensors(step: int) -> dict[str, Any]:
    import torch

    generator = torch.Generator().manual_seed(step)
    return {
        "weight/a": torch.randn(40, 30, generator=generator),
        "weight/b": torch.randn(7, generator=generator).to(torch.bfloat16),
        "step/a": torch.tensor(float(step)),  # AdamW keeps its step as a number of no dimension
        "exp_avg/turned": torch.randn(4, 5, generator=generator).T,
    }


def save(folder: Path, *steps: int) -> None:
    for step in steps:
        save_checkpoint(folder, step, tensors(step), {"step": step, "losses": [0.1, 1 / 3]})


def newest(folder: Path) -> Path:
    return sorted(folder.glob("step-*"))[-1]


def truncate(folder: Path) -> None:
    path = newest(folder) / TENSORS.format(0)
    path.write_bytes(path.read_bytes()[:-100])


def flip_a_bit(folder: Path) -> None:
    path = newest(folder) / TENSORS.format(0)
    data = bytearray(path.read_bytes())
    data[-5] ^= 1
    path.write_bytes(data)


def drop_the_marker(folder: Path) -> None:
    (newest(folder) / MARKER).unlink()


def empty_the_marker(folder: Path) -> None:
    (newest(folder) / MARKER).write_text("{}")


def cut_the_marker(folder: Path) -> None:
    path = newest(folder) / MARKER
    path.write_text(path.read_text()[:40])


def test_what_was_saved_comes_back_bit_for_bit(tmp_path: Path) -> None:
    import torch

    assert load_checkpoint(tmp_path) is None
    save(tmp_path, 4)
    found = load_checkpoint(tmp_path)
    assert found is not None
    assert found[1] == {"step": 4, "losses": [0.1, 1 / 3]}
    assert found[0].keys() == tensors(4).keys()
    for name, tensor in tensors(4).items():
        assert found[0][name].dtype == tensor.dtype and torch.equal(found[0][name], tensor)


def test_the_newest_two_stay(tmp_path: Path) -> None:
    save(tmp_path, 2, 4, 6, 8)
    assert [path.name for path in sorted(tmp_path.iterdir())] == ["step-00000006", "step-00000008"]


@pytest.mark.parametrize(
    "harm", [truncate, flip_a_bit, drop_the_marker, empty_the_marker, cut_the_marker]
)
def test_row_9_a_torn_checkpoint_falls_back_to_the_one_before(
    tmp_path: Path, harm: Callable[[Path], None]
) -> None:
    save(tmp_path, 2, 4)
    harm(tmp_path)
    found = load_checkpoint(tmp_path)
    assert found is not None and found[1]["step"] == 2
    harm(tmp_path)
    assert load_checkpoint(tmp_path) is None


def test_a_torn_checkpoint_pushes_out_no_whole_one(tmp_path: Path) -> None:
    save(tmp_path, 10, 20)
    truncate(tmp_path)
    load_checkpoint(tmp_path)
    save(tmp_path, 12, 14)  # other save_steps than before
    truncate(tmp_path)
    found = load_checkpoint(tmp_path)
    assert found is not None and found[1]["step"] == 12


def test_no_checkpoint_holds_a_pickle(tmp_path: Path) -> None:
    save(tmp_path, 2)
    names = sorted(path.name for path in newest(tmp_path).iterdir())
    assert names == ["complete.json", "state.json", "tensors-00000.safetensors"]
    for path in newest(tmp_path).iterdir():
        assert not zipfile.is_zipfile(path)  # what torch.save writes
        with pytest.raises(ValueError):
            list(pickletools.genops(path.read_bytes()))
    for name in ("complete.json", "state.json"):
        json.loads((newest(tmp_path) / name).read_text())
