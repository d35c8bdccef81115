"""Tells code and log lines from prose: what is written there is seldom a name.

Lines are judged by shape (signs, keywords, time stamps with a level), so that no language has to be
known by name; JSON, tables, HTML and comments are data or prose, and no code. What stands beside
code (messages, comments, lists of classes) speaks of the same things. Pure functions.
"""

from __future__ import annotations

from bisect import bisect_right
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from enum import IntEnum
from itertools import accumulate

from tasks.redaction.patterns import compiled

_LONGEST = 2_000  # characters of a line that are looked at
_FEW = 3  # words
_LOWEST_SHARE = 0.34  # marks of code for each word
_AROUND, _LEAST_AROUND = 6, 3  # lines on either side, and how many of them must be code
_MOSTLY_CODE = 5  # lines of code in a text of which at least half the lines are
_HINT = compiled(r"[=({\[;_<]|[\"'],|::|->|\d:\d\d|\b(?:import|return|raise|at|HTTP)\b")
_LEVEL = r"(?:TRACE|DEBUG|INFO|NOTICE|WARN|WARNING|ERROR|FATAL|CRITICAL|SEVERE)\b"
_LOG = compiled(  # a time stamp and a level, a level, syslog, a request, a stack trace, an agent
    r"\s*(?:[\[(<]?(?:\d{4}[-/]\d\d[-/]\d\d|\d\d:\d\d:\d\d|[A-Z][a-z]{2} [ \d]\d )"
    rf"[^\n]{{0,60}}?\b{_LEVEL}"
    rf"|\[?{_LEVEL}(?:\]|:|\s+\[|\s*[-|]\s)"
    r"|[A-Z][a-z]{2} [ \d]\d \d\d:\d\d:\d\d [\w.-]+ [\w./-]+(?:\[\d+\])?: "
    r"|[^\n]{0,200}?\b(?:GET|POST|PUT|PATCH|DELETE|HEAD|OPTIONS) \S{1,1000} HTTP/\d"
    r"|at [\w.$<>/]+\(|File \"[^\"\n]+\", line \d|Traceback \(most recent|Caused by: [\w.$]+:"
    r"|[^\n ]{1,40}/\d[\w.]* \([^\n]{0,80}\) )"
)
_DATA = compiled(  # what has signs of code in it and is none: JSON, comments, list items, markup
    r"\s*(?:[\[{,]*\s*\"[^\"\n]{1,40}\"\s*:|[\[{]+\"|#(?!include|define)|//|/?\*|--\s|<[a-zA-Z/!]"
    r"|&lt;)"
)
# One each: calls, operators, blocks, subscripts, names with an underscore, paths.
_MARK = compiled(
    r"[\w)\]]\((?!s\)|:)|[\w\]\"')]\)[:;]|[-=]>|::|&&|\|\||[-+*/|&!<>=:]="
    r"|(?<=[\w\]) ])=(?=[\w \"'(\[{$-])|[\w)\]'\"];[ \t]*$|\{\w*\}|[{}]|\w\[(?!$)"
    r"|\b[A-Za-z]*_\w+|\b[a-z]{2,}\.[a-z]{2,}[(.]|\b(?:self|cls|this|os|sys)\.\w|\w\.\w+\("
    r"|\(\(|(?<!:)\)\)|(?<=\w) [<>] (?=\w)|\bis (?:not )?None\b"
)
_CAMEL = compiled(r"\b[a-z]+[A-Z]\w*|\b[A-Z][a-z]+[A-Z]\w*")  # marks too, where there is another
_KEYWORD = compiled(
    r"\s*(?:(?:async )?def \w+\(|class \w+(?:\([\w., =\[\]]*\))?\s*[:{]|from [\w.]+ import\b"
    r"|import [\w.]+(?: as \w+)?(?:, ?[\w.]+)*;?$|elif\b|else:|try:|finally:|except\b[^.]*:$"
    r"|(?:return|yield|raise|del|global|nonlocal|await|assert)"
    r"(?: (?:not )?[\w.]+(?: (?:and|or|from|as|in|is) [\w.]+)?)?;?$"
    r"|(?:if|while|for|with|return|yield|raise|assert|lambda|and|or|not|in|is|case|match)\b"
    r"(?=.*(?:\w[(\[]|[=<>!]=|_\w| = |\w\.\w|\bis (?:not )?None\b))"
    r"(?:(?![.!?] [A-Z]).)*[:,)\](\"'\\]$"
    r"|(?<=[ \t]{4})(?:if|while|for|with|and|or)\b.*[:,\\]$"
    r"|(?:const|let|var|val) \w+\s*[=:;]|#(?:include|define)\b|(?:use|using|package) [\w.:]+;$"
    r"|(?:function|func|fn|struct|enum|interface|namespace|impl|pub|static|void|public|private"
    r"|protected)\b[^.,]*[({;]\s*$"
    r"|[a-z_][\w.]*(?:\[[^\]]*\])? ?[-+*/%|&]?= ?"
    r"(?:[\[{(]|[a-z_][\w.]*(?:[(\[]| [-+*/%<>=]|$)|-?\d|not )"
    r"|[A-Za-z_]\w* = [furb]?[\"'][^\"']*[\"'],?;?$"
    r"|(?:SELECT\b.*\bFROM|INSERT INTO|CREATE TABLE|UPDATE \w+ SET|DELETE FROM)\b|>>> \S|\$ \S)"
)
# A list of identifiers, in quotes or not.
_QUOTED = compiled(
    r"[\s,(\[]*(?:([\"'])[\w.]+\1\s*[,)\]]+\s*)+$|[ \t]+(?:[\w.]+(?: as \w+)?,[ \t]*)+$"
)
_SMALL = compiled(r"[\s,(\[]*(?:'[a-z][\w.]*'\s*[,)\]]+\s*)+$")  # JSON has other quotes
_CODED = compiled(r"[a-z][A-Z]|[A-Za-z]\d|_")
_A_WORD = compiled(r"[^\W_]")
_STRING = compiled(r"\"[^\"\n]*\"?|'[^'\n]*'?|(?<!\S)(?:#|//).*")
_NAME = compiled(r"[A-Za-z_]\w{2,}")
_LISTED = compiled(r"[ \t]+([A-Za-z_]\w{2,}),[ \t]*")  # one class of many that are imported
_SENTENCE = compiled(r"[a-z]{2} [a-z]{2,} [a-z]{2,} [a-z]{2}")
_SIGN = compiled(r"^[ \t]+\S|^[a-z]|[\"',:()\[\]=._\\]")


