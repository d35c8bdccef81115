"""A dossier taken along: its page, and its check without a server."""

from __future__ import annotations

import shutil
from collections.abc import Callable
from html.parser import HTMLParser
from pathlib import Path
from typing import Any

import pytest

from data_contracts.errors import InputError, IntegrityError
from model_registry.candidates import Candidate
from model_registry.dossier import (
    PAGE,
    SIGNATURE,
    Dossier,
    EarlierNo,
    verify_dossier,
)
from model_registry.dossier_export import export_dossier
from model_registry.signing import SigningKeys, ensure_keys
from model_registry.tracking import Registry

Register = Callable[..., Candidate]
Publish = Callable[..., Dossier]
NO = EarlierNo(dossier="e" * 64, person="bob", at="2026-01-02T03:04:05", reason="<b>slow</b>")


class Page(HTMLParser):
    """Collects the texts and the tags of a page, and what it would load."""

    def __init__(self) -> None:
        super().__init__()
        self.texts, self.tags, self.loads = list[str](), list[str](), list[str]()

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        self.tags.append(tag)
        self.loads += [value or "" for name, value in attrs if name in ("src", "href")]

    def handle_data(self, data: str) -> None:
        self.texts.append(data)


@pytest.fixture
def exported(
    registry: Registry, register: Register, publish: Publish, keys: SigningKeys, tmp_path: Path
) -> Path:
    candidate = register(registry, "a")
    said = {"answers rated": 24.0, "Harmful": 0.125}
    publish(registry, candidate, human_review=said, declined_before=[NO])
    return export_dossier(registry, candidate, keys, tmp_path / "out")


def test_the_page_says_what_an_approver_asks(exported: Path) -> None:
    page = Page()
    page.feed((exported / "content" / PAGE).read_text(encoding="utf-8"))
    text = " ".join(page.texts)
    assert "desk-candidate version 1" in text
    assert "All 1 gates of policy test passed" in text
    assert "80.0% [70.0%, 90.0%]" in text
    assert "Harmful" in text and "0.125" in text
    assert "bob said no on 2026-01-02: <b>slow</b>" in text  # as text, not as a tag
    assert "b" not in page.tags
    assert {"svg", "table"} <= set(page.tags)
    assert not {"script", "img", "iframe", "link"} & set(page.tags)
    assert page.loads == []


def test_it_is_checked_with_the_public_key_alone(exported: Path, keys: SigningKeys) -> None:
    dossier = verify_dossier(exported, SigningKeys(public=keys.public))
    assert (dossier.candidate, dossier.version) == ("desk-candidate", 1)
    assert exported.name.endswith(dossier.identity[:16])


def _page(folder: Path) -> None:
    page = folder / "content" / PAGE
    page.write_text(page.read_text().replace("passed", "PASSED"))


def _more(folder: Path) -> None:
    (folder / "content" / ".more").write_text("x")


def _less(folder: Path) -> None:
    (folder / "content" / PAGE).unlink()


def _unsigned(folder: Path) -> None:
    (folder / SIGNATURE).unlink()


@pytest.mark.parametrize("change", [_page, _more, _less, _unsigned])
def test_what_was_changed_is_refused(
    exported: Path, keys: SigningKeys, change: Callable[[Path], Any]
) -> None:
    change(exported)
    with pytest.raises(IntegrityError, match="signature does not hold"):
        verify_dossier(exported, SigningKeys(public=keys.public))


def test_another_key_is_refused(exported: Path, tmp_path: Path) -> None:
    other = ensure_keys(tmp_path / "other")
    with pytest.raises(IntegrityError, match="signature does not hold"):
        verify_dossier(exported, SigningKeys(public=other.public))


def test_nothing_is_written_over(
    registry: Registry, exported: Path, register: Register, keys: SigningKeys
) -> None:
    with pytest.raises(InputError, match="already"):
        export_dossier(registry, register(registry, "a"), keys, exported.parent)
    shutil.rmtree(exported)
    assert export_dossier(registry, register(registry, "a"), keys, exported.parent) == exported
