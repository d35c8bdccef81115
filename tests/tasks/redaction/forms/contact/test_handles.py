"""Handles are found in prose and behind labels; code, tags and what only has an at sign are not."""

from __future__ import annotations

import pytest

from tasks.redaction.engine import Redactor, build_redactor
from tasks.redaction.forms.contact.contacts import CONTACTS
from tasks.redaction.matching.scanner import Scanner

# The value stands between ⟦ and ⟧.
HANDLES = [
    "Thanks ⟦@ann_lee⟧ for the fast reply",
    "⟦@rob.k⟧ can you look at this?",
    "⟦@ann.lee⟧",
    "Thanks ⟦@maria⟧, and thanks ⟦@tom.b⟧ for the review",
    "follow me on Instagram: ⟦ann.lee⟧",
    "My username is ⟦annlee⟧",
    "my Instagram is ⟦@ann.lee92⟧",
    "IG: ⟦ann_lee⟧",
    "Twitter handle: ⟦@bob1987⟧",
    "ask ⟦@mara⟧",
    "DM ⟦@kim_ho⟧ and ⟦@jo_b⟧ please",
    "username: ⟦ann_lee92⟧",
    "Discord: ⟦ann#1234⟧",
    "posted by ⟦u/annie_oak⟧ yesterday",
    "her Snapchat is ⟦lenabee⟧, I think",
    "(via ⟦@henrik⟧)",
    'He wrote: "⟦@carla⟧ please call me"',
    "Skype: ⟦live.ann.lee⟧",
    '{"username": "⟦ann_lee⟧", "x": 1}',
    "Mein Benutzername: ⟦anna_k77⟧",
]
NONE = [
    "@property\ndef x(self):\n    return 1",
    "@app.route('/x')\ndef f(): pass",
    "@dataclass(frozen=True)\nclass X: pass",
    "@pytest.mark.parametrize",
    "the power of @callable_cached decorators",
    "npm i @types/node and @angular/core",
    "@media screen and (min-width: 3px) {",
    "@import url(x)",
    "image@sha256:abcdef and redis@latest",
    "let us meet @ 5pm, or @5pm sharp",
    "  * @param name the name of it",
    "/// @brief holds the name of it",
    "@Override\npublic void x()",
    "@echo off",
    "\t@echo building the library",
    "@article{smith",
    "user@host and icon@2x.png",
    "git@github.com:org/repo",
    "HEAD@{1} and ${arr[@]}",
    "[@class='x']",
    '{"@context": "https://schema.org"}',
    "render @post",
    "@user.each do |x|",
    "the alias @champion moves to version 3",
    "models:/desk@champion",
    "@here please look at this",
    "username: str",
    "username = request.user",
    'auth = { "username": parsed.username }',
    "username: <your name>",
    "username: admin",
    "username is required",
    "the username is taken",
    "password and username - both",
    "Instagram: follow us there",
    "on Facebook is where we met",
    "The handle is broken off",
    "handle: open the door",
    "threads - four of them",
    "- arg_name: gitlab-config-webhook-secret-version",
    "h6h+u/N5GJG79G+dwfCMNYxd",
]


@pytest.fixture(scope="module")
def scanner() -> Scanner:
    return Scanner(CONTACTS)


def handles(scanner: Scanner, text: str) -> set[tuple[int, int]]:
    return {(one.start, one.end) for one in scanner.find(text) if one.kind == "HANDLE"}


@pytest.mark.parametrize("marked", HANDLES)
def test_a_handle_is_found_whole(scanner: Scanner, marked: str) -> None:
    text = marked.replace("⟦", "").replace("⟧", "")
    parts = marked.split("⟦")
    wanted: set[tuple[int, int]] = set()
    place = len(parts[0])
    for part in parts[1:]:
        value, rest = part.split("⟧")
        wanted.add((place, place + len(value)))
        place += len(value) + len(rest)
    assert handles(scanner, text) == wanted


@pytest.mark.parametrize("text", NONE)
def test_what_only_looks_like_a_handle_is_left(scanner: Scanner, text: str) -> None:
    assert handles(scanner, text) == set()


def test_an_address_with_a_handle_in_it_is_one_value() -> None:
    redactor: Redactor = build_redactor(names=False)
    done = redactor.redact_text("Write to ann.lee@mail.example or tweet @ann_lee about it.")
    assert done == "Write to <EMAIL_1> or tweet <HANDLE_1> about it."


def test_the_same_detector_is_counted_whatever_stands_in_the_batch() -> None:
    """A handle behind its label is a mention too; which one found it may not depend on others."""
    redactor = build_redactor(names=False)
    text = "follow me on insta @ann_lee92"
    others = ["nothing", "ask @mara about it", "username: bob_k7", "a@b.example"]
    batches = [[text], [*others, text], [text, *others], [others[2], text, others[1]]]
    told = [redactor.redact_records([[one] for one in own]) for own in batches]
    places = [own.index(text) for own in batches]
    counted = [done[place].detectors for done, place in zip(told, places, strict=True)]
    assert counted == [{"handle by its label": 1}] * len(batches)
