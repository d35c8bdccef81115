"""A kind of record is one place: a module, its contract beside it, and a line in the registry."""

from __future__ import annotations

import json
import os
import shutil
import subprocess
import sys
from pathlib import Path
from typing import get_args

from data_contracts.kinds.registry import KINDS, RecordKind
from flows.asking.parameters import IngestParameters

CHECKOUT = Path(__file__).resolve().parents[2]
MODULE = '''
from typing import ClassVar

from data_contracts.records import Message, Record, Text


class ProverbRecord(Record):
    """How a proverb begins, and how it ends."""

    KIND = "proverb"
    COLUMNS: ClassVar = {"beginning": ("beginning", "start"), "endings": ("endings",)}
    ANSWERS = 1

    beginning: Text
    endings: tuple[Message, ...]

    @classmethod
    def read(cls, row):
        row.require("beginning", "endings")
        said = [{"role": "assistant", "content": text} for text in row.get("endings")]
        return {"beginning": row.get("beginning"), "endings": said}

    def conversation(self):
        return (Message(role="user", content=self.beginning), *self.endings[:1])
'''
CONTRACT = """
[lengths]
beginning_characters = [1, 100]
endings_characters = [1, 100]
tokens = [1, 100]
"""
READ_BACK = """
import sys
from pathlib import Path
from data_contracts.snapshot.reading import read_records
folder = next(Path(sys.argv[1]).rglob("report.json")).parent
for _, record in read_records(folder):
    print(record.conversation()[1].content)
"""


def test_forms_and_the_command_offer_the_kinds() -> None:
    schema = IngestParameters.model_json_schema()["properties"]["kind"]
    *offered, unset = schema["enum"]
    assert offered == list(get_args(RecordKind)) == list(KINDS)
    assert unset is None  # the contract says it, or it is chat
    assert IngestParameters().kind is None


def test_a_kind_that_is_added_in_one_place_is_ingested(tmp_path: Path) -> None:
    """The checkout's own contracts and one more kind: its module, its contract, its line."""
    shutil.copytree(
        CHECKOUT / "data_contracts",
        tmp_path / "data_contracts",
        ignore=shutil.ignore_patterns("__pycache__"),
    )
    kinds = tmp_path / "data_contracts" / "kinds"
    (kinds / "proverb.py").write_text(MODULE)
    (kinds / "proverb.toml").write_text(CONTRACT)
    registry = (kinds / "registry.py").read_text()
    listed = registry.replace("    ChatRecord,\n", "    ChatRecord,\n    ProverbRecord,\n")
    listed = listed.replace(
        "from data_contracts.records",
        "from data_contracts.kinds.proverb import ProverbRecord\nfrom data_contracts.records",
    )
    assert listed.count("ProverbRecord") == 2
    (kinds / "registry.py").write_text(listed)
    rows = [{"start": f"Who digs {n} pits", "endings": [f"falls into {n}."]} for n in range(30)]
    (tmp_path / "rows.jsonl").write_text("\n".join(map(json.dumps, [*rows, {"start": "Alone"}])))

    def run(*words: str) -> str:
        environment = {
            "PATH": os.environ["PATH"],
            "HOME": str(tmp_path),
            "PADDOCK_HOME": str(tmp_path / "home"),
            "PYTHONPATH": f"{tmp_path}{os.pathsep}{CHECKOUT}",
            "OMP_NUM_THREADS": "1",
        }
        ended = subprocess.run(
            [sys.executable, *words],
            cwd=tmp_path,
            env=environment,
            capture_output=True,
            text=True,
            check=False,
        )
        assert ended.returncode == 0, ended.stdout + ended.stderr
        return ended.stdout

    words = ("ingest", "--source", "rows.jsonl", "--kind", "proverb", "--no-names")
    said = run("-m", "flows.command.cli", *words)
    assert "# Snapshot of proverb records" in said and "| missing endings | 1 |" in said
    kept = run("-c", READ_BACK, str(tmp_path / "home" / "store" / "snapshot")).split("\n")
    assert sorted(filter(None, kept)) == sorted(row["endings"][0] for row in rows)
