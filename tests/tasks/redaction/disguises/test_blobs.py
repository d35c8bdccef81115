"""Encoded text is found and decoded; hashes, keys, pictures and words are left."""

from __future__ import annotations

import base64

import pytest

from tasks.redaction.disguises.blobs import blob_edits

VALUE = b"john.doe@mail.com"
LONG = b"Hello there, my address is john@mail.com and my phone is 079 123 45 67"


@pytest.mark.parametrize(
    ("encoded", "plain"),
    [
        (base64.b64encode(VALUE).decode(), VALUE.decode()),
        (base64.urlsafe_b64encode(b"~~?>" + VALUE).decode().rstrip("="), "~~?>" + VALUE.decode()),
        (base64.encodebytes(LONG).decode().strip(), LONG.decode()),
        (base64.b64encode(VALUE.decode().encode("utf-16-le")).decode(), VALUE.decode()),
        (base64.b64encode(b"10.2.3.4").decode(), "10.2.3.4"),
        (base64.b64encode("j\u200bohn@mail.com".encode()).decode(), "j\u200bohn@mail.com"),
        (base64.b32encode(VALUE).decode(), VALUE.decode()),
        (VALUE.hex(), VALUE.decode()),
        (VALUE.hex(" "), VALUE.decode()),
        (", ".join(f"0x{byte:02x}" for byte in VALUE), VALUE.decode()),
        (" ".join(f"{byte:08b}" for byte in VALUE), VALUE.decode()),
    ],
)
@pytest.mark.parametrize("around", ["{}", "see {} there", "id={}\n\nbye", 'x: "{}"'])
def test_text_is_decoded_and_covered_whole(encoded: str, plain: str, around: str) -> None:
    text = around.format(encoded)
    (edit,) = blob_edits(text)
    assert edit.text.strip() == plain
    assert text[edit.start : edit.end] == encoded


def test_a_part_of_a_web_address_is_decoded() -> None:
    encoded = base64.b64encode(VALUE).decode()
    (edit,) = blob_edits(f"https://x.example/u/{encoded}/edit")
    assert edit.text == VALUE.decode()


@pytest.mark.parametrize(
    "text",
    [
        "internationalization and antidisestablishmentarianism",
        "d41d8cd98f00b204e9800998ecf8427e",
        "sha256:9f86d081884c7d659a2feaa0c55ad015a3bf4f1b2b0b822cd15d6c15b0f00a08",
        "550e8400-e29b-41d4-a716-446655440000",
        "3f:aa:12:34:56:78:9a:bc:de:f0",
        "iVBORw0KGgoAAAANSUhEUgAAAAEAAAABCAYAAAAfFcSJAAAADUlEQVR42mNk",
        "/usr/local/lib/python3/site-packages/numpy/core",
        "4111111111111111",
        "00 01 02 03 04 05 06 07 08 09 0a",
    ],
)
def test_what_holds_no_text_stays(text: str) -> None:
    assert list(blob_edits(text)) == []
