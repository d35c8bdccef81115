"""Characters that only look like plain ones, or do not look like anything, made plain.

Pure functions over strings and Python's own Unicode tables. The pairs of look-alike letters were
put together by eye from the Unicode code charts. Words wholly in another script stay: only a word
that mixes look-alikes with ASCII is rewritten.
"""

from __future__ import annotations

import re
import unicodedata
from collections.abc import Iterator
from functools import cache

from tasks.redaction.disguises.rewriting import Edit
from tasks.redaction.patterns import compiled

# What is drawn as nothing: soft hyphens, joiners, direction marks, fillers, variation selectors.
_UNSEEN = (
    "\u00ad\u034f\u061c\u115f\u1160\u17b4\u17b5\u180b-\u180e\u200b-\u200f\u202a-\u202e"
    "\u2060-\u206f\u3164\ufe00-\ufe0f\ufeff\uffa0\ufff9-\ufffb\U000e0000-\U000e01ef"
)
_MARKS = "\u0300-\u036f\u0483-\u0487\u1ab0-\u1aff\u1dc0-\u1dff\u20d0-\u20ff\ufe20-\ufe2f"
_SPACES = "\u00a0\u1680\u2000-\u200a\u2028\u2029\u202f\u205f\u2800\u3000"
_PROSE_DASHES = "\u2013\u2014"
_DASHES = "\u02d7\u058a\u1806\u2010-\u2012\u2015\u2043\u2212\ufe58"
_DOTS = "\u00b7\u2022\u2024\u2027\u2219\u22c5\u3002\uff61\u06d4"
_COLONS = "\u02d0\u0589\u2236\ua789\uff1a"
_SLASHES = "\u2044\u2215\u29f8"
_DRAWN = (  # letters and digits drawn in a special way, which Unicode's own tables undo
    "\u2070-\u209c\u2100-\u2102\u2104-\u2108\u210a-\u2115\u2118-\u211f\u2124-\u214f\u2160-\u217f"
    "\u2460-\u24ff\u2776-\u2793\ufe50-\ufe57\ufe5f-\ufe6b\uff0b\uff0d\uff0e\uff10-\uff19"
    "\uff20-\uff3a\uff3f\uff41-\uff5a\U0001d400-\U0001d7ff\U0001f100-\U0001f10a\U0001f130-\U0001f149"
    "\U0001f150-\U0001f169\U0001f170-\U0001f189\u2795"
)
_OTHER_DIGITS = (
    "\u0660-\u0669\u06f0-\u06f9\u07c0-\u07c9\u0966-\u096f\u09e6-\u09ef\u0a66-\u0a6f\u0ae6-\u0aef"
    "\u0b66-\u0b6f\u0be6-\u0bef\u0c66-\u0c6f\u0ce6-\u0cef\u0d66-\u0d6f\u0e50-\u0e59\u0ed0-\u0ed9"
    "\u0f20-\u0f29\u1040-\u1049\u17e0-\u17e9\u1810-\u1819"
)
_HAN = dict(zip("〇零○一二三四五六七八九壹贰叁肆伍陆柒捌玖", "000123456789123456789", strict=True))
_LETTERS = {
    # Cyrillic
    **dict(zip("АВЕЁЗКМНОРСТУХЅІЇЈԚԜҺӀѴҮ", "ABEE3KMHOPCTYXSIIJQWHIVY", strict=True)),
    **dict(zip("абвгеёкмнпорстухѕіїјԛԝһԁӏѵүьч", "a6breekmhnopctyxsiijqwhdlvyb4", strict=True)),
    # Greek
    **dict(zip("ΑΒΕΖΗΙΚΜΝΟΡΤΥΧϹ", "ABEZHIKMNOPTYXC", strict=True)),
    **dict(zip("αβγεηικνορστυχωςϲϳάέίό", "abyenikvopotuxwccjaeio", strict=True)),
    # Armenian, Cherokee
    **dict(zip("ՕՏԼՍօոսհցքյզռ", "OSLUonuhgpjqn", strict=True)),
    **dict(zip("ᎪᎬᎻᏚᎳᎫᎷᏢᎢᏟᏞᏦᏴᏃᎠᏒᏀᏙ", "AEHSWJMPTCLKBZDRGV", strict=True)),
    # Latin letters that are not those of any spelling: dotless, phonetic, small capitals
    **dict(zip("ıȷɑɡɩɪʏɴʀʙʜʟɢǫǀƅ", "ijagiiynrbhlgqlb", strict=True)),
    **dict(zip("ᴀᴄᴅᴇᴊᴋᴍᴏᴘꜱᴛᴜᴠᴡᴢꜰ", "acdejkmopstuvwzf", strict=True)),
}
_LOOKALIKE = "".join(_LETTERS)
_HAN_DIGITS = "".join(_HAN)
_BESIDE = "A-Za-z0-9@"  # a strange character counts beside one of these: values are made of them
_ODD = (
    _UNSEEN + _MARKS + _SPACES + _PROSE_DASHES + _DASHES + _DOTS + _COLONS + _SLASHES + _DRAWN
    + _OTHER_DIGITS
)  # fmt: skip
_NUMBERED = "0-9@" + _OTHER_DIGITS


