"""Fresh national, tax and health numbers of every country that redaction knows, each valid.

A row says what people call the number, how its bare signs are drawn, its check and the ways to
write it. Signs are drawn until the check agrees. `ALONE` ways to write a number tell by themselves
what it is; any other needs its word beside it.
"""

from __future__ import annotations

import random
from collections.abc import Callable
from dataclasses import dataclass

from tasks.redaction.forms.numbers import national_checks as checks
from tasks.redaction.forms.numbers.checksums import luhn, mod_11_10
from tests.benchmarks.redaction.made import codes
from tests.benchmarks.redaction.made.codes import born

Random = random.Random


@dataclass(frozen=True, slots=True)
class Number:
    """A kind of number; masks give the lengths of its groups and the signs between them."""

    name: str
    words: tuple[str, ...]
    draw: Callable[[Random], str]
    check: Callable[[str], bool]
    masks: tuple[str, ...] = ()
    alone: tuple[str, ...] = ()

    def fresh(self, chance: Random, *, valid: bool = True) -> str:
        """Return new bare signs of a number, or of one whose check fails."""
        while True:
            value = self.draw(chance)
            if self.check(value) is valid and len(set(value)) > 3:
                return value


def written(value: str, mask: str) -> str:
    """Return signs in the groups of a mask, such as "3.3.3-2"; all together without a mask."""
    parts, place = [""], 0
    for sign in mask:
        if sign.isdigit():
            parts.append(value[place : place + int(sign)])
            place += int(sign)
        else:
            parts.append(sign)
    return "".join(parts) + value[place:]


def digits(chance: Random, count: int) -> str:
    """Return random digits, the first of which is none."""
    return str(chance.randrange(1, 10)) + "".join(chance.choices("0123456789", k=count - 1))


def _of(count: int, head: str = "") -> Callable[[Random], str]:
    return lambda chance: head + digits(chance, count - len(head))


def _dated(form: str, count: int, head: str = "") -> Callable[[Random], str]:
    return lambda chance: (
        chance.choice(head or " ").strip()
        + (born(chance, form) + "".join(chance.choices("0123456789", k=count)))
    )


def _any(_: str) -> bool:
    return True


