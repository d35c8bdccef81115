"""Detectors of numbers right behind a label of their country: "NIP: 123-456-32-18".

As in `behind_labels` the number itself needs no check: whose owner has named it, it is personal,
with a slip of the finger in it too. Many of these labels are short, and words in other languages,
so the number stands right behind: signs, and at most two words such as "number is", between.
"""

from __future__ import annotations

import re

from tasks.redaction.forms.numbers.surroundings import said_to_be_other
from tasks.redaction.matching.first_letters import by_first_letter, where_words_start
from tasks.redaction.matching.scanner import Detector
from tasks.redaction.patterns import compiled

LATIN_1 = 255  # the last sign of it
_LETTER = r"[^\W_]"
_SCORE = 0.9  # a label of one country; a shape with a check and no word has as much
# Signs between a label and its number, and words that carry on from one to the other.
_WORDS = (
    "nr|no|num|numer|number|nummer|numero|n[uú]mero|num[eé]ro|n[°ºo]|id|code|kod|kodas|is|ist|to|es"
    "|est|é|è|är|er|on|je|jest|is[tš]|my|moj|mój|mein|mi|mio|mon|meu|of|pour|za|für|the"
)
_GLUE = rf"(?:[^\w\n]{{1,3}}{by_first_letter(_WORDS)}(?!\w)){{0,2}}[\s:;=#.,\"'’“(\[*_`>|/-]{{0,5}}"
_PART = r"[A-Z0-9]*[0-9][A-Z0-9]*+"
_CODE = rf"(?:[A-Z]{{1,4}}[ .-]?)?{_PART}(?:[ .\-/]{_PART}|-[A-Z]\b){{0,5}}"

TAX = (
    # Poland, Germany, Austria, Switzerland, France, Belgium, Netherlands, Luxembourg
    r"nip|regon|steuer-?nr|steuer-?nummer|st\.? ?-?nr|ust-?id\w*(?:-?nr)?|ust\.?-?id\.?-?nr|uid-?nr"
    r"|abgabenkonto\w*|mwst-?nr|num[eé]ro fiscal|num[eé]ro spi|num[eé]ro de tva|n[°o] tva|tva"
    r"|btw(?:-?id|-?nummer|-?nr)?|ondernemingsnummer|kbo(?:-?nummer|-?nr)?"
    # Italy, Spain, Portugal, Greece, Cyprus, Malta, Ireland, United Kingdom
    r"|p\.? ?iva|piva|cif|n\.?i\.?f|iva|αφμ|α\.φ\.μ|afm|a\.f\.m|vat(?: reg\w*)?(?: no| number)?"
    # Nordic and Baltic countries
    r"|org\.? ?-?(?:nr|no)|orgnr|organisasjonsnummer|organisationsnummer|cvr(?:-?nr|-?nummer)?"
    r"|momsnr|moms(?:registrerings)?nummer|alv(?:-?numero)?|y-?tunnus|veronumero|kmkr"
    r"|pvm(?: kodas)?|pvn"
    # Central and south-eastern Europe
    r"|dič|ič dph|ičo?|ad[oó]azonos[ií]t[oó](?: jel)?|ad[oó]sz[aá]m|dav[cč]na(?: [sš]tevilka)?"
    r"|cui|cod fiscal|ддс|eik|еик"
    # The Americas, India, Australia
    r"|ptin|business number|gst/hst|gstin|gst(?: no| number)?|acn"
)
NATIONAL = (
    r"dow[oó]d(?:u)?(?: osobist\w+)?|seria i numer|personalausweis\w*|ausweis-?(?:nr|nummer)"
    r"|carte d['’]identit[eé]|carta d['’]identit[aà]|identiteitskaart\w*|cart[aã]o de cidad[aã]o"
    r"|seguridad social|nuss|nass|seguran[cç]a social|personas kods|isikukood|asmens kodas"
    r"|лнч|егн|lnch|matricule|rodn[eé] [cč][ií]slo|emšo|emso|ид карта"
    r"|pis/?pasep|pis|pasep|cnh|t[ií]tulo de eleitor|nss|clave de elector|epic|voter id"
    r"|virtual id|sozialversicherungsnummer|sv-?nr|sv-?nummer"
)
HEALTH = r"taj(?:-?sz[aá]m)?|phn|personal health number|ramq|krankenversicherungsnummer|kvnr"


def _right_behind(kind: str, label: str) -> Detector:
    """Return a detector of a number right behind a label; its trigger is the label in ASCII."""
    return Detector(
        kind=kind,
        name=f"{kind.lower().replace('_', ' ')} behind its local label",
        trigger=rf"(?:^|[^a-z0-9])(?:{_ascii(label)})[^a-z0-9][^0-9]{{0,40}}[0-9]",
        pattern=compiled(
            rf"(?i){where_words_start(label, not_behind=_LETTER)}(?!{_LETTER}){_GLUE}(?<![A-Z0-9])"
            rf"(?P<value>{_CODE})(?!\w)"
        ),
        score=_SCORE,
        before=100,
        after=50,
        check=_is_number,
        needs_digit=True,
        once=0,
    )


def _is_number(match: re.Match[str]) -> bool:
    value = match["value"]
    if said_to_be_other(match.string, match.start()):
        return False
    behind = match.string[match.end() : match.end() + 2]
    if behind[:1] in {"%", "@", "€", "$"} or (behind[:1] in {",", "."} and behind[1:].isdigit()):
        return False  # a share, an address, a sum
    digits, signs = sum(map(str.isdigit, value)), sum(map(str.isalnum, value))
    enough = digits >= 7 or (digits >= 5 and signs >= 8)  # AB1234567, and ABC123456 of Poland
    return enough and digits <= 16 and len(set(value) - set(" .-/")) > 2


def _ascii(label: str) -> str:
    """Return an expression as the trigger's search needs it: bytes of Latin-1, "?" for the rest."""
    signs, within = list[str](), False
    for sign in label:
        within = sign == "[" or (within and sign != "]")
        if sign.isascii():
            signs.append(sign)
        elif ord(sign) > LATIN_1:
            signs.append("\\?")
        else:
            either = f"\\x{ord(sign):02x}\\x{ord(sign.upper()):02x}"
            signs.append(either if within else f"[{either}]")
    return "".join(signs)


LOCAL_LABELS = (
    _right_behind("TAX_ID", TAX),
    _right_behind("NATIONAL_ID", NATIONAL),
    _right_behind("HEALTH_ID", HEALTH),
)
