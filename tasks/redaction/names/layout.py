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
_LINES_BELOW = 4  # how far below a letterhead's name its address starts


def placed(text: str, start: int, end: int) -> dict[str, float]:
    """Return what the layout around `text[start:end]` says for each kind of name."""
    above, _, before = text[max(0, start - _REACH) : start].rpartition("\n")
    behind, broken, below = text[end : end + _REACH].partition("\n")
    weights = _numbers(before, behind)
    lines = bool(broken) or (start > len(before))
    if lines and _LEAD.fullmatch(before):
        for kind, weight in _line(above, behind, below).items():
            weights[kind] = weights.get(kind, 0.0) + weight
    return weights


def heads_letter(text: str, start: int, end: int) -> bool:
    """Tell whether a line that is `text[start:end]` stands above an address."""
    return placed(text, start, end).get("ORGANIZATION", 0.0) > 1.0


def _numbers(before: str, behind: str) -> dict[str, float]:
    """Read house numbers and postcodes beside a name: it is a street's or a place's."""
    if _STREET_BEFORE.search(before) or _STREET_BEHIND.match(behind):
        return {"LOCATION": 2.0}
    if _POSTCODE_BEHIND.match(behind) or _POSTCODE_BEFORE.search(before):
        return {"LOCATION": 1.0}
    if _ADDRESS_BEFORE.search(before):
        return {"LOCATION": 1.2}
    if _NUMBER_BEFORE.search(before):
        return {"LOCATION": 2.4 if _NUMBER_BEHIND.match(behind) else 0.5}
    return {"LOCATION": 0.5} if _NUMBER_BEHIND.match(behind) else {}


def _line(above: str, behind: str, below: str) -> dict[str, float]:
    """Read a name that has a line of its own, or starts one, by the lines around it."""
    if behind.startswith(":") and len(behind) > 1:  # a dialogue: "Anna: Who are you?"
        return {"PERSON": 0.8}
    if behind.strip(" \t.,;"):
        return {}
    if _DIGIT.search(above.rpartition("\n")[2]):  # below the street
        return {"LOCATION": 1.2}
    if any(map(_STARTS_ADDRESS.match, below.lstrip("\n").split("\n")[:_LINES_BELOW])):
        return {"PERSON": 0.4, "ORGANIZATION": 1.1}  # above the street: whoever lives there
    return {"PERSON": 0.3, "ORGANIZATION": 0.4}
