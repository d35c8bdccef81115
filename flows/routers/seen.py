"""What the doors of a home's servings decided by their routers. Reads what they wrote; no more."""

from __future__ import annotations

from pathlib import Path

from pydantic import ValidationError

from flows.serving.places import Places
from tasks.routing.seen import Seen, told


def seen_by(home: Path, name: str) -> Seen | None:
    """Return what a serving's router saw in the last days; None where none routed here."""
    try:
        return Seen.model_validate_json(Places(home, name).router.read_bytes())
    except (OSError, ValidationError):
        return None


def seen_in_words(home: Path, name: str) -> str:
    """Return it as people read it; empty where none routed here."""
    seen = seen_by(home, name)
    return "\n".join(["Router", *(f"  {line}" for line in told(seen))]) if seen else ""
