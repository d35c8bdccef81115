"""The tricks by which values are disguised: where each may be at work, and what undoes it.

Built of the readers of this room; pure functions over strings.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator
from typing import NamedTuple

from tasks.redaction.disguises.blobs import blob_edits
from tasks.redaction.disguises.digit_words import DIGITS, digit_word_views
from tasks.redaction.disguises.escapes import escape_edits, quoted_printable_edits, tag_edits
from tasks.redaction.disguises.groups import code_views, row_views
from tasks.redaction.disguises.lines import BEGINNINGS, line_views
from tasks.redaction.disguises.rewriting import View, rewrite
from tasks.redaction.disguises.spacing import apart_views, confused_views, loose_views
from tasks.redaction.disguises.spelled import spelled_views
from tasks.redaction.disguises.tables import (
    JOINED,
    QUESTION,
    TABLE,
    answer_views,
    joined_views,
    table_views,
)


class Trick(NamedTuple):
    """One way to disguise values.

    `trigger` is a Hyperscan expression that stands wherever the trick is at work; `needs_digit`
    says that it has one of 0 to 9 in it; `spared` that what was surely found as it stands needs no
    other reading; `whole` that a long text is read in one piece, not around its triggers.
    """

    trigger: str
    read: Callable[[str], Iterable[View]]
    needs_digit: bool = False
    spared: bool = False
    whole: bool = False


def _escaped(text: str) -> Iterator[View]:
    yield from rewrite(text, list(escape_edits(text)))


def _quoted(text: str) -> Iterator[View]:
    yield from rewrite(text, quoted_printable_edits(text))


def _untagged(text: str) -> Iterator[View]:
    yield from rewrite(text, list(tag_edits(text)))


def _unpacked(text: str) -> Iterator[View]:
    yield from rewrite(text, list(blob_edits(text)))


_WORD = "|".join("".join(c if c.isascii() else "." for c in word) for word in DIGITS)
_GAP, _EDGE, _SOME = r"[^a-z0-9]{1,4}", r"[^a-z0-9]", r"[0-9]{1,4}|double|triple"
_TURN = "(?:[a-z0-9][A-Z]|[0-9][a-z]|[A-Z]{2}[a-z])"
_ODD = "(?:[^a-z0-9 -]|[^a-z0-9]{2,5})"
_LINE = r"[ \t]{0,3}\\?\r?\n[ \t>|]{0,8}"
TRICKS = (
    Trick(
        r"&(?:#[0-9x]|[a-z][a-z0-9]{1,24};)|%(?:[0-7][0-9a-f]|[c-f][0-9a-f]%|u[0-9a-f]{4})"
        r"|\\[ux0-3nrt/\"'@._+:\-]|[\x00-\x08\x0e-\x1f\x7f]",
        _escaped,
    ),
    Trick(r"=(?:[2-7c-f][0-9a-f]|[ \t]*\r?\n)", _quoted),
    Trick(r"<[a-z/!][^<>]{0,400}>", _untagged),
    Trick(
        # Encoded text changes between cases and digits all the time; words and names do not.
        rf"(?-i:{_TURN}[A-Za-z0-9+/]{{0,2}}{_TURN}[A-Za-z0-9+/_-]{{5}}"
        rf"|[A-Za-z0-9+/_-]{{5}}{_TURN}[A-Za-z0-9+/]{{0,2}}{_TURN}|[A-Z2-7]{{14}})"
        r"|[a-z0-9+/]{10}=|(?:[0-9a-f]{2}[ ,:;-]{1,2}(?:0x)?){6}[0-9a-f]{2}"
        # hexadecimal of text: no pair for a control character, as most long numbers have
        r"|(?:[2-9a-f][0-9a-f]|0[09ad]){7}"
        r"|[01]{8}[ ,][01]{8}",
        _unpacked,
        spared=True,
    ),
    Trick(
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
    Trick(
        rf"(?:^|{_EDGE})[a-z0-9@+](?:[^a-z0-9]{{1,7}}[a-z0-9@]){{5}}(?:{_EDGE}|$)",
        apart_views,
    ),
    Trick(
        r"[0-9][a-f]?(?:[ \t][-/.:?]|[-/.:]{2}|[-/.:]\s)\s{0,3}[0-9a-f]?[0-9]",
        loose_views,
        needs_digit=True,
    ),
    Trick(
        r"[0-9][ -]?[oqdlisbzg|!]{1,3}[0-9]|[0-9]{2}[oqdlisbzg|!]{1,3}[ -][0-9oqdlisbzg|!]{2}"
        r"|[0-9][loi|]{2,3}[ -]"
        r"|[0-9oqdlisbzg|!]{3,4}-[0-9oqdlisbzg|!]{2,4}-[0-9oqdlisbzg|!]{4}",
        confused_views,
        needs_digit=True,
        spared=True,
    ),
    Trick(
        # Three groups, not all parted by a dash or a space; or as many digits as a card has.
        rf"(?:[0-9]{_ODD}[0-9]{{1,9}}[^a-z0-9]{{1,5}}|[0-9][^a-z0-9]{{1,5}}[0-9]{{1,9}}{_ODD}"
        r"|(?:[0-9][ -]?){12})[0-9]{1,12}(?:[^0-9]|\z)",
        row_views,
        needs_digit=True,
        spared=True,
    ),
    Trick(
        r"\b[a-z]{2}[^a-z0-9]{0,3}[0-9]{2}(?:[^a-z0-9]{1,5}[a-z0-9]{1,9}){1,2}[^a-z0-9]{1,5}"
        r"[a-z0-9]{0,6}[0-9]{3}|\ba[ks]ia[ -]?[a-z0-9]"
        r"|\b[0-9a-f]{2}(?:[^a-z0-9]{1,5}[0-9a-f]{2}){5}\b",
        code_views,
        needs_digit=True,
    ),
    Trick(
        rf"@[\w.-]{{0,40}}{_LINE}[\w.-]|[\w.+-]{_LINE}[\w.+-]{{0,40}}@"
        rf"|\b(?:{BEGINNINGS})[\w+/=.:@%?&;~-]*{_LINE}\w",
        line_views,
    ),
    Trick(
        rf"\b(?:{_WORD}){_GAP}(?:{_WORD}|{_SOME}){_GAP}(?:{_WORD}|{_SOME})\b"
        rf"|[0-9]{_GAP}(?:{_WORD}){_GAP}(?:{_WORD}|{_SOME})\b",
        digit_word_views,
    ),
    Trick(TABLE, table_views, whole=True),
    Trick(QUESTION, answer_views),
    Trick(JOINED, joined_views),
)
