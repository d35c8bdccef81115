"""Plainer readings of a text in which values are disguised, with offsets back to the original.

People and leaky systems write values so that a pattern misses them: with invisible or look-alike
characters, escaped, encoded, spelled out, pulled apart, over two lines. Each trick has a trigger;
a text in which none stands costs one fast pass. Needs Hyperscan; writes nothing.
"""

from __future__ import annotations

from collections import deque
from collections.abc import Callable, Iterator, Sequence
from functools import cache

from tasks.redaction.disguises.blobs import blob_edits
from tasks.redaction.disguises.digit_words import DIGITS, digit_word_views
from tasks.redaction.disguises.escapes import escape_edits, quoted_printable_edits, tag_edits
from tasks.redaction.disguises.groups import code_views, row_views
from tasks.redaction.disguises.lines import BEGINNINGS, line_views
from tasks.redaction.disguises.lookalikes import lookalike_edits
from tasks.redaction.disguises.rewriting import View, part, rewrite
from tasks.redaction.disguises.spacing import apart_views, confused_views, loose_views
from tasks.redaction.disguises.spelled import spelled_views
from tasks.redaction.findings import Finding
from tasks.redaction.overlaps import SURE
from tasks.redaction.triggers import Batch, Rows, Trigger, Triggers, windows

DEPTH = 4  # readings of readings: look-alikes in escapes in base64 in base64
_ROOM = 4  # characters of readings for one of text: what hostile nesting can cost
_LEAST_ROOM = 4_000  # characters, so that a short text is not short of room

# A long text is read around its triggers only: characters before and after the end of one.
_SHORT, _BEFORE, _AFTER = 800, 480, 240
_CARD = 16  # characters: 13 digits in four groups

Reader = Callable[[str], Iterator[View]]


def views(text: str) -> list[View]:
    """Return plainer readings of `text` or of parts of it; most texts have none.

    Together they are at most 4 times as long as the text (or 4,000 characters).
    """
    return all_views([text])[0]


def all_views(
    texts: Sequence[str],
    batch: Batch | None = None,
    found: Sequence[Sequence[Finding]] | None = None,
) -> list[list[View]]:
    """Return the readings of each text.

    `batch` is the texts, where the caller has made one; `found` is what was found in each already:
    that needs no plainer reading.
    """
    rows = _triggers().rows(batch or Batch(texts))
    if found is not None:
        rows = [
            _not_in(own, those) if own and those else own
            for own, those in zip(rows, found, strict=True)
        ]
    return [
        _views(text, own) if own or not text.isascii() else []
        for text, own in zip(texts, rows, strict=True)
    ]


def _not_in(rows: Rows, found: Sequence[Finding]) -> Rows:
    """Leave out the tricks with digits of which every trigger ends in something surely found."""
    return {
        number: ends
        for number, ends in rows.items()
        if number not in _WITH_DIGITS or not _holds(found, ends)
    }


def _holds(found: Sequence[Finding], ends: Sequence[int]) -> bool:
    first, last = ends[0], ends[-1] - 1  # a trigger may take in the sign behind it
    for kind, start, end, score, _ in found:
        # What is a phone number and too short for a card is not written as anything else either.
        sure = score >= SURE or (kind == "PHONE" and end - start < _CARD)
        if sure and start < first and last <= end:
            return True
    return False


def _views(text: str, rows: Rows) -> list[View]:
    if not (first := _readings(text, rows)):
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
                (own,) = _triggers().rows(Batch([view.text]))
                deeper = [one.under(view) for one in _readings(view.text, own)]
                queue.append((deeper, depth + 1))
    return found


def _readings(text: str, rows: Rows) -> list[View]:
    found: list[View] = []
    if not text.isascii() and (edits := lookalike_edits(text)):
        found += rewrite(text, edits)
    for number in sorted(rows):
        read = _tricks()[number][1]
        if len(text) <= _SHORT:
            found += read(text)
            continue
        for low, high in windows(rows[number], _BEFORE, _AFTER):
            around = part(text, *_whole_words(text, max(0, low), min(len(text), high)))
            found += [view.under(around) for view in read(around.text)]
    return found


def _whole_words(text: str, low: int, high: int) -> tuple[int, int]:
    while 0 < low < high and text[low - 1].isalnum() and text[low].isalnum():
        low += 1
    while low < high < len(text) and text[high - 1].isalnum() and text[high].isalnum():
        high -= 1
    return low, high


def _escaped(text: str) -> Iterator[View]:
    yield from rewrite(text, list(escape_edits(text)))


def _quoted(text: str) -> Iterator[View]:
    yield from rewrite(text, quoted_printable_edits(text))


def _untagged(text: str) -> Iterator[View]:
    yield from rewrite(text, list(tag_edits(text)))


def _unpacked(text: str) -> Iterator[View]:
    yield from rewrite(text, list(blob_edits(text)))


