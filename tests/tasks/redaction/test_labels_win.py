"""A word that names a number's kind beats a check digit that fits by chance."""

from __future__ import annotations

import pytest

from tasks.redaction.engine import Redactor, build_redactor


@pytest.fixture(scope="module")
def redactor() -> Redactor:
    return build_redactor(names=False)


@pytest.mark.parametrize(
    ("kind", "text", "value"),
    [
        # Taiwan's and Singapore's check digits agree.
        ("LICENSE", "My driver's license number is A125325867", "A125325867"),
        ("LICENSE", "A125325867 is my driver's license number", "A125325867"),
        ("LICENSE", "driving licence: S1234567D", "S1234567D"),
        ("PASSPORT", "my passport number is A125325867", "A125325867"),
        ("PASSPORT", '{"passport_number": "A125325867"}', "A125325867"),
        ("HEALTH_ID", "patient id 12345678Z", "12345678Z"),
        ("HEALTH_ID", "health insurance number 123-45-6789", "123-45-6789"),
        ("ACCOUNT", "bank account 123-45-6789", "123-45-6789"),
        ("PHONE", "call 415 555 2671 for that", "415 555 2671"),
        ("PASSPORT", "N° de passeport : 19CF45871", "19CF45871"),
        ("PASSPORT", "Paspoortnummer NW8K3CP41 op naam van", "NW8K3CP41"),
        ("ACCOUNT", "the order from account 71408832, sort code", "71408832"),
        ("ACCOUNT", "BSB and Account 1049 2281 name", "1049 2281"),
        ("ACCOUNT", "transit 04512-003", "04512-003"),
        ("TAX_ID", '"taxFileNumber": "336282832"', "336282832"),
        ("NATIONAL_ID", '{"jumin":"7711302668360"}', "7711302668360"),
        ("NATIONAL_ID", "failed for uid 312486842277 (biometric)", "312486842277"),
        ("LICENSE", '"license_number":"D400-7836-0001"', "D400-7836-0001"),
        # The nearest word counts.
        ("NATIONAL_ID", "my driver's license and my national ID A125325867", "A125325867"),
        ("NATIONAL_ID", "passport and identity card number A125325867", "A125325867"),
        ("HEALTH_ID", "call about NHS number 943 476 5919", "943 476 5919"),
        # What proves itself stays what it is, as does a number without such a word.
        ("CARD", "account number 4111111111111111", "4111111111111111"),
        ("IBAN", "bank account DE89370400440532013000", "DE89370400440532013000"),
        ("SSN", "tax id 123-45-6789", "123-45-6789"),
        ("NATIONAL_ID", "mine is A125325867", "A125325867"),
        ("HEALTH_ID", "it is 943 476 5919", "943 476 5919"),
    ],
)
def test_the_kind_that_the_text_names(redactor: Redactor, kind: str, text: str, value: str) -> None:
    found = redactor.find([[text]])[0][0]
    assert [(one.kind, text[one.start : one.end]) for one in found] == [(kind, value)]
