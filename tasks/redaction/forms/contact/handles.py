"""Detectors of handles: the names that people bear on networks, `@ann.lee` or "Instagram: ann.lee".

Needs the standard library only. An at sign before a word is far more often code than a person
(decorators, style sheets, tags of comments, packages), so a mention counts where prose stands
around it, and a bare word behind a label where nothing goes on behind it. "Username: admin" names
nobody.
"""

from __future__ import annotations

import re
import tomllib
from pathlib import Path

from tasks.redaction.matching.first_letters import by_first_letter
from tasks.redaction.matching.scanner import Detector
from tasks.redaction.patterns import compiled

_WORDS = tomllib.loads(Path(__file__).with_name("handle_words.toml").read_text(encoding="utf-8"))
_NOBODY = frozenset(_WORDS["nobody"].split())
_NO_VALUE = frozenset(_WORDS["no_value"].split())
_SERVICES = compiled(r"(?i)bot$|\[bot\]$|^(?:dependabot|renovate|github|gitlab|slack|teams)")
_ROOM = 40  # characters of white space around a whole answer
_NAME = r"[A-Za-z0-9_](?:[\w.]{0,28}\w)?"
# What a mention stands beside in prose: words that address or name somebody, or two plain words.
_BEFORE = compiled(
    r"(?i)(?:\b(?:follow(?:ed|ing)?|dm|dms|message|contact|tag(?:ged)?|cc|thanks|thank you|thx|hi"
    r"|hey|hello|dear|by|via|ask(?:ed)?|ping(?:ed)?|tweet(?:ed)?(?: by)?|meet|met|with|from|am|i'm"
    r"|it's|handle|username"
    r"|instagram|insta|ig|twitter|telegram|tiktok|snapchat|snap|discord|mastodon|bluesky|threads"
    r"|github|rt|hmu|add(?: me)?)"
    r"|(?:^|[\s(])[a-z’']{2,}[,:]?\s[a-z’']{1,}|@\w+ ?(?:and|,|&))[,:]?[ (]{1,2}[\"'(]?$"
)
_BEHIND = compiled(
    r"(?i)[,:!?]?\s(?:[a-z’']+[,!?.]?\s[a-z’']+|(?:thanks|thx|thank|please|pls|hi|hello|lol|yes|no|ok)\b)"
)
_DECORATES = compiled(r"(?i) (?:decorat|annotat|tags?\b|directive)")
_REMARK = compiled(r"(?:^|\n)[ \t]*(?:[*#%;\-]|//+|/\*+|<!--|\(\*)*[ \t]*$")
_CODE = compiled(r"[;{}=|\\]|<[a-z/]|\$[A-Za-z_({]|\w\(")
_SHAPED = compiled(r"(?=.*[A-Za-z])(?:.*[A-Za-z\d][._\-][A-Za-z\d]|.*\d|.*_)")


def _names_somebody(name: str) -> bool:
    """Tell whether a mention can be a person's: letters, and nobody's known word."""
    lower = name.lower()
    first = re.split(r"[._-]", lower, maxsplit=1)[0]
    nobody = lower in _NOBODY or ("." in lower and first in _NOBODY) or _SERVICES.search(lower)
    array = name.isalpha() and name.isupper()  # of Perl
    return not (nobody or array) and any(map(str.isalpha, name)) and len(name) > 1


def _is_mention(match: re.Match[str]) -> bool:
    if not _names_somebody(match["name"]):
        return False
    text, (start, end) = match.string, match.span("value")
    if start < _ROOM > len(text) - end and text.strip() == match["value"]:
        return True  # a whole answer
    low, high = text.rfind("\n", 0, start) + 1, text.find("\n", end)
    line = text[max(low, start - 200) : start], text[end : high if high >= 0 else end + 200][:200]
    if _CODE.search(line[0]) or _CODE.search(line[1]):
        return False
    opens = _REMARK.search(line[0])
    if opens and (line[0].strip() or "\t" in line[0]):
        return False
    if not opens and _BEFORE.search(line[0]):
        return not _DECORATES.match(line[1])
    return bool(_BEHIND.match(line[1])) and not _DECORATES.match(line[1])


