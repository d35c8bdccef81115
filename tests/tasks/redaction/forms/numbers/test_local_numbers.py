"""Numbers that a word of their country gives away, beside python-stdnum, which knows them too."""

from __future__ import annotations

import random
from collections.abc import Callable, Iterator
from importlib import import_module
from typing import Any, NamedTuple

import pytest

from tasks.redaction.engine import find_forms
from tasks.redaction.forms.numbers import local_checks as checks
from tasks.redaction.forms.numbers.checksums import luhn, verhoeff

CHECKED, FOUND = 250, 15


class Kind(NamedTuple):
    """A number as python-stdnum names it: 9 stands for a digit, A for a letter."""

    module: str
    form: str
    labels: tuple[str, ...]
    masks: tuple[str, ...] = ()
    check: Callable[[str], bool] | None = None


KINDS = (
    Kind("at.tin", "999999999", ("Abgabenkontonummer", "St.-Nr."), ("2-3/4",), checks.abgabenkonto),
    Kind("au.acn", "999999999", ("ACN",), ("3 3 3",), checks.acn),
    Kind("be.vat", "0999999999", ("BTW", "TVA", "Numéro d'entreprise"), ("4.3.3",),
         checks.ondernemingsnummer),
    Kind("bg.pnf", "9999999999", ("ЛНЧ", "LNCh"), (), checks.lnch),
    Kind("ca.bc_phn", "9999999999", ("PHN", "Personal Health Number"), ("4 3 3",), checks.phn),
    Kind("ca.bn", "999999999", ("BN", "Business Number"), (), luhn),
    Kind("ch.uid", "CHE999999999", ("UID", "Firma"), ("3-3.3.3",)),
    Kind("cz.dic", "9999999999", ("DIČ",)),
    Kind("de.stnr", "99999999999", ("Steuernummer", "St.-Nr."), ("3/4/4",)),
    Kind("de.vat", "DE999999999", ("USt-IdNr.", "USt-ID")),
    Kind("es.cif", "A99999999", ("CIF", "N.I.F.")),
    Kind("fi.veronumero", "999999999999", ("veronumero",)),
    Kind("fr.nif", "0999999999999", ("Numéro fiscal", "SPI"), ("2 2 3 3 3",),
         checks.numero_fiscal),
    Kind("fr.siren", "999999999", ("SIREN",), ("3 3 3",), luhn),
    Kind("fr.siret", "99999999999999", ("SIRET",), ("3 3 3 5",)),
    Kind("gb.vat", "999999999", ("VAT Reg No", "VAT number"), ("3 4 2",), checks.vat_gb),
    Kind("gr.vat", "999999999", ("ΑΦΜ", "AFM", "Α.Φ.Μ."), (), checks.afm),
    Kind("hu.anum", "99999999", ("Adószám",)),
    Kind("in_.gstin", "99AAAAA9999A1ZA", ("GSTIN", "their registration")),
    Kind("in_.vid", "9999999999999999", ("VID", "Virtual ID"), ("4 4 4 4",), verhoeff),
    Kind("it.iva", "99999999999", ("Partita IVA", "P.IVA", "P. IVA"), (), luhn),
    Kind("lt.pvm", "999999919", ("PVM kodas", "PVM"), (), checks.pvm),
    Kind("lv.pvn", "99999999999", ("Personas kods",), ("6-5",)),  # it wants dates
    Kind("nl.btw", "999999999B99", ("BTW-nummer", "btw-id")),
    Kind("no.orgnr", "999999999", ("Org.nr.", "Organisasjonsnummer"), ("3 3 3",), checks.orgnr_no),
    Kind("pl.nip", "9999999999", ("NIP", "Numer NIP to"), ("3-3-2-2", "3-2-2-3"), checks.nip),
    Kind("pl.regon", "999999999", ("REGON",), (), checks.regon),
    Kind("pl.regon", "99999999999999", ("REGON",), (), checks.regon),
    Kind("pt.cc", "999999999AA9", ("Cartão de Cidadão",)),
    Kind("se.orgnr", "5599999999", ("Organisationsnummer", "Org.nr"), ("6-4",), luhn),
    Kind("sk.dph", "9999999999", ("IČ DPH", "DIČ")),  # birth numbers among them
    Kind("us.ptin", "P99999999", ("PTIN",)),
)  # fmt: skip


