"""Detects IBANs of every country, however they are grouped and whatever their case.

Lengths are those of the SWIFT IBAN registry, with the countries that use IBANs without being in
it. An IBAN that does not add up (mod 97) counts where the word IBAN stands near it: people mistype.
"""

from __future__ import annotations

import re
from collections.abc import Iterator

from tasks.redaction.findings import Finding
from tasks.redaction.forms.numbers.checksums import mod_97
from tasks.redaction.matching.scanner import Detector
from tasks.redaction.patterns import compiled

_LENGTHS = (
    "AD24 AE23 AL28 AO25 AT20 AZ28 BA20 BE16 BF28 BG22 BH22 BI27 BJ28 BR29 BY28 CF27 CG27 CH21 "
    "CI28 CM27 CR22 CV25 CY28 CZ24 DE22 DJ27 DK18 DO28 DZ26 EE20 EG29 ES24 FI18 FK18 FO18 FR27 "
    "GA27 GB22 GE22 GI23 GL18 GQ27 GR27 GT28 GW25 HN28 HR21 HU28 IE22 IL23 IQ23 IR26 IS26 IT27 "
    "JO30 KM27 KW30 KZ20 LB28 LC32 LI21 LT20 LU20 LV21 LY25 MA28 MC27 MD24 ME22 MG27 MK19 ML28 "
    "MN20 MR27 MT31 MU30 MZ25 NE28 NI28 NL18 NO15 OM23 PK24 PL28 PS29 PT25 QA29 RO24 RS22 RU33 "
    "SA24 SC31 SD18 SE24 SI19 SK24 SM27 SN28 SO23 ST25 SV28 TD27 TG28 TL23 TN24 TR26 UA29 VA22 "
    "VG24 XK20 YE30"
)
LENGTH = {entry[:2]: int(entry[2:]) for entry in _LENGTHS.split()}
_GAP = r"[ \u00a0\u202f.\-‐-–]?"
# It looks ahead, so that one is tried at each place: "DE89 DE89 3704 ..." begins twice.
_FORM = compiled(
    rf"(?i)(?<![a-z0-9])(?=(?P<form>[a-z]{{2}}{_GAP}[0-9]{{2}}(?:{_GAP}[a-z0-9]){{8,32}}))"
)
_SIGN = compiled(r"[A-Za-z0-9]")
_WORD = compiled(r"(?i)(?<![a-z])ibans?(?![a-z])|international bank account")
_WHOLE = compiled(r"[A-Za-z]{2}[0-9]{2}(?=(?:[A-Za-z]*[0-9]){6})[A-Za-z0-9]{11,30}(?![A-Za-z0-9])")
# Without a country's length to go by: whole, or groups of four that hold digits or capitals.
_TYPED = compiled(
    r"[A-Za-z]{2}[0-9]{2}(?:[A-Za-z0-9]{8,30}|(?:[ -](?=[A-Z]{0,4}[0-9]|[A-Z]{4})[A-Z0-9]{4}){2,7}"
    r"(?:[ -](?=[A-Z]*[0-9])[A-Z0-9]{1,3})?)(?![A-Za-z0-9])"
)


def _read(match: re.Match[str]) -> Iterator[Finding]:
    text, start = match.string, match.start()
    end = _end(text, match)
    if end is not None and mod_97("".join(_SIGN.findall(text[start:end])).upper()):
        yield Finding("IBAN", start, end, 1.0, "IBAN")
    elif end is None and (whole := _WHOLE.match(text, start)) and mod_97(whole[0].upper()):
        yield Finding("IBAN", start, whole.end(), 0.9, "IBAN")
    elif _WORD.search(text, max(0, start - 80), start) or _WORD.search(
        text, match.end("form"), match.end("form") + 40
    ):
        if end is None and (typed := _TYPED.match(text, start)):
            end = typed.end()
        if end is not None:
            yield Finding("IBAN", start, end, 0.8, "IBAN by its word")


def _end(text: str, match: re.Match[str]) -> int | None:
    """Return where an IBAN of this country ends, if a word does not go on there."""
    length = LENGTH.get(text[match.start() : match.start() + 2].upper(), 0)
    if not length or match.end("form") - match.start() < length:
        return None
    end = match.start() + length
    if not text[match.start() : end].isalnum():
        signs = list(_SIGN.finditer(text, *match.span("form")))
        if len(signs) < length:
            return None
        end = signs[length - 1].end()
    return None if text[end : end + 1].isalnum() else end


IBAN = Detector(
    kind="IBAN",
    name="IBAN",
    trigger=r"\b[a-z]{2}(?:[0-9]{2}[^a-z0-9]?[a-z0-9]{3,4}[^a-z0-9]?[a-z0-9]{3,4}"
    r"|[ -][0-9]{2}[ -][a-z0-9]{3,4}[ -](?:[0-9]|[a-z][a-z0-9]{0,2}[0-9])"
    r"|[ -][0-9]{4}[ -][0-9a-z]{4}[ -][0-9]{4}[ -][0-9]{4})",
    pattern=_FORM,
    score=1.0,
    before=24,
    after=80,
    read=_read,
    needs_digit=True,
)
