"""An address is one finding from its first part to its last, in the manner of many countries."""

from __future__ import annotations

from dataclasses import replace

import pytest

from tasks.redaction.forms.places.addresses import ADDRESSES
from tasks.redaction.matching.scanner import Scanner


@pytest.fixture(scope="module")
def scanner() -> Scanner:
    return Scanner(ADDRESSES)


def _longest(scanner: Scanner, text: str) -> str | None:
    found = (text[one.start : one.end] for one in scanner.find(text))
    return max(found, key=len, default=None)


_WHOLE = [
    "12 Birchgate Lane",
    "221B Baker Street, London NW1 6XE",
    "1600 Pennsylvania Ave NW, Washington, DC 20500",
    "350 Fifth Avenue, Suite 3300, New York, NY 10118, USA",
    "123 N. Main St. Apt 4B, Springfield, IL 62704-1234",
    "Flat 3, 17 Elm Grove, Brighton BN1 5DX",
    "24 Sussex Drive, Ottawa, ON K1M 1M4, Canada",
    "4 Privet Drive, Little Whinging, Surrey",
    "55 north hill road, leeds ls1 4ap",
    "Friedrichstraße 43-45, 10117 Berlin",
    "Am Markt 3\n50667 Köln",
    "Musterweg 5a, D-80331 München",
    "12 rue de la Paix, 75002 Paris",
    "12 bis, avenue Victor Hugo 69003 Lyon",
    "Calle de Alcalá, 42, 28014 Madrid",
    "Calle Mayor 4, 3º B",
    "Av. Paulista 1578, São Paulo - SP, 01310-200",
    "Via Roma 12, 00184 Roma",
    "ul. Marszałkowska 12/4, 00-590 Warszawa",
    "Kossuth Lajos utca 5., Budapest",
    "Karl Johans gate 22, Oslo",
    "Drottninggatan 71, 111 36 Stockholm",
    "Mannerheimintie 5, 00100 Helsinki",
    "Keizersgracht 174, 1016 DW Amsterdam",
    "Václavské náměstí 12, Praha",
    "Atatürk Caddesi No: 12, Ankara",
    "ул. Ленина 12, Москва",
    "14 MG Road, Bengaluru 560001, India",
    "12 Foo Lane\nSpringfield\nIL 62704",
    "31 Vesturgata 66\n Suite 574\n Reykjavík\n Turkmenistan 51262",
    "92 Eusebio Rosas 57\nCastro\n, LA\n 56139",
    "39 Aldarvegur 77 Apt. 787 Reykjavík",
    "P.O. Box 1234, Dublin",
    "Springfield, IL 62704",
    "PSC 1234, Box 5678\nAPO AE 09012",
    "Unit 1783 Box 3210\nDPO AP 99855",
    "USS Enterprise\nFPO AP 96615",
    "the corner of 5th Avenue and 42nd Street",
    "Studio 4, 18 Marlowe Street, Leeds LS6 2AB",
    "12 via Roma, 00184 Roma",
    "12 av. Foch, 75016 Paris",
    "улица Пушкина 5, Москва",
    "4 Canal Wharf, Bristol",
]


@pytest.mark.parametrize("address", _WHOLE)
@pytest.mark.parametrize("around", ["{}", "We met there: {}.", "Ann\n{}\n\nthanks"])
def test_an_address_is_one_finding(scanner: Scanner, address: str, around: str) -> None:
    assert _longest(scanner, around.format(address)) == address


@pytest.mark.parametrize(
    ("text", "address"),
    [
        ("My zip code is 35649", "35649"),
        ("The postcode: EC1A 1BB", "EC1A 1BB"),
        ("Paula lives at 95 Lilleby 8, Ejby", "95 Lilleby 8, Ejby"),
        ("Please send the letter to Grote Dreef 477", "Grote Dreef 477"),
        ("my new address is 57 granhaugen 12", "57 granhaugen 12"),
        ("It stands on Halsey Road", "Halsey Road"),
        ("Anna, 56 Tylova 42, Brno", "56 Tylova 42, Brno"),
    ],
)
def test_what_is_said_before_makes_an_address(scanner: Scanner, text: str, address: str) -> None:
    assert _longest(scanner, text) == address


def test_neighbours_are_two_addresses(scanner: Scanner) -> None:
    text = "I'm at 15 Oak Street and my friend Bob is at 16 Oak Street."
    found = {text[one.start : one.end] for one in scanner.find(text)}
    assert found == {"15 Oak Street", "16 Oak Street"}


@pytest.mark.parametrize(
    "text",
    [
        "In 1929 Wall Street fell",
        "see Figure 2 Data Point, Section 3 Critical Path and Step 4 Click Place",
        "Windows 10 Pro 22H2, Intel Core i7, Python 3.11, Django 4.2",
        "Commit 12345 Fix Bug 77, Add Test",
        "run the test suite 12 times on unit 5",
        "20 cars on the road, 26 houses on a street, 40 mph road",
        "Google Drive 15 GB; 2 Hard Drive bays; 8 Core 16 Thread",
        "1 Samuel 16, David was anointed on 12 March 2019, Bob left",
        "M1 2GB T4 8GB V2 8TB",
        "He moved to Python 3 years ago and sent it to Port 8080",
        "The IP address is 10.0.0.1, the email address: 5 chars minimum",
        "mod_str, 2 and octet_str, 10 and string 5, during 2018",
        "a flat 5 chord and apartment 1200*1.4",
        "Visual Studio 2019, 16 GB; Studio 5, 12 Monkeys was shot there",
        "archive (#4342) in ``.zip`` format",
    ],
)
def test_numbers_and_words_of_another_kind_stay(scanner: Scanner, text: str) -> None:
    assert _longest(scanner, text) is None


def test_triggers_pass_over_nothing_that_a_pattern_would_find() -> None:
    scanner = Scanner([replace(detector, once=None) for detector in ADDRESSES])
    for text in [f"We met there:\n{address}\n" for address in _WHOLE]:
        seen = {(one.detector, one.start) for one in scanner.find(text)}
        for detector in ADDRESSES:
            for match in detector.pattern.finditer(text):
                start = match.start("value" if "value" in match.re.groupindex else 0)
                refused = detector.check is not None and not detector.check(match)
                assert refused or (detector.name, start) in seen
