"""Addresses whose signs are written out: `john [at] mail (dot) com`, `10 dot 0 dot 0 dot 1`.

Pure functions over strings. "at" is a common word, so a plain one counts only where what stands
around it has the whole shape of an address: a sign is rewritten there and nowhere else.
"""

from __future__ import annotations

import re
from collections.abc import Iterator
from functools import cache

from tasks.redaction.disguises.domains import COUNTRY_ENDINGS, ENDINGS, PROVIDERS
from tasks.redaction.disguises.rewriting import Edit, View, rewrite
from tasks.redaction.patterns import compiled

_E_MAIL = frozenset({"EMAIL", "URL"})
_NETWORK = frozenset({"IP"})
_LONGEST_LOCAL = 96  # characters looked at before an "at"
_AT_WORDS = r"at|ät|æt|arroba|arobase|klammeraffe|chiocciola|snabel-?a|apenstaartje"
_DOT_WORDS = r"dot|d0t|punkt|punto|point|ponto|punt|period"
_OPEN, _CLOSE = r"[\[({<«\"'`]{1,2}\s{0,2}", r"\s{0,2}[\])}>»\"'`]{1,2}"
_RAIL = r"[_\-*|/~=^#!.:+]{1,3}"
# Words before an "at" that show it to be just that: "look at", "me at", "available at".
_ORDINARY_WORDS = """
    a about account address all am an and are arrive arrived available be bought buy by call
    check click contact day email emails find for found from get go good great had has have he
    here him his home hosted i in is it its join just laugh like listed live located look looked
    looking mail mails me meet more my night now of off on once online only or order our out page
    reach reached register see seen she shop shopping sign site so sold someone stay store that
    the them then there they this time to today tomorrow up us via visit was we web website were
    with work worked working works you your
"""
_ORDINARY = frozenset(_ORDINARY_WORDS.split())


@cache
def _at() -> re.Pattern[str]:
    return compiled(
        rf"(?P<strong>\s{{0,3}}{_OPEN}(?i:{_AT_WORDS}|a|@|at[- ](?:sign|symbol)){_CLOSE}\s{{0,3}}"
        rf"|\s{{0,2}}{_RAIL}(?i:at){_RAIL}\s{{0,2}}|\s{{1,3}}(?i:at[- ](?:sign|symbol)|"
        rf"{_AT_WORDS[3:]})\s{{1,3}}|(?<=[a-z0-9])AT(?=[a-z0-9])|(?<=[a-z0-9])\s{{1,3}}AT\s{{1,3}})"
        r"|(?P<weak>\s{1,3}(?i:at)\s{1,3}|[^\S\n]{1,3}@[^\S\n]{0,3}|@[^\S\n]{1,3})"
        r"|(?P<plain>(?<=\w)@(?=\w))"
    )


def _dots() -> str:
    endings = "|".join(sorted(ENDINGS))
    return (
        rf"(?:\s{{0,3}}{_OPEN}(?i:{_DOT_WORDS}|\.){_CLOSE}\s{{0,3}}"
        rf"|\s{{0,2}}{_RAIL}(?i:dot){_RAIL}\s{{0,2}}|\s{{1,3}}(?i:{_DOT_WORDS})\s{{1,3}}"
        rf"|(?<=[a-z0-9])DOT(?=[a-z0-9])|\s{{1,2}}\.\s{{1,2}}"
        rf"|\s{{0,2}}\.\s{{1,2}}(?=(?:{endings})\b)|\s{{1,2}}\.(?=[^\W\d]))"
    )


@cache
def _dot() -> re.Pattern[str]:
    return compiled(_dots())


@cache
def _domain() -> re.Pattern[str]:
    label = r"(?:(?![_-](?i:dot)[_-]|DOT(?=[a-z]))[^\W_]|-(?!(?i:dot)-)){1,63}"
    return compiled(rf"{label}(?:(?:{_dots()}|\.){label}){{0,6}}")


@cache
def _local() -> re.Pattern[str]:
    words = r"\s{1,2}(?P<word>underscore|dash|hyphen|minus|plus)\s{1,2}"
    part = r"[\w+%&'-]{1,64}"
    return compiled(rf"(?<![\w+%&'-]){part}(?:(?:{_dots()}|\.|{words}){part}){{0,5}}\Z")


def spelled_views(text: str) -> Iterator[View]:
    """Yield readings of `text` with the signs of each complete address in place."""
    place = 0
    for at in _at().finditer(text):
        if at.start() < place:
            continue
        low = max(place, at.start() - _LONGEST_LOCAL)
        local = _local().search(text, low, at.start())
        domain = _domain().match(text, at.end())
        if local and domain and (edits := _address(text, local, at, domain)):
            place = domain.end()
            yield from rewrite(text, edits, _E_MAIL)
    yield from rewrite(text, list(_network_edits(text)), _NETWORK)
    yield from rewrite(text, list(_defanged_edits(text)))
    yield from rewrite(text, list(_mistyped_edits(text)), _E_MAIL)


