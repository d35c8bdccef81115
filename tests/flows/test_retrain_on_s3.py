"""The main job with source and store on a real S3 server, as in production."""

from __future__ import annotations

import subprocess
from collections.abc import Callable
from pathlib import Path
from typing import Any

Ended = subprocess.CompletedProcess[str]


def test_a_run_reads_from_s3_keeps_everything_there_and_finds_it_again(
    s3_server: Any,
    paddock: Callable[..., Ended],
    make_home: Callable[[Path], Path],
    run_words: list[str],
    planted_rows: Path,
    tmp_path: Path,
) -> None:
    s3_server.client.upload_file(str(planted_rows), s3_server.bucket, "raw/rows.jsonl")
    words = [word if word != str(planted_rows) else "s3://paddock/raw/" for word in run_words]
    place = {
        "PADDOCK_STORE": "s3://paddock/store",
        "PADDOCK_S3_ENDPOINT_URL": s3_server.endpoint_url,
    }
    first = paddock(make_home(tmp_path / "home"), *words, **place)
    assert first.returncode == 1, first.stdout + first.stderr  # a tiny model passes no gate
    listed = s3_server.client.list_objects_v2(Bucket="paddock", Prefix="store/")["Contents"]
    stages = {entry["Key"].split("/")[1] for entry in listed if "manifest" in entry["Key"]}
    assert {"base", "snapshot", "model", "answers", "scorecard", "sample"} <= stages
    assert not (tmp_path / "home" / "store").exists()

    # Another machine with the same store has nothing left to do.
    again = paddock(make_home(tmp_path / "other"), *words, **place)
    assert "0 run (none)" in again.stdout, again.stdout + again.stderr
    digests = [_digest(ended.stdout) for ended in (first, again)]
    assert digests[0] == digests[1]


def _digest(said: str) -> str:
    return next(line.split()[-1] for line in said.splitlines() if line.startswith("  digest"))
