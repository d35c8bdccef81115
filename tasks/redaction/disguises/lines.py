"""Values broken by the end of a line, put on one line again.

Mail programs, logs and terminals wrap at a fixed width, some with a quotation mark, a backslash or
a hyphen. Only what goes on like an address, a web address or a key is joined. Pure functions.
"""

from __future__ import annotations

import re
from collections.abc import Iterator
from functools import cache

from tasks.redaction.disguises.domains import COUNTRY_ENDINGS, ENDINGS
from tasks.redaction.disguises.rewriting import Edit, View, rewrite
from tasks.redaction.patterns import compiled

_BREAK = r"[ \t]{0,3}\\?\r?\n[ \t>|]{0,8}"
_ADDRESS = frozenset({"EMAIL", "URL"})
_KEYS = frozenset({"SECRET", "URL", "CRYPTO"})
# How keys begin, those of the large providers; a web address can hold credentials.
BEGINNINGS = (
    r"A[KS]IA|eyJ|gh[pousr]_|github_pat_|glpat-|sk-|[sr]k_(?:live|test)_|xox[abprs]-|AIza|hf_"
    r"|SG\.|npm_|pypi-|ya29\.|dop_v1_|shpat_|bc1|0x|[a-z][a-z0-9+.-]{2,12}://"
)


@cache
def _addresses() -> re.Pattern[str]:
    return compiled(
        # behind the sign: no ending before the break, or a dot at the break
        rf"@[\w.-]{{0,40}}(?:(?<=[@.-])|(?<=@[\w-])|(?<![.]\w\w\w)(?<![.]\w\w)(?<=\w))"
        rf"(?P<late>{_BREAK})(?=[\w.-]{{1,40}})"
        # before the sign: a joint stands at the break
        rf"|(?<=[\w.])(?P<early>{_BREAK})(?=[._+@-][\w.+-]{{0,40}}@?[\w-]{{1,40}}\.\w)"
        rf"|(?<=\w[._+-])(?P<joint>{_BREAK})(?=[\w.+-]{{1,40}}@[\w-]{{1,40}}\.\w)"
        rf"|(?<=\w)(?P<sign>{_BREAK})(?=@[\w-]{{1,40}}\.\w)"
    )


@cache
def _tokens() -> re.Pattern[str]:
    inside = r"[\w+/=.:@%?&;~-]"
    return compiled(
        rf"(?<![A-Za-z0-9])(?:{BEGINNINGS}){inside}{{0,400}}+(?:{_BREAK}{inside}{{2,400}}+){{1,40}}"
    )


@cache
def _domain() -> re.Pattern[str]:
    return compiled(rf"@([\w.-]{{0,80}}(?:{_BREAK}[\w.-]{{1,80}})?)(?![(@])")


def _is_address(text: str, match: re.Match[str]) -> bool:
    """Tell the end of an address from a line of code that starts with an at sign."""
    at = text.find("@", match.start(), match.end() + 42)
    domain = _domain().match(text, at)
    if domain is None:
        return False
    label = re.match(r"(?:[\w-]+\.)+([^\W\d_]{2,24})(?!\w)", re.sub(_BREAK, "", domain[1]))
    return label is not None and label[1].lower() in ENDINGS | COUNTRY_ENDINGS


def line_views(text: str) -> Iterator[View]:
    """Yield readings of `text` with the breaks inside addresses and keys taken out."""
    addresses = [
        Edit(*match.span(match.lastgroup or 0), "", "split lines")
        for match in _addresses().finditer(text)
        if _is_address(text, match)
    ]
    yield from rewrite(text, addresses, _ADDRESS)
    keys = [
        Edit(match.start() + gap.start(), match.start() + gap.end(), "", "split lines")
        for match in _tokens().finditer(text)
        for gap in re.finditer(_BREAK, match[0])
    ]
    yield from rewrite(text, keys, _KEYS)