@cache
def _tricks() -> tuple[tuple[str, Reader, bool], ...]:
    """Return each trick's trigger, what reads it, and whether its trigger has a digit in it."""
    word = "|".join("".join(c if c.isascii() else "." for c in word) for word in DIGITS)
    gap, edge, some = r"[^a-z0-9]{1,4}", r"[^a-z0-9]", r"[0-9]{1,4}|double|triple"
    turn = "(?:[a-z0-9][A-Z]|[0-9][a-z]|[A-Z]{2}[a-z])"
    odd = "(?:[^a-z0-9 -]|[^a-z0-9]{2,5})"
    line = r"[ \t]{0,3}\\?\r?\n[ \t>|]{0,8}"
    return (
        (
            r"&(?:#[0-9x]|[a-z][a-z0-9]{1,24};)|%(?:[0-7][0-9a-f]|[c-f][0-9a-f]%|u[0-9a-f]{4})"
            r"|\\[ux0-3nrt/\"'@._+:\-]|[\x00-\x08\x0e-\x1f\x7f]",
            _escaped,
            False,
        ),
        (r"=(?:[2-7c-f][0-9a-f]|[ \t]*\r?\n)", _quoted, False),
        (r"<[a-z/!][^<>]{0,400}>", _untagged, False),
        (
            # Encoded text changes between cases and digits all the time; words and names do not.
            rf"(?-i:{turn}[A-Za-z0-9+/]{{0,2}}{turn}[A-Za-z0-9+/_-]{{5}}"
            rf"|[A-Za-z0-9+/_-]{{5}}{turn}[A-Za-z0-9+/]{{0,2}}{turn}|[A-Z2-7]{{14}})"
            r"|[a-z0-9+/]{10}=|(?:[0-9a-f]{2}[ ,:;-]{1,2}(?:0x)?){6}[0-9a-f]{2}"
            # hexadecimal of text: no pair for a control character, as most long numbers have
            r"|(?:[2-9a-f][0-9a-f]|0[09ad]){7}"
            r"|[01]{8}[ ,][01]{8}",
            _unpacked,
            False,
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
            False,
        ),
        (
            rf"(?:^|{edge})[a-z0-9@+](?:[^a-z0-9]{{1,7}}[a-z0-9@]){{5}}(?:{edge}|$)",
            apart_views,
            False,
        ),
        (
            r"[0-9][a-f]?(?:[ \t][-/.:?]|[-/.:]{2}|[-/.:]\s)\s{0,3}[0-9a-f]?[0-9]",
            loose_views,
            True,
        ),
        (
            r"[0-9][ -]?[oqdlisbzg|!]{1,3}[0-9]|[0-9]{2}[oqdlisbzg|!]{1,3}[ -][0-9oqdlisbzg|!]{2}"
            r"|[0-9][loi|]{2,3}[ -]"
            r"|[0-9oqdlisbzg|!]{3,4}-[0-9oqdlisbzg|!]{2,4}-[0-9oqdlisbzg|!]{4}",
            confused_views,
            True,
        ),
        (
            # Three groups, not all parted by a dash or a space; or as many digits as a card has.
            rf"(?:[0-9]{odd}[0-9]{{1,9}}[^a-z0-9]{{1,5}}|[0-9][^a-z0-9]{{1,5}}[0-9]{{1,9}}{odd}"
            r"|(?:[0-9][ -]?){12})[0-9]{1,12}(?:[^0-9]|\z)",
            row_views,
            True,
        ),
        (
            r"\b[a-z]{2}[^a-z0-9]{0,3}[0-9]{2}(?:[^a-z0-9]{1,5}[a-z0-9]{1,9}){1,2}[^a-z0-9]{1,5}"
            r"[a-z0-9]{0,6}[0-9]{3}|\ba[ks]ia[ -]?[a-z0-9]"
            r"|\b[0-9a-f]{2}(?:[^a-z0-9]{1,5}[0-9a-f]{2}){5}\b",
            code_views,
            True,
        ),
        (
            rf"@[\w.-]{{0,40}}{line}[\w.-]|[\w.+-]{line}[\w.+-]{{0,40}}@"
            rf"|\b(?:{BEGINNINGS})[\w+/=.:@%?&;~-]*{line}\w",
            line_views,
            False,
        ),
        (
            rf"\b(?:{word}){gap}(?:{word}|{some}){gap}(?:{word}|{some})\b"
            rf"|[0-9]{gap}(?:{word}){gap}(?:{word}|{some})\b",
            digit_word_views,
            False,
        ),
    )


_WITH_DIGITS = frozenset(
    number
    for number, (_, read, _) in enumerate(_tricks())
    if read in {row_views, confused_views, _unpacked}
)


@cache
def _triggers() -> Triggers:
    reach = _BEFORE + _AFTER
    return Triggers([Trigger(expression, reach, digits) for expression, _, digits in _tricks()])