def _drawn(kind: Kind, seed: int = 7) -> Iterator[str]:
    chance = random.Random(seed)
    ways = {"9": "0123456789", "A": "ABCDEFGHIJKLMNOPQRSTUVWXYZ"}
    while True:
        yield "".join(chance.choice(ways.get(sign, sign)) for sign in kind.form)


def _valid(kind: Kind) -> Iterator[str]:
    peer: Any = import_module(f"stdnum.{kind.module}")
    return (value for value in _drawn(kind) if peer.is_valid(value) and len(set(value)) > 3)


def _in_groups(value: str, mask: str) -> str:
    signs = iter(value)
    grouped = [
        "".join(next(signs) for _ in range(int(sign))) if sign.isdigit() else sign for sign in mask
    ]
    return "".join(grouped)


def _name(kind: Kind) -> str:
    return f"{kind.module} {len(kind.form)}"


@pytest.mark.parametrize("kind", [one for one in KINDS if one.check], ids=_name)
def test_a_check_agrees_with_its_peer(kind: Kind) -> None:
    assert kind.check
    peer: Any = import_module(f"stdnum.{kind.module}")
    apart = list[str]()
    for number, value in zip(range(CHECKED), _valid(kind), strict=False):
        other = value[:-1] + str((int(value[-1]) + 1 + number % 9) % 10)
        apart += [one for one in (value, other) if kind.check(one) != peer.is_valid(one)]
    assert not apart, apart[:5]


@pytest.mark.parametrize("kind", KINDS, ids=_name)
def test_a_number_behind_its_label_is_found(kind: Kind) -> None:
    texts = list[tuple[str, str]]()
    for _, value in zip(range(FOUND), _valid(kind), strict=False):
        for written in (value, *(_in_groups(value, mask) for mask in kind.masks)):
            for label in kind.labels:
                texts.append((f"{label}: {written}", written))
                texts.append((f"Anna Maria, {label} {written}, tel.", written))
    found = find_forms([text for text, _ in texts])
    missed = [
        text
        for (text, written), findings in zip(texts, found, strict=True)
        if not any(
            one.start <= text.index(written) and one.end >= text.index(written) + len(written)
            for one in findings
        )
    ]
    assert not missed, f"{len(missed)} of {len(texts)}: {missed[:5]}"


@pytest.mark.parametrize(
    "text",
    [
        "NUSS 28/12345678/40",
        "Número de la Seguridad Social: 28 1234567840",
        "A Seguranca Social deu-me o NISS 11144214269.",
        "TAJ szám: 123 456 788",
        "Adóazonosító jel: 8071592153",
        "Adószám: 12345676-1-42",
        "Seria i numer dowodu osobistego: ABS123456",
        "Personalausweisnummer: L01X00T471",
        "PIS/PASEP: 120.12345.67-8",
    ],
)
def test_what_the_peer_does_not_know_is_found_too(text: str) -> None:
    (found,) = find_forms([text])
    digits = [place for place, sign in enumerate(text) if sign.isdigit()]
    assert any(one.start <= digits[0] and one.end > digits[-1] for one in found), text


@pytest.mark.parametrize(
    "text",
    [
        "VAT: 1,234,567.50",
        "TVA 20 %, 1234567 €",
        "see RFC 5321 4.1.2 and RFC 5322 3.2.3",
        "the gst of 1999999.99 was paid",
        "uid=1000123456 gid=1000123456",
        "build CHE-1 of 123.456.789",
        "the pan 12345678 bytes long",
    ],
)
def test_what_only_looks_like_one_stays(text: str) -> None:
    (found,) = find_forms([text])
    assert [one for one in found if one.kind in {"TAX_ID", "NATIONAL_ID", "HEALTH_ID"}] == [], text
