"""Writes the cases of every set that ships: `python -m eval_sets.making`.

Needs the tables of this folder. Writes cases.jsonl beside each card, the same bytes every time.
"""

from __future__ import annotations

from importlib.resources import files
from pathlib import Path

from eval_sets.making.cases import lines
from eval_sets.making.registry import MAKERS


def main() -> None:
    """Write the files."""
    home = Path(str(files("eval_sets")))
    for name, make in MAKERS.items():
        (home / name / "cases.jsonl").write_bytes(lines(make()))


if __name__ == "__main__":
    main()
