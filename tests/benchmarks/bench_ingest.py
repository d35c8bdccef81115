"""`make bench-ingest`: how ingestion grows with the rows, over workers and from S3 to S3.

Every figure stands beside its limit. Redaction is the real one without names, and rows are flagged.
Needs the shared data beside the checkout. Exit code 1 if a figure misses its limit.
"""

from __future__ import annotations

import json
import os
import re
import socket
import subprocess
import sys
import tempfile
import threading
import time
from collections.abc import Generator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

from tests.benchmarks.ingestion.backdoors import backdoors
from tests.benchmarks.ingestion.one_run import run
from tests.benchmarks.ingestion.rows import write_planted, write_rows
from tests.benchmarks.limits import Limits

CHECKOUT = Path(__file__).resolve().parents[2]
FEW, TIMES = 400, 100
S3_ROWS, WORKER_ROWS, PLANTED = 10_000, 30_000, 2000
ROUNDS = 3  # of the small run, of which the fastest counts; the large one averages itself


def main() -> int:
    """Run every part; return the exit code."""
    limits = Limits()
    with tempfile.TemporaryDirectory(prefix="paddock-bench-") as folder:
        place = Path(folder)
        growth(limits, place)
        near_duplicates(limits, place)
        on_s3(limits, place)
        workers(limits, place)
    backdoors(limits)
    return limits.exit_code()


def growth(limits: Limits, place: Path) -> None:
    """Compare N rows with 100 N: time may grow by 105, memory hardly at all."""
    few = write_rows(place / "few.jsonl", FEW, seed=2)
    many = write_rows(place / "many.jsonl", FEW * TIMES, seed=3)
    small = [measured(few, place / f"few{n}") for n in range(ROUNDS)]
    middle = measured(write_rows(place / "some.jsonl", FEW * 10, seed=4), place / "some")
    large = measured(many, place / "many")
    print(f"\nGrowth: {FEW:,} and {FEW * TIMES:,} rows of {many.stat().st_size >> 20} MiB")
    print(f"        {large['rows'] / large['cpu']:,.0f} rows/s of one core, ", end="")
    print(f"{many.stat().st_size / large['cpu'] / 1e6:.2f} MB/s, {large['peak'] >> 20} MiB at most")
    limits.at_most("time for 100 times the rows", ratio(large, small, "cpu"), 105)
    limits.at_most("time for 100 times the rows, over 10 times", large["cpu"] / middle["cpu"], 10.5)
    limits.at_most("memory for 100 times the rows", ratio(large, small, "peak"), 1.2)


def ratio(large: dict[str, Any], small: list[dict[str, Any]], figure: str) -> float:
    """Return a figure of the large run over the least of the small ones."""
    return large[figure] / min(one[figure] for one in small)


def near_duplicates(limits: Limits, place: Path) -> None:
    """Plant edited copies; those clearly above the threshold are to be found, and no others."""
    path = place / "planted.jsonl"
    planted = write_planted(path, PLANTED, seed=5)
    found = dropped_lines(place, path)
    print(f"\nNear-duplicates: {PLANTED:,} rows with an edited copy each, threshold 0.8")
    above = [line in found for line, share in planted if share >= 0.85]
    at = [line in found for line, share in planted if share >= 0.8]
    below = [line in found for line, share in planted if share < 0.7]
    limits.at_least(f"recall, {len(above)} copies at 0.85 and above", mean(above), 0.97)
    limits.at_least(f"recall, {len(at)} copies at 0.80 and above", mean(at), 0.9)
    limits.at_most(f"false alarms, {len(below)} copies below 0.70", mean(below), 0.01)


def dropped_lines(place: Path, path: Path) -> set[int]:
    """Return the lines of a source that are in its snapshot neither kept nor quarantined."""
    from data_contracts.snapshot.reading import QUARANTINE
    from data_contracts.snapshot.row_files import read_row_file

    report = run(str(path), str(place / "planted"), place / "planted-work")
    assert report.duplicates == 0
    (snapshot,) = (place / "planted/snapshot").iterdir()
    files = [*(snapshot / "data").iterdir(), snapshot / QUARANTINE]
    kept = {row["line"] for file in files for row in read_row_file(file)}
    return set(range(1, report.rows_in + 1)) - kept


def mean(hits: list[bool]) -> float:
    """Return the share of hits."""
    return sum(hits) / max(1, len(hits))


def on_s3(limits: Limits, place: Path) -> None:
    """Compare S3 in and out with files, and look how much of the set ever lies here."""
    import boto3

    path = write_rows(place / "s3.jsonl", S3_ROWS, seed=7)
    local = measured(path, place / "local")
    with s3_server(place / "weed") as endpoint:
        client: Any = boto3.client("s3", endpoint_url=endpoint)
        client.create_bucket(Bucket="bench")
        client.upload_file(str(path), "bench", "raw/rows.jsonl")
        with watched(place / "s3-work") as largest:
            remote = measured("s3://bench/raw", place / "s3", "s3://bench/store", endpoint)
    print(f"\nS3: {S3_ROWS:,} rows in {path.stat().st_size >> 20} MiB from and to a server here")
    limits.at_most("time from and to S3, over files", remote["seconds"] / local["seconds"], 1.5)
    share = max(largest) / path.stat().st_size
    limits.at_most("local bytes at the worst moment, over the set", share, 0.6)


