"""Releases a folder in a build of its own: `python one_release.py FILES SMALL HOME [cold]`.

It is run by each build's Python as a file, and imports nothing but that build. SMALL is released
before FILES, so that loading libraries is left out. Two parts are measured: asking people, before
which this build looks at the bytes and the earlier one did not; and from their yes to the moved
alias. Prints a line of JSON: the seconds of each, and of both the processor seconds and the bytes
that this process read and wrote (/proc/self/io, so from the page cache as well). Linux only.
"""

from __future__ import annotations

import json
import os
import sys
import time
from collections.abc import Callable
from functools import partial
from importlib import import_module
from importlib.util import find_spec
from inspect import signature
from pathlib import Path
from typing import Any


class Digest(str):
    """What a tokenizer's digest is given as: the earlier build takes a text, this one a call."""

    __slots__ = ()

    def __call__(self) -> str:
        """Return the text."""
        return str(self)


def main(files: str, small: str, home: str, cold: str = "") -> None:
    """Release both; print what the second took."""
    from model_registry.signing import ensure_keys
    from model_registry.tracking import open_registry

    registry = open_registry(f"sqlite:///{home}/mlflow.db", f"file://{home}/mlflow-artifacts")
    keys = ensure_keys(Path(home) / "keys")
    forget = partial(_forget, Path(home)) if cold else lambda: None
    _release(registry, "small", Path(small), keys, forget)
    print(json.dumps(_release(registry, "large", Path(files), keys, forget)))


def _release(
    registry: Any, name: str, files: Path, keys: Any, forget: Callable[[], None]
) -> dict[str, float]:
    candidate = _registered(registry, name, files, keys)
    dossier = _dossier(registry, candidate, keys)
    from model_registry.approvals import record_decision, request_approval
    from model_registry.promotion import promote

    forget()
    before, used, began = _bytes(), time.process_time(), time.perf_counter()
    _verify(registry, candidate, dossier, keys)
    request_approval(registry, name, dossier)
    asked = time.perf_counter()
    forget()
    yes = time.perf_counter()
    record_decision(registry, name, dossier, approve=True, person="ada")
    assert promote(registry, name, candidate.version, keys).moved
    ended, cpu = time.perf_counter(), time.process_time() - used
    read, written = (now - then for now, then in zip(_bytes(), before, strict=True))
    return {
        "asking_seconds": asked - began,
        "seconds": ended - yes,
        "cpu_seconds": cpu,
        "read": read,
        "written": written,
    }


def _forget(folder: Path) -> None:
    """Have the page cache hold nothing of the files below a folder."""
    os.sync()
    for path in folder.rglob("*"):
        if path.is_file():
            with path.open("rb") as file:
                os.posix_fadvise(file.fileno(), 0, 0, os.POSIX_FADV_DONTNEED)


def _verify(registry: Any, candidate: Any, dossier: Any, keys: Any) -> None:
    """Do as the step does that asks people; the earlier build did not look at the bytes there."""
    try:
        from model_registry.copies import verify_candidate
    except ImportError:
        return
    verify_candidate(registry, candidate, dossier, keys)


def _registered(registry: Any, name: str, files: Path, keys: Any) -> Any:
    from model_registry.candidates import register_candidate

    try:
        from data_contracts.digests import folder_digest
        from model_registry.model_files import tokenizer_digest
    except ImportError:
        from model_registry.digests import folder_digest  # pyright: ignore
        from model_registry.loading import tokenizer_digest  # pyright: ignore
    tokenizer: Any = Digest(tokenizer_digest(files / "model"))
    return register_candidate(
        registry,
        name,
        files,
        digest=str(folder_digest(files)),
        trained_tokenizer=tokenizer,
        description="Random bytes.",
        references={"model": f"model-{name}", "dataset": "d" * 64},
        keys=keys,
    )


def _dossier(registry: Any, candidate: Any, keys: Any) -> Any:
    from model_registry import scorecard
    from model_registry.dossier import publish_dossier
    from model_registry.gates import judge

    newer = find_spec("model_registry.policy") is not None
    rules: Any = import_module(f"model_registry.{'policy' if newer else 'gates'}")

    estimate = scorecard.Estimate(value=0.8, low=0.7, high=0.9, n=1000)
    unit: Any = getattr(scorecard, "SHARE", "share")
    metric = scorecard.MetricResult(
        key="facts/accuracy",
        unit=unit,
        higher_is_better=True,
        scores={"base": estimate, "candidate": estimate},
        differences={},
    )
    card = scorecard.Scorecard(
        models={"base": "model-base", "candidate": candidate.references["model"]},
        eval_sets={},
        metrics={metric.key: metric},
        seed=1,
        resamples=100,
    )
    gate = rules.Gate(id="knows", metric="facts/accuracy", rule="min", value=0.5)
    # The earlier build makes no page.
    made = "page" in signature(publish_dossier).parameters
    more: dict[str, Any] = {"page": str} if made else {}
    verdict = judge(rules.Policy(name="bench", gates=(gate,), digest="p" * 64), card)
    return publish_dossier(
        registry, candidate, card, "s" * 64, verdict, keys, code_revision="bench", **more
    )


def _bytes() -> tuple[int, int]:
    told = dict(line.split(": ") for line in Path("/proc/self/io").read_text().splitlines())
    return int(told["rchar"]), int(told["wchar"])


if __name__ == "__main__":
    main(*sys.argv[1:])
