"""Numbers of cards, states, banks and coins are found to the character; other digits stay."""

from __future__ import annotations

import pytest

from tasks.redaction.forms.numbers.identifiers import IDENTIFIERS
from tasks.redaction.matching.scanner import Scanner
from tests.tasks.redaction.clean_texts import CLEAN

# The value stands between ⟦ and ⟧.
PERSONAL = [
    ("CARD", "Card ⟦4111 1111 1111 1111⟧ exp 12/25 123"),
    ("CARD", "amex ⟦3782 822463 10005⟧"),
    ("CARD", "amex ⟦3782-822463-10005⟧"),
    ("CARD", "⟦5500.0000.0000.0004⟧ ok"),
    ("CARD", "pay with ⟦6011000990139424⟧ now"),
    ("CARD", "⟦4111111111111111⟧"),
    ("CARD", "diners ⟦30569309025904⟧"),
    ("CARD", "jcb ⟦3530111333300000⟧"),
    ("CARD", "maestro ⟦6759649826438453⟧"),
    ("CARD", "my card number is ⟦4111 1111 1111 1112⟧"),
    ("CARD", "unionpay ⟦6200000000000000005⟧"),
    ("CARD", "visa ⟦4222222222222⟧ (old)"),
    ("CARD", "card: ⟦4111 - 1111 - 1111 - 1111⟧"),
    ("CARD", "CC#⟦4012888888881881⟧"),
    ("CARD", "use ⟦2223003122003222⟧"),
    ("IBAN", "to ⟦GB82 WEST 1234 5698 7654 32⟧ please"),
    ("IBAN", "to ⟦gb82west12345698765432⟧ please"),
    ("IBAN", "⟦DE89-3704-0044-0532-0130-00⟧"),
    ("IBAN", "⟦FR1420041010050500013M02606⟧."),
    ("IBAN", "⟦NO93 8601 1117 947⟧ is Norwegian"),
    ("IBAN", "⟦MT84 MALT 0110 0001 2345 MTLC AST0 01S⟧"),
    ("IBAN", "my IBAN is ⟦DE89 3704 0044 0532 0130 01⟧"),
    ("IBAN", "iban: ⟦XX12ABCD12345678901234⟧"),
    ("IBAN", "⟦NL91 ABNA 0417 1643 00⟧"),
    ("SSN", "⟦078-05-1120⟧"),
    ("SSN", "ssn ⟦078051120⟧"),
    ("SSN", "my ssn is ⟦078 05 1120⟧ thanks"),
    ("SSN", "⟦078.05.1120⟧ there"),
    ("SSN", "SSN: ⟦000-12-3456⟧"),
    ("SSN", "What's your SSN?\n\nIt's ⟦219099999⟧"),
    ("SSN", "⟦219-09-9999⟧ is my social"),
    ("TAX_ID", "itin ⟦912-70-1234⟧"),
    ("TAX_ID", "EIN ⟦12-3456789⟧"),
    ("TAX_ID", "employer identification number: ⟦123456789⟧"),
    ("NATIONAL_ID", "NINO ⟦AB123456C⟧"),
    ("NATIONAL_ID", "⟦AB 12 34 56 C⟧ is it"),
    ("HEALTH_ID", "NHS number ⟦943 476 5919⟧"),
    ("HEALTH_ID", "⟦943 476 5919⟧"),
    ("HEALTH_ID", "nhs no: ⟦9434765919⟧"),
    ("HEALTH_ID", "nhs ⟦943-476-5919⟧"),
    ("TAX_ID", "Steuer-ID ⟦86 095 742 719⟧"),
    ("TAX_ID", "Steueridentifikationsnummer: ⟦86095742719⟧"),
    ("NATIONAL_ID", "DNI ⟦12345678Z⟧"),
    ("NATIONAL_ID", "⟦12.345.678-Z⟧"),
    ("NATIONAL_ID", "NIE ⟦X1234567L⟧"),
    ("NATIONAL_ID", "⟦X-1234567-L⟧"),
    ("NATIONAL_ID", "NIR ⟦2 55 08 14 168 025 38⟧"),
    ("NATIONAL_ID", "⟦255081416802538⟧"),
    ("TAX_ID", "⟦RSSMRA85T10A562S⟧"),
    ("TAX_ID", "codice fiscale ⟦rssmra85t10a562s⟧"),
    ("NATIONAL_ID", "PESEL ⟦44051401359⟧"),
    ("NATIONAL_ID", "BSN ⟦111222333⟧"),
    ("NATIONAL_ID", "bsn: ⟦111.222.333⟧"),
    ("NATIONAL_ID", "personnummer ⟦811218-9876⟧"),
    ("NATIONAL_ID", "⟦19811218-9876⟧"),
    ("NATIONAL_ID", "HETU ⟦131052-308T⟧"),
    ("NATIONAL_ID", "fnr ⟦11077941012⟧"),
    ("NATIONAL_ID", "CPR ⟦211062-5629⟧"),
    ("NATIONAL_ID", "⟦85.07.30-033.28⟧"),
    ("TAX_ID", "NIF ⟦123456789⟧"),
    ("NATIONAL_ID", "AHV ⟦756.9217.0769.85⟧"),
    ("TAX_ID", "CPF ⟦529.982.247-25⟧"),
    ("TAX_ID", "cpf ⟦52998224725⟧"),
    ("TAX_ID", "⟦11.222.333/0001-81⟧"),
    ("NATIONAL_ID", "Aadhaar ⟦2341 2341 2346⟧"),
    ("NATIONAL_ID", "my aadhaar number is ⟦234123412346⟧"),
    ("TAX_ID", "PAN ⟦ABCPE1234F⟧"),
    ("NATIONAL_ID", "⟦11010519491231002X⟧"),
    ("NATIONAL_ID", "RRN ⟦971013-9019902⟧"),
    ("NATIONAL_ID", "NRIC ⟦S1234567D⟧"),
    ("TAX_ID", "TFN ⟦123 456 782⟧"),
    ("HEALTH_ID", "Medicare ⟦2123 45670 1⟧"),
    ("TAX_ID", "ABN ⟦51 824 753 556⟧"),
    ("NATIONAL_ID", "SIN ⟦046 454 286⟧"),
    ("NATIONAL_ID", "social insurance number: ⟦046-454-286⟧"),
    ("NATIONAL_ID", "South African ID ⟦8001015009087⟧"),
    ("NATIONAL_ID", "CURP ⟦HEGG560427MVZRRL04⟧"),
    ("NATIONAL_ID", "Teudat zehut ⟦123456782⟧"),
    ("NATIONAL_ID", "TC kimlik no ⟦10000000146⟧"),
    ("NATIONAL_ID", "⟦65 170839 J 003⟧"),
    ("NATIONAL_ID", "my national id is ⟦7AB-99812-33⟧"),
    ("NATIONAL_ID", "RUT ⟦12.345.678-5⟧"),
    ("TAX_ID", "RFC ⟦GODE561231GR8⟧"),
    ("TAX_ID", "CUIT ⟦20-12345678-6⟧"),
    ("PASSPORT", "My passport number is ⟦912345678⟧"),
    ("PASSPORT", "passport no. ⟦C01X00T47⟧,"),
    ("PASSPORT", "Passport: ⟦A12345678⟧"),
    ("PASSPORT", "What is your passport number?\n\n⟦AB1234567⟧"),
    ("PASSPORT", "passport of Anna Keller is ⟦X1234567⟧"),
    (
        "PASSPORT",
        "⟦P<UTOERIKSSON<<ANNA<MARIA<<<<<<<<<<<<<<<<<<<\nL898902C36UTO7408122F120"
        "4159ZE184226B<<<<<10⟧",
    ),
    ("PASSPORT", "⟦L898902C36UTO7408122F1204159ZE184226B<<<<<10⟧"),
    ("ACCOUNT", "My bank account is ⟦123456789012⟧"),
    ("ACCOUNT", "account number: ⟦12345678⟧"),
    ("ACCOUNT", "routing number ⟦021000021⟧"),
    ("ACCOUNT", "sort code ⟦12-34-56⟧"),
    ("ACCOUNT", "acct #⟦00123456⟧"),
    ("CARD", "⟦4532-0151-1283-0366⟧/05/26"),
    ("CARD", "Visa ending? No, full: ⟦4532015112830366⟧."),
    ("CARD", '{"card_number": "⟦5425233430109903⟧"}'),
    ("CARD", "PAN=⟦374245455400126⟧"),
    ("CARD", "my debit card ⟦5018 0000 0009⟧"),
    ("CARD", "cc: ⟦6011 1111 1111 1117⟧ cvv 123"),
    ("CARD", "mastercard ⟦2221 0000 0000 0009⟧"),
    ("CARD", "the number on the front is ⟦5105105105105100⟧"),
    ("IBAN", "Kontoverbindung: ⟦AT61 1904 3002 3457 3201⟧, BIC x"),
    ("IBAN", "IBAN:⟦CH93 0076 2011 6238 5295 7⟧"),
    ("IBAN", "⟦SA03 8000 0000 6080 1016 7519⟧"),
    ("IBAN", "(⟦BR15 0000 0000 0000 1093 2840 814P 2⟧)"),
    ("IBAN", "iban=⟦PL61109010140000071219812874⟧&x=1"),
    ("IBAN", "⟦Be68 5390 0754 7034⟧"),
    ("IBAN", "send to ⟦DE 89 370 400 440 532013000⟧"),
    ("SSN", "Social Security #: ⟦536-22-8726⟧"),
    ("SSN", '{"ssn":"⟦536228726⟧"}'),
    ("SSN", "his social is ⟦536-22-8726⟧ ok"),
    ("SSN", "SSN ends? ⟦536.22.8726⟧."),
    ("SSN", "SSN: ⟦987-65-4321⟧"),
    ("SSN", "ssn=⟦536-22-8726⟧;"),
    ("TAX_ID", "ITIN: ⟦912 70 1234⟧"),
    ("TAX_ID", "my taxpayer id is ⟦912-70-1234⟧"),
    ("TAX_ID", "Federal EIN: ⟦98-7654321⟧"),
    ("TAX_ID", "USt-IdNr/VAT ID: ⟦DE136695976⟧"),
    ("TAX_ID", "P.IVA / partita iva ⟦00743110157⟧"),
    ("NATIONAL_ID", "National Insurance number: ⟦JG 10 37 59 A⟧"),
    ("NATIONAL_ID", "ni number ⟦jg103759a⟧"),
    ("HEALTH_ID", "Patient NHS: ⟦485 777 3456⟧"),
    ("HEALTH_ID", "MRN: ⟦00123456⟧"),
    ("HEALTH_ID", "medicare ⟦1EG4-TE5-MK73⟧"),
    ("HEALTH_ID", "member id ⟦XYZ123456789⟧"),
    ("PASSPORT", "Passport No: ⟦533380006⟧"),
    ("PASSPORT", "passport number ⟦AA 1234567⟧"),
    ("PASSPORT", '"passport": "⟦G12345678⟧"'),
    ("PASSPORT", "my french passport is ⟦12AB34567⟧."),
    ("PASSPORT", "passport # ⟦Z1234567⟧ issued in 2019"),
    ("ACCOUNT", "Account No. ⟦31926819⟧ Sort code"),
    ("ACCOUNT", "sort code: ⟦60-16-13⟧"),
    ("ACCOUNT", "bank account number is ⟦9876543210⟧"),
    ("ACCOUNT", "ABA routing ⟦026009593⟧"),
    ("ACCOUNT", "BSB ⟦062-000⟧"),
    ("ACCOUNT", "acct no ⟦1234-5678-90⟧"),
    ("NATIONAL_ID", "JMBG ⟦0101006500006⟧"),
    ("NATIONAL_ID", "⟦S7654321F⟧ (NRIC)"),
    ("TAX_ID", "Brazilian CPF: ⟦123.456.789-09⟧"),
    ("NATIONAL_ID", "DNI: ⟦00000000T⟧"),
    ("NATIONAL_ID", "PPS ⟦1234567T⟧"),
    ("NATIONAL_ID", "PPS number ⟦1234567FA⟧, thanks"),
    ("NATIONAL_ID", "born before 1954: ⟦846115/0050⟧"),
    ("TAX_ID", "NIF ⟦728600072⟧"),
    ("HEALTH_ID", "NPI ⟦1234567893⟧"),
    ("CARD", "Karte ⟦5500 0055 5555 5559⟧ bitte"),
    ("CARD", "card number ⟦4242-4242-4242-4242⟧, CVC 123"),
    ("CARD", "use 4242 4242 4242 4242 or ⟦5555 5555 5555 4444⟧"),
    ("SSN", "SSNs: 219-09-9999 and ⟦457-55-5462⟧"),
    ("SSN", "row ⟦778-62-8144⟧"),
    ("SSN", "social: ⟦431559082⟧"),
    ("ACCOUNT", "sort code 20-45-53, a/c ⟦63849203⟧"),
]


@pytest.fixture(scope="module")
def scanner() -> Scanner:
    return Scanner(IDENTIFIERS)


@pytest.mark.parametrize(("kind", "marked"), PERSONAL)
def test_a_value_is_found_from_its_first_sign_to_its_last(
    scanner: Scanner, kind: str, marked: str
) -> None:
    marked = marked.replace("·", "")
    text = marked.replace("⟦", "").replace("⟧", "")
    span = (kind, marked.index("⟦"), marked.index("⟧") - 1)
    assert span in [(one.kind, one.start, one.end) for one in scanner.find(text)]


@pytest.mark.parametrize("text", CLEAN)
def test_what_only_looks_alike_is_left(scanner: Scanner, text: str) -> None:
    assert scanner.find(text) == []


@pytest.mark.parametrize("text", ["row 778628144", "call +1 943 476 5919", "a/c of 12000 BTU"])
def test_a_row_a_phone_and_a_cooler_are_no_numbers_of_people(scanner: Scanner, text: str) -> None:
    assert scanner.find(text) == []