def _address(
    text: str, local: re.Match[str], at: re.Match[str], domain: re.Match[str]
) -> list[Edit]:
    """Return the edits that make an address of its three parts; none if it is not one."""
    dots = list(_dot().finditer(domain[0]))
    labels = re.split(r"\.", _dot().sub(".", domain[0]))
    if text[domain.end() : domain.end() + 1] in ("_", "("):  # a name in a program
        return []
    if at["strong"] and labels[0].lower() in PROVIDERS and _alone(at[0], labels):
        ending = [Edit(domain.end(), domain.end(), ".com", "at-dot")]
    elif _believed(local[0], at, labels, bool(dots)):
        ending = []
    else:
        return []
    return [
        *_signs(local[0], local.start()),
        Edit(at.start(), at.end(), "@", "at-dot"),
        *_signs(domain[0], domain.start()),
        *ending,
    ]


def _alone(at: str, labels: list[str]) -> bool:
    """Tell whether a provider stands for its address, as in `ana (at) gmail`."""
    return len(labels) == 1 and any(mark in at for mark in "[({<") and labels[0].islower()


def _signs(part: str, start: int) -> Iterator[Edit]:
    written = {"underscore": "_", "dash": "-", "hyphen": "-", "minus": "-", "plus": "+"}
    signs = compiled(_dots() + r"|\s{1,2}(?P<word>underscore|dash|hyphen|minus|plus)\s{1,2}")
    for sign in signs.finditer(part):
        plain = written[sign["word"]] if sign["word"] else "."
        yield Edit(start + sign.start(), start + sign.end(), plain, "at-dot")


def _believed(local: str, at: re.Match[str], labels: list[str], worded: bool) -> bool:
    """Tell an address from a sentence, by how much of it is written as in one."""
    if len(labels) < 2:
        return False
    ending = labels[-1].lower()
    known = ending in ENDINGS or ending in COUNTRY_ENDINGS
    if at["plain"]:  # only the dots are hidden
        return worded and (known or not ending.isdigit())
    if at["strong"]:
        return known or (worded and len(ending) >= 2)
    if not known or local.lower() in _ORDINARY or not re.search(r"[^\W\d_]", local):
        return False
    named = re.fullmatch(r"[^\W\d_]+[._+][^\W\d_]+\d{0,4}", local) is not None
    return worded or named or labels[-2].lower() in PROVIDERS or "@" in at[0]


def _mistyped_edits(text: str) -> Iterator[Edit]:
    """Find addresses that are written backwards, or with a comma for the dot."""
    for match in re.finditer(r"(?<![\w.])[a-z]{2,6}(?:\.[\w-]{1,63}){1,4}@[\w.+-]{2,64}", text):
        backwards = match[0][::-1]
        if backwards.rpartition(".")[2] in ENDINGS - COUNTRY_ENDINGS:
            yield Edit(match.start(), match.end(), backwards, "backwards")
    for match in re.finditer(r"(?<=\w)@[\w.-]{1,80}(?P<comma>,)(?P<ending>[a-z]{2,6})(?!\w)", text):
        if match["ending"] in ENDINGS:
            yield Edit(*match.span("comma"), ".", "at-dot")


def _network_edits(text: str) -> Iterator[Edit]:
    """Find four numbers with dots in words, brackets or spaces between them."""
    for match in _network().finditer(text):
        if any(sign in match[0] for sign in "[({<. ") and not re.fullmatch(r"[\d.]+", match[0]):
            for dot in re.finditer(r"\D+", match[0]):
                yield Edit(match.start() + dot.start(), match.start() + dot.end(), ".", "at-dot")


@cache
def _network() -> re.Pattern[str]:
    dot = r"(?:\s{0,2}[\[({<]\s?(?i:dot|\.)\s?[\])}>]\s{0,2}|\s(?i:dot|punkt)\s|\s?\.\s?)"
    return compiled(rf"(?<![\w.])\d{{1,3}}(?:{dot}\d{{1,3}}){{3}}(?![\w])")


def _defanged_edits(text: str) -> Iterator[Edit]:
    """Find web addresses made harmless: `hxxps[:]//user:word[@]host[.]com`."""
    if "hxxp" in text or "[:" in text:
        for match in re.finditer(r"(?<!\w)hxxp(?=s?\W)|\[(?:[.:/@]|://)\]", text):
            plain = "http" if match[0] == "hxxp" else match[0][1:-1]
            yield Edit(match.start(), match.end(), plain, "at-dot")
