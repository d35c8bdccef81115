"""Tells identifiers from words, and clear names in code from what only looks like one.

`FeatureName`, `HTTP/1.1` and `fut.done` look like names to lists and models made for prose. Pure
functions over words; which lines are code, `technical` says.
"""

from __future__ import annotations

from collections.abc import Sequence

from tasks.redaction.names.context import rules_around
from tasks.redaction.names.technical import Code, Place
from tasks.redaction.names.word_lists import WordLists
from tasks.redaction.names.words import Word
from tasks.redaction.patterns import compiled

_DOMAIN = r"(?:com|org|net|io|ai|co|tv|de|uk|fr|eu|us|app|dev|edu|gov|me|info|biz)$"
# HTTP/1.1, ISBN-10, IPv4, X11, TCP/IP, nF, ValueError, SSLState.CLOSED
_IDENTIFIER = compiled(
    r"[/.]\d|[a-z]\d+[A-Z]|^[A-Z]{2,}-?\d|^[A-Z]-?\d+$|^[A-Z]{2,}/[A-Z]{2,}$|^[a-z][A-Z]$"
    r"|^[a-z]+[A-Z]\w*\d$"
    r"|[a-z](?:Error|Exception|Warning|Handler|Factory|Listener|Iterator|Provider|Type|Test|Mixin"
    r"|Parser|Operation|Compiler|Context|Protocol|Transport|Interpolation)s?$"
    rf"|[a-z][A-Z]\w*\.(?!{_DOMAIN})\w"
)
_PATH = compiled(rf"[A-Za-z_]{{2}}\.(?!{_DOMAIN})[a-z_]\w|^[a-z]\w*\.\w")
_DOTTED = compiled(rf"\w{{2}}\.(?!{_DOMAIN})\w{{2}}")  # Name.Builtin
_IN_CODE = compiled(r"\d|[a-z][A-Z]|[A-Z]{2}[a-z]{2}")
_CAMEL = compiled(r"(?!(?:de|di|du|la|le|ma?c|van|von|fitz)[A-Z][a-z]+$)[a-z]{2,}[A-Z]\w*")
_ENDS_HIGH = compiled(r"[a-z][A-Z]+$")  # LoRA, ViT
_INITIAL = compiled(r"[A-Za-z]\.[a-z]\w*")  # E.name
_FAMILY = compiled(r"(?:Ma?c|De|Di|Du|La|Le|Van|Fitz|O['’]|[DL]['’])[A-Z][a-z]+$")
_NAMED = (
    r"(?:user|full|first|last|sur|display|real|nick|customer|client|patient|contact|employee|person"
    r"|company|sender|recipient|city|author|owner|billing|shipping|legal|middle|given|family|account)"
)
_LABEL = compiled(
    rf"(?i)(?<![?&a-z_])(?:{_NAMED}[_ -]?name|contact[_ -]?person|name|user"
    r"|customer|client|patient|author|owner|sender|recipient|contact|employee|assignee|reviewer"
    r"|maintainer|location|place|city|town|country|company|employer|organi[sz]ation|firm)"
    r"[\"']?\s?[=:]\s?[\"'“]?\Z"
)
_BEFORE, _BEHIND, _QUOTES = ".$-_{/\\@#[(", ":=([{;", "\"'`"  # beside an identifier


def is_identifier(word: Word, lists: WordLists, *, technical: bool) -> bool:
    """Tell `FeatureName`, `HTTP/1.1` and `fut.done` from words: no part of a name is so written.

    Firms are written in the first way in prose ("PayPal"), so there only the ends of such words
    tell, and persons' names in the lists are always names ("DeShawn", "McDonald").
    """
    text = word.text
    if word.folded in lists.first_names or word.folded in lists.surnames:
        return _ENDS_HIGH.search(text) is not None
    if _IDENTIFIER.search(text):
        return True
    if technical and (_DOTTED.search(text) or _is_field(word, lists)):
        return True
    if _PATH.search(text):
        return technical or not lists.names(word.folded.partition(".")[0])
    if technical and len(text) > 1 and text.isupper() and text.isalpha():  # CFLAGS, not USA
        return not lists.names(word.folded)
    return technical and bool(_IN_CODE.search(text)) and not _FAMILY.match(text)


def _is_field(word: Word, lists: WordLists) -> bool:
    """Tell `E.name` from "J.smith"."""
    return bool(_INITIAL.fullmatch(word.text)) and not lists.names(word.folded.partition(".")[2])


def is_called(text: str, word: Word) -> bool:
    """Tell whether a word is written as things are called in code, and stands as they do.

    That is `fontSize:`, `"fontSize"`, `.fontSize` or `fontSize` in a line by itself; firms are
    written so too ("easyJet"), but amid a sentence.
    """
    if not _CAMEL.fullmatch(word.text):
        return False
    before, behind = text[max(0, word.start - 1) : word.start], text[word.end : word.end + 1]
    if before and before in _BEFORE:
        return True
    if behind and (behind in _BEHIND or (behind in _QUOTES and before == behind)):
        return True
    line = text[text.rfind("\n", 0, word.start) + 1 : word.start]
    return line != "" and line.isspace() and behind in ("", "\n", ",")


def is_used(words: Sequence[Word], lists: WordLists, code: Code, place: Place) -> bool:
    """Tell whether code of the same text calls something by this word.

    A listed name must be written just like that, and is a name in prose all the same.
    """
    word = words[0]
    if word.folded in lists.first_names or word.folded in lists.surnames:
        used = place is not Place.PROSE and word.text in code.identifiers
    else:
        used = word.folded in code.identifiers
    return used and len(words) == 1


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
    if person and len(first.text) > 1 and first.text.isupper() and not last.text.isupper():
        return False  # AWS Key
    if len(words) > 1 and person and not all(word.known for word in words):
        return True
    if is_labelled(text, first.start) and not any(word.known for word in words):
        return True
    if not (lists.names(first.folded) or " ".join(word.folded for word in words) in lists.places):
        return False
    return any(rule.clear for rule in rules_around(text, first.start, last.end))


def is_labelled(text: str, start: int) -> bool:
    """Tell whether a label of a name stands right before a place: `user=`, `"city": "`."""
    return bool(_LABEL.search(text, max(0, start - 40), start))