@contextmanager
def watched(folder: Path) -> Generator[list[int]]:
    """Note, again and again, how many bytes lie below a folder."""
    sizes, stop = [0], threading.Event()

    def look() -> None:
        while not stop.wait(0.02):
            sizes.append(sum(_size(path) for path in folder.rglob("*")))

    thread = threading.Thread(target=look)
    thread.start()
    try:
        yield sizes
    finally:
        stop.set()
        thread.join()


def _size(path: Path) -> int:
    try:
        return path.stat().st_blocks * 512 if path.is_file() else 0
    except FileNotFoundError:
        return 0


@contextmanager
def s3_server(folder: Path) -> Generator[str]:
    """Start SeaweedFS for anybody on loopback, and give its address."""
    os.environ |= {"AWS_ACCESS_KEY_ID": "any", "AWS_SECRET_ACCESS_KEY": "any"}
    os.environ["AWS_DEFAULT_REGION"] = "us-east-1"
    folder.mkdir()
    names = [
        f"{part}.port{kind}"
        for part in ("master", "volume", "filer", "s3")
        for kind in ("", ".grpc")
    ]
    ports = dict(zip(names, free_ports(len(names)), strict=True))
    binary = Path(sys.executable).with_name("weed")
    options = ["-dir=.", "-ip=127.0.0.1", "-ip.bind=127.0.0.1", "-volume.max=50", "-s3"]
    options += [
        "-master.volumeSizeLimitMB=16",
        *(f"-{name}={port}" for name, port in ports.items()),
    ]
    quiet = subprocess.DEVNULL
    server = subprocess.Popen([binary, "server", *options], cwd=folder, stdout=quiet, stderr=quiet)
    try:
        wait_for(ports["s3.port"])
        yield f"http://127.0.0.1:{ports['s3.port']}"
    finally:
        server.kill()
        server.wait()


def free_ports(count: int) -> list[int]:
    """Return ports of loopback that nobody listens on."""
    sockets = [socket.create_server(("127.0.0.1", 0)) for _ in range(count)]
    ports = [one.getsockname()[1] for one in sockets]
    for one in sockets:
        one.close()
    return ports


def wait_for(port: int) -> None:
    """Wait until somebody listens, and a little longer until the parts know each other."""
    for _ in range(120):
        try:
            socket.create_connection(("127.0.0.1", port), timeout=1).close()
        except OSError:
            time.sleep(0.5)
        else:
            time.sleep(5)
            return
    raise TimeoutError("the S3 server did not start")


def workers(limits: Limits, place: Path) -> None:
    """Compare one worker process with two, through the flow and Prefect."""
    path = write_rows(place / "workers.jsonl", WORKER_ROWS, seed=11)
    seconds = {1: float("inf"), 2: float("inf")}
    for number in range(2):  # the faster of two, for others may want the cores at times
        for count, before in seconds.items():
            took = fan_out_seconds(place / f"home{count}-{number}", path, count)
            seconds[count] = min(before, took)
    print(f"\nWorkers: {WORKER_ROWS:,} rows in processes, their start included: ", end="")
    print(", ".join(f"{count} take {took:.0f} s" for count, took in seconds.items()))
    busy = sum(both_cores() for _ in range(3)) / 3
    print(f"        Two loops side by side take {busy:.2f} times as long as one (1.00: idle cores)")
    limits.at_most("time of two workers, over one and that", seconds[2] / seconds[1] / busy, 0.75)


def both_cores() -> float:
    """Return how much longer two processes take side by side than one: what others leave us."""
    loop = [sys.executable, "-c", "sum(n * n for n in range(20_000_000))"]
    started = time.perf_counter()
    subprocess.run(loop, check=True)
    alone = time.perf_counter() - started
    pair = [subprocess.Popen(loop) for _ in range(2)]
    started = time.perf_counter()
    for one in pair:
        one.wait()
    return (time.perf_counter() - started) / alone


def fan_out_seconds(home: Path, path: Path, count: int) -> float:
    """Run `paddock ingest` and return how long its shards took, as it says."""
    environment = {"PADDOCK_HOME": str(home), "PADDOCK_SHARD_RUNNER": "processes"}
    environment |= {"PADDOCK_SHARD_WORKERS": str(count), "PADDOCK_SHARD_BYTES": str(1 << 20)}
    words = ["ingest", "--source", str(path), "--kind", "document", "--no-names"]
    ended = subprocess.run(
        [Path(sys.executable).with_name("paddock"), *words],
        env=os.environ | environment,
        capture_output=True,
        text=True,
        check=False,
    )
    said = re.search(r"shards?: done in (?:(\d+) min )?(\d+) s", ended.stdout)
    if ended.returncode or said is None:
        raise RuntimeError(f"paddock ingest failed: {ended.stderr}")
    return 60 * int(said[1] or 0) + int(said[2])


def measured(source: Path | str, work: Path, store: str = "", endpoint: str = "") -> dict[str, Any]:
    """Run one ingestion in a process of its own and return what it took."""
    command = [sys.executable, "-m", "tests.benchmarks.ingestion.one_run", str(source)]
    command += [store or str(work / "store"), f"{work}-work" if endpoint else str(work / "work")]
    environment = os.environ | ({"PADDOCK_S3_ENDPOINT_URL": endpoint} if endpoint else {})
    ended = subprocess.run(
        command, cwd=CHECKOUT, env=environment, capture_output=True, text=True, check=False
    )
    if ended.returncode:
        raise RuntimeError(f"the run failed: {ended.stderr[-2000:]}")
    return json.loads(ended.stdout.splitlines()[-1])


if __name__ == "__main__":
    sys.exit(main())
