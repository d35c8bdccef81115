"""Words and shapes by which a name shows that it is an organization's.

Legal forms of companies in many countries, words that end (or begin) the names of institutions, and
made-up words. Pure functions.
"""

from __future__ import annotations

from collections.abc import Sequence

from tasks.redaction.names.word_lists import WordLists
from tasks.redaction.patterns import compiled

# A name that ends in one of these is a company's, whatever else is known about it.
_LEGAL_FORM = compiled(
    r"(?i)(?:inc|incorporated|llc|l\.l\.c|ltd|limited|plc|corp|corporation|company|gmbh|ag|kg|kgaa"
    r"|g\.m\.b\.h|ohg|ug|se|s\.?a\.?r\.?l|s\.?a\.?s|s\.?r\.?l|s\.?p\.?a|s\.a|n\.v|b\.v|nv|bv|oyj|oy"
    r"|asa|aps|a/s|ab|kk|k\.k|pty|pte|bhd|sdn|llp|lllp|pllc|lp|ooo|oao|zao|pao|s\.?r\.?o|kft|zrt"
    r"|d\.o\.o|doo|ltda|s\.?l|eurl|eirl|cv|c\.v|bros|consortium"
    r"|(?:and|&) (?:co|company|sons?|daughters?|bros|brothers|partners|associates))\.?"
)
_OPENING = compiled(
    r"(?i)(?:the )?(?:university|bank|department|ministry|institute|college|school|church|house"
    r"|board|office|bureau|society|association|federation|order|court|council|academy|museum)"
    r" (?:of|for)\b"
)
_MIXED_CASE = compiled(
    r"[a-z]{2,}[A-Z][a-z]|[A-Z][a-z]+[A-Z]{2,}|^[a-z][A-Z]|[A-Za-z]\d|\d[A-Za-z]"
    r"|[a-z]\.(?:com|io|org|net|ai)$"
)
_MAC = compiled(r"(?:Mac|Mc|De|Di|Du|La|Le|Van|O['’])[A-Z][a-z]+")
# "Craig, Palmer and Quinn": surnames joined the way partners join them.
PARTNERS = compiled(r"[^\W\d_][\w'’-]+, (?P<second>[^\W\d_][\w'’-]+),? (?:and|&) [^\W\d_][\w'’-]+")
_PART = compiled(r"tech|soft|net|gov|data|logix|logic|corp|med|bio|labs?|ify|metrics|ware")
WHOLE = frozenset({"legal form", "institution of", "ending"})  # a common word may begin these
_SHORTEST_PART, _LONGER_PART = 3, 4  # letters of the words in a made-up one


def form_of(words: Sequence[str], endings: frozenset[str]) -> list[str]:
    """Return by what a name, given word by word, looks like an organization's."""
    whole, found = " ".join(words), list[str]()
    if (len(words) > 1 and _LEGAL_FORM.fullmatch(words[-1])) or (
        len(words) > 2 and _LEGAL_FORM.fullmatch(" ".join(words[-2:]))
    ):
        found.append("legal form")
    if _OPENING.match(whole):
        found.append("institution of")
    if len(words) > 1 and words[-1].rstrip(".").lower() in endings:
        found.append("ending")
    if any(_MIXED_CASE.search(word) and not _MAC.fullmatch(word) for word in words):
        found.append("mixed")
    return found


def is_compound(word: str, lists: WordLists) -> bool:
    """Tell a made-up word such as "Facebook": two English words in one, as companies like them."""
    for cut in range(_SHORTEST_PART, len(word) - _SHORTEST_PART + 1):
        if max(cut, len(word) - cut) < _LONGER_PART:
            continue
        if all(
            part in lists.ordinary or _PART.fullmatch(part) for part in (word[:cut], word[cut:])
        ):
            return True
    return False
