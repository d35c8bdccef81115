"""What is in the home: who may read it, whether databases open, the ledger's chain, the keys.

Needs the settings. Writes nothing: a database's lock is taken for a moment and given back.
"""

from __future__ import annotations

import os
import sqlite3
from collections.abc import Iterator
from contextlib import closing
from difflib import get_close_matches
from pathlib import Path

from pydantic import ValidationError

from flows.checking.checks import Check
from flows.workshop.settings import (
    SERVERS,
    Servers,
    Settings,
    known_variables,
    lives,
    our_variables,
)
from model_registry.ledger.book import Ledger

# Of the home: files that hold what is secret.
SECRET = (
    "accounts.toml",
    "mlflow-accounts.ini",
    "keys/signing.key",
    "keys/redaction.key",
)
DATABASES = ("mlflow.db", "prefect.db", "ledger.db", "mlflow-accounts.db")
LOCK_SECONDS = 2.0


def home(settings: Settings) -> Iterator[Check]:
    """Look at the folder and at who may read it."""
    place = settings.home
    if not place.exists():
        yield Check("home", "ok", f"{place} is not there yet; the first command makes it")
        return
    if not place.is_dir() or not os.access(place, os.W_OK | os.X_OK):
        todo = "point PADDOCK_HOME at a folder that can be written"
        yield Check("home", "broken", f"{place} cannot be written", todo)
        return
    mode = place.stat().st_mode & 0o777
    if mode & 0o077:
        yield Check("home", "look", f"{place} is open to others ({mode:o})", f"chmod 700 {place}")
    else:
        yield Check("home", "ok", f"{place}, for its owner alone")
    files = [*(place / name for name in SECRET), settings.accounts_file]
    files += [settings.keys_folder / Path(name).name for name in SECRET if "/" in name]
    there = sorted({file for file in files if file.exists()})
    loose = [file for file in there if file.stat().st_mode & 0o077]
    if loose:
        names = " ".join(map(str, loose))
        yield Check("secret files", "broken", f"others can read {names}", f"chmod 600 {names}")
    else:
        yield Check("secret files", "ok", f"{len(there)}, for their owner alone")
    yield from _left_behind(place)


def _left_behind(place: Path) -> Iterator[Check]:
    """Say of servers that were killed and whose address still stands in the home."""
    try:
        servers = Servers.model_validate_json((place / SERVERS).read_bytes())
    except FileNotFoundError:
        return
    except (OSError, ValidationError):
        yield Check("servers.json", "look", "cannot be read", f"delete {place / SERVERS}")
        return
    if not lives(servers.pid):
        said = "the servers that it names are gone; commands go on without them"
        yield Check(
            "servers.json", "look", said, f"start them (make up), or delete {place / SERVERS}"
        )


def databases(settings: Settings) -> Iterator[Check]:
    """Open each database of the home, and see that no process keeps it."""
    found = [settings.home / name for name in DATABASES if (settings.home / name).exists()]
    troubles = [check for path in found if (check := _database(path))]
    yield from troubles
    if not troubles:
        yield Check("databases", "ok", ", ".join(path.name for path in found) or "none yet")


def _database(path: Path) -> Check | None:
    try:
        uri = f"{path.absolute().as_uri()}?mode=rw"
        with closing(sqlite3.connect(uri, uri=True, timeout=LOCK_SECONDS)) as database:
            database.execute("SELECT count(*) FROM sqlite_master").fetchone()
            database.execute("BEGIN IMMEDIATE")
            database.execute("ROLLBACK")
    except sqlite3.OperationalError as error:
        if "locked" in str(error):
            said = f"another process kept it for {LOCK_SECONDS:g} s"
            return Check(path.name, "look", said, "look again; end the process that hangs")
        return Check(path.name, "broken", "cannot be opened", "see who owns the file, and its disk")
    except sqlite3.DatabaseError:
        return Check(path.name, "broken", "is no database any more", "restore it from a backup")
    return None


def ledger(settings: Settings) -> Iterator[Check]:
    """Verify the chain of every model's rows; an IntegrityError names the row that is not."""
    book = Ledger(settings.ledger_uri)
    rows = {name: book.rows(name) for name in book.names()}
    if not rows:
        yield Check("ledger", "ok", f"{book.shown}: no release yet")
        return
    count = sum(map(len, rows.values()))
    yield Check("ledger", "ok", f"{count} rows of {len(rows)} models follow from each other")


def keys(settings: Settings) -> Iterator[Check]:
    """See that the key that signs and the key that verifies are a pair."""
    private, public = (settings.keys_folder / f"signing.{end}" for end in ("key", "pub"))
    if not private.exists():
        said = "only the one that verifies" if public.exists() else "none yet: made when first used"
        yield Check("keys", "ok", said)
        return
    from cryptography.hazmat.primitives import serialization

    form = (serialization.Encoding.PEM, serialization.PublicFormat.SubjectPublicKeyInfo)
    try:
        signs = serialization.load_pem_private_key(private.read_bytes(), None).public_key()
        verifies = serialization.load_pem_public_key(public.read_bytes())
    except (OSError, ValueError, TypeError) as error:
        said = f"cannot be read ({type(error).__name__})"
        yield Check("keys", "broken", said, f"restore {settings.keys_folder} from a backup")
        return
    if signs.public_bytes(*form) == verifies.public_bytes(*form):
        yield Check("keys", "ok", "signing.key and signing.pub are a pair")
    else:
        said = "signing.pub is not of signing.key: nothing that is signed will be verified"
        yield Check("keys", "broken", said, "restore the pair from a backup")


def variables() -> Iterator[Check]:
    """Say which variables that look like settings of ours are none."""
    known = known_variables()
    unknown = sorted(our_variables() - known)
    for name in unknown:
        near = get_close_matches(name, known, 1)
        meant = f"did you mean {near[0]}?" if near else "docs/production.md lists them"
        yield Check("settings", "look", f"{name} is no setting, and is read by nothing", meant)
    if not unknown:
        yield Check("settings", "ok", f"{len(our_variables())} variables set, all known")
