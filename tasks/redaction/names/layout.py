"""What the place of a candidate on the page says: address blocks, letterheads, dialogues.

House numbers and postcodes beside a name, words for streets, and the lines above and below. Pure
functions, which read a bounded number of characters.
"""

from __future__ import annotations

from tasks.redaction.patterns import compiled

_REACH = 200  # characters on either side
_LEAD = compiled(r"[ \t>?*•|#\-–—]*")
_DIGIT = compiled(r"\d")
_POSTCODE_BEHIND = compiled(
    r",?[ \t]+(?:(?!(?:in|on|at|of|to|by|for|and|the|was|has|had|is|are|per|or)\b)"
    r"[A-Za-z]{2,3}[ \t]+)?"
    r"(?!(?:19|20)\d\d\b)(?:[A-Z]-?)?\d{4,6}(?:-\d{3,4})?\b(?!\d)"
)
_POSTCODE_BEFORE = compiled(r"(?:^|[\s,>])(?:[A-Z]{1,2}-)?\d{4,5}[ \t]+\Z")
_NUMBER_BEHIND = compiled(
    r"[ \t]+(?:[NSEW]\.?[ \t]+)?\d{1,5}[a-z]?\b"
    r"(?![.,]?\d|[%$€£]| ?(?:years?|days?|hours?|minutes?|am\b|pm\b|%))"
)
_NUMBER_BEFORE = compiled(r"(?:^|[\s,#>])\d{1,5}[A-Za-z]?,?[ \t]+(?:[NSEW]\.?[ \t]+)?\Z")
_ADDRESS_BEFORE = compiled(  # a number and a comma, but no year
    r"(?i)(?<![\d.,])(?!(?:19|20)\d\d,)\d{1,4}[a-d]?\.?"
    r"(?:[ \t]+(?:st|rd|ave|street|road|avenue|lane|drive|way)\.?)?,[ \t]*\Z"
)
_STREET_BEFORE = compiled(
    r"(?i:\b(?:rue|via|calle|rua|ul|ulica|avenida|av|avenue|boulevard|bd|blvd|paseo|plaza|piazza"
    r"|place|corso|viale|travessa|praça|estrada|allée|quai|chemin|impasse|carrer|camino|carretera"
    r"|ctra|rruga|jalan|jl|улица|ул|οδός)\.?[ \t]+"
    r"(?:(?:de|del|della|des|du|la|las|los|le|les|da|do|dos|das)[ \t]+)*)\Z"
)
_STREET_BEHIND = compiled(
    r"(?i)[ \t]+(?:street|st|road|rd|avenue|ave|lane|ln|drive|boulevard|blvd|terrace|crescent|close"
    r"|court|highway|hwy|parkway|pkwy|alley|mews|utca|út|útja|u|tér|tie|katu|gate|gata|vej|vägen"
    r"|väg|straat|strasse|straße|str|enparantza|kalea|sokak|caddesi|mah)\b(?![a-z'’])"
)
# A line that starts an address: house number and street, or a flat or box.
_STARTS_ADDRESS = compiled(
    r"[ \t>?*•|#-]*(?:\d{1,6}[a-z]?,?[ \t]+(?!\d+$)[^\W_]|[^\W\d_].*[ \t]\d{1,5}[a-z]?$"
    r"|(?i:apt|apartment|suite|unit|flat|p\.?o\.? box|psc|the corner of)\b)"
)
ABOVE_ADDRESS = "above an address"
ADDRESS = frozenset(
    {"street", "postcode", "behind a house number", "between numbers", "below a street"}
)
_LINES_BELOW = 4  # how far below a letterhead's name its address starts


def placed(text: str, start: int, end: int) -> list[str]:
    """Return by what the layout around `text[start:end]` speaks of a name."""
    above, _, before = text[max(0, start - _REACH) : start].rpartition("\n")
    behind, broken, below = text[end : end + _REACH].partition("\n")
    found = _numbers(before, behind)
    lines = bool(broken) or (start > len(before))
    if lines and _LEAD.fullmatch(before):
        found += _line(above, behind, below)
    return found


def heads_letter(text: str, start: int, end: int) -> bool:
    """Tell whether a line that is `text[start:end]` stands above an address."""
    return ABOVE_ADDRESS in placed(text, start, end)


def is_address(text: str, start: int, end: int) -> bool:
    """Tell whether `text[start:end]` stands where a street or a place does in an address."""
    return not ADDRESS.isdisjoint(placed(text, start, end))


def _numbers(before: str, behind: str) -> list[str]:
    """Read house numbers and postcodes beside a name: it is a street's or a place's."""
    if _STREET_BEFORE.search(before) or _STREET_BEHIND.match(behind):
        return ["street"]
    if _POSTCODE_BEHIND.match(behind) or _POSTCODE_BEFORE.search(before):
        return ["postcode"]
    if _ADDRESS_BEFORE.search(before):
        return ["behind a house number"]
    if _NUMBER_BEFORE.search(before):
        return ["between numbers"] if _NUMBER_BEHIND.match(behind) else ["number before"]
    return ["number behind"] if _NUMBER_BEHIND.match(behind) else []


def _line(above: str, behind: str, below: str) -> list[str]:
    """Read a name that has a line of its own, or starts one, by the lines around it."""
    if behind.startswith(":") and len(behind) > 1:  # a dialogue: "Anna: Who are you?"
        return ["speaks"]
    if behind.strip(" \t.,;"):
        return []
    if _DIGIT.search(above.rpartition("\n")[2]):
        return ["below a street"]
    if any(map(_STARTS_ADDRESS.match, below.lstrip("\n").split("\n")[:_LINES_BELOW])):
        return [ABOVE_ADDRESS]  # whoever lives there
    return ["line of its own"]
