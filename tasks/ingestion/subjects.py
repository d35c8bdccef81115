"""People who asked to be forgotten: known by a keyed hash alone, and left out of every ingestion.

A subject is the key of the person a row belongs to, as their data set writes it (a customer number,
an e-mail address). Writes one small object a subject, `forgotten/<hash>.json`, which is never
removed: a source that still holds their rows must not bring them back.
"""

from __future__ import annotations

import hashlib
import hmac
import json
import unicodedata
from datetime import UTC, datetime

from tasks.storage.objects import ObjectStore

FOLDER = "forgotten"


def subject_hash(subject: str, key: bytes) -> str:
    """Return the HMAC-SHA256 (hex) of a subject's key, ignoring its case and outer white space."""
    plain = unicodedata.normalize("NFC", subject).strip().casefold()
    return hmac.new(key, plain.encode("utf-8", "replace"), hashlib.sha256).hexdigest()


def forget_subject(store: ObjectStore, digest: str, reason: str) -> bool:
    """Record that a subject's rows are not to be used; False if that was recorded before."""
    record = {"subject": digest, "reason": reason, "at": datetime.now(UTC).isoformat()}
    data = json.dumps(record, indent=1).encode()
    return store.write(f"{FOLDER}/{digest}.json", data, only_if_absent=True)


def forgotten_subjects(store: ObjectStore) -> frozenset[str]:
    """Return the hashes of everybody who asked to be forgotten."""
    names = (key.rpartition("/")[2] for key in store.keys(FOLDER))
    return frozenset(name.removesuffix(".json") for name in names)
