"""Plainer readings of a text in which values are disguised, with offsets back to the original.

People and leaky systems write values so that a pattern misses them: with invisible or look-alike
characters, escaped, encoded, spelled out, pulled apart, over two lines. Each trick has a trigger in
one Hyperscan database; a text in which none stands costs one fast pass. Needs Hyperscan; writes
nothing.
"""

from __future__ import annotations

import threading
from collections import deque
from collections.abc import Callable, Iterator
from functools import cache
from typing import Any

from tasks.redaction.blobs import blob_edits
from tasks.redaction.digit_words import DIGITS, digit_word_views
from tasks.redaction.escapes import escape_edits, quoted_printable_edits, tag_edits
from tasks.redaction.groups import code_views, row_views
from tasks.redaction.lines import BEGINNINGS, line_views
from tasks.redaction.lookalikes import lookalike_edits
from tasks.redaction.rewriting import View, part, rewrite
from tasks.redaction.spacing import apart_views, confused_views, loose_views
from tasks.redaction.spelled import spelled_views

DEPTH = 4  # readings of readings: look-alikes in escapes in base64 in base64
_ROOM = 4  # characters of readings for one of text: what hostile nesting can cost
_LEAST_ROOM = 4_000  # characters, so that a short text is not short of room

_PIECE, _MARGIN = 400, 120  # characters: a long text is read piece by piece, where it has triggers

Reader = Callable[[str], Iterator[View]]
_local = threading.local()


def views(text: str) -> list[View]:
    """Return plainer readings of `text` or of parts of it; most texts have none.

    Together they are at most 4 times as long as the text (or 4,000 characters).
    """
    if not (first := _readings(text)):
        return []
    found: list[View] = []
    room = max(_ROOM * len(text), _LEAST_ROOM)
    seen: set[tuple[str, int, int]] = set()
    queue: deque[tuple[list[View], int]] = deque([(first, 1)])
    while queue:
        readings, depth = queue.popleft()
        for view in readings:
            key = (view.text, *view.origin(0, len(view.text)))
            if key in seen:
                continue
            room -= len(view.text)
            if room < 0:
                return found
            seen.add(key)
            found.append(view)
            if depth < DEPTH:
                queue.append(([deeper.under(view) for deeper in _readings(view.text)], depth + 1))
    return found


def _readings(text: str) -> list[View]:
    found: list[View] = []
    if not text.isascii() and (edits := lookalike_edits(text)):
        found += rewrite(text, edits)
    if not (tricks := _tricks_in(text)):
        return found
    if len(text) <= 2 * _PIECE:
        return [
            *found,
            *(view for number in sorted(tricks) for view in _readers()[number][1](text)),
        ]
    for number, low, high in _places(text):
        base = part(text, low, high)
        found += [view.under(base) for view in _readers()[number][1](base.text)]
    return found


def _places(text: str) -> list[tuple[int, int, int]]:
    """Return which reader has to look where in a long text: (number, start, end)."""
    spans: dict[int, list[list[int]]] = {}
    for low in range(0, len(text), _PIECE):
        # Triggers are short: what goes over a border stands whole in one piece with its margin.
        for number in _tricks_in(text[max(0, low - _MARGIN) : low + _PIECE + _MARGIN]):
            own = spans.setdefault(number, [])
            start, end = max(0, low - 2 * _MARGIN), min(len(text), low + _PIECE + 2 * _MARGIN)
            if own and own[-1][1] >= start:
                own[-1][1] = end
            else:
                own.append([start, end])
    return [
        (number, *_whole_words(text, low, high))
        for number in sorted(spans)
        for low, high in spans[number]
    ]


def _whole_words(text: str, low: int, high: int) -> tuple[int, int]:
    while 0 < low < high and text[low - 1].isalnum() and text[low].isalnum():
        low += 1
    while low < high < len(text) and text[high - 1].isalnum() and text[high].isalnum():
        high -= 1
    return low, high


def _tricks_in(text: str) -> set[int]:
    """Return the numbers of the readers whose trigger stands in the text."""
    found: set[int] = set()

    def note(number: int, _start: int, _end: int, _flags: int, _context: Any) -> None:
        found.add(number)

    # One byte a character keeps places the same; what is not Latin-1 becomes "?".
    database, scratch = _database()
    database.scan(text.encode("latin-1", "replace"), match_event_handler=note, scratch=scratch)
    return found


def _escaped(text: str) -> Iterator[View]:
    yield from rewrite(text, list(escape_edits(text)))


def _quoted(text: str) -> Iterator[View]:
    yield from rewrite(text, quoted_printable_edits(text))


def _untagged(text: str) -> Iterator[View]:
    yield from rewrite(text, list(tag_edits(text)))


def _unpacked(text: str) -> Iterator[View]:
    yield from rewrite(text, list(blob_edits(text)))