_ESTONIAN = _dated("%y%m%d", 4, "3456")
NUMBERS = (
    Number("GB National Insurance", ("National Insurance number", "NINO", "NI number"),
           codes.nino, _any, (), ("", "2 2 2 2 1")),
    Number("GB NHS", ("NHS number", "patient NHS no."), _of(10), checks.nhs,
           ("", "3 3 4", "3-3-4")),
    Number("DE Steuer-ID", ("Steuer-ID", "tax id", "IdNr"), codes.steuer_id, checks.steuer_id,
           ("", "2 3 3 3"), ("2 3 3 3",)),
    Number("DE Versicherungsnummer", ("Versicherungsnummer",), codes.versicherung,
           codes.is_versicherung, (), ("", "2 6 1 3")),
    Number("FR NIR", ("NIR", "numero de securite sociale"), codes.nir, checks.nir, (),
           ("", "1 2 2 2 3 3 2")),
    Number("PL PESEL", ("PESEL",), _dated("%y%m%d", 5), checks.pesel, ("",)),
    Number("NL BSN", ("BSN", "burgerservicenummer"), _of(9), checks.bsn, ("",)),
    Number("SE personnummer", ("personnummer",), _dated("%y%m%d", 4), checks.personnummer,
           ("", "6-4"), ("6-4",)),
    Number("NO fødselsnummer", ("fodselsnummer", "national identity number"), _dated("%d%m%y", 5),
           checks.fodselsnummer, (), ("", "6 5")),
    Number("DK CPR", ("CPR number", "personnummer"), _dated("%d%m%y", 4), checks.cpr,
           ("", "6-4"), ("6-4",)),
    Number("BE Rijksregisternummer", ("Rijksregisternummer", "national number"),
           _dated("%y%m%d", 5), checks.belgian, (), ("", "2.2.2-3.2")),
    Number("PT NIF", ("NIF", "contribuinte"), _of(9), checks.nif_pt, ("", "3 3 3")),
    Number("CH AHV", ("AHV-Nr.", "social insurance number"), _of(13, "756"), checks.ahv, (),
           ("", "3.4.4.2")),
    Number("AT Sozialversicherungsnummer", ("SVNR", "Sozialversicherungsnummer"),
           lambda chance: digits(chance, 4) + born(chance, "%d%m%y"), checks.svnr,
           ("", "4 6"), ("4 6",)),
    Number("CZ and SK rodné číslo", ("rodne cislo", "birth number"), codes.rodne_cislo,
           checks.rodne_cislo, ("",), ("6/4",)),
    Number("RO CNP", ("CNP",), _dated("%y%m%d", 6, "1256"), checks.cnp, ("",)),
    Number("RS JMBG", ("JMBG",), codes.jmbg, checks.jmbg, (), ("",)),
    Number("BG EGN", ("EGN",), _dated("%y%m%d", 4), checks.egn, ("",)),
    Number("HR OIB", ("OIB",), _of(11), mod_11_10, ("",)),
    Number("GR AMKA", ("AMKA",), _dated("%d%m%y", 5), checks.amka, ("",)),
    Number("EE isikukood", ("isikukood",), _ESTONIAN, checks.isikukood, ("",)),
    Number("LT asmens kodas", ("asmens kodas",), _ESTONIAN, checks.isikukood, ("",)),
    Number("RU SNILS", ("SNILS",), _of(11), checks.snils, ("",), ("3-3-3 2",)),
    Number("TR kimlik", ("TC kimlik", "TCKN"), _of(11), checks.turkish, ("",)),
    Number("ES DNI", ("DNI", "NIF"), codes.dni, codes.is_dni, (), ("", "8-1")),
    Number("ES NIE", ("NIE",), codes.nie, codes.is_dni, (), ("", "1-7-1")),
    Number("IT codice fiscale", ("codice fiscale", "tax code"), codes.codice_fiscale,
           codes.is_codice_fiscale, (), ("",)),
    Number("FI HETU", ("HETU", "henkilotunnus"), codes.hetu, codes.is_hetu, (), ("",)),
    Number("IE PPS", ("PPS number", "PPSN"), codes.pps, codes.is_pps, (), ("",)),
    Number("BR CPF", ("CPF",), _of(11), checks.cpf, ("", "3.3.3-2"), ("3.3.3-2",)),
    Number("BR CNPJ", ("CNPJ",), lambda chance: digits(chance, 8) + "0001" + digits(chance, 2),
           checks.cnpj, ("", "2.3.3/4-2"), ("2.3.3/4-2",)),
    Number("CA SIN", ("SIN", "social insurance number"), _of(9), checks.sin,
           ("", "3 3 3", "3-3-3")),
    Number("AR CUIT", ("CUIT", "CUIL"), lambda chance: chance.choice(("20", "27", "30")) + digits(
        chance, 9), checks.cuit, ("", "2-8-1"), ("2-8-1",)),
    Number("MX CURP", ("CURP",), codes.curp, codes.is_curp, (), ("",)),
    Number("MX RFC", ("RFC",), codes.rfc, _any, (), ("",)),
    Number("CL RUT", ("RUT",), codes.rut, codes.is_rut, (), ("2.3.3-1",)),
    Number("IN Aadhaar", ("Aadhaar", "Aadhaar number"), _of(12), checks.aadhaar,
           ("", "4 4 4"), ("4 4 4",)),
    Number("IN PAN", ("PAN", "PAN card number"), codes.pan, _any, (), ("",)),
    Number("KR RRN", ("resident registration number", "RRN"), _dated("%y%m%d", 7), checks.rrn,
           ("", "6-7"), ("6-7",)),
    Number("TH ID", ("Thai ID", "citizen id"), _of(13), checks.thai,
           ("", "1-4-5-2-1"), ("1-4-5-2-1",)),
    Number("MY MyKad", ("MyKad", "NRIC"), _dated("%y%m%d", 6), _any, ("", "6-2-4"), ("6-2-4",)),
    Number("AE Emirates ID", ("Emirates ID",), _of(15, "784"), checks.emirates, (),
           ("", "3-4-7-1")),
    Number("PK CNIC", ("CNIC",), _of(13), _any, ("", "5-7-1"), ("5-7-1",)),
    Number("JP My Number", ("My Number", "individual number"), _of(12), checks.my_number,
           ("", "4 4 4")),
    Number("ZA ID", ("South African ID", "RSA ID number"), _dated("%y%m%d", 7),
           checks.south_african, ("",)),
    Number("IL Teudat Zehut", ("Teudat Zehut", "Israeli ID number"), _of(9), luhn, ("",)),
    Number("AU Medicare", ("Medicare number", "Medicare card"), _of(10), checks.medicare,
           ("", "4 5 1"), ("4 5 1",)),
    Number("AU TFN", ("TFN", "tax file number"), _of(9), checks.tfn, ("", "3 3 3")),
    Number("AU ABN", ("ABN",), _of(11), checks.abn, ("", "2 3 3 3"), ("2 3 3 3",)),
    Number("CN identity number", ("ID card number", "resident identity number"), codes.chinese,
           codes.is_chinese, (), ("",)),
    Number("SG NRIC", ("NRIC", "FIN"), codes.nric, codes.is_nric, (), ("",)),
    Number("TW ID", ("national ID", "Taiwan ID"), codes.taiwanese, codes.is_taiwanese, (), ("",)),
    Number("HK ID", ("HKID", "Hong Kong ID"), codes.hong_kong, codes.is_hong_kong, (), ("",)),
    Number("US SSN", ("SSN", "social security number"), codes.ssn, _any, ("", "3-2-4"), ("3-2-4",)),
    Number("US ITIN", ("ITIN", "taxpayer id"), codes.itin, _any, ("3-2-4",), ("3-2-4",)),
    Number("US EIN", ("EIN", "employer identification number"), _of(9), _any, ("2-7",)),
    Number("US Medicare", ("Medicare number", "MBI"), codes.medicare, _any, (), ("", "4-3-4")),
)  # fmt: skip
