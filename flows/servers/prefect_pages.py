"""One of the two generations of pages that Prefect 3.8 brings, at every address.

The second (`/v2`) asks an analytics host before it has read that analytics are off, and what a link
names lies elsewhere in it. A server has no switch that leaves it out: it serves what it can copy
into its folder of pages. So where the copy of the second would lie there is a link to nothing: the
server says in its log that it could not make it, and sends its addresses to the first. Writes that
folder below the home.
"""

from __future__ import annotations

import shutil
from pathlib import Path

LEFT_OUT_ON_PURPOSE = "Failed to create V2 UI static directory"  # as Prefect says it
_LEFT_OUT, _NOTHING = "v2", "not-served"


def one_generation(home: Path) -> dict[str, str]:
    """Make the folder of pages and return the settings that make a Prefect server use it."""
    folder = home / "prefect-pages"
    folder.mkdir(parents=True, exist_ok=True)
    kept_out = folder / _LEFT_OUT
    if kept_out.is_dir():
        shutil.rmtree(kept_out)
    kept_out.unlink(missing_ok=True)
    kept_out.symlink_to(_NOTHING)
    return {
        "PREFECT_SERVER_UI_STATIC_DIRECTORY": str(folder),
        "PREFECT_SERVER_UI_V2_ENABLED": "false",
    }
