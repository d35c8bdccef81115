"""Pictures of what a browser shows, kept as the tests' output."""

from __future__ import annotations

import os
from pathlib import Path
from typing import Any

FOLDER = Path(__file__).resolve().parents[1] / "build" / "screenshots"


def keep_picture(page: Any, name: str) -> None:
    """Keep what a page shows in build/screenshots, or where PADDOCK_TEST_SCREENSHOTS says."""
    folder = Path(os.environ.get("PADDOCK_TEST_SCREENSHOTS") or FOLDER)
    folder.mkdir(parents=True, exist_ok=True)
    page.screenshot(path=str(folder / f"{name}.png"))
