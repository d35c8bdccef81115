"""Crypto-currency addresses are found by checksum or word; hashes and code are left alone."""

from __future__ import annotations

import pytest

from tasks.redaction.forms.secrets.wallets import WALLETS
from tasks.redaction.matching.scanner import Scanner

# The value stands between ⟦ and ⟧.
PERSONAL = [
    ("CRYPTO", "⟦1BoatSLRHtKNngkdXEeobR76b53LETtpyT⟧"),
    ("CRYPTO", "⟦bc1qw508d6qejxtdg4y5r3zarvary0c5xw7kv8f3t4⟧"),
    ("CRYPTO", "⟦0x5aAeb6053F3E94C9b9A09f33669435E7Ef1BeAed⟧"),
    ("CRYPTO", "⟦0x52908400098527886e0f7030069857d2e4169ee7⟧"),
    ("CRYPTO", "⟦rHb9CJAWyB4rj91VRWn96DkukG4bwdtyTh⟧"),
    ("CRYPTO", "⟦TJCnKsPa7y5okkXvQAidZBzqx3QyQ6sxMW⟧"),
    ("CRYPTO", "solana ⟦7EcDhSYGxXyscszYEp35KHN8vvw3svAuLKTzXwCFLtV⟧"),
    (
        "CRYPTO",
        "⟦44AFFq5kSiGBoZ4NMDwYtN18obc8AemS33DBLWs3H7otXft3XjrpDtQGv7SqSsaBYBb98"
        "uNbr2VBBEt7f2wfn3RVGQBEP3A⟧",
    ),
    ("CRYPTO", "btc ⟦1BoatSLRHtKNngkdXEeobR76b53LETtpyX⟧"),
    ("CRYPTO", "⟦LM2WMpR1Rp6j3Sa59cMXMs1SPzj9eXpGc1⟧"),
    ("CRYPTO", "⟦3J98t1WpEZ73CNmQviecrnyiWrnqRhWNLy⟧"),
    ("CRYPTO", "⟦DBXu2kgc3xtvCUWFcxFE3r9hEYgmuaaCyD⟧"),
    ("CRYPTO", "⟦BC1QW508D6QEJXTDG4Y5R3ZARVARY0C5XW7KV8F3T4⟧"),
    ("CRYPTO", "send eth to ⟦0xde709f2102306220921060314715629080e2fb77⟧!"),
    ("CRYPTO", "my SOL wallet: ⟦9WzDXwBbmkg8ZTbNMqUxvQRAyrZzDsGYdLVL9zYtAWWM⟧"),
    ("CRYPTO", "bitcoin:⟦1BvBMSEYstWetqTFn5Au4m4GFg7xJaNVN2⟧?amount=1"),
    (
        "CRYPTO",
        "addr ⟦addr1qx2fxv2umyhttkxyxp8x0dlpdt3k6cwng5pxj3jhsydzer3n0d3vllmyqws"
        "x5wktcd8cc3sq835lu7drv2xwl2wywfgse35a3x⟧",
    ),
]
CLEAN = [
    "550e8400-e29b-41d4-a716-446655440000",
    "order number 123-45-6789",
    "ISBN 978-3-16-148410-0",
    "sk-learn-based-approach and key-value-store",
    "meeting 12:30-13:45 room 12-34",
    "social media, 123-456 people",
    "build 7-1.2.3.4 and pkg-2.3.4.5-1",
    "d41d8cd98f00b204e9800998ecf8427e",
    "0x0000000000000000000000000000000000000000",
    "1BoatSLRHtKNngkdXEeobR76b53LETtpyX",
    (
        "the commit 9fceb02d0ae598e95dc970b74767f19372d61af8 and key 4bf92f3577"
        "b34da6a3ce929d0e0e4736"
    ),
]


@pytest.fixture(scope="module")
def scanner() -> Scanner:
    return Scanner(WALLETS)


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
