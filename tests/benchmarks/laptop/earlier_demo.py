"""The demo of an earlier build, for a later one to run as data of a person's own.

A demo grows from build to build: more facts are more steps and more questions. What two builds are
compared on is the earlier one's rows, as its run has written them, its eval sets and its policy's
name, with the words that it keeps from redaction.
"""

from __future__ import annotations

import json

from tests.benchmarks.laptop.builds import Build
from tests.benchmarks.laptop.running import run

_TERMS = """
import json
try:
    from tasks.demo_desk.phrasing import public_terms
except ImportError:  # an earlier place
    from tasks.demo_desk.facts import public_terms
print(json.dumps(public_terms()))
"""


def eval_sets(build: Build) -> list[str]:
    """Return the folders of the eval sets that ship with a build."""
    return sorted(str(card.parent) for card in (build.folder / "eval_sets").glob("*/card.toml"))


def demo_as_source(build: Build) -> list[str]:
    """Return the words for `paddock run` of a later build; the build has run its demo before."""
    rows = build.home / "demo" / "conversations.jsonl"
    told = run([str(build.python), "-c", _TERMS], build.folder, build.environment())
    terms: list[str] = json.loads(told.lines[-1])
    words = ["--source", str(rows), "--policy", "demo"]
    words += ["--eval-sets", json.dumps(eval_sets(build))]
    return [*words, "--keep", json.dumps(terms)]
