"""The fan-out over shards for real: threads, processes, Dask and Ray make the same bytes.

One shard's failure is that shard's alone, and shards that were worked on before are found again.
"""

from __future__ import annotations

import gzip
import json
import subprocess
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Literal

import pytest

from data_contracts.contract_files import default_contract
from data_contracts.errors import InputError, UnexpectedError
from flows.workshop.settings import Settings
from tasks.ingestion.jobs import Job, Worked
from tasks.ingestion.limits import Limits
from tasks.ingestion.sources import parts, resolve
from tasks.storage.objects import LocalStore
from tasks.storage.outputs import Outputs

Ended = subprocess.CompletedProcess[str]
Run = Callable[..., Ended]
Manifests = Callable[[Path], dict[str, list[dict[str, Any]]]]
Runner = Literal["threads", "processes"]
DATA = Path(__file__).resolve().parents[3] / "shared/data"
ROWS = 600
MEDIUM = {"PADDOCK_SHARD_BYTES": "262144", "PADDOCK_SHARD_WORKERS": "2"}
WAYS = {
    "threads, large shards": {"PADDOCK_SHARD_BYTES": "1048576"},
    "threads, small shards": {"PADDOCK_SHARD_BYTES": "65536", "PADDOCK_SHARD_WORKERS": "2"},
    "processes": {"PADDOCK_SHARD_RUNNER": "processes", **MEDIUM},
    "dask": {"PADDOCK_SHARD_RUNNER": "dask", **MEDIUM},
    "ray": {"PADDOCK_SHARD_RUNNER": "ray", **MEDIUM},
}


