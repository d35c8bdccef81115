"""Tells code and log lines, and identifiers, from prose: what is written there is seldom a name.

`FeatureName`, `HTTP/1.1` and `fut.done` look like names to lists and models made for prose. Lines
are judged by shape (signs, keywords, time stamps with a level), so that no language has to be known
by name; JSON, tables, HTML and comments are data or prose, and no code. Pure functions.
"""

from __future__ import annotations

from bisect import bisect_right
from collections.abc import Sequence
from itertools import accumulate

from tasks.redaction.names.context import context_of
from tasks.redaction.names.word_lists import WordLists
from tasks.redaction.names.words import Word
from tasks.redaction.patterns import compiled

_LONGEST = 2_000  # characters of a line that are looked at
_FEW = 3  # words
_LOWEST_SHARE = 0.34  # marks of code for each word
_AROUND, _LEAST_AROUND = 6, 3  # lines on either side, and how many of them must be code
_TOLD = 1.0  # what the context of a name in code must weigh
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
    r"|(?:SELECT\b.*\bFROM|INSERT INTO|CREATE TABLE|UPDATE \w+ SET|DELETE FROM)\b|>>> \S|\$ \S)"
)
_QUOTED = compiled(r"[\s,(\[]*(?:([\"'])[A-Za-z_.]+\1\s*[,)\]]+\s*)+$")  # a list of identifiers
_SENTENCE = compiled(r"[a-z]{2} [a-z]{2,} [a-z]{2,} [a-z]{2}")
_SIGN = compiled(r"^[ \t]+\S|^[a-z]|[\"',:()\[\]=._\\]")
_DOMAIN = r"(?:com|org|net|io|ai|co|tv|de|uk|fr|eu|us|app|dev|edu|gov|me|info|biz)$"
# HTTP/1.1, ISBN-10, IPv4, X11, TCP/IP, nF, ValueError, SSLState.CLOSED
_IDENTIFIER = compiled(
    r"[/.]\d|[a-z]\d+[A-Z]|^[A-Z]{2,}-?\d|^[A-Z]\d+$|^[A-Z]{2,}/[A-Z]{2,}$|^[a-z][A-Z]$"
    r"|^[a-z]+[A-Z]\w*\d$"
    r"|[a-z](?:Error|Exception|Warning|Handler|Factory|Listener|Iterator|Provider|Type|Test|Mixin"
    r"|Parser|Operation|Compiler|Context|Protocol|Transport|Interpolation)s?$"
    rf"|[a-z][A-Z]\w*\.(?!{_DOMAIN})\w"
)
_PATH = compiled(rf"[A-Za-z_]{{2}}\.(?!{_DOMAIN})[a-z_]\w|^[a-z]\w*\.\w")
_IN_CODE = compiled(r"\d|[a-z][A-Z]|[A-Z]{2}[a-z]{2}")
_FAMILY = compiled(r"(?:Ma?c|De|Di|Du|La|Le|Van|Fitz|O['’]|[DL]['’])[A-Z][a-z]+$")
_LABEL = compiled(
    r"(?i)(?<![?&a-z_])(?:(?:user|full|first|last|sur|display|real|nick)[_ -]?name|name|user"
    r"|customer|client|patient|author|owner|sender|recipient|contact|employee|assignee|reviewer"
    r"|maintainer|city|town|country|company|employer|organi[sz]ation|firm)"
    r"[\"']?\s?[=:]\s?[\"'“]?\Z"
)


def technical_lines(text: str) -> list[tuple[int, int]]:
    """Return where the lines stand that are code or log, in order; nothing for most texts."""
    if not _HINT.search(text):
        return []
    lines = text.split("\n")
    flags = [_flag(line[:_LONGEST]) for line in lines]
    if not any(flags):
        return []
    spans: list[tuple[int, int]] = []
    start = 0
    for line, code in zip(lines, _filled(lines, flags), strict=True):
        if code:
            spans.append((start, start + len(line)))
        start += len(line) + 1
    return spans


def _flag(line: str) -> bool | None:
    """Tell whether a line is code or log; None where it is empty, data or a comment."""
    if not line.strip() or _DATA.match(line):
        return None
    if _LOG.match(line) or _KEYWORD.match(line.rstrip()):
        return True
    return _is_code(line) or bool(_QUOTED.match(line) and _CAMEL.search(line))


def _is_code(line: str) -> bool:
    marks = sum(1 for _ in _MARK.finditer(line))
    if not marks:
        return False
    marks += sum(1 for _ in _CAMEL.finditer(line))
    words = line.strip().count(" ") + 1
    return marks >= words * _LOWEST_SHARE and (marks > 1 or words <= _FEW)


def _filled(lines: Sequence[str], flags: Sequence[bool | None]) -> list[bool]:
    """Count a line as code too where most of the lines around it are, unless it reads as prose."""
    judged = [place for place, flag in enumerate(flags) if flag is not None]
    sums = [0, *accumulate(flags[place] is True for place in judged)]
    done = [flag is True for flag in flags]
    for number, place in enumerate(judged):
        if done[place]:
            continue
        low, high = max(0, number - _AROUND), min(len(judged), number + _AROUND + 1)
        code = sums[high] - sums[low]
        if code >= _LEAST_AROUND and 2 * code >= high - low - 1:
            done[place] = _may_be_code(lines[place])
    return done


def _may_be_code(line: str) -> bool:
    return not _SENTENCE.search(line) and bool(_SIGN.search(line))


def is_identifier(word: Word, lists: WordLists, *, technical: bool) -> bool:
    """Tell `FeatureName`, `HTTP/1.1` and `fut.done` from words: no part of a name is so written.

    Firms are written in the first way in prose ("PayPal"), so there only the ends of such words
    tell, and persons' names in the lists are always names ("DeShawn", "McDonald").
    """
    text = word.text
    if word.folded in lists.first_names or word.folded in lists.surnames:
        return False
    if _IDENTIFIER.search(text):
        return True
    if _PATH.search(text):
        return technical or not lists.names(word.folded.partition(".")[0])
    return technical and bool(_IN_CODE.search(text)) and not _FAMILY.match(text)


def is_technical(spans: Sequence[tuple[int, int]], start: int) -> bool:
    """Tell whether a place of a text lies in one of the lines."""
    place = bisect_right(spans, (start, 1 << 62)) - 1
    return place >= 0 and start < spans[place][1] + 1


def is_clear(text: str, words: Sequence[Word], lists: WordLists) -> bool:
    """Tell whether words in code or log are clearly a name.

    So are a first name and a surname of the lists together, what stands behind a label
    ("user=Ann Lee"), and a listed name of which what stands before it speaks ("lives in Oslo").
    What is written small is none.
    """
    first, last = words[0], words[-1]
    if first.text.islower():
        return False
    person = first.folded in lists.first_names and last.folded in lists.surnames
    if len(words) > 1 and person and not all(word.known for word in words):
        return True
    if is_labelled(text, first.start) and not any(word.known for word in words):
        return True
    if not (lists.names(first.folded) or " ".join(word.folded for word in words) in lists.places):
        return False
    return max(context_of(text, first.start, last.end).values(), default=0.0) >= _TOLD


def is_labelled(text: str, start: int) -> bool:
    """Tell whether a label of a name stands right before a place: `user=`, `"city": "`."""
    return bool(_LABEL.search(text, max(0, start - 40), start))
