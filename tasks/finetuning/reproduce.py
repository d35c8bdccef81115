"""Writes down how to train a model again: the commands, the whole config, and what it ran on.

It lies beside the model (`about/reproduce.json` and `.md`) and says what was true of this making
alone, so it is no part of the model's digest. It names no folder of the machine and no secret.
"""

from __future__ import annotations

import json
import os
import platform
import shlex
from collections.abc import Mapping
from importlib.metadata import distributions
from pathlib import Path
from typing import Any

from data_contracts.records import Frozen
from tasks.finetuning.recipe import TrainingJob, TrainingSummary, money

NAMES = ("reproduce.json", "reproduce.md")
JOB, STORE = "job.json", "STORE"
TRAIN = ("python", "-m", "tasks.finetuning.train_process", JOB)
SHOWN = ("torch", "transformers", "peft", "liger-kernel", "safetensors", "tokenizers", "numpy")


class Origin(Frozen):
    """Who asked for a training: the `paddock` command that does, and all of its parameters."""

    command: tuple[str, ...]
    parameters: Mapping[str, Any]


class Spent(Frozen):
    """What a training took. `seconds` count all the processes that it took, the lost ones too."""

    seconds: float | None = None
    cost: float | None = None

    def words(self) -> str:
        """Return it as people say it: `took 12 min 3 s, cost 0.53`; nothing, if unknown."""
        if self.seconds is None:
            return ""
        whole = round(self.seconds)
        parts = ((whole // 3600, "h"), (whole % 3600 // 60, "min"), (whole % 60, "s"))
        shown = [f"{count} {unit}" for count, unit in parts if count][:2] or ["0 s"]
        cost = "" if self.cost is None else f", cost {money(self.cost)}"
        return f"took {' '.join(shown)}{cost}"


class Reproduction(Frozen):
    """Everything a second training needs, and what the first one took (see `Spent`)."""

    command: tuple[str, ...]
    train_command: tuple[str, ...]
    parameters: Mapping[str, Any]
    job: Mapping[str, Any]
    base: Mapping[str, str]
    start: Mapping[str, str] = {}
    snapshot: Mapping[str, str]
    fingerprint: str
    code_revision: str
    libraries: Mapping[str, str]
    hardware: Mapping[str, Any]
    seconds: float
    cost: float | None
    gpus: int
    notes: tuple[str, ...] = ()


def portable_job(
    job: TrainingJob, base: str, snapshot: str, teacher: str, summary: TrainingSummary
) -> dict[str, Any]:
    """Return a job as it may be run elsewhere, with the row length that it came to.

    The others are keys in the store.
    """
    length = {"max_seq_length": summary.row_length}
    job = job.model_copy(update={"recipe": job.recipe.model_copy(update=length)})
    given = job.model_dump(mode="json", exclude={"spending"})
    if job.teacher:
        given["teacher"] = f"{STORE}/{teacher}"
    return {**given, "base": f"{STORE}/{base}", "snapshot": f"{STORE}/{snapshot}", "out": "out"}


def write_reproduction(folder: Path, made: Reproduction) -> None:
    """Write both files into a folder."""
    folder.mkdir(parents=True, exist_ok=True)
    (folder / NAMES[0]).write_text(made.model_dump_json(indent=1) + "\n")
    (folder / NAMES[1]).write_text(describe(made))


def read_spent(folder: Path) -> Spent:
    """Return what the training took whose files lie in a folder; unknown, where none do."""
    try:
        found = json.loads((folder / NAMES[0]).read_text())
    except FileNotFoundError:
        return Spent()
    return Spent(seconds=found["seconds"], cost=found["cost"])


def _begun_at(start: Mapping[str, str]) -> dict[str, str]:
    return {"begun at": f"{start['name']}, sha256 `{start['digest']}`"}


def describe(made: Reproduction) -> str:
    """Return a reproduction as Markdown."""
    hardware = made.hardware
    cards = ", ".join(hardware["gpus"]) or "no GPU"
    libraries = ", ".join(f"{n} {made.libraries[n]}" for n in SHOWN if n in made.libraries)
    rows: dict[str, str] = {
        "base model": f"{made.base['name']}, sha256 `{made.base['digest']}`",
        **(_begun_at(made.start) if made.start else {}),
        "snapshot": f"sha256 `{made.snapshot['digest']}`",
        "fingerprint": f"`{made.fingerprint}`",
        "code": f"`{made.code_revision}`",
        "libraries": f"Python {hardware['python']}, {libraries}",
        "hardware": f"{hardware['processor']}, {hardware['cores']} cores, "
        f"{hardware['memory_gib']} GiB; {cards}; {hardware['system']}",
        "time": Spent(seconds=made.seconds, cost=made.cost).words(),
    }
    if made.code_revision.endswith("+changes"):
        rows["code"] += " (files differed from that commit)"
    return "\n".join(
        [
            "# The same training again",
            "",
            "The whole run; what stands in the store already is found, not made again:",
            "",
            *_block("sh", _shell(made.command)),
            f"The training alone, from the code's folder. Save the job below as `{JOB}`, with "
            f"`{STORE}` replaced by the folder of the object store, or by that of a copy of the "
            "two outputs that it names:",
            "",
            *_block("sh", _shell(made.train_command)),
            *_block("json", json.dumps(made.job, indent=1)),
            *[f"- {note}" for note in made.notes],
            *([""] if made.notes else []),
            "| | |",
            "|---|---|",
            *[f"| {name} | {value} |" for name, value in rows.items()],
            "",
            "All parameters, defaults included:",
            "",
            *_block("json", json.dumps(made.parameters, indent=1)),
        ]
    )


def installed() -> dict[str, str]:
    """Return the version of every installed package, by name."""
    found = {str(d.metadata["Name"]): d.version for d in distributions()}
    return dict(sorted(found.items()))


def machine() -> dict[str, Any]:
    """Return what this machine is. Asks no library that would take memory of a GPU."""
    return {
        "processor": _processor(),
        "cores": len(os.sched_getaffinity(0)),
        "memory_gib": round(os.sysconf("SC_PAGE_SIZE") * os.sysconf("SC_PHYS_PAGES") / 2**30),
        "gpus": _gpus(),
        "system": f"{platform.system()} {platform.release()}",
        "python": platform.python_version(),
    }


def _processor() -> str:
    try:
        lines = Path("/proc/cpuinfo").read_text().splitlines()
    except OSError:
        lines = []
    named = (line.partition(":")[2].strip() for line in lines if line.startswith("model name"))
    return next(named, platform.machine())


def _gpus() -> list[str]:
    import pynvml

    try:
        pynvml.nvmlInit()
    except pynvml.NVMLError:  # no driver, so no GPU
        return []
    try:
        driver = pynvml.nvmlSystemGetDriverVersion()
        cards = map(pynvml.nvmlDeviceGetHandleByIndex, range(pynvml.nvmlDeviceGetCount()))
        return [
            f"{pynvml.nvmlDeviceGetName(card)}, "
            f"{int(pynvml.nvmlDeviceGetMemoryInfo(card).total) >> 20} MiB, {driver}"
            for card in cards
        ]
    finally:
        pynvml.nvmlShutdown()


def _shell(words: tuple[str, ...]) -> str:
    """Return a command for a shell, an option a line: pages do not wrap it."""
    lines = [shlex.quote(words[0])]
    for word in words[1:]:
        if word.startswith("--"):
            lines.append(shlex.quote(word))
        else:
            lines[-1] += f" {shlex.quote(word)}"
    return " \\\n  ".join(lines)


def _block(kind: str, text: str) -> list[str]:
    return [f"```{kind}", text, "```", ""]
