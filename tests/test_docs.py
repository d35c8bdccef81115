"""README.md and docs/ name only what there is: paths, links, commands, settings, examples."""

from __future__ import annotations

import ast
import importlib
import io
import re
import shlex
import sys
import tomllib
from collections import Counter
from contextlib import redirect_stdout
from functools import cache
from pathlib import Path

import pytest

from data_contracts.contract_files import load_contract
from data_contracts.inference_log import LogRow
from eval_sets.loading import load_eval_set_folder
from flows.asking.model_file import read_model_file
from flows.workshop.settings import Settings
from model_registry.policy import load_policy
from tasks.canary.policy import read_policy
from tasks.evaluation.judging.rubric import load_rubric
from tasks.serving.specification import read_specification
from tasks.slo.objectives import promises_of

CHECKOUT = Path(__file__).resolve().parents[1]
DOCS = CHECKOUT / "docs"
RUNBOOKS = sorted((DOCS / "runbooks").glob("*.md"))
RECIPES = sorted((DOCS / "recipes").glob("*.md"))
PAGES = (CHECKOUT / "README.md", *sorted(DOCS.glob("*.md")), *RUNBOOKS, *RECIPES)
LONGEST_README = 130  # lines: three minutes
CODE = ("flows", "tasks", "model_registry", "data_contracts", "eval_sets")
FOLDERS = (*CODE, "deploy", "tests", "docs")
FENCE = re.compile(r"^```(\w*|\{\w+\})\n(.*?)^```$", re.M | re.S)
SPAN = re.compile(r"`([^`\n]+)`")
LINK = re.compile(r"\]\(([^)\s]+)\)")
OPTION = re.compile(r"--[a-z][a-z-]*")
each_page = pytest.mark.parametrize("page", PAGES, ids=lambda page: page.name)


def _blocks(page: Path, language: str) -> list[str]:
    return [text for kind, text in FENCE.findall(page.read_text()) if kind == language]


def _prose(page: Path) -> str:
    return FENCE.sub("", page.read_text())


def _anchors(page: Path) -> set[str]:
    heads = re.findall(r"^#+ (.+)$", _prose(page), re.M)
    return {re.sub(r"[^\w\- ]", "", head.lower()).replace(" ", "-") for head in heads}


@cache
def _help(*words: str) -> str:
    """Return what `paddock … --help` says, whatever builds it."""
    with (CHECKOUT / "pyproject.toml").open("rb") as file:
        module, _, function = tomllib.load(file)["project"]["scripts"]["paddock"].partition(":")
    command = getattr(importlib.import_module(module), function)
    said = io.StringIO()
    with pytest.MonkeyPatch.context() as patch, redirect_stdout(said):
        patch.setattr(sys, "argv", ["paddock", *words, "--help"])
        patch.setenv("COLUMNS", "400")
        patch.setenv("NO_COLOR", "1")
        try:
            command()
        except SystemExit as end:
            assert not end.code, words
    return said.getvalue()


def _shell_lines(page: Path) -> list[str]:
    blocks = "\n".join(_blocks(page, "sh")).replace("\\\n", " ")
    typed = re.findall(r"^\$ (paddock .*?)(?: [|>]| <<|$)", page.read_text(), re.M)
    spans = [span for span in SPAN.findall(_prose(page)) if span.startswith("paddock ")]
    return [line.replace(".venv/bin/", "") for line in (*blocks.splitlines(), *typed, *spans)]


def _wrong_words(line: str) -> list[str]:
    """Return what a quoted `paddock` command says that the command does not know."""
    if not line.startswith("paddock "):
        return []
    words = shlex.split(line.replace("[", "").replace("]", ""), comments=True)
    command = words[1] if len(words) > 1 else "--help"
    if command.startswith("-"):
        return [] if command in _help() else [command]
    if not re.search(rf"\b{command}\b", _help()):
        return [command]
    known = set(OPTION.findall(_help(command)))
    return [f"{command} {word}" for word in words if word.startswith("--") and word not in known]


def test_readme_is_read_in_three_minutes() -> None:
    assert len((CHECKOUT / "README.md").read_text().splitlines()) <= LONGEST_README


@each_page
def test_every_link_leads_somewhere(page: Path) -> None:
    for link in LINK.findall(_prose(page)):
        if "://" in link:
            continue
        name, _, anchor = link.partition("#")
        target = (page.parent / name).resolve() if name else page
        assert target.exists(), link
        assert not anchor or anchor in _anchors(target), link


@each_page
def test_every_path_exists(page: Path) -> None:
    spans = [span.removeprefix("./") for span in SPAN.findall(_prose(page))]
    named = [span for span in spans if re.fullmatch(rf"(?:{'|'.join(FOLDERS)})/[\w./-]*", span)]
    # Of what a stage writes into the store, too, one folder is called as its room is: drift/.
    assert [span for span in named if not (CHECKOUT / span).exists()] == []


@each_page
def test_every_command_and_option_exists(page: Path) -> None:
    assert [word for line in _shell_lines(page) for word in _wrong_words(line)] == []


@each_page
def test_every_option_and_target_in_the_text_exists(page: Path) -> None:
    known = {
        option
        for name in (
            "run",
            "evaluate",
            "monitor",
            "review",
            "deploy",
            "export",
            "clean",
            "log",
            "index",
            "serve",
            "batch",
            "slo",
            "cost",
            "load",
            "promote",
            "incident",
            "experiment",
            "router",
            "canary",
            "chaos",
        )
        for option in OPTION.findall(_help(name))
    }
    targets = set(re.findall(r"^([a-z-]+):", (CHECKOUT / "Makefile").read_text(), re.M))
    for span in SPAN.findall(_prose(page)):
        if span.startswith("--"):
            assert set(OPTION.findall(span)) <= known, span
        if span.startswith("make "):
            assert span.split()[1] in targets, span


