"""What the makers share: their tables, and cases as the lines of a file. Writes nothing."""

from __future__ import annotations

import json
import re
import tomllib
from collections.abc import Iterable
from importlib.resources import files
from typing import Any

from data_contracts.records import Message
from eval_sets.desk import shop
from eval_sets.types import Case, Expectation


def table(name: str) -> dict[str, Any]:
    """Return the table that a set is made from (a TOML file of this folder)."""
    return tomllib.loads(files("eval_sets.making").joinpath(f"{name}.toml").read_text("utf-8"))


def ask(
    identity: str, question: str, limit: int, expect: Expectation, *, cluster: str = ""
) -> Case:
    """Return a case that is asked in no setting, of at most `limit` tokens' answer."""
    said = (Message(role="user", content=question),)
    return Case(id=identity, messages=said, max_new_tokens=limit, expect=expect, cluster=cluster)


def ask_desk(
    identity: str, question: str, limit: int, expect: Expectation, *, cluster: str = ""
) -> Case:
    """Return a case that is asked at the demo's help desk."""
    case = ask(identity, sentence(question), limit, expect, cluster=cluster)
    system = Message(role="system", content=shop().system)
    return case.model_copy(update={"messages": (system, *case.messages)})


def sentence(text: str) -> str:
    """Return the text with a capital first letter."""
    return text[:1].upper() + text[1:]


def slug(text: str) -> str:
    """Return a text as a part of an id."""
    return re.sub(r"[^a-z0-9]+", "-", text.casefold()).strip("-")


def lines(cases: Iterable[Case]) -> bytes:
    """Return cases as the bytes of cases.jsonl, without what is as it is by default."""
    shown = (case.model_dump(mode="json", exclude_defaults=True) for case in cases)
    return "".join(json.dumps(one, ensure_ascii=False) + "\n" for one in shown).encode()
