"""Finds runs of base64, base32, hexadecimal and binary digits that hold text, and decodes them.

Pure functions over strings. Keys, hashes and pictures look alike on the outside: what decodes to
anything but text stays as it is.
"""

from __future__ import annotations

import base64
import binascii
import re
import unicodedata
from collections.abc import Iterator
from functools import cache

from tasks.redaction.disguises.rewriting import Edit
from tasks.redaction.patterns import compiled

_PROBE = 64  # characters that decide whether a long run is worth decoding at all
_SHORTEST = 6  # characters of text; the shortest values are phones and network addresses
_READABLE = 0.9  # share of printable characters
_PAIR = r"[0-9A-Fa-f]{2}"


@cache
def _runs() -> re.Pattern[str]:
    return compiled(
        rf"(?<![0-9A-Za-z])(?P<hex>(?:0x)?(?:{_PAIR}){{7,}}+(?![0-9A-Za-z+/_=-])"
        rf"|(?:0x)?{_PAIR}(?:[ ,:;-]{{1,2}}(?:0x)?{_PAIR}){{6,}}+(?![0-9A-Za-z]))"
        r"|(?<![0-9A-Za-z])(?P<bits>[01]{8}(?:[ ,]{0,2}[01]{8}){5,}+)(?![0-9A-Za-z])"
        r"|(?<![A-Za-z0-9+/_-])(?P<base>"
        # a line that is full may go on in the next one
        r"[A-Za-z0-9+/_-]{10,}+(?:(?<=[A-Za-z0-9+/_-]{40})\r?\n[ \t>]{0,8}[A-Za-z0-9+/_-]{4,}+)*+"
        r"={0,6})"
    )


def blob_edits(text: str) -> Iterator[Edit]:
    """Yield every encoded run that decodes to text; each is one edit, from end to end."""
    for match in _runs().finditer(text):
        if match["hex"]:
            yield from _edit(match, _from_hex(re.sub(r"0x|[^0-9A-Fa-f]", "", match[0])), "hex")
        elif match["bits"]:
            bits = re.sub("[^01]", "", match[0])
            yield from _edit(match, int(bits, 2).to_bytes(len(bits) // 8, "big"), "hex")
        else:
            yield from _base_edits(match.start(), match[0])


def _edit(match: re.Match[str], data: bytes, trick: str) -> Iterator[Edit]:
    if plain := _readable(data):
        yield Edit(match.start(), match.end(), plain, trick)


def _from_hex(digits: str) -> bytes:
    if not _readable(bytes.fromhex(digits[:_PROBE])[:-1]):
        return b""
    return bytes.fromhex(digits[: len(digits) // 2 * 2])


def _base_edits(start: int, run: str) -> Iterator[Edit]:
    if edit := _base_edit(start, run):
        yield edit
        return
    # A web address or a path: the encoded value is one of its parts.
    if re.search(r"[/_+\n-]", run):
        for part in re.finditer(r"[A-Za-z0-9]{10,}={0,6}", run):
            if edit := _base_edit(start + part.start(), part.group()):
                yield edit


def _base_edit(start: int, run: str) -> Edit | None:
    joined = re.sub(r"[\s>]", "", run)
    digits = joined.rstrip("=")
    if len(digits) < len(joined) or len(digits) >= 14 or len(digits) == 12:
        for trick, data in (("base64", _from_base64(digits)), ("base32", _from_base32(digits))):
            if plain := _readable(data):
                return Edit(start, start + len(run), plain, trick)
    return None


def _from_base64(digits: str) -> bytes:
    plain = digits.replace("-", "+").replace("_", "/")
    probe = plain[: min(_PROBE, len(plain) // 4 * 4)]
    if not _readable(base64.b64decode(probe)):
        return b""
    if len(plain) % 4 == 1:  # cut off by whoever wrote it down
        plain = plain[:-1]
    return base64.b64decode(plain + "=" * (-len(plain) % 4))


def _from_base32(digits: str) -> bytes:
    if not re.fullmatch("[A-Z2-7]+|[a-z2-7]+", digits):
        return b""
    whole = digits.upper()
    while len(whole) % 8 in (1, 3, 6):
        whole = whole[:-1]
    try:
        return base64.b32decode(whole + "=" * (-len(whole) % 8))
    except binascii.Error:
        return b""


def _readable(data: bytes) -> str:
    """Return the text that bytes hold; "" if they hold none."""
    if len(data) >= 2 * _SHORTEST and data[1::2].count(0) * 3 > len(data):
        text = data.decode("utf-16-le", "replace")
    else:
        text = data.decode("utf-8", "replace")
    if len(text) < _SHORTEST:
        return ""
    good = sum(map(_is_text, text))
    return text if good >= _READABLE * len(text) else ""


def _is_text(character: str) -> bool:
    if character.isprintable():
        return character != "\ufffd"
    return character in "\n\r\t" or unicodedata.category(character) in {"Cf", "Zs"}
