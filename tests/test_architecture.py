"""The rules of the house that a reader relies on: who imports whom, and what importing does."""

from __future__ import annotations

import ast
import importlib.util
import json
import os
import re
import subprocess
import sys
from collections.abc import Iterator
from importlib.metadata import packages_distributions
from pathlib import Path

import pytest

CHECKOUT = Path(__file__).resolve().parents[1]
ROOMS = ("flows", "tasks", "model_registry", "data_contracts", "eval_sets")
LONGEST_FILE = 300  # lines
# It subclasses `evaluate.Metric`, so it has to import the library; it is imported where answers are
# scored. The metrics themselves are light.
LIBRARY_METRIC = "tasks.evaluation.metrics.case_metric"
HEAVY = [
    "boto3",
    "datasets",
    "datasketch",
    "evaluate",
    "great_expectations",
    "matplotlib",
    "mlflow",
    "numpy",
    "pandas",
    "peft",
    "profanity_check",
    "py3langid",
    "pyarrow",
    "sklearn",
    "spacy",
    "torch",
    "transformers",
]
# ranks.py: torchrun says to each of its processes there who it is. words.py: the command's words
# are read by the library that reads settings, from the words alone.
ENVIRONMENT_READERS = {
    "flows/workshop/settings.py",
    "flows/workshop/quiet.py",
    "flows/command/words.py",
    "flows/servers/embedded.py",
    "flows/servers/up.py",
    "tasks/finetuning/launch.py",
    "tasks/finetuning/ranks.py",
}
# In each lock file: a name, a version, and nothing else.
PINNED = re.compile(r"[A-Za-z0-9][\w.-]*==[\w.!]+")

# Runs in an interpreter of its own: imports the modules, and prints what that did beside.
# Written in Triton, which comes with torch for a GPU; imported where there is one.
GPU_ONLY = {
    "tasks.models.attention.gpu",
    "tasks.models.attention.kernels",
    "tasks.finetuning.kernels.norms",
    "tasks.finetuning.kernels.triton_kernels",
}
PROBE = """
import importlib, json, os, sys
heavy, *names = json.loads(sys.argv[1])
done = []

def watch(event, details):
    writing = os.O_WRONLY | os.O_RDWR | os.O_CREAT
    if event == "open" and isinstance(details[2], int) and details[2] & writing:
        if details[0] != os.devnull:
            done.append(f"{event} {details[0]}")
    elif event in ("os.mkdir", "os.rename", "os.remove", "socket.connect", "subprocess.Popen"):
        done.append(f"{event} {details[0]}")

sys.addaudithook(watch)
found = {}
for name in names:
    before = len(done)
    importlib.import_module(name)
    new = [library for library in heavy if library in sys.modules]
    heavy = [library for library in heavy if library not in new]
    if new or done[before:]:
        found[name] = [new, done[before:]]
print(json.dumps(found))
"""


def _sources(*rooms: str) -> Iterator[tuple[str, Path]]:
    for room in rooms:
        for path in sorted((CHECKOUT / room).rglob("*.py")):
            yield path.relative_to(CHECKOUT).as_posix(), path


def _modules() -> list[str]:
    names = (name.removesuffix(".py").replace("/", ".") for name, _ in _sources(*ROOMS))
    return [name.removesuffix(".__init__") for name in names if name not in GPU_ONLY]


def _is_prefects(module: str) -> bool:
    return module.startswith("flows.") or module.endswith(".steps")


def _import_all(modules: list[str], home: Path) -> dict[str, list[list[str]]]:
    probe = subprocess.run(
        [sys.executable, "-c", PROBE, json.dumps([HEAVY, *modules])],
        cwd=home,
        env={
            "PATH": os.environ["PATH"],
            "HOME": str(home),
            "PYTHONDONTWRITEBYTECODE": "1",
            "PREFECT_HOME": str(home / "prefect"),
        },
        capture_output=True,
        text=True,
        check=False,
    )
    assert probe.returncode == 0, probe.stderr
    return json.loads(probe.stdout)


def test_imports_keep_to_their_contracts() -> None:
    command = [str(Path(sys.executable).with_name("lint-imports")), "--no-cache"]
    result = subprocess.run(command, cwd=CHECKOUT, capture_output=True, text=True, check=False)
    assert result.returncode == 0, result.stdout[-3000:]


@pytest.mark.parametrize("room", ROOMS)
def test_our_packages_are_imported_from_this_checkout(room: str) -> None:
    spec = importlib.util.find_spec(room)
    assert spec is not None
    assert spec.origin == str(CHECKOUT / room / "__init__.py")


