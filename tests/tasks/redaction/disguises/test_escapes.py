"""HTML, percent, backslash and quoted-printable escapes are undone, tags taken out."""

from __future__ import annotations

import pytest

from tasks.redaction.disguises.escapes import escape_edits, quoted_printable_edits, tag_edits
from tasks.redaction.disguises.rewriting import rewrite


@pytest.mark.parametrize(
    ("written", "plain"),
    [
        ("a&#64;b&period;c &#x40 &amp;", "a@b.c @ &"),
        ("a%40b %C3%A9 %2540 %u0040", "a@b é %40 @"),
        (r"a\u0040b \x40 \\u0040 \u{40} \100", "a@b @ @ @ @"),
        (r"\ud83d\ude00 \xc3\xa9 \N{COMMERCIAL AT}", "😀 é @"),
        (r"key\nAKIA https:\/\/x first\.last\@x", "key\nAKIA https://x first.last@x"),
        ("a\x00b \x1b[31mred\x1b[0m", "ab red"),
    ],
)
def test_one_round_undoes_each_escape(written: str, plain: str) -> None:
    (view,) = rewrite(written, list(escape_edits(written)))
    assert view.text == plain


@pytest.mark.parametrize("text", [r"\N{NO SUCH NAME}", "&unknown; &", "50% of 100%", "a\nb\tc"])
def test_what_is_no_escape_stays(text: str) -> None:
    assert list(escape_edits(text)) == []


@pytest.mark.parametrize(
    "text", [r"\ud83d", r"\uffff", r"\u{110000}", "%ff%fe", r"\xff", "&#xD800;"]
)
def test_broken_escapes_raise_nothing(text: str) -> None:
    for view in rewrite(text, list(escape_edits(text))):
        view.text.encode("utf-8")


@pytest.mark.parametrize(
    ("written", "plain"),
    [
        ("a=40mail=2Ecom", "a@mail.com"),
        ("a@exam=\nple.com", "a@example.com"),
        ("Gr=C3=BC=C3=9Fe", "Grüße"),
    ],
)
def test_quoted_printable_is_undone(written: str, plain: str) -> None:
    (view,) = rewrite(written, quoted_printable_edits(written))
    assert view.text == plain


@pytest.mark.parametrize("text", ["w=40px;h=50", "48/2=<<48/2=24>>24", "a=20;b=3"])
def test_settings_are_not_quoted_printable(text: str) -> None:
    assert quoted_printable_edits(text) == []


@pytest.mark.parametrize(
    ("written", "plain"),
    [
        ("john<b>@</b>mail<!-- x -->.com", "john@mail.com"),
        ("a<br/>b</p>", "a\nb\n"),
        ("a<span style='display:none'>NO</span>@x.com", "a@x.com"),
        ("x<font color=red>y</font>", "xy"),
    ],
)
def test_tags_are_taken_out(written: str, plain: str) -> None:
    (view,) = rewrite(written, list(tag_edits(written)))
    assert view.text == plain


def test_what_programs_write_in_angles_stays() -> None:
    assert list(tag_edits("List<String> a < b > c, hf://<repo-id>[@<revision>]")) == []
