"""Large outputs: files leave the machine as they are done, and of two makers one counts."""

from __future__ import annotations

import pickle
import secrets
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import pytest

from data_contracts.errors import IntegrityError
from tasks.storage.drafts import Draft
from tasks.storage.objects import ObjectStore, open_store
from tasks.storage.outputs import Outputs
from tasks.storage.ranges import ObjectRange
from tasks.storage.stages import Stage

STAGE, OTHER = Stage("stage", 1, ()), Stage("other", 1, ())
LARGE = 20 << 20  # bytes; boto3 uploads it in parts


@pytest.fixture(params=["files", "s3"])
def store(request: pytest.FixtureRequest, tmp_path: Path) -> ObjectStore:
    if request.param == "files":
        return open_store(str(tmp_path / "store"))
    server = request.getfixturevalue("s3_server")
    return open_store(f"s3://{server.bucket}/{secrets.token_hex(6)}", server.endpoint_url)


def test_a_sealed_file_leaves_the_folder_and_is_in_the_output(
    store: ObjectStore, tmp_path: Path
) -> None:
    data = secrets.token_bytes(LARGE)
    outputs = Outputs(store, tmp_path / "work")

    def make(draft: Draft) -> Mapping[str, int]:
        (draft.folder / "data").mkdir()
        for name in ("data/a.bin", "data/b.bin"):
            (draft.folder / name).write_bytes(data)
            draft.seal(name)
            assert not (draft.folder / name).exists()
        (draft.folder / "report").write_text("both")
        return {}

    built = outputs.build_sealing(STAGE.of({}, {}), make)
    assert list(outputs.manifest(built.reference).files) == ["data/a.bin", "data/b.bin", "report"]
    whole = outputs.build(OTHER.of({}, {}), lambda folder: write_all(folder, data))
    assert whole.reference.digest == built.reference.digest
    with outputs.borrow(built.reference) as folder:
        assert (folder / "data/b.bin").read_bytes() == data
    assert outputs.fetch(built.reference, "report").joinpath("report").read_text() == "both"
    fetched = tmp_path / "work/fetched" / built.reference.digest
    assert not (fetched / "data").exists()


def write_all(folder: Path, data: bytes) -> Mapping[str, int]:
    (folder / "data").mkdir()
    for name in ("data/a.bin", "data/b.bin", "report"):
        (folder / name).write_bytes(data if "data" in name else b"both")
    return {}


def test_of_two_machines_that_make_an_output_the_first_counts(
    store: ObjectStore, tmp_path: Path
) -> None:
    one, two = (Outputs(store, tmp_path / name) for name in ("one", "two"))

    def slow(folder: Path) -> Mapping[str, int]:
        first = one.build(STAGE.of({}, {}), lambda other: write(other, "first"))
        assert not first.reused
        return write(folder, "first")

    def write(folder: Path, text: str) -> Mapping[str, int]:
        (folder / "part").write_text(text)
        return {"made_by": folder.is_relative_to(tmp_path / "one")}

    built = two.build(STAGE.of({}, {}), slow)
    assert two.manifest(built.reference).counts == {"made_by": 1}


def test_outputs_travel_to_another_process(store: ObjectStore, tmp_path: Path) -> None:
    outputs = Outputs(store, tmp_path / "work", "revision")
    built = outputs.build(STAGE.of({}, {}), lambda folder: write_all(folder, b"x"))
    other = pickle.loads(pickle.dumps(outputs))
    assert other.find(STAGE.of({}, {})) == built.reference


class Cutting:
    """A real client whose connections break after so many bytes."""

    def __init__(self, client: Any, after: int) -> None:
        self._client, self._after, self.connections = client, after, 0

    def get_object(self, **asked: Any) -> Any:
        answer = self._client.get_object(**asked)
        self.connections += 1
        answer["Body"] = _CutBody(answer["Body"], self._after)
        return answer


class _CutBody:
    def __init__(self, body: Any, left: int) -> None:
        self._body, self._left = body, left

    def read(self, size: int) -> bytes:
        if not self._left:
            raise ConnectionResetError
        data = self._body.read(min(size, self._left))
        self._left -= len(data)
        return data

    def close(self) -> None:
        self._body.close()


def test_a_range_is_read_on_where_the_connection_broke(s3_server: Any) -> None:
    key, data = secrets.token_hex(6), secrets.token_bytes(100_000)
    etag = s3_server.client.put_object(Bucket=s3_server.bucket, Key=key, Body=data)["ETag"]
    cutting = Cutting(s3_server.client, after=30_000)
    with ObjectRange(cutting, s3_server.bucket, key, etag, 1000, 99_000) as file:
        assert file.read() == data[1000:99_000]
        assert cutting.connections == 4
        file.seek(-5, 2)
        assert file.read(50) == data[98_995:99_000]
    with (
        ObjectRange(Cutting(s3_server.client, 0), s3_server.bucket, key, etag, 0, 10) as file,
        pytest.raises(RuntimeError, match="connection to s3://paddock broke"),
    ):
        file.read()


def test_a_range_of_an_object_that_changed_is_refused(s3_server: Any) -> None:
    key, put = secrets.token_hex(6), s3_server.client.put_object
    etag = put(Bucket=s3_server.bucket, Key=key, Body=b"one")["ETag"]
    put(Bucket=s3_server.bucket, Key=key, Body=b"two")
    with (
        ObjectRange(s3_server.client, s3_server.bucket, key, etag, 0, 3) as file,
        pytest.raises(IntegrityError, match="changed while"),
    ):
        file.read()
