"""Where the parts of a serving lie: exports in the home, what is raw or a socket in memory.

Raw requests wait there for the log's writer to redact them: in a folder that only this user can
enter, on a file system in memory where there is one. The folder's name follows from home and
model, so that what a killed serving left behind is worked off by the next one.
"""

from __future__ import annotations

import hashlib
import json
import os
import shutil
import stat
import tempfile
import uuid
from pathlib import Path
from typing import Any

from data_contracts.errors import PaddockError
from tasks.serving.gateway.filters import DOOR, ROUTER_DOOR
from tasks.serving.specification import STEP

_MEMORY = Path("/dev/shm")  # noqa: S108 -- a folder of our own is made there, and checked
_LEAST = 256 << 20  # bytes of it: a container's default of 64 MiB would be full at once


class Places:
    """The folders of the serving of one model over one home."""

    def __init__(self, home: Path, name: str) -> None:
        """Name them; nothing is made."""
        self.folder = home.absolute() / "serving" / name
        digest = hashlib.sha256(str(self.folder).encode()).hexdigest()[:12]
        self.run = _memory() / f"paddock-{os.getuid()}-{digest}"

    @property
    def taps(self) -> Path:
        """Return where the gateway puts requests with their answers, raw."""
        return self.run / "tap"

    @property
    def access(self) -> Path:
        """Return the gateway's access log."""
        return self.run / "access.jsonl"

    @property
    def socket(self) -> Path:
        """Return the socket of the gateway's admin, for this user alone."""
        return self.run / "admin.sock"

    @property
    def state(self) -> Path:
        """Return the file that says what serves where, while it does."""
        return self.folder / "serving.json"

    @property
    def specification(self) -> Path:
        """Return the file that says what is served how."""
        return self.folder / "specification.json"

    @property
    def release(self) -> Path:
        """Return the file with the release that the command made ready."""
        return self.folder / "release.json"

    @property
    def arms(self) -> Path:
        """Return the file with what the log's writer counted of each arm."""
        return self.folder / "arms.json"

    @property
    def tokens(self) -> Path:
        """Return the file of the tokens that tenants with a cap used."""
        return self.folder / "tokens.db"

    @property
    def token_door(self) -> Path:
        """Return the socket of the door that reserves tokens."""
        return self.run / f"{DOOR}.sock"

    @property
    def router_door(self) -> Path:
        """Return the socket of the door that says small or large."""
        return self.run / f"{ROUTER_DOOR}.sock"

    @property
    def route(self) -> Path:
        """Return the file that says by which router the door decides."""
        return self.folder / "route.json"

    @property
    def router(self) -> Path:
        """Return the file with what the door decided."""
        return self.folder / "router.json"

    @property
    def wanted_canary(self) -> Path:
        """Return the file that says which candidate is to get how much of the traffic."""
        return self.folder / "canary.json"

    @property
    def seen_canary(self) -> Path:
        """Return the file that says how the candidate's engines fare."""
        return self.folder / "canary-seen.json"

    @property
    def chaos(self) -> Path:
        """Return the file that says which faults are to be made, and for how long."""
        return self.folder / "chaos.json"

    @property
    def experiment(self) -> Path:
        """Return the folder of an experiment's key and counts: in memory, gone at its end."""
        return self.run / "experiment"

    @property
    def logs(self) -> Path:
        """Return where each part's own log lies."""
        return self.folder / "logs"

    def make(self) -> None:
        """Make them; PaddockError if somebody else's folder is in the way."""
        for folder in (self.folder, self.logs):
            folder.mkdir(mode=0o700, parents=True, exist_ok=True)
        self.run.mkdir(mode=0o700, exist_ok=True)
        found = self.run.lstat()
        if not stat.S_ISDIR(found.st_mode) or found.st_uid != os.getuid():
            raise PaddockError(
                "the folder for requests under way is not this user's",
                step=STEP,
                where=str(self.run),
                remedy="look who made it, and take it away",
            )
        self.run.chmod(0o700)
        self.taps.mkdir(mode=0o700, exist_ok=True)


def _memory() -> Path:
    try:
        if shutil.disk_usage(_MEMORY).total >= _LEAST and os.access(_MEMORY, os.W_OK):
            return _MEMORY
    except OSError:
        pass
    return Path(tempfile.gettempdir())


def put(path: Path, value: Any) -> None:
    """Replace a JSON file by another at once; who watches it never sees half of one."""
    aside = path.with_name(f".{path.name}.{uuid.uuid4().hex}")
    aside.write_text(json.dumps(value, indent=1), encoding="utf-8")
    aside.rename(path)
