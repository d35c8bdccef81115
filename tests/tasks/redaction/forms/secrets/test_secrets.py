"""Keys, tokens and passwords are found to the character; code that only speaks of them is not."""

from __future__ import annotations

import pytest

from tasks.redaction.forms.secrets.secrets import SECRETS
from tasks.redaction.matching.scanner import Scanner
from tests.tasks.redaction.clean_texts import CLEAN

# The value stands between ⟦ and ⟧. A · breaks up what looks like a live token.
PERSONAL = [
    ("SECRET", "⟦AK·IAIOSFODNN7EXAMPLE⟧"),
    ("SECRET", "aws_secret_access_key = ⟦wJalrXUtnFEMI/K7MDENG/bPxRfiCYEXAMPLEKEY⟧"),
    ("SECRET", "⟦gh·p_16C7e42F292c6912E7710c838347Ae178B4a⟧"),
    ("SECRET", "⟦xo·xb-123456789012-1234567890123-AbCdEfGhIjKlMnOpQrStUvWx⟧"),
    ("SECRET", "⟦sk·_live_4eC39HqLyjWDarjtT1zdp7dc⟧"),
    ("SECRET", "⟦AI·zaSyD-9tSrke72PouQMnMX-a7eZSW0jkFMBWY⟧"),
    ("SECRET", "⟦sk·-proj-abcDEF1234567890abcDEF1234567890⟧"),
    ("SECRET", "⟦sk·-ant-api03-abcDEF1234567890abcDEF1234567890⟧"),
    ("SECRET", "⟦hf·_abcdefghijklmnopqrstuvwxyz12345678⟧"),
    ("SECRET", "HF_TOKEN=⟦hf·_aBcDeFgHiJkLmNoPqRsTuVwXyZaBcDeFgH⟧"),
    ("SECRET", "use ⟦hf·_QwErTyUiOpAsDfGhJkLzXcVbNmQwErTyUi⟧ here"),
    ("SECRET", "⟦gh·p_QwErTyUiOpAsDfGhJkLzXcVbNmQwErTyUiOp⟧"),
    ("SECRET", "${PASSWORD:-⟦hunter2!x⟧}"),
    ("SECRET", "⟦gh·p_S8foYFGvZCQtgCgygnDXLKIfIzxABcSXFRJC⟧"),
    ("SECRET", "⟦AI·za7-RJahQxZyGtsjJZGGM-GFcNqhrZig_HqQg⟧"),
    ("SECRET", "⟦np·m_QwErTyUiOpAsDfGhJkLzXcVbNmQwErTyUiOp⟧"),
    ("SECRET", "⟦SG·.ngeVfQFYQlKU0ufo8x5d1A.TwL2iGABf9DHoTf-09kqeF8tAmbihYzrnopKc-1s5cr⟧"),
    (
        "SECRET",
        "⟦eyJhbGciOiJIUzI1NiIsInR5cCI6IkpXVCJ9.eyJzdWIiOiIxMjM0NTY3ODkwIn0.dozj"
        "gNryP4J3jVmNHl0w5N_XgL0n3I9PlFUP0THsR8U⟧",
    ),
    ("SECRET", "password=⟦hunter2!⟧"),
    ("SECRET", 'password: "⟦correcthorse⟧"'),
    ("SECRET", "my password is ⟦S3cret99⟧."),
    ("SECRET", "La contraseña es ⟦Girasol*1988⟧ y el usuario"),
    ("SECRET", "Username anselm_g, password ⟦liftmore2022⟧ (he said)"),
    ("SECRET", "Benutzername lfriedrich, Passwort ⟦Kiesel$tein3⟧"),
    ("SECRET", "$ mysql -u root -p'⟦s3cr3t_Gannet⟧' orders"),
    ("SECRET", "docker login registry.example.org -u ci -p ⟦Zeppelin.4471⟧"),
    ("SECRET", "('⟦A·C573afd6310f4ffcf19209f8113666063⟧', '⟦0cd035e1b7147e51be6783ddd61990c5⟧')"),
    ("SECRET", "api_key: ⟦9f8e7d6c5b4a39281706⟧"),
    ("SECRET", "Authorization: Bearer ⟦abcdef1234567890ABCDEF⟧"),
    ("SECRET", "Authorization: Basic ⟦dXNlcjpwYXNzd29yZA==⟧"),
    ("SECRET", "Server=db;Uid=sa;Pwd=⟦Pa55w0rd⟧;"),
    ("SECRET", "DB_PASSWORD='⟦tr0ub4dor&3⟧'"),
    (
        "SECRET",
        "AccountName=x;AccountKey=⟦Eby8vdM02xNOcqFlqUwJPLlmEtlCDXJ1OUzFT50uSRZ6"
        "IFsuFq2UVErCz4I6tq/K1SZFPTOtr/KBHBeksoGMGw==⟧;",
    ),
    (
        "SECRET",
        "⟦-----BEGIN RSA PRIVATE KEY-----\nMIIEpAIBAAKCAQEA\n-----END RSA PRIVATE KEY-----⟧",
    ),
    (
        "SECRET",
        '"⟦-----BEGIN OPENSSH PRIVATE KEY-----\nb3BlbnNzaC1rZXktdjEA\n-----END OP'
        'ENSSH PRIVATE KEY-----⟧"',
    ),
    ("SECRET", '{"client_secret": "⟦a8Kd93jLs02mQp⟧"}'),
    ("SECRET", "export GITHUB_TOKEN=⟦0123456789abcdef0123456789abcdef01234567⟧"),
    ("SECRET", "⟦AS·IAIOSFODNN7EXAMPLE⟧ temp"),
    ("SECRET", '"secret_key":"⟦wJalrXUtnFEMI/K7MDENG/bPxRfiCYEXAMPLEKEY⟧"'),
    ("SECRET", "AWS ⟦wJalrXUtnFEMI/K7MDENG/bPxRfiCYEXAMPLEKEY⟧"),
    (
        "SECRET",
        "⟦gi·thub_pat_11ABCDEFG0abcdefghijkl_ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefgh"
        "ijklmnopqrstuvwxyz0123456⟧",
    ),
    ("SECRET", "⟦gl·pat-xxxxAbC123dEfGh45678⟧"),
    ("SECRET", "⟦np·m_abcdefghijklmnopqrstuvwxyz0123456789⟧"),
    ("SECRET", "⟦py·pi-AgEIcHlwaS5vcmcCJDU3OTM4YjQ0LTQ2MTEtNDNjZC1hZWYz⟧"),
    ("SECRET", "⟦123456789:AAHdqTcvCH1vGWJxfSeofSAs0K5PALDsawQ⟧"),
    ("SECRET", "⟦SK·0123456789abcdef0123456789abcdef⟧"),
    ("SECRET", "⟦xo·xp-23984754863-2348975623103-3489756231⟧"),
    ("SECRET", "⟦https://hooks.slack.com/se·rvices/T00000001/B00000002/XXabcXXXXabcXXXXX1234XXX⟧"),
    ("SECRET", "⟦ya·29.a0AfH6SMBx-abcdefghijklmnop1234567890⟧"),
    ("SECRET", "passwd: ⟦Tr0ub4dor&3⟧"),
    ("SECRET", "Password is: ⟦S3cure!Pass⟧"),
    ("SECRET", "the wifi password is ⟦sunshine2024⟧"),
    ("SECRET", "pwd=⟦qwerty123⟧"),
    ("SECRET", "PASSWORD=⟦correcthorsebatterystaple9⟧"),
    ("SECRET", '"password":"⟦letmein1⟧"'),
    ("SECRET", "secret: ⟦a1b2c3d4e5f6g7h8⟧"),
    ("SECRET", "x-api-key: ⟦7f4df8a2b1c94e0d9a3e⟧"),
    ("SECRET", "token=⟦d0a1c2b3e4f5a6b7c8d9⟧"),
    ("SECRET", 'OPENAI_API_KEY="⟦sk·-abc123def456ghi789jkl012mno345pqr678⟧"'),
    ("SECRET", "HF_TOKEN=⟦hf·_AbCdEfGhIjKlMnOpQrStUvWxYz0123456789⟧"),
    ("SECRET", "client_secret=⟦GO·CSPX-1a2b3c4d5e6f7g8h9i0j1k2l3m4n⟧"),
    (
        "SECRET",
        "DefaultEndpointsProtocol=https;AccountName=a;AccountKey=⟦abcDEF123+/ab"
        "cDEF123+/abcDEF123+/abcDEF123+/abcDEF123+/abcDEF123+/abcDEF123+/abcDEF"
        "123w==⟧",
    ),
    ("SECRET", "User Id=sa;Password=⟦P@ssw0rd!⟧;Encrypt=1"),
    ("SECRET", "Bearer ⟦eyJhbGciOiJIUzI1NiJ9.eyJzdWIiOiJqb2UifQ.abc-def_ghi123⟧"),
    ("SECRET", "my pin code / passcode is ⟦482913⟧"),
    (
        "SECRET",
        "⟦-----BEGIN EC PRIVATE KEY-----\nMHcCAQEEIIrYSSNQFaA2Hwf1duRSxKtLYX5CB0"
        "4fSeQ6tF1aY\n-----END EC PRIVATE KEY-----⟧\nok",
    ),
    (
        "SECRET",
        "⟦-----BEGIN PGP PRIVATE KEY BLOCK-----\n\nlQOYBF0abcdefghijkl\n=abcd\n----"
        "-END PGP PRIVATE KEY BLOCK-----⟧",
    ),
    (
        "SECRET",
        '{"private_key": "⟦-----BEGIN PRIVATE KEY-----\\nMIIEvQIBADANBgkqhkiG9w0'
        'BAQ\\n-----END PRIVATE KEY-----⟧\\n"}',
    ),
    ("SECRET", "⟦5HueCGU8rMjxEXxiPuD5BDku4MkFqeZyd4dZ1jvhTVqvbTLvyTJ⟧"),
    (
        "SECRET",
        "⟦patAbCdEfGh123456.0123456789abcdef0123456789abcdef0123456789abcdef0123456789abcdef⟧",
    ),
]


@pytest.fixture(scope="module")
def scanner() -> Scanner:
    return Scanner(SECRETS)


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
