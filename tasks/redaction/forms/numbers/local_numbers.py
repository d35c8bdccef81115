"""Tax, health and register numbers that are all digits and count behind a word of their country.

Nine or ten digits with one check digit are a tenth of all such numbers, so the word decides that it
is one and the check that it is this one; `local_labels` takes what a label stands right before.
"""

from __future__ import annotations

from collections.abc import Callable

from tasks.redaction.forms.numbers import local_checks as checks
from tasks.redaction.forms.numbers.checksums import luhn, verhoeff
from tasks.redaction.forms.numbers.digit_runs import NumberRule
from tasks.redaction.forms.numbers.surroundings import words

NATIONAL, TAX, HEALTH = "NATIONAL_ID", "TAX_ID", "HEALTH_ID"


def _number(
    kind: str, name: str, check: Callable[[str], bool], masks: str, *said: str
) -> NumberRule:
    return NumberRule(kind, name, tuple(masks.split("|")), check, words(*said))


LOCAL_NUMBERS = (
    _number(TAX, "NIP", checks.nip, "10|3?3?2?2|3?2?2?3", "nip", "vat", r"podat\w*"),
    _number(TAX, "REGON", checks.regon, "9|14|3?3?3", "regon"),
    _number(TAX, "numéro fiscal", checks.numero_fiscal, "13|2?2?3?3?3|1?2?3?3?3?1", "spi", "nif",
            r"fiscale?s?", r"imp[oô]ts?"),
    _number(TAX, "SIREN", luhn, "9|3?3?3|14|3?3?3?5", "siren", "siret", "rcs"),
    _number(TAX, "partita IVA", luhn, "11", r"partita\s+iva", "iva", r"p\.?\s?iva", "piva"),
    _number(TAX, "ΑΦΜ", checks.afm, "9", "αφμ", r"α\.φ\.μ", "afm", "vat"),
    _number(TAX, "adóazonosító jel", checks.adoazonosito, "10|1?3?3?3", r"ad[oó]azonos\w*",
            r"ad[oó]sz[aá]m\w*"),
    _number(HEALTH, "TAJ", checks.taj, "9|3?3?3", "taj", r"taj-?sz[aá]m\w*"),
    _number(TAX, "adószám", checks.adoszam, "8-1-2", r"ad[oó]sz[aá]m\w*"),
    _number(TAX, "organisasjonsnummer", checks.orgnr_no, "9|3?3?3", r"org\w*[.\s]{0,2}(?:nr|no)",
            r"organisasjon\w*", "mva", r"foretaks\w*"),
    _number(TAX, "Abgabenkontonummer", checks.abgabenkonto, "9|2-3/4|2?3?4|2 3/4",
            r"abgabenkonto\w*", r"steuern\w*", r"st\.?\s?-?nr"),
    _number(NATIONAL, "ЛНЧ", checks.lnch, "10", "лнч", "lnch", "foreigner"),
    _number(TAX, "ACN", checks.acn, "9|3?3?3", "acn", r"company\s+n\w*"),
    _number(NATIONAL, "NUSS", checks.nuss, "12|2?8?2|2?10|2/8/2|2/10", "nuss", "nass", "naf",
            r"seguridad\s+social", r"afiliaci[oó]n", r"seg\.?\s?soc\w*"),
    _number(NATIONAL, "NISS", checks.niss, "11|3?3?3?2", "niss", r"seguran[cç]a\s+social"),
    _number(TAX, "organisationsnummer", luhn, "10|6?4", r"org\w*[.\s]{0,2}(?:nr|nummer)",
            r"organisations\w*"),
    _number(TAX, "DIČ", checks.dic, "10", "dič", "dic", r"ič\s?dph", r"ic\s?dph"),
    _number(TAX, "ondernemingsnummer", checks.ondernemingsnummer, "10|4?3?3", "btw", "tva", "kbo",
            "bce", r"onderneming\w*", r"entreprise"),
    _number(NATIONAL, "PIS", checks.pis, "11|3?5?2?1|3.5.2-1|3?4?3?1", "pis", "pasep", "nis",
            "nit"),
    _number(HEALTH, "PHN", checks.phn, "10|4?3?3", "phn", "health", "msp"),
    _number(HEALTH, "Ontario health number", luhn, "10|4?3?3", "ohip", r"health\s+(?:card|number)"),
    _number(TAX, "Business Number", luhn, "9|5?4|3?3?3", "bn", r"business\s+n\w*", "gst", "hst"),
    _number(TAX, "VAT number", checks.vat_gb, "9|3?4?2", "vat"),
    _number(TAX, "PVM kodas", checks.pvm, "9|12", "pvm"),
    _number(NATIONAL, "personas kods", checks.personas_kods, "6?5", r"personas\s+kod\w*", "pk",
            "latvian"),
    _number(NATIONAL, "NSS", luhn, "11|2?2?2?4?1", "nss", "imss", r"seguridad\s+social",
            r"seguro\s+social"),
    _number(NATIONAL, "Virtual ID", verhoeff, "16|4?4?4?4", "vid", r"virtual\s+id", "uidai"),
)  # fmt: skip
