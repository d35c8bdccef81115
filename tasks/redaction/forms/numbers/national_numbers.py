"""National numbers that are all digits: who gives them, how they are written, when they count.

A number whose form and check are strong counts anywhere, a weak one only near a word that says
what it is. `national_checks` has the check digits.
"""

from __future__ import annotations

from collections.abc import Callable

from tasks.redaction.forms.numbers import national_checks as checks
from tasks.redaction.forms.numbers.checksums import luhn, mod_11_10, ymd
from tasks.redaction.forms.numbers.digit_runs import NumberRule
from tasks.redaction.forms.numbers.surroundings import words
from tasks.redaction.forms.phone_words import CONTEXT

_GENERIC = (
    r"national(?:\s+(?:id|identity|identification|insurance|register|registration))?",
    r"(?:identity|identification|citizen|citizenship|resident|personal|civil|population|id)\s+"
    r"(?:number|no|nr|code|card|document)",
    r"(?:my|his|her|their|your|our|patient|employee|customer|citizen|person|personal)\s+id|id(?=\s?[:#])",
    r"social\s+(?:security|insurance)",
    r"tax(?:payer)?\s+(?:id\w*|number|no|file|code|ref\w*)|tin",
)
NATIONAL, TAX, HEALTH = "NATIONAL_ID", "TAX_ID", "HEALTH_ID"


def _anywhere(
    kind: str, name: str, check: Callable[[str], bool] | None, *masks: str
) -> tuple[NumberRule, ...]:
    return (NumberRule(kind, name, masks, check, score=0.9),)


def _named(
    kind: str, name: str, check: Callable[[str], bool] | None, masks: str, *said: str
) -> tuple[NumberRule, ...]:
    return (NumberRule(kind, name, tuple(masks.split("|")), check, words(*said, *_GENERIC)),)


def _both(
    kind: str, name: str, check: Callable[[str], bool] | None, form: str, masks: str, *said: str
) -> tuple[NumberRule, ...]:
    """A number whose usual form (masks parted by "|") is enough, and whose digits need a word."""
    return (
        *_anywhere(kind, name, check, *form.split("|")),
        *_named(kind, name, check, masks, *said),
    )


def _nhs_anywhere(digits: str) -> bool:
    return digits[0] in "4679" and checks.nhs(digits)