@pytest.fixture(scope="module")
def chats(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Return real conversations, some broken and some nearly the same, as JSON lines."""
    packed = DATA / "chitchat/conversations.jsonl.gz"
    if not packed.exists():
        pytest.skip("the shared real data is not here")
    with gzip.open(packed, "rt", encoding="utf-8") as file:
        lines = [next(file) for _ in range(ROWS)]
    lines[ROWS // 2] = "{broken\n"
    again = json.loads(lines[5])
    again["messages"][0]["content"] += " Well."
    lines.append(json.dumps(again))
    path = tmp_path_factory.mktemp("chats") / "chats.jsonl"
    path.write_text("".join(lines), encoding="utf-8")
    return path


@pytest.fixture(scope="module")
def words(chats: Path) -> list[str]:
    return ["ingest", "--source", str(chats), "--no-names"]


@pytest.fixture(scope="module")
def alone(
    terminal: Run, words: list[str], manifests: Manifests, tmp_path_factory: pytest.TempPathFactory
) -> dict[str, Any]:
    """Return the manifest of the snapshot that is made in one piece."""
    home = tmp_path_factory.mktemp("alone") / "home"
    ended = terminal(home, *words)
    assert ended.returncode == 0, ended.stderr
    assert "(1 shard)" in ended.stdout
    (manifest,) = manifests(home)["snapshot"]
    return manifest


@pytest.mark.parametrize("way", WAYS)
def test_every_runner_makes_the_same_bytes(
    way: str,
    terminal: Run,
    words: list[str],
    alone: dict[str, Any],
    manifests: Manifests,
    tmp_path: Path,
) -> None:
    ended = terminal(tmp_path / "home", *words, **WAYS[way])
    assert ended.returncode == 0, ended.stderr
    made = manifests(tmp_path / "home")
    assert len(made["ingest-shard"]) > 1
    (manifest,) = made["snapshot"]
    assert manifest["files"] == alone["files"]
    assert manifest["digest"] == alone["digest"]
    counts = manifest["counts"]
    assert (counts["rows_in"], counts["quarantined"]) == (ROWS + 1, alone["counts"]["quarantined"])
    assert counts["near_duplicates"] >= 1


def test_a_grown_source_finds_its_shards_again(
    terminal: Run, words: list[str], chats: Path, tmp_path: Path
) -> None:
    grown = tmp_path / "grown.jsonl"
    lines = chats.read_text(encoding="utf-8").splitlines(keepends=True)
    size = {"PADDOCK_SHARD_BYTES": "262144"}
    for count in (400, ROWS):
        grown.write_text("".join(lines[:count]), encoding="utf-8")
        words = ["ingest", "--source", str(grown), "--no-names"]
        ended = terminal(tmp_path / "home", *words, **size)
        assert ended.returncode == 0, ended.stderr
    shards = sum(1 for _ in (tmp_path / "home/store/ingest-shard").iterdir())
    again = int(ended.stdout.split("shards, ")[1].split(" of them found")[0])
    assert again >= 5
    assert shards > again
    assert "it stood there already" in terminal(tmp_path / "home", *words, **size).stdout


def test_no_more_rows_are_read_than_asked_for(
    terminal: Run, words: list[str], manifests: Manifests, tmp_path: Path
) -> None:
    few = ["--max-rows", "200"]
    ended = terminal(tmp_path / "home", *words, *few, PADDOCK_SHARD_BYTES="262144")
    assert ended.returncode == 0, ended.stderr
    made = manifests(tmp_path / "home")
    assert sum(shard["counts"]["rows"] for shard in made["ingest-shard"]) == 200
    assert made["snapshot"][0]["counts"]["rows_in"] == 200


def test_what_cannot_fit_is_said_before_anything_is_loaded(terminal: Run, tmp_path: Path) -> None:
    rows = tmp_path / "rows.jsonl"
    rows.write_text('{"question": "a", "answer": "b"}\n' * 20)
    ended = terminal(tmp_path / "home", "ingest", "--source", str(rows), "--kind", "instruction")
    assert ended.returncode == 2
    assert "the columns are question, answer" in ended.stderr
    assert not (tmp_path / "home/store/ingest-shard").exists()


class Failing:
    """The real redactor; it raises, quoting the text, for each row that a file says it should."""

    def __init__(self, failures: Path) -> None:
        from tasks.redaction.engine import build_redactor

        self._real, self._failures = build_redactor(names=False), failures

    def redact_records(self, records: Sequence[Sequence[str]], subjects: Sequence[str] = ()) -> Any:
        for texts in records:
            for path in self._failures.glob("*.due"):
                if path.stem in texts:
                    number = sum(1 for _ in self._failures.glob(f"{path.stem}.failed*"))
                    (self._failures / f"{path.stem}.failed{number}").touch()
                    if str(number + 1) == path.read_text():
                        path.unlink()
                    raise RuntimeError(f"cannot take {texts}")
        return self._real.redact_records(records, subjects)

    def redact_text(self, text: str) -> str:
        return self._real.redact_text(text)


@dataclass(frozen=True)
class BuildFailing:
    failures: Path

    def __call__(self) -> Failing:
        return Failing(self.failures)


@pytest.fixture
def job(tmp_path: Path) -> Job:
    (tmp_path / "failures").mkdir()
    return Job(
        outputs=Outputs(LocalStore(tmp_path / "store"), tmp_path / "work"),
        contract=default_contract("instruction"),
        mapping={},
        evaluations={},
        evaluation_texts=(),
        redaction={},
        build_redactor=BuildFailing(tmp_path / "failures"),
        limits=Limits(shard_bytes=2000),
        noted=tmp_path / "noted",
    )


def fan_out(job: Job, path: Path, runner: Runner = "threads") -> list[Worked]:
    from flows.ingestion import _fan_out  # pyright: ignore[reportPrivateUsage]

    every = list(parts(resolve(str(path), limits=job.limits)))
    settings = Settings(shard_workers=2, shard_runner=runner)
    return _fan_out(settings, job, every, lambda done, total: None)


def instructions(path: Path, count: int = 400) -> Path:
    rows = [{"instruction": f"row{n}", "output": f"it is {n}"} for n in range(count)]
    path.write_text("".join(json.dumps(row) + "\n" for row in rows))
    return path


@pytest.mark.usefixtures("prefect_server")
@pytest.mark.parametrize("runner", ["threads", "processes"])
def test_one_shards_failure_is_tried_again_alone(
    runner: Runner, job: Job, tmp_path: Path, caplog: pytest.LogCaptureFixture
) -> None:
    path = instructions(tmp_path / "rows.jsonl")
    (tmp_path / "failures/row250.due").write_text("2")
    done = fan_out(job, path, runner)
    assert len(done) > 5
    assert sum(shard.rows for shard in done) == 400
    failed = sorted(path.name for path in (tmp_path / "failures").iterdir())
    assert failed == ["row250.failed0", "row250.failed1"]
    manifests = list((tmp_path / "store/ingest-shard").glob("*/manifest.json"))
    assert len(manifests) == len(done)
    assert "row250" not in caplog.text  # what the library's error quoted


@pytest.mark.usefixtures("prefect_server")
def test_a_run_that_fails_resumes_by_shard(job: Job, tmp_path: Path) -> None:
    path = instructions(tmp_path / "rows.jsonl")
    (tmp_path / "failures/row399.due").write_text("3")
    with pytest.raises(UnexpectedError, match="unexpected RuntimeError"):
        fan_out(job, path)
    done = fan_out(job, path)
    assert [shard.reused for shard in done] == [True] * (len(done) - 1) + [False]


@pytest.mark.usefixtures("prefect_server")
def test_a_damaged_source_is_not_tried_again(job: Job, tmp_path: Path) -> None:
    path = tmp_path / "rows.jsonl.gz"
    path.write_bytes(gzip.compress(instructions(tmp_path / "rows").read_bytes())[:-9])
    from prefect.client.orchestration import get_client

    with pytest.raises(InputError, match="archive cannot be read"):
        fan_out(job, path)
    with get_client(sync_client=True) as client:
        tried = [run.run_count for run in client.read_task_runs() if "rows.jsonl.gz" in run.name]
    assert tried == [1]