class Place(IntEnum):
    """Where a sentence stands."""

    PROSE = 0
    BESIDE_CODE = 1  # a comment, a message, a list of classes: code surrounds it
    CODE = 2  # or a log


@dataclass(frozen=True, slots=True)
class Code:
    """What of a text is code or log.

    `identifiers` are the words that its code calls things by, whole and in parts, as they are
    written and written small.
    """

    starts: Sequence[int]  # of each line; none where no line is code
    places: Sequence[Place]
    identifiers: frozenset[str]

    def place(self, start: int) -> Place:
        """Return where what starts there stands."""
        return self.places[bisect_right(self.starts, start) - 1] if self.starts else Place.PROSE

    def of_reading(self, text: str, origin: Callable[[int], int]) -> Code:
        """Return the same for a plainer reading of a part of the text, which stands where it did.

        `origin` leads from a place in the reading to its place in the text.
        """
        own = read_code(text)
        if not self.starts:
            return own
        starts = _line_starts(text.split("\n"))
        places = [max(own.place(start), self.place(origin(start))) for start in starts]
        return Code(starts, places, own.identifiers | self.identifiers)


_NONE = Code((), (), frozenset())


def read_code(text: str) -> Code:
    """Return which lines are code or log, and what the code calls things by."""
    if not _HINT.search(text):
        return _NONE
    lines = text.split("\n")
    flags = [_flag(line[:_LONGEST]) for line in lines]
    if not any(flags):
        return _NONE
    places = _places(lines, flags)
    return Code(_line_starts(lines), places, frozenset(_identifiers(lines, places)))


def _line_starts(lines: Sequence[str]) -> list[int]:
    return [0, *accumulate(len(line) + 1 for line in lines[:-1])]


def _flag(line: str) -> bool | None:
    """Tell whether a line is code or log; None where it has no word, or is data or a comment."""
    if not _A_WORD.search(line) or _DATA.match(line):
        return None
    if _LOG.match(line) or _KEYWORD.match(line.rstrip()):
        return True
    listed = (_QUOTED.match(line) and _CODED.search(line)) or _SMALL.match(line)
    return listed is not None or _is_code(line)


def _is_code(line: str) -> bool:
    marks = sum(1 for _ in _MARK.finditer(line))
    if not marks:
        return False
    marks += sum(1 for _ in _CAMEL.finditer(line))
    words = line.strip().count(" ") + 1
    return marks >= words * _LOWEST_SHARE and (marks > 1 or words <= _FEW)


def _places(lines: Sequence[str], flags: Sequence[bool | None]) -> list[Place]:
    """Say where each line stands, by itself and by the lines around it.

    Where most of those are code, so is a line that does not read as prose.
    """
    judged = [place for place, flag in enumerate(flags) if flag is not None]
    sums = [0, *accumulate(flags[place] is True for place in judged)]
    mostly = sums[-1] >= _MOSTLY_CODE and 2 * sums[-1] >= len(judged)
    places: list[Place] = []
    number = 0  # of judged lines above
    for line, flag in zip(lines, flags, strict=True):
        low, high = max(0, number - _AROUND), min(len(judged), number + _AROUND + 1)
        code = sums[high] - sums[low]
        around = code >= _LEAST_AROUND and 2 * code >= high - low - 1
        if flag or (around and flag is not None and _may_be_code(line)):
            places.append(Place.CODE)
        else:
            places.append(Place.BESIDE_CODE if around or mostly else Place.PROSE)
        number += flag is not None
    return places


def _may_be_code(line: str) -> bool:
    return not _SENTENCE.search(line) and bool(_SIGN.search(line))


def _identifiers(lines: Sequence[str], places: Sequence[Place]) -> Iterator[str]:
    """Yield what code calls things by: words outside strings, remarks and log lines."""
    for line, place in zip(lines, places, strict=True):
        if place is Place.CODE and not _LOG.match(line):
            for match in _NAME.finditer(_STRING.sub(" ", line[:_LONGEST])):
                yield match[0]
                yield match[0].lower()
                if "_" in match[0]:
                    yield from match[0].lower().split("_")
        elif place is Place.BESIDE_CODE and (listed := _LISTED.fullmatch(line)):
            yield listed[1].lower()
