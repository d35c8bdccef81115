"""Characters that look like others, or like nothing, are made plain; other scripts are left."""

from __future__ import annotations

import pytest

from tasks.redaction.disguises.lookalikes import lookalike_edits, plain_character
from tasks.redaction.disguises.rewriting import rewrite


@pytest.mark.parametrize(
    ("written", "plain"),
    [
        ("j\u200bohn@m\u00adail.com", "john@mail.com"),
        ("\u202djohn@\u2066mail\u2069.com\u202c", "john@mail.com"),
        ("ｊｏｈｎ＠ｍａｉｌ．ｃｏｍ", "john@mail.com"),
        ("jоhn@gmаil.сом", "john@gmail.com"),
        ("νick@οtenet.gr", "vick@otenet.gr"),
        ("𝓳𝓸𝓱𝓷@mail.com 𝟒𝟏𝟏", "john@mail.com 411"),
        ("ⓙⓞⓗⓝ🅹🅾🅷🅽", "johnJOHN"),
        ("4️⃣1️⃣1️⃣1", "4111"),
        ("j̲o̲h̲n̲@mail.com", "john@mail.com"),
        ("john@mail。com", "john@mail.com"),
        ("٤١١١ १२३४ ４２", "4111 1234 42"),
        ("电话一三八零零一三八", "电话 13800138"),
        ("079\u00a0123\u202f45–67", "079 123 45-67"),
        ("𝟙\u2028𝟚", "1\n2"),
        ("\U000e006a\U000e006f", "jo"),
    ],
)
def test_disguised_characters_are_made_plain(written: str, plain: str) -> None:
    (view,) = rewrite(written, lookalike_edits(written))
    assert view.text == plain


@pytest.mark.parametrize(
    "text",
    [
        "Plain ASCII text, 079 123 45 67",
        "J’ai mangé à l’école — déjà vu 😀❤️ naïve",
        "Привет мир. Это слово.",
        "Ο καιρός είναι καλός",
        "这是一个普通的中文句子，没有什么。",
        "NBSP\u00a0here – ok",
        "👨\u200d👩\u200d👧 family",
    ],
)
def test_ordinary_text_stays(text: str) -> None:
    assert lookalike_edits(text) == []


@pytest.mark.parametrize("character", ["\u200b", "\u0301", "\ufe0f", "\u2066", "\u00ad"])
def test_what_is_drawn_as_nothing_becomes_nothing(character: str) -> None:
    assert plain_character(character) == ""