@cache
def _patterns() -> tuple[re.Pattern[str], re.Pattern[str], re.Pattern[str]]:
    """Return: any character that may matter; one that does, by its neighbours; what to rewrite."""
    fancy = _UNSEEN + _MARKS + _DASHES + _DOTS + _SLASHES + _COLONS + _LOOKALIKE
    matters = (
        rf"[{fancy}](?:(?=[.\-_]?[{_BESIDE}])|(?<=[{_BESIDE}].)|(?<=[{_BESIDE}][.\-_].))"
        rf"|[{_SPACES}{_PROSE_DASHES}](?:(?=[{_NUMBERED}])|(?<=[{_NUMBERED}].))"
        rf"|[{_DRAWN}]|[\U000e0020-\U000e007e]|[{_OTHER_DIGITS}]{{3}}|[{_HAN_DIGITS}]{{6}}"
    )
    return (
        compiled(rf"[{_ODD}{_LOOKALIKE}{_HAN_DIGITS}]"),
        compiled(matters),
        compiled(
            rf"[{_ODD}\u00aa\u00b2\u00b3\u00b9\u00ba\ufb00-\ufb06\uff01-\uff5e]"
            rf"|[{_HAN_DIGITS}]{{6,}}"
            # tried once a word, or a long word would cost its square
            rf"|(?<![^\s{_ODD}])[^\s{_ODD}{_LOOKALIKE}]*+[{_LOOKALIKE}]\S*"
        ),
    )


def lookalike_edits(text: str) -> list[Edit]:
    """Return what makes the characters of `text` plain; nothing where all are what they seem."""
    if text.isascii():
        return []
    anything, matters, rewritten = _patterns()
    if not anything.search(text) or not matters.search(text):
        return []
    return list(_edits(text, rewritten))


def _edits(text: str, rewritten: re.Pattern[str]) -> Iterator[Edit]:
    for match in rewritten.finditer(text):
        found = match.group()
        if len(found) == 1 and found not in _LETTERS:
            yield _edit(match.start(), plain_character(found))
            continue
        # A word: rewritten letter by letter if it is mixed, or numerals.
        mixed = re.search(rf"[{_BESIDE}]", found) is not None or found[0] in _HAN
        if found[0] in _HAN and text[match.start() - 1 : match.start()].isalnum():
            yield Edit(match.start(), match.start(), " ", "look-alike")  # no word goes on in digits
        for place, character in enumerate(found, match.start()):
            if (mixed or character not in _LETTERS) and not character.isascii():
                plain = plain_character(character)
                if plain != character:
                    yield _edit(place, plain)


def _edit(place: int, plain: str) -> Edit:
    return Edit(place, place + 1, plain, "look-alike" if plain else "zero-width")


@cache
def plain_character(character: str) -> str:
    """Return what one character is drawn like, in ASCII where there is such; "" for nothing."""
    code = ord(character)
    if 0xE0020 <= code <= 0xE007E:  # "tags": ASCII that no screen shows
        return chr(code - 0xE0000)
    for table in (_LETTERS, _HAN):
        if character in table:
            return table[character]
    if same := _by_class(character):
        return same
    if re.match(f"[{_UNSEEN}{_MARKS}]", character):
        return ""
    if 0x1F150 <= code <= 0x1F169 or 0x1F170 <= code <= 0x1F189:  # white on black
        return chr(ord("A") + (code - 0x1F150) % 0x20)
    digit = unicodedata.digit(character, None)
    return unicodedata.normalize("NFKC", character) if digit is None else str(digit)


def _by_class(character: str) -> str:
    if character in "\u2028\u2029":
        return "\n"
    classes = {
        " ": _SPACES,
        "-": _PROSE_DASHES + _DASHES,
        ".": _DOTS,
        ":": _COLONS,
        "/": _SLASHES,
        "+": "\u2795",
    }
    matching = (plain for plain, those in classes.items() if re.match(f"[{those}]", character))
    return next(matching, "")
