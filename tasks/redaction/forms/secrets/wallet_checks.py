"""Checks of crypto-currency addresses. Pure functions; nothing here can move a coin.

Sources: Bitcoin's base58check, BIP-173 and BIP-350 (bech32, bech32m), SEP-23 (Stellar), EIP-55 with
Keccak-256 (FIPS 202's permutation with the padding from before it was a standard).
"""

from __future__ import annotations

import base64
import binascii
import hashlib

BITCOIN = "123456789ABCDEFGHJKLMNPQRSTUVWXYZabcdefghijkmnopqrstuvwxyz"
RIPPLE = "rpshnaf39wBUDNEGHJKLM4PQRST7VWXYZ2bcdeCg65jkm8oFqi1tuvAxyz"
_BECH32 = "qpzry9x8gf2tvdw0s3jn54khce6mua7l"
_WORD = (1 << 64) - 1


def base58check(address: str, alphabet: str = BITCOIN) -> bool:
    """Tell whether the last four bytes are the double SHA-256 of the others."""
    number = 0
    for sign in address:
        value = alphabet.find(sign)
        if value < 0:
            return False
        number = number * 58 + value
    zeros = len(address) - len(address.lstrip(alphabet[0]))
    data = b"\0" * zeros + number.to_bytes((number.bit_length() + 7) // 8, "big")
    digest = hashlib.sha256(hashlib.sha256(data[:-4]).digest()).digest()
    return len(data) > 20 and digest[:4] == data[-4:]


def bech32(address: str) -> bool:
    """Tell whether an address ends in the checksum of bech32 or bech32m."""
    if address not in {address.lower(), address.upper()}:
        return False
    prefix, _, rest = address.lower().rpartition("1")
    values = [_BECH32.find(sign) for sign in rest]
    if not prefix or len(rest) < 6 or min(values) < 0:
        return False
    codes = [ord(sign) for sign in prefix]
    check = 1
    for value in [code >> 5 for code in codes] + [0] + [code & 31 for code in codes] + values:
        top = check >> 25
        check = (check & 0x1FFFFFF) << 5 ^ value
        for bit, part in enumerate((0x3B6A57B2, 0x26508E6D, 0x1EA119FA, 0x3D4233DD, 0x2A1462B3)):
            check ^= part if top >> bit & 1 else 0
    return check in {1, 0x2BC830A3}


def strkey(address: str) -> bool:
    """Tell whether a Stellar address ends in the CRC-16 (XMODEM) of the rest, low byte first."""
    data = base64.b32decode(address)
    return binascii.crc_hqx(data[:-2], 0) == int.from_bytes(data[-2:], "little")


def eip_55(address: str) -> bool:
    """Tell whether the capitals in an Ethereum address (0x and 40 hex digits) are its checksum."""
    plain = address[2:].lower()
    digest = keccak_256(plain.encode("ascii")).hex()
    proper = (
        sign.upper() if int(check, 16) > 7 else sign
        for sign, check in zip(plain, digest, strict=False)
    )
    return address[2:] == "".join(proper)


def keccak_256(data: bytes) -> bytes:
    """Return the Keccak-256 digest, 32 bytes, of less than 136 bytes."""
    block = bytearray(data.ljust(136, b"\0"))
    block[len(data)] ^= 0x01
    block[135] ^= 0x80
    lanes = [int.from_bytes(block[8 * n : 8 * n + 8], "little") for n in range(17)] + [0] * 8
    register = 1
    for _ in range(24):
        lanes, register = _round(lanes, register)
    return b"".join(lane.to_bytes(8, "little") for lane in lanes[:4])


def _round(a: list[int], register: int) -> tuple[list[int], int]:
    """One round of Keccak-f[1600] over the lanes a[x + 5y], and the constants' shift register."""
    c = [a[x] ^ a[x + 5] ^ a[x + 10] ^ a[x + 15] ^ a[x + 20] for x in range(5)]
    d = [c[x - 1] ^ _turn(c[(x + 1) % 5], 1) for x in range(5)]
    a = [lane ^ d[place % 5] for place, lane in enumerate(a)]
    x, y, moved = 1, 0, a[1]
    for t in range(24):
        x, y = y, (2 * x + 3 * y) % 5
        place = x + 5 * y
        moved, a[place] = a[place], _turn(moved, (t + 1) * (t + 2) // 2)
    a = [
        lane ^ (~a[place - place % 5 + (place + 1) % 5] & a[place - place % 5 + (place + 2) % 5])
        for place, lane in enumerate(a)
    ]
    for bit in range(7):
        register = (register << 1) ^ (register >> 7) * 0x171
        a[0] ^= ((register >> 1) & 1) << ((1 << bit) - 1)
    return a, register


def _turn(lane: int, by: int) -> int:
    by %= 64
    return (lane << by | lane >> (64 - by)) & _WORD