def _is_labelled(match: re.Match[str]) -> bool:
    value = match["value"].lstrip("@")
    if value.lower() in _NO_VALUE or not _names_somebody(value):
        return False
    behind = match.string[match.end() : match.end() + 1]
    if behind in {"(", "[", "=", "/", "@"} or "$" in match["glue"]:
        return False
    if value[0] == "_" or _FIELD.search(value):
        return False
    if "=" in match["glue"] and match["glue"][-1:] not in {'"', "'"}:
        return False  # of a program
    if "@" in match["value"] or _SHAPED.match(value):
        return not value.lower().endswith((".com", ".org", ".net", ".io", ".html", ".py", ".js"))
    # A plain word is a handle where it stands alone behind its label.
    owned = match["own"] is not None
    clear = ":" in match["glue"] and not _EVERYDAY.match(match["label"])
    return (owned or clear) and _alone(match)


def _alone(match: re.Match[str]) -> bool:
    return bool(_END.match(match.string, match.end()))


# Parts of a program's object; labels that are words of programs, and of everybody, as well.
_FIELD = compiled(
    r"(?i)(?:^|\.)(?:user_?name|name|user|login|email|id|self|config|get|value)(?:\.|$)"
)
_EVERYDAY = compiled(r"(?i)(?:handle|nick|snap|steam|threads|pseudo|kik|ig)$")
_END = compiled(r"[\"'’”)]?[.,;!?]?(?:\s*\Z|\s*[\n|,;)}]|[.!?]?\s+(?:and|if|but)\b)")
_NETWORKS = (
    r"instagram|insta|ig|twitter|tiktok|snapchat|snap|telegram|skype|discord|facebook|mastodon"
    r"|bluesky|threads|reddit|twitch|youtube|pinterest|venmo|cash ?app|wechat|kik|psn|xbox|steam"
    r"|github|gitlab|gamertag|linkedin"
)
_LABEL = (
    rf"(?:{by_first_letter(_NETWORKS)})(?:[ _-]?(?:handle|user ?name|account|name|id|profile))?"
    r"|(?:user|screen|login|account|nick)[ _-]?name|nick|handle|benutzername|nombre de usuario"
    r"|nom d['’]utilisateur|gebruikersnaam|nome utente|pseudo"
)
_LABEL_TRIGGER = (
    rf"(?:{_NETWORKS}|(?:user|screen|login|account|nick)[ _-]?name|\bnick|handle|benutzername"
    r"|nombre de usuario|utilisateur|gebruikersnaam|nome utente|pseudo)"
    r"[ _-]?(?:handle|user ?name|account|name|id|profile)?.{0,2}(?::|is\b|=|-|@)"
)
HANDLES = (
    Detector(
        kind="HANDLE",
        name="mention",
        trigger=r"(?:^|[^a-z0-9_.@])@[a-z0-9_]",
        pattern=compiled(
            rf"(?<![\w.@/\\\[$`=+#:&*-])(?P<value>@(?P<name>{_NAME}))(?![\w/@(\[{{=`*-]|:\w|\.\w|\s?=|\s?\()"
        ),
        score=0.85,
        before=4,
        after=36,
        check=_is_mention,
    ),
    Detector(
        kind="HANDLE",
        name="handle by its label",
        trigger=_LABEL_TRIGGER,
        pattern=compiled(
            rf"(?i)(?<![\w@./-])(?:(?P<own>my|his|her|their|our)\s(?:\w{{1,12}}\s)?)?(?P<label>{_LABEL})"
            rf"(?P<glue>[\"'’]?\s?(?::|=|is:?)\s?[\"'’“]?|\s-\s|\s(?=@))(?P<value>@?{_NAME}(?:-\w{{1,20}})*(?:\#\d{{4}})?)"
            r"(?![\w])"
        ),
        score=0.86,  # not the same as a mention's: of two equal ones either might be counted
        before=60,
        after=48,
        check=_is_labelled,
    ),
    Detector(
        kind="HANDLE",
        name="handle of reddit",
        trigger=r"[^a-z0-9_./]u/[a-z0-9_]{3}",
        pattern=compiled(r"(?<![\w./+-])(?P<value>/?u/[A-Za-z0-9_-]{3,20})(?![\w/+=-]|\.\w)"),
        score=0.8,
        before=8,
        after=24,
    ),
)
