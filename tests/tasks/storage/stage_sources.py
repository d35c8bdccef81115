"""What the golden file beside this says of every stage: its recipe number, its sources' digest.

`python -m tests.tasks.storage.stage_sources` renews the file.
"""

from __future__ import annotations

import ast
import hashlib
import json
from pathlib import Path
from typing import Any

from tasks.storage.stages import EVERY, Stage

CHECKOUT = Path(__file__).resolve().parents[3]
GOLDEN = Path(__file__).with_name("stage_sources.json")


def described(stage: Stage) -> dict[str, Any]:
    """Return what the golden file holds of a stage."""
    return {"recipe": stage.recipe, "sources": sources_digest(stage, CHECKOUT)}


def sources_digest(stage: Stage, root: Path) -> str:
    """Return a digest of a stage's code: its syntax, without comments, docstrings and imports.

    Imports are left out since they change when a module moves.
    """
    digest = hashlib.sha256()
    for module in sorted(stage.made_by):
        path = root.joinpath(*module.split("."))
        files = sorted(path.rglob("*.py")) if path.is_dir() else [path.with_suffix(".py")]
        for file in files:
            tree = _Plain().visit(ast.parse(file.read_text(encoding="utf-8")))
            digest.update(f"{file.name}\n{ast.dump(tree)}\n".encode())
    return digest.hexdigest()[:16]


class _Plain(ast.NodeTransformer):
    def visit_Import(self, node: ast.Import) -> None:
        return None

    def visit_ImportFrom(self, node: ast.ImportFrom) -> None:
        return None

    def visit_Expr(self, node: ast.Expr) -> ast.Expr | None:
        words = isinstance(node.value, ast.Constant) and isinstance(node.value.value, str)
        return None if words else node


if __name__ == "__main__":
    GOLDEN.write_text(json.dumps({s.name: described(s) for s in EVERY}, indent=1) + "\n")
