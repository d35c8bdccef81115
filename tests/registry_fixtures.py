"""The fixtures of the registry's own tests, for tests of other rooms that need a registry."""

from __future__ import annotations

import importlib.util
import sys
from pathlib import Path
from typing import Any


def registry_fixtures(name: str) -> Any:
    """Return a copy of tests/model_registry/conftest.py as a module of this name."""
    place = Path(__file__).parent / "model_registry" / "conftest.py"
    spec = importlib.util.spec_from_file_location(name, place)
    assert spec and spec.loader
    module = importlib.util.module_from_spec(spec)
    sys.modules[name] = module
    spec.loader.exec_module(module)
    return module