@each_page
def test_every_setting_exists(page: Path) -> None:
    known = {f"PADDOCK_{name}".upper() for name in Settings.model_fields}
    named = set(re.findall(r"\bPADDOCK_[A-Z_]+\b", page.read_text()))
    assert named - known == set()


def test_every_setting_is_explained() -> None:
    explained = (CHECKOUT / "docs" / "production.md").read_text()
    for name, field in Settings.model_fields.items():
        alias = field.validation_alias
        variable = alias if isinstance(alias, str) else f"PADDOCK_{name}".upper()
        assert f"`{variable}`" in explained, variable


def test_examples_of_contracts_policies_and_eval_sets_can_be_read(tmp_path: Path) -> None:
    found = Counter[str]()
    for page in PAGES:
        for block in _blocks(page, "toml"):
            given = tmp_path / "given.toml"
            given.write_text(block)
            if block.startswith("kind ="):
                load_contract(str(given))
                found["contract"] += 1
            elif "[[gates]]" in block:
                load_policy(str(given))
                found["policy"] += 1
            elif "instruction =" in block:
                load_rubric(given)
                found["rubric"] += 1
            elif "[by_itself]" in block:
                given.write_text(f'name = "desk"\n{block}')
                read_model_file(given)
                found["model"] += 1
            elif block.startswith("[canary]"):
                read_policy(given)
                found["canary"] += 1
            elif block.startswith("[slo]"):
                promises_of(read_specification(given).slo, "")
                found["slo"] += 1
            elif block.startswith(("[tenants.", "[engine]", "[router]")):
                read = read_specification(given)
                named = "router" if read.router else read.engine.weights
                found["caps" if read.token_caps else named] += 1
            else:
                (tmp_path / "card.toml").write_text(block)
                found["card"] += 1
    assert found == {
        "caps": 1,
        "contract": 3,
        "q4_0": 1,
        "policy": 3,
        "card": 1,
        "rubric": 1,
        "model": 1,
        "canary": 1,
        "slo": 1,
        "router": 1,
    }
    (case,) = _blocks(CHECKOUT / "docs" / "data.md", "json")
    (tmp_path / "cases.jsonl").write_text(case)
    assert load_eval_set_folder(tmp_path).cases
    (row,) = _blocks(CHECKOUT / "docs" / "log.md", "json")
    LogRow.model_validate_json(row)


def test_the_pictures_show_the_same() -> None:
    """GitHub draws README's; the pages have it drawn before, from the source beside it."""
    source = (CHECKOUT / "docs" / "lifecycle.mmd").read_text()
    drawn = "".join(line for line in source.splitlines(keepends=True) if not line.startswith("%%"))
    assert _blocks(CHECKOUT / "README.md", "mermaid") == [drawn]
    svg = re.sub(r"\s+", "", re.sub(r"<[^>]+>", "", (CHECKOUT / "docs/lifecycle.svg").read_text()))
    labels = re.findall(r'"([^"]+)"|\|([^"|]+)\|', drawn)
    assert len(labels) > 10
    for label in ("".join(pair) for pair in labels):
        assert re.sub(r"\s+", "", label) in svg, label


def test_every_room_is_shown() -> None:
    shown = (CHECKOUT / "docs" / "rooms.md").read_text()
    for room in CODE:
        for init in sorted((CHECKOUT / room).rglob("__init__.py")):
            folder = init.parent.relative_to(CHECKOUT).as_posix()
            assert f"`{folder}/`" in shown, folder


HOPS = (
    "a gate's comparison",
    "the number in a placeholder",
    "how a killed training resumes",
    "drift's two of three",
    "who moves the champion",
    "how a row is quarantined",
    "an option's help text",
    "a kind of record",
    "an eval metric",
    "a drift signal",
    "a training objective",
    "a gate rule",
    "a metric",
)


@pytest.mark.parametrize("wanted", HOPS)
def test_a_stranger_finds_it_in_one_hop(wanted: str) -> None:
    """Its row links to files, and names in each what is to be read there."""
    page = CHECKOUT / "docs" / "rooms.md"
    section = page.read_text().partition("## One hop\n")[2].partition("\n## ")[0]
    (row,) = [line for line in section.splitlines() if line.startswith(f"| {wanted}")]
    hops = re.findall(r"\]\(([^)]+\.py)\)((?:, `\w+`)*)", row)
    assert any(names for _, names in hops), row
    for link, names in hops:
        defined = _defined((page.parent / link).read_text())
        assert set(re.findall(r"\w+", names)) <= defined, (link, names)


def _defined(source: str) -> set[str]:
    """Return the names of a module's classes and functions, methods too, and of its values."""
    module = ast.parse(source)
    blocks = [node for node in ast.walk(module) if isinstance(node, ast.ClassDef | ast.FunctionDef)]
    values = [node for node in module.body if isinstance(node, ast.Assign | ast.AnnAssign)]
    names = [name for node in values for name in ast.walk(node) if isinstance(name, ast.Name)]
    stored = {name.id for name in names if isinstance(name.ctx, ast.Store)}
    return stored | {node.name for node in blocks}


def test_the_words_come_from_the_command() -> None:
    assert _wrong_words("paddock run --no-such-option 1") == ["run --no-such-option"]
    assert _wrong_words("paddock no-such-command") == ["no-such-command"]
