"""deploy/images/Dockerfile: by hadolint, and what it copies, starts from and ends as.

No image is built: that takes a daemon.
"""

from __future__ import annotations

import re
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

from tests.deploy.manifests.cluster import CHECKOUT

FILE = CHECKOUT / "deploy/images/Dockerfile"
TARGETS = ("cpu", "gpu")
# What a build may need and a running image must not have. The GPU's has a compiler: Triton's.
_TOOLS = re.compile(r"\b(build-essential|g\+\+|cmake|git|gcc)\b")
_PINNED_BASE = re.compile(r"python:\$\{PYTHON\}|[a-z]\w*")
_PINNED_PYTHON = re.compile(r"3\.1[12]\.\d+-slim-\w+")
Stage = list[tuple[str, str]]


def stages(text: str) -> dict[str, Stage]:
    """Return the instructions of each stage, lines that go on joined."""
    found: dict[str, Stage] = {"": []}
    plain = re.sub(r"(?m)^\s*#.*\n", "", text).replace("\\\n", " ")
    name = ""
    for line in filter(str.strip, plain.splitlines()):
        word, _, rest = line.strip().partition(" ")
        if word == "FROM":
            name = rest.split()[-1]
            found[name] = []
        found[name].append((word, rest))
    return found


def against_dockerfile(file: Path = FILE, context: Path = CHECKOUT) -> Iterator[str]:
    """Yield what hadolint and we have against a Dockerfile."""
    hadolint = Path(sys.executable).parent / "hadolint"
    done = subprocess.run(
        [str(hadolint), "--no-color", "-"],
        stdin=file.open(),
        capture_output=True,
        text=True,
        check=False,
    )
    yield from (f"Dockerfile: {line}" for line in done.stdout.splitlines())
    text = file.read_text()
    found = stages(text)
    if re.search(r"https?://", text):
        yield "Dockerfile: it names an address: packages come from where pip is told"
    version = next((rest for word, rest in found[""] if word == "ARG"), "")
    if not _PINNED_PYTHON.fullmatch(version.removeprefix("PYTHON=")):
        yield f"Dockerfile: {version!r} is no Python of one version"
    for target in TARGETS:
        yield from (f"Dockerfile, target {target}: {said}" for said in _target(found, target))
    yield from _copies(found, context)


def _target(found: dict[str, Stage], target: str) -> Iterator[str]:
    stage = found.get(target)
    if stage is None:
        yield "there is none"
        return
    chain = list(stage)
    while (parent := chain[0][1].split()[0]) in found:
        chain = [*found[parent], *chain]
    if not _PINNED_BASE.fullmatch(chain[0][1].split()[0]):
        yield f"it begins from {chain[0][1]}"
    users = [rest for word, rest in chain if word == "USER"]
    if not users or not re.fullmatch(r"[1-9]\d*:[1-9]\d*", users[-1]):
        yield "it does not end as a numbered user that is not root"
    if ("ENTRYPOINT", '["paddock"]') not in chain:
        yield "its entry point is not paddock"
    tools = {tool for word, rest in chain if word == "RUN" for tool in _TOOLS.findall(rest)}
    if tools - ({"gcc"} if target == "gpu" else set[str]()):
        yield f"it has {', '.join(sorted(tools))}"


def _copies(found: dict[str, Stage], context: Path) -> Iterator[str]:
    """Yield what is copied and is not there, or is kept out by .dockerignore."""
    lines = (context / ".dockerignore").read_text().splitlines()
    let_in = {line[1:] for line in lines if line.startswith("!")}
    if "*" not in lines:
        yield ".dockerignore: it does not begin with nothing"
    copied: set[str] = set()
    for word, rest in (one for stage in found.values() for one in stage):
        if word == "COPY" and not rest.startswith("--from"):
            copied |= set(rest.split()[:-1])
    for name in sorted(copied):
        if not (context / name).exists():
            yield f"Dockerfile: there is no {name}"
        elif name.split("/")[0] not in let_in:
            yield f".dockerignore: it keeps {name} out"
    for name in sorted(let_in - {name.split("/")[0] for name in copied}):
        yield f".dockerignore: nothing copies {name}"