EUROPE = (
    # One in eleven phone numbers has this check digit, and is written the same way.
    NumberRule(HEALTH, "NHS number", ("3 3 4",), _nhs_anywhere, score=0.9, unless=CONTEXT),
    *_named(HEALTH, "NHS number", checks.nhs, "3?3?4", "nhs", "health", "patient", "medical"),
    *_both(TAX, "Steuer-ID", checks.steuer_id, "2 3 3 3", "11|2?3?3?3",
           r"steuer\S*", r"idnr", r"identifikationsnummer", "tax", "german"),
    *_anywhere(NATIONAL, "NIR", checks.nir, "15", "1 2 2 2 3 3 2", "13 2", "1 2 2 2 3 3-2",
               "1-2-2-2-3-3-2", "1.2.2.2.3.3.2", "1 2 2 2 6 2"),
    *_named(NATIONAL, "PESEL", checks.pesel, "11|6?5|2?2?2?5", "pesel", "polish"),
    *_named(NATIONAL, "BSN", checks.bsn, "9|4?2?3|3?3?3|4?3?2", "bsn", r"burgerservice\w*",
            "sofi", "dutch"),
    *_both(NATIONAL, "personnummer", checks.personnummer, "6-4|8-4", "10|12|6?4|8?4",
           r"person\w*", r"samordnings\w*", "swedish"),
    *_anywhere(NATIONAL, "fødselsnummer", checks.fodselsnummer, "11", "6 5", "6-5"),
    *_both(NATIONAL, "CPR number", checks.cpr, "6-4", "6?4", "cpr", r"person\w*", "danish"),
    *_anywhere(NATIONAL, "Rijksregisternummer", checks.belgian, "11", "2.2.2-3.2", "2 2 2 3 2",
               "2.2.2.3.2", "6-3-2", "6 3 2", "6-3.2", "2-2-2-3-2"),
    *_named(TAX, "NIF", checks.nif_pt, "9|3?3?3", "nif", "contribuinte", "nipc", "portuguese"),
    *_anywhere(NATIONAL, "AHV number", checks.ahv, "3?4?4?2", "13"),
    *_both(NATIONAL, "Sozialversicherungsnummer", checks.svnr, "4 6|4 2 2 2", "10|4?6",
           "svnr", r"sozial\w*", "sv", "versicherung\\w*", "austrian", "insurance"),
    *_anywhere(NATIONAL, "rodné číslo", checks.rodne_cislo, "6/4"),
    *_named(NATIONAL, "rodné číslo", checks.rodne_cislo, "10", r"rodn\w*", "birth", "czech",
            "slovak", "rc"),
    *_named(NATIONAL, "CNP", checks.cnp, "13", "cnp", "romanian", "numeric"),
    *_anywhere(NATIONAL, "JMBG", checks.jmbg, "13"),
    *_named(NATIONAL, "EGN", checks.egn, "10", "egn", "bulgarian", "егн"),
    *_named(NATIONAL, "OIB", mod_11_10, "11", "oib", "croatian"),
    *_named(NATIONAL, "AMKA", checks.amka, "11", "amka", "αμκα", "greek"),
    *_named(NATIONAL, "isikukood", checks.isikukood, "11", r"isikukood\w*", r"asmens\s+kod\w*",
            "estonian", "lithuanian"),
    *_both(NATIONAL, "SNILS", checks.snils, "3-3-3 2|3-3-3-2", "11", "snils", "снилс", "pension"),
    *_named(NATIONAL, "T.C. kimlik", checks.turkish, "11|3?3?3?2", "tc", r"t\.c", r"tckn",
            r"kimlik\w*", "turkish"),
)  # fmt: skip
AMERICAS = (
    *_both(TAX, "CPF", checks.cpf, "3.3.3-2|3-3-3-2", "11|9-2|3?3?3?2", "cpf", "brazilian"),
    *_both(TAX, "CNPJ", checks.cnpj, "2.3.3/4-2", "14|8-6|2?3?3?4?2", "cnpj", "company"),
    *_named(NATIONAL, "SIN", checks.sin, "9|3?3?3", "sin", "canad\\w*", "insurance", "nas"),
    *_both(TAX, "CUIT", checks.cuit, "2-8-1", "11|2?8?1", "cuit", "cuil", r"argentin\w*"),
)
ASIA_AND_AFRICA = (
    *_both(NATIONAL, "Aadhaar", checks.aadhaar, "4 4 4|4-4-4", "12|4?4?4", r"aa?dha{1,2}r",
           "uidai", "uid", "indian"),
    *_both(NATIONAL, "resident registration number", checks.rrn, "6-7", "13", "rrn", "resident",
           "korean?", "주민등록번호"),
    *_both(NATIONAL, "Thai ID", checks.thai, "1-4-5-2-1|1 4 5 2 1", "13", "thai"),
    *_both(NATIONAL, "MyKad", lambda digits: ymd(digits[:6]), "6-2-4", "12", "mykad", "nric",
           "malaysian?", "ic"),
    *_anywhere(NATIONAL, "Emirates ID", checks.emirates, "3-4-7-1", "15"),
    *_both(NATIONAL, "CNIC", None, "5-7-1", "13", "cnic", "nadra", "pakistani?"),
    *_named(NATIONAL, "My Number", checks.my_number, "12|4?4?4", r"my\s?number", "kojin",
            "マイナンバー", "japan\\w*", "individual"),
    *_named(NATIONAL, "South African ID", checks.south_african, "13|6?4?3|6?4?2?1|6?7",
            r"south\s+africa\w*", "rsa", "sa", "id"),
    *_named(NATIONAL, "Teudat Zehut", luhn, "9|8?1|1?7?1|1?4?4", "teudat", "zehut", r"israel\w*",
            "תעודת", "זהות"),
    *_both(HEALTH, "Medicare number", checks.medicare, "4 5 1|4-5-1|4 5 1-1|4 5 1/1", "10|11|4?5?1",
           "medicare", "health"),
    *_named(TAX, "TFN", checks.tfn, "9|3?3?3", "tfn", "tax", "australian?"),
    *_both(TAX, "ABN", checks.abn, "2 3 3 3", "11|2?3?3?3", "abn", "business", "australian?"),
)  # fmt: skip
NATIONAL_NUMBERS = (*EUROPE, *AMERICAS, *ASIA_AND_AFRICA)
