"""What looks like a value with a fixed form and is none: each is drawn at random, none is personal.

Wrong check digits, other lengths, hashes, versions, orders, public keys and addresses without
credentials. They stand in sentences that do not call them by a personal number's name: what a text
itself calls a passport number is taken out, whatever its digits.
"""

from __future__ import annotations

import base64
import random
from collections.abc import Callable

from tests.benchmarks.redaction.made.national import NUMBERS, written
from tests.benchmarks.redaction.made.wallets import BITCOIN, WALLETS

Random = random.Random
FRAMES = (
    "order {v} ships tomorrow",
    "Invoice number {v} is paid.",
    "2026-03-01T10:22:31Z INFO store.cache key={v} hit=true",
    "part no. {v}, 12 pieces in stock",
    '{"sku": "{v}", "count": 3}',
    "serial number {v} is printed on the box",
    "tracking number {v}",
    "sku,count\n{v},12\n",
)
_PLAIN_FRAMES = (
    "the object {v} was written twice",
    "see {v} for more",
    "2026-03-01T10:22:31Z DEBUG object={v} size=12",
    '{"object": "{v}", "size": 12}',
    "name,object\nmain,{v}\n",
)


def _hex(chance: Random, count: int) -> str:
    return "".join(chance.choices("0123456789abcdef", k=count))


def _number(chance: Random) -> str:
    """Return a national number with a wrong check digit, in one of its forms."""
    while True:
        one = chance.choice(NUMBERS)
        if any(not one.check(one.draw(chance)) for _ in range(50)):
            return written(one.fresh(chance, valid=False), chance.choice(one.masks + one.alone))


def _wallet(chance: Random) -> str:
    """Return an address with two of its signs changed for others of its alphabet."""
    family = chance.choice(("Bitcoin, P2PKH", "Litecoin", "Dogecoin", "Tron", "Ripple", "Dash"))
    value = list(WALLETS[family][1](chance))
    for place in chance.sample(range(4, len(value)), 2):
        value[place] = chance.choice([sign for sign in BITCOIN if sign != value[place]])
    return "".join(value)


def _mac(chance: Random) -> str:
    pairs = [_hex(chance, 2) for _ in range(chance.choice((4, 5, 7, 10, 16, 20, 32)))]
    return ":".join(pairs)


def _url(chance: Random) -> str:
    page = chance.randrange(1, 900)
    return chance.choice((
        f"https://docs.example.org/guide/{page}?page={page}&sort=name",
        f"https://example.com:8443/a/b#section-{page}",
        f"git@github.com:org/repo-{page}.git",
        f"https://example.com/search?code=en&key=title&q={page}",
        f"https://cdn.example.com/{_hex(chance, 32)}.js",
        f"postgresql://localhost:5432/main_{page}",
        "https://<user>:<password>@example.org/",
        "https://${USER}:${TOKEN}@example.org/",
    ))  # fmt: skip


def _key(chance: Random) -> str:
    return chance.choice((
        _hex(chance, 40),
        "sha256:" + _hex(chance, 64),
        "-".join(_hex(chance, count) for count in (8, 4, 4, 4, 12)),
        "AKIA" + _hex(chance, 8).upper(),
        "hf_" + chance.choice(("hub_download", "model_name", "cache_home")),
        "sk-" + chance.choice(("learn-based", "image-transform", "label-encoder")),
        "ghp_xxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxx",
        "sk_test_" + "your_key_here",
        "npm_" + chance.choice(("package_json", "config_registry", "lifecycle_event")),
        "SG." + chance.choice(("UTF8.parse", "core.views")),
        "pypi-server-" + str(chance.randrange(100)),
    ))  # fmt: skip


def _jwt(chance: Random) -> str:
    words = chance.choice(("eyeglasses.are.nice", "eyJs.config.json", "eyes.open.wide"))
    parts = [base64.urlsafe_b64encode(chance.randbytes(24)).decode() for _ in range(3)]
    return chance.choice((words, ".".join(parts)))


def _block(chance: Random) -> str:
    name = chance.choice(("CERTIFICATE", "PUBLIC KEY", "RSA PUBLIC KEY", "CERTIFICATE REQUEST"))
    body = base64.b64encode(chance.randbytes(96)).decode()
    return f"-----BEGIN {name}-----\n{body[:64]}\n{body[64:]}\n-----END {name}-----"


# By group of the benchmark: the frames they stand in, and what draws one.
NEAR_MISSES: dict[str, tuple[tuple[str, ...], Callable[[Random], str]]] = {
    "MAC": (_PLAIN_FRAMES, _mac),
    "URL with credentials": (_PLAIN_FRAMES, _url),
    "wallet": (_PLAIN_FRAMES, _wallet),
    "AWS key": (_PLAIN_FRAMES, lambda chance: _hex(chance, 40)),
    "API key": (_PLAIN_FRAMES, _key),
    "JWT": (_PLAIN_FRAMES, _jwt),
    "private key": (_PLAIN_FRAMES, _block),
    "national number": (FRAMES, _number),
}
