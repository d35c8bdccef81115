"""Fresh crypto-currency addresses of each family, with their checksums; nobody has their keys."""

from __future__ import annotations

import base64
import hashlib
import random
from collections.abc import Callable

from tasks.redaction.forms.secrets.wallet_checks import BITCOIN, RIPPLE, keccak_256

Random = random.Random
_BECH32 = "qpzry9x8gf2tvdw0s3jn54khce6mua7l"
_POLYNOMIAL = (0x3B6A57B2, 0x26508E6D, 0x1EA119FA, 0x3D4233DD, 0x2A1462B3)


def base58(data: bytes, alphabet: str = BITCOIN) -> str:
    """Return bytes in base 58; zeros in front become the first sign."""
    number, signs = int.from_bytes(data, "big"), ""
    while number:
        number, rest = divmod(number, 58)
        signs = alphabet[rest] + signs
    return alphabet[0] * (len(data) - len(data.lstrip(b"\0"))) + signs


def _checked(head: bytes, alphabet: str = BITCOIN) -> Callable[[Random], str]:
    def draw(chance: Random) -> str:
        data = head + chance.randbytes(20)
        digest = hashlib.sha256(hashlib.sha256(data).digest()).digest()
        return base58(data + digest[:4], alphabet)

    return draw


def _segwit(prefix: str, version: int | None, size: int) -> Callable[[Random], str]:
    """Return what draws addresses of BIP-173, or of BIP-350 from version 1 on."""

    def draw(chance: Random) -> str:
        bits = "".join(f"{byte:08b}" for byte in chance.randbytes(size))
        bits += "0" * (-len(bits) % 5)
        values = [int(bits[n : n + 5], 2) for n in range(0, len(bits), 5)]
        values = values if version is None else [version, *values]
        head = [ord(sign) >> 5 for sign in prefix] + [0] + [ord(sign) & 31 for sign in prefix]
        check = 1
        for value in [*head, *values, 0, 0, 0, 0, 0, 0]:
            top, check = check >> 25, (check & 0x1FFFFFF) << 5 ^ value
            for bit, part in enumerate(_POLYNOMIAL):
                check ^= part if top >> bit & 1 else 0
        check ^= 0x2BC830A3 if version else 1
        values += [check >> 5 * (5 - n) & 31 for n in range(6)]
        return f"{prefix}1{''.join(_BECH32[value] for value in values)}"

    return draw


def _ethereum(chance: Random) -> str:
    plain = chance.randbytes(20).hex()
    digest = keccak_256(plain.encode()).hex()
    pairs = zip(plain, digest, strict=False)
    return "0x" + "".join(sign.upper() if int(mark, 16) > 7 else sign for sign, mark in pairs)


def _stellar(chance: Random) -> str:
    data, check = b"\x30" + chance.randbytes(32), 0
    for byte in data:  # CRC-16/XMODEM
        check ^= byte << 8
        for _ in range(8):
            check = (check << 1 ^ (0x1021 if check & 0x8000 else 0)) & 0xFFFF
    return base64.b32encode(data + check.to_bytes(2, "little")).decode()


def _cash(chance: Random) -> str:
    return "bitcoincash:q" + "".join(chance.choices(_BECH32, k=41))


def _monero(chance: Random) -> str:
    return "4" + chance.choice("0123456789AB") + "".join(chance.choices(BITCOIN, k=93))


def _solana(chance: Random) -> str:
    return base58(chance.randbytes(32))


def _polkadot(chance: Random) -> str:
    data = b"\0" + chance.randbytes(32)
    return base58(data + hashlib.blake2b(b"SS58PRE" + data).digest()[:2])


# By family: what people call it, and what draws one.
WALLETS: dict[str, tuple[str, Callable[[Random], str]]] = {
    "Bitcoin, P2PKH": ("bitcoin", _checked(b"\0")),
    "Bitcoin, P2SH": ("BTC", _checked(b"\5")),
    "Bitcoin, segwit": ("bitcoin", _segwit("bc", 0, 20)),
    "Bitcoin, taproot": ("BTC", _segwit("bc", 1, 32)),
    "Bitcoin, test net": ("testnet", _segwit("tb", 0, 20)),
    "Bitcoin Cash": ("BCH", _cash),
    "Ethereum": ("ETH", _ethereum),
    "Ethereum, small": ("ethereum", lambda chance: "0x" + chance.randbytes(20).hex()),
    "Litecoin": ("LTC", _checked(b"\x30")),
    "Litecoin, segwit": ("litecoin", _segwit("ltc", 0, 20)),
    "Dogecoin": ("DOGE", _checked(b"\x1e")),
    "Dash": ("Dash", _checked(b"\x4c")),
    "Zcash": ("ZEC", _checked(b"\x1c\xb8")),
    "Ripple": ("XRP", _checked(b"\0", RIPPLE)),
    "Tron": ("USDT", _checked(b"\x41")),
    "Tezos": ("XTZ", _checked(b"\x06\xa1\x9f")),
    "Monero": ("XMR", _monero),
    "Cardano": ("ADA", _segwit("addr", None, 57)),
    "Cosmos": ("ATOM", _segwit("cosmos", None, 20)),
    "Stellar": ("XLM", _stellar),
}
# These have no checksum that can be told from chance: a word must stand beside them.
NAMED_WALLETS: dict[str, tuple[str, Callable[[Random], str]]] = {
    "Solana": ("Solana", _solana),
    "Polkadot": ("Polkadot", _polkadot),
}
