"""Undoes escapes, character by character: HTML, percent, backslash, quoted-printable, tags.

Pure functions over strings and Python's own HTML tables. Each finds what one round of decoding
would change; who calls them again on the result undoes nested escapes.
"""

from __future__ import annotations

import html
import re
import unicodedata
from collections.abc import Iterator
from functools import cache

from tasks.redaction.disguises.rewriting import Edit
from tasks.redaction.patterns import compiled

_HEX = "[0-9A-Fa-f]"


def _several_bytes(mark: str) -> str:
    """Return the pattern of one character that UTF-8 writes as two to four escaped bytes."""
    return rf"{mark}[c-fC-F]{_HEX}(?:{mark}[89abAB]{_HEX}){{1,3}}"


@cache
def _escapes() -> re.Pattern[str]:
    slash = r"\\{1,8}"  # a value that went through JSON twice has more than one
    return compiled(
        rf"(?P<html>&(?:\#\d{{2,7}};?|\#[xX]{_HEX}{{2,6}};?|[A-Za-z][A-Za-z0-9]{{1,24}};))"
        rf"|(?P<percent>{_several_bytes('%')}|%[2-7]{_HEX}|%0[9AaDd]|%u{_HEX}{{4}})"
        rf"|(?P<slash>{slash}(?:u[dD][89abAB]{_HEX}{{2}}{slash}u[dD][c-fC-F]{_HEX}{{2}}"
        rf"|u{_HEX}{{4}}|u\{{{_HEX}{{1,6}}\}}|U{_HEX}{{8}}|x[c-fC-F]{_HEX}"
        rf"(?:{slash}x[89abAB]{_HEX}){{1,3}}|x{_HEX}{{2}}|N\{{[A-Z -]{{2,40}}\}}"
        rf"|[0-3][0-7]{{2}}|[nrt/\"'@._+:\-]))"
        r"|(?P<control>\x1b\[[0-9;?]{0,12}[A-Za-z]|[\0-\x08\x0e-\x1f\x7f-\x84\x86-\x9f])"
    )


def escape_edits(text: str) -> Iterator[Edit]:
    """Yield what one round of undoing HTML, percent and backslash escapes changes."""
    for match in _escapes().finditer(text):
        found = match.group()
        if match.lastgroup == "control":
            yield Edit(match.start(), match.end(), "", "zero-width")
        elif match.lastgroup == "html":
            if (plain := html.unescape(found)) != found:
                yield Edit(match.start(), match.end(), plain, "html")
        elif match.lastgroup == "percent":
            yield Edit(match.start(), match.end(), _percent(found), "percent")
        elif (plain := _backslash(found)) is not None:
            yield Edit(match.start(), match.end(), plain, "json-escape")


def _percent(found: str) -> str:
    return _character(found[2:]) if found[1] == "u" else _utf8(found.replace("%", ""))


def _backslash(found: str) -> str | None:
    body = found.lstrip("\\")
    plain = {"n": "\n", "r": "\n", "t": "\t"}.get(body)
    if plain is None and len(body) == 1:
        return body
    if plain is not None:
        return plain
    if body[0].isdigit():
        return chr(int(body, 8))
    if body[0] == "x":
        return _utf8(re.sub(r"\\+x|x", "", body))
    if body[0] == "N":
        return _named(body[2:-1])
    if "\\" in body:  # a pair of surrogates
        high, low = (int(part, 16) for part in re.findall(rf"u({_HEX}{{4}})", body))
        return chr(0x10000 + (high - 0xD800) * 0x400 + (low - 0xDC00))
    return _character(body[1:].strip("{}"))


def _named(name: str) -> str | None:
    try:
        return unicodedata.lookup(name)
    except KeyError:
        return None


def _character(digits: str) -> str:
    code = int(digits, 16)
    return "\ufffd" if code > 0x10FFFF or 0xD800 <= code < 0xE000 else chr(code)


def _utf8(digits: str) -> str:
    return bytes.fromhex(digits).decode("utf-8", "replace")


@cache
def _quoted_printable() -> re.Pattern[str]:
    return compiled(rf"=[ \t]*\r?\n|{_several_bytes('=')}|=(?:[2-7][0-9A-F]|0[9AD])")


def quoted_printable_edits(text: str) -> list[Edit]:
    """Return what undoing quoted-printable changes; nothing where `=40` is likelier a setting."""
    edits: list[Edit] = []
    telling = False
    for match in _quoted_printable().finditer(text):
        found = match.group()
        plain = "" if found.endswith("\n") else _utf8(found.replace("=", ""))
        telling = telling or found == "=3D" or found.endswith("\n") or len(found) > 3
        telling = telling or (found == "=40" and bool(_domain().match(text, match.end())))
        edits.append(Edit(match.start(), match.end(), plain, "quoted-printable"))
    return edits if telling else []


@cache
def _domain() -> re.Pattern[str]:
    return compiled(r"[A-Za-z0-9-]{1,63}(?:\.|=2E)[A-Za-z0-9]{2}")


@cache
def _tags() -> re.Pattern[str]:
    attributes = r"(?:\s[^<>]{0,400})?"
    return compiled(
        r"<!--(?:[^-]|-(?!->)){0,400}-->"
        rf"|<(?P<hidden>[A-Za-z]{{1,10}})\s[^<>]{{0,200}}display\s*:\s*none[^<>]{{0,200}}>[^<>]{{0,100}}"
        r"</(?P=hidden)>"
        r"|</?(?P<block>(?:address|article|blockquote|br|dd|div|dt|h[1-6]|hr|li|ol|option|p|pre"
        rf"|section|table|tbody|td|th|thead|tr|ul)\b{attributes}/?>)"
        r"|</?(?:a|abbr|b|bdi|bdo|big|body|center|cite|code|data|del|dfn|em|font|form|head|html|i|img"
        r"|input|ins|kbd|label|link|mark|meta|nobr|o:p|q|s|samp|small|span|strike|strong|sub|sup"
        rf"|time|tt|u|var|wbr){attributes}/?>",
        re.IGNORECASE,
    )


def tag_edits(text: str) -> Iterator[Edit]:
    """Yield what taking HTML tags out changes: those that end a line become one."""
    for match in _tags().finditer(text):
        yield Edit(match.start(), match.end(), "\n" if match["block"] else "", "html")
