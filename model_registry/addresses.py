"""Addresses of MLflow: what kind one is, whether something answers there, and how to show it.

Needs nothing; writes nothing.
"""

from __future__ import annotations

import re
import urllib.request
from urllib.error import URLError

from data_contracts.errors import PaddockError

STEP = "registry"


def is_server(uri: str) -> bool:
    """Tell whether an address is a server's, and not a database's."""
    return uri.startswith(("http://", "https://"))


def probe(uri: str) -> None:
    """Return if a server answers; PaddockError otherwise."""
    place = without_password(uri)
    try:
        with urllib.request.urlopen(f"{place.rstrip('/')}/health", timeout=10):  # noqa: S310
            return
    except (URLError, OSError, ValueError) as error:
        raise PaddockError(
            "no MLflow server answers",
            step=STEP,
            where=place,
            remedy="start it (make up), or correct the tracking address",
        ) from error


def without_password(uri: str) -> str:
    """Return an address fit to be shown."""
    return re.sub(r"//[^/@]*@", "//", uri)
