"""Disguised values are found through readings; these are few, bounded and lead back."""

from __future__ import annotations

import base64
from concurrent.futures import ThreadPoolExecutor
from functools import cache

import pytest

from tasks.redaction.disguises.decoding import all_views
from tasks.redaction.findings import Finding
from tasks.redaction.forms.contact.contacts import CONTACTS
from tasks.redaction.forms.contact.phones import PHONES
from tasks.redaction.forms.numbers.birth_dates import BIRTH_DATES
from tasks.redaction.forms.numbers.identifiers import IDENTIFIERS
from tasks.redaction.forms.numbers.licences import LICENCES
from tasks.redaction.forms.places.addresses import ADDRESSES
from tasks.redaction.forms.secrets.secrets import SECRETS
from tasks.redaction.matching.scanner import Scanner
from tests.benchmarks.redaction.evasions import (
    Evasion,
    clean,
    false_alarms,
    generated,
    handwritten,
    measure,
)


@cache
def _scanner() -> Scanner:
    forms = (*CONTACTS, *IDENTIFIERS, *SECRETS, *PHONES)
    return Scanner((*forms, *BIRTH_DATES, *LICENCES, *ADDRESSES))


def _find(text: str) -> list[Finding]:
    found = list(_scanner().find(text))
    for view in all_views([text])[0]:
        for one in _scanner().find(view.text):
            if view.kinds is None or one.kind in view.kinds:
                found.append(Finding(one.kind, *view.origin(one.start, one.end), one.score, ""))
    return found


@pytest.mark.parametrize("cases", [generated(), handwritten()], ids=["generated", "by hand"])
def test_disguised_values_are_found(cases: list[Evasion]) -> None:
    assert len(cases) >= 160
    for case in cases:
        assert 0 <= case.start < case.end <= len(case.text)
    for trick, (found, total) in measure(_find, cases).items():
        assert found >= 0.9 * total, trick
    scores = measure(_find, cases).values()
    assert sum(found for found, _ in scores) >= 0.97 * sum(total for _, total in scores)


def test_clean_texts_that_look_disguised_raise_no_alarm() -> None:
    alarms, words = false_alarms(_find, clean())
    assert words >= 400
    assert alarms == 0


def test_most_text_has_no_reading() -> None:
    assert all_views(["Hello, how are you? I was at home on Monday at 10:30, see you."])[0] == []
    assert all_views(["J’ai mangé à l’école, déjà vu 😀"])[0] == []
    assert all_views([""])[0] == []


@pytest.mark.parametrize(
    "levels",
    [
        ("percent", "percent", "percent"),
        ("base64", "percent", "html"),
        ("base64", "base64", "base64"),
        ("html", "base64", "zero-width"),
        ("base64", "at-dot"),
    ],
)
def test_nested_disguises_lead_back_to_the_whole_stretch(levels: tuple[str, ...]) -> None:
    written = "john.doe@mail.com"
    for level in reversed(levels):
        written = _written(written, level)
    text = f"mail to {written} please"
    start = text.index(written)
    found = [one for one in _find(text) if one.kind == "EMAIL"]
    assert any(one.start <= start and one.end >= start + len(written) for one in found)


def _written(text: str, level: str) -> str:
    if level == "percent":
        return "".join(f"%{ord(sign):02X}" for sign in text)
    if level == "html":
        return "".join(f"&#{ord(sign)};" for sign in text)
    if level == "base64":
        return base64.b64encode(text.encode()).decode()
    if level == "zero-width":
        return "\u200b".join(text)
    return text.replace("@", " [at] ").replace(".", " [dot] ")


@pytest.mark.parametrize(
    "unit",
    [
        "%25",
        "&amp;",
        "1 - ",
        "\u200ba",
        "аb ",
        "eyJa\n",
        "AKIA ",
        "(at)a(dot)",
        "\ud800",
        "\\u0040",
    ],
)
def test_readings_of_hostile_text_are_bounded(unit: str) -> None:
    text = unit * (20_000 // len(unit))
    assert sum(len(view.text) for view in all_views([text])[0]) <= 4 * len(text)


def test_a_value_deep_in_a_long_text_is_found_where_it_stands() -> None:
    filler = "nothing to see here, go on. " * 400
    text = f"{filler}write to j o h n @ m a i l . c o m today{filler}"
    start = text.index("j o h n")
    found = [one for one in _find(text) if one.kind == "EMAIL"]
    assert {(one.start, one.end) for one in found} == {
        (start, start + len("j o h n @ m a i l . c o m"))
    }


def test_a_value_disguised_twice_in_a_long_text_is_found_where_it_stands() -> None:
    value = "anna&amp;#64;example.org"
    text = f"{'x &lt; y ' * 200}mail {value} now {'x &gt; y ' * 200}"
    found = {text[one.start : one.end] for one in _find(text) if one.kind == "EMAIL"}
    assert found == {value}


def test_threads_read_at_once() -> None:
    texts = [case.text for case in handwritten()]
    alone = [_texts(text) for text in texts]
    with ThreadPoolExecutor(4) as pool:
        together = list(pool.map(_texts, texts * 4))
    assert together == alone * 4


def _texts(text: str) -> list[str]:
    return [view.text for view in all_views([text])[0]]


def test_what_was_found_needs_no_plainer_reading_but_a_broken_value_does() -> None:
    card = "my card: 4111 1111.1111 1111"
    assert [view.kinds for view in all_views([card])[0]]
    whole = [Finding("CARD", 9, len(card), 0.98, "card")]
    assert all_views([card], found=[whole]) == [[]]
    unsure = [Finding("PHONE", 9, len(card), 0.6, "phone")]  # long enough for a card
    assert all_views([card], found=[unsure]) == [all_views([card])[0]]
    mail = "write to nora.\nfischer@example.de"
    part = [Finding("EMAIL", 15, len(mail), 0.95, "e-mail")]
    assert all_views([mail], found=[part]) == [all_views([mail])[0]]
