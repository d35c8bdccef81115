"""Check digits agree with published examples, and with no change of one sign of them."""

from __future__ import annotations

from collections.abc import Callable

import pytest

from tasks.redaction.forms.numbers import checksums, national_checks
from tasks.redaction.forms.secrets import wallet_checks

# Examples from Wikipedia's article on each number, the authority's own page or the standard.
NUMBERS = [
    (checksums.luhn, "4111111111111111"), (checksums.verhoeff, "234123412346"),
    (checksums.mod_97, "GB82WEST12345698765432"), (checksums.mod_11_10, "94577403194"),
    (national_checks.nhs, "9434765919"), (national_checks.steuer_id, "86095742719"),
    (national_checks.nir, "255081416802538"), (national_checks.pesel, "44051401359"),
    (national_checks.bsn, "111222333"), (national_checks.personnummer, "8112189876"),
    (national_checks.belgian, "85073003328"), (national_checks.nif_pt, "123456789"),
    (national_checks.ahv, "7569217076985"), (national_checks.cpf, "52998224725"),
    (national_checks.cnpj, "11222333000181"), (national_checks.aadhaar, "234123412346"),
    (national_checks.tfn, "123456782"), (national_checks.abn, "51824753556"),
    (national_checks.sin, "046454286"), (national_checks.south_african, "8001015009087"),
    (national_checks.turkish, "10000000146"), (national_checks.thai, "1234567890121"),
    (national_checks.cuit, "20123456786"), (national_checks.cnp, "1800101221144"),
    (national_checks.svnr, "1237010180"), (national_checks.isikukood, "37605030299"),
    (national_checks.my_number, "123456789018"), (national_checks.egn, "7523169263"),
    (national_checks.rodne_cislo, "7103192745"), (national_checks.emirates, "784198012345678"),
    (national_checks.fodselsnummer, "11077941012"), (national_checks.jmbg, "0101006500006"),
    (wallet_checks.bech32, "bc1p0xlxvlhemja6c4dqv22uapctqupfhlxm9h8z3k2e72q4k9hcz7vqzk5jj0"),
    (wallet_checks.base58check, "1BoatSLRHtKNngkdXEeobR76b53LETtpyT"),
    (wallet_checks.eip_55, "0x5aAeb6053F3E94C9b9A09f33669435E7Ef1BeAed"),
]  # fmt: skip


@pytest.mark.parametrize(("check", "number"), NUMBERS)
def test_a_slip_of_the_finger_is_noticed(check: Callable[[str], bool], number: str) -> None:
    assert check(number)
    last = number[-1]
    slips = [number[:-1] + sign for sign in "0123456789" if sign != last]
    assert not any(map(check, slips))


def test_keccak_is_the_one_before_the_standard() -> None:
    empty = "c5d2460186f7233c927e7db2dcc703c0e500b653ca82273b7bfad8045d85a470"
    assert wallet_checks.keccak_256(b"").hex() == empty


def test_a_passport_line_checks_its_fields() -> None:
    assert checksums.mrz_check("L898902C3", "6")
    assert not checksums.mrz_check("L898902C4", "6")
