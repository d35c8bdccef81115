"""Cuts texts into the sentences and lines in which names are looked for.

Pure functions. A piece is never longer than `LONGEST` characters, so memory stays bounded.
"""

from __future__ import annotations

from collections.abc import Iterator

from tasks.redaction.patterns import compiled

LONGEST = 1_000  # characters; sentences are shorter, a blob without a full stop is not
# A full stop, question mark or the like, then white space and no small letter; or a new line.
_BREAK = compiled(r"[.!?…][\"'”’)\]\\]*[ \t]+(?=[^\sa-z])|[。！？]|(?<!\s)\s*\n\s*")
# What stands before a full stop that ends no sentence: titles, initials, company forms.
_ABBREVIATED = compiled(
    r"(?i:\b(?:mrs?|ms|mx|dr|drs|prof|st|ste|mt|ft|rev|fr|hon|sr|jr|gen|col|lt|capt|sgt|maj|gov|sen"
    r"|rep|messrs|mmes|inc|ltd|co|corp|bros|no|vs|e\.g|i\.e|etc|apt|ave|blvd|rd|dept|univ"
    r"|u\.s|u\.k|a\.m|p\.m))\.$|\b[^\W\d_]\.$"
)


def pieces(text: str) -> Iterator[tuple[int, int]]:
    """Yield where each sentence or line starts and ends; together they hold all that is printed."""
    start = 0
    for match in _BREAK.finditer(text):
        mark = match.group()
        if mark[0] == "." and _ABBREVIATED.search(
            text, max(0, match.start() - 8), match.start() + 1
        ):
            continue
        end = match.end() if not mark.isspace() else match.start()
        yield from _short(text, start, end)
        start = match.end()
    yield from _short(text, start, len(text))


def _short(text: str, start: int, end: int) -> Iterator[tuple[int, int]]:
    """Cut what is too long at white space, or anywhere if there is none."""
    while end - start > LONGEST:
        cut = text.rfind(" ", start + LONGEST // 2, start + LONGEST)
        cut = cut + 1 if cut > 0 else start + LONGEST
        yield start, cut
        start = cut
    if end > start:
        yield start, end