@cache
def _readers() -> tuple[tuple[str, Reader], ...]:
    """Return each trick's trigger (a Hyperscan expression, no case) and what reads it."""
    word = "|".join("".join(c if c.isascii() else "." for c in word) for word in DIGITS)
    gap, edge, some = r"[^a-z0-9]{1,4}", r"[^a-z0-9]", r"[0-9]{1,4}|double|triple"
    turn = "(?:[a-z0-9][A-Z]|[0-9][a-z]|[A-Z]{2}[a-z])"
    line = r"[ \t]{0,3}\\?\r?\n[ \t>|]{0,8}"
    return (
        (
            r"&(?:#[0-9x]|[a-z][a-z0-9]{1,24};)|%(?:[0-7][0-9a-f]|[c-f][0-9a-f]%|u[0-9a-f]{4})"
            r"|\\[ux0-3nrt/\"'@._+:\-]|[\x00-\x08\x0e-\x1f\x7f]",
            _escaped,
        ),
        (r"=(?:[2-7c-f][0-9a-f]|[ \t]*\r?\n)", _quoted),
        (r"<[a-z/!][^<>]{0,400}>", _untagged),
        (
            # Encoded text changes between cases and digits all the time; words and names do not.
            rf"(?-i:{turn}[A-Za-z0-9+/]{{0,2}}{turn}[A-Za-z0-9+/_-]{{5}}"
            rf"|[A-Za-z0-9+/_-]{{5}}{turn}[A-Za-z0-9+/]{{0,2}}{turn}|[A-Z2-7]{{14}})"
            r"|[a-z0-9+/]{10}=|(?:[0-9a-f]{2}[ ,:;-]{1,2}(?:0x)?){6}[0-9a-f]{2}|[0-9a-f]{14}"
            r"|[01]{8}[ ,][01]{8}",
            _unpacked,
        ),
        (
            r"\b(?:dot|d0t|punkt|punto|ponto|period)\b|[a-z0-9]dot[a-z0-9]|_(?:at|dot)_|hxxp|\[:"
            r"|[\[({<] ?(?:at|.t|dot|a|@|\.|arroba|at.sign) ?[\])}>]|[\"'`](?:at|dot)[\"'`]"
            r"|\s@\s{0,2}[a-z0-9.-]+\s?\.\s?[a-z]{2}|@\s{1,2}[a-z0-9.-]+\s?\.\s?[a-z]{2}"
            r"|@[a-z0-9-]+(?:\s+\.|\.\s+)\s?[a-z]{2,4}\b"
            r"|\b(?:arroba|arobase|klammeraffe|chiocciola|snabel-?a|apenstaartje|at.(?:sign|symbol))"
            r"\b|[a-z0-9]\s+at\s+[a-z0-9-]+\.[a-z]{2}|[_*|/~=^#!.:+-]at[_*|/~=^#!.:+-]"
            r"|[0-9]\s?\.\s[0-9]|[a-z0-9]at[a-z0-9]+dot"
            r"|\b(?:moc|gro|ten|ude|ofni)\.[a-z0-9.-]+@|@[a-z0-9.-]+,[a-z]{2,6}\b",
            spelled_views,
        ),
        (rf"(?:^|{edge})[a-z0-9@+](?:[^a-z0-9]{{1,7}}[a-z0-9@]){{5}}(?:{edge}|$)", apart_views),
        (
            r"[0-9][a-f]?(?:[ \t][-/.:?]|[-/.:]{2}|[-/.:]\s)\s{0,3}[0-9a-f]?[0-9]",
            loose_views,
        ),
        (
            r"[0-9][ -]?[oqdlisbzg|!]{1,3}[0-9]|[0-9]{2}[oqdlisbzg|!]{1,3}[ -][0-9oqdlisbzg|!]{2}"
            r"|[0-9][loi|]{2,3}[ -]"
            r"|[0-9oqdlisbzg|!]{3,4}-[0-9oqdlisbzg|!]{2,4}-[0-9oqdlisbzg|!]{4}",
            confused_views,
        ),
        (r"[0-9](?:[^a-z0-9]{1,5}[0-9]{1,9}){2}", row_views),
        (
            r"\b[a-z]{2}[^a-z0-9]{0,3}[0-9]{2}(?:[^a-z0-9]{1,5}[a-z0-9]{1,9}){1,2}[^a-z0-9]{1,5}"
            r"[a-z0-9]{0,6}[0-9]{3}|\ba[ks]ia[ -]?[a-z0-9]"
            r"|\b[0-9a-f]{2}(?:[^a-z0-9]{1,5}[0-9a-f]{2}){5}\b",
            code_views,
        ),
        (
            rf"@[\w.-]{{0,40}}{line}[\w.-]|[\w.+-]{line}[\w.+-]{{0,40}}@"
            rf"|\b(?:{BEGINNINGS})[\w+/=.:@%?&;~-]*{line}\w",
            line_views,
        ),
        (
            rf"\b(?:{word}){gap}(?:{word}|{some}){gap}(?:{word}|{some})\b"
            rf"|[0-9]{gap}(?:{word}){gap}(?:{word}|{some})\b",
            digit_word_views,
        ),
    )


@cache
def _compiled() -> Any:
    import hyperscan

    database = hyperscan.Database()
    triggers = [trigger.encode("ascii") for trigger, _ in _readers()]
    flags = hyperscan.HS_FLAG_CASELESS | hyperscan.HS_FLAG_DOTALL | hyperscan.HS_FLAG_SINGLEMATCH
    database.compile(
        expressions=triggers,
        ids=list(range(len(triggers))),
        elements=len(triggers),
        flags=[flags] * len(triggers),
    )
    return database


def _database() -> tuple[Any, Any]:
    """Return the database, and this thread's own scratch space for it: threads cannot share one."""
    if not hasattr(_local, "scratch"):
        import hyperscan

        _local.scratch = hyperscan.Scratch(_compiled())
    return _compiled(), _local.scratch