def test_importing_the_plain_modules_loads_no_heavy_library_and_does_nothing(
    tmp_path: Path,
) -> None:
    modules = [m for m in _modules() if not _is_prefects(m) and m != LIBRARY_METRIC]
    assert len(modules) > 50
    assert _import_all(modules, tmp_path) == {}
    assert list(tmp_path.iterdir()) == []


def test_importing_flows_and_steps_loads_prefect_alone(tmp_path: Path) -> None:
    found = _import_all([m for m in _modules() if _is_prefects(m)], tmp_path)
    # Prefect makes its home when it is imported, and nothing else.
    home = f"os.mkdir {tmp_path / 'prefect'}"
    assert [libraries for libraries, _ in found.values() if libraries] == []
    assert {step for _, steps in found.values() for step in steps} <= {home}
    assert [path.name for path in tmp_path.iterdir()] in ([], ["prefect"])


def _reads_environment(tree: ast.AST) -> bool:
    wanted = {"environ", "environb", "getenv", "getenvb", "putenv", "BaseSettings"}
    for node in ast.walk(tree):
        if isinstance(node, ast.Attribute) and node.attr in wanted:
            return True
        if isinstance(node, ast.ImportFrom) and wanted & {alias.name for alias in node.names}:
            return True
    return False


def test_only_the_settings_read_the_environment() -> None:
    readers = {
        name for name, path in _sources(*ROOMS) if _reads_environment(ast.parse(path.read_text()))
    }
    assert readers == ENVIRONMENT_READERS


def test_quieting_and_serving_take_no_setting_of_their_own_from_the_environment() -> None:
    """They hand the environment on, or set what is not set: no name of ours is looked up."""
    known = {"PATH", "RANK", "LOCAL_RANK", "WORLD_SIZE"}
    for name in sorted(ENVIRONMENT_READERS - {"flows/workshop/settings.py"}):
        text = (CHECKOUT / name).read_text()
        looked_up = re.findall(r"environ(?:\.get\(|\[)\s*f?['\"](\w+)", text)
        assert [entry for entry in looked_up if entry not in known] == [], name


def test_files_stay_short() -> None:
    long = {
        name: lines
        for name, path in _sources(*ROOMS, "tests")
        if (lines := len(path.read_text().splitlines())) > LONGEST_FILE
    }
    assert long == {}


def test_no_file_has_the_name_of_a_library() -> None:
    """With a file entrypoint Prefect puts the file's folder first, and ours would be found."""
    taken = set(packages_distributions()) - set(ROOMS)
    named = {name for name, path in _sources(*ROOMS, "tests") if path.stem in taken}
    assert named == set()


def test_no_flow_has_the_name_of_a_standard_module() -> None:
    taken = sys.stdlib_module_names
    assert [name for name, path in _sources("flows") if path.stem in taken] == []


def test_tests_are_no_packages_and_have_names_of_their_own() -> None:
    names = [path.name for _, path in _sources("tests")]
    assert "__init__.py" not in names
    tests = [name for name in names if name.startswith("test_")]
    assert len(tests) == len(set(tests))


def test_init_files_hold_a_docstring_and_nothing_else() -> None:
    packages = [path for _, path in _sources(*ROOMS) if path.name == "__init__.py"]
    assert len(packages) > len(ROOMS)
    for path in packages:
        body = ast.parse(path.read_text()).body
        assert len(body) == 1, path
        assert isinstance(body[0], ast.Expr), path
        assert isinstance(body[0].value, ast.Constant), path


def test_every_folder_of_modules_is_a_package() -> None:
    folders = {path.parent for _, path in _sources(*ROOMS)}
    assert [folder for folder in folders if not (folder / "__init__.py").is_file()] == []


@pytest.mark.parametrize(
    "name", ["requirements.lock", "requirements-models.lock", "requirements-dev.lock"]
)
def test_lock_files_pin_every_package_and_name_no_registry(name: str) -> None:
    lines = [line.strip() for line in (CHECKOUT / name).read_text().splitlines()]
    pins = [line for line in lines if line and not line.startswith("#")]
    assert pins
    assert [pin for pin in pins if not PINNED.fullmatch(pin)] == []
    assert [line for line in lines if "://" in line] == []
    names = [pin.partition("==")[0].lower().replace("_", "-") for pin in pins]
    assert len(names) == len(set(names))
