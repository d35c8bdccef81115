"""Addresses of MLflow: what kind one is, whether something answers there, and how to show it.

Needs nothing; writes nothing.
"""

from __future__ import annotations

import re
import time
import urllib.request
from urllib.error import URLError

from data_contracts.errors import PaddockError

STEP = "registry"


def is_server(uri: str) -> bool:
    """Tell whether an address is a server's, and not a database's."""
    return uri.startswith(("http://", "https://"))


def probe(uri: str, patience: float = 0.0) -> None:
    """Return once a server answers; PaddockError if it does not for so many seconds."""
    place = without_password(uri)
    end = time.monotonic() + patience
    while True:
        try:
            with urllib.request.urlopen(f"{place.rstrip('/')}/health", timeout=10):  # noqa: S310
                return
        except (URLError, OSError, ValueError) as error:
            if time.monotonic() < end:
                time.sleep(1)
                continue
            raise PaddockError(
                "no MLflow server answers",
                step=STEP,
                where=place,
                remedy="start it (make up), or correct the tracking address",
            ) from error


def without_password(uri: str) -> str:
    """Return an address fit to be shown."""
    return re.sub(r"//[^/@]*@", "//", uri)
