"""Disguised personal data: a generated set, a set written by hand, and clean texts that look alike.

`generated()` makes every disguise of `disguises.py` and `encoders.py` of every kind of value, the
same each time; `handwritten()` and `clean()` read the files beside this one. `measure()` counts
what a finder gets.
"""

from __future__ import annotations

import base64
import json
import random
from collections.abc import Callable, Iterable, Iterator, Sequence
from dataclasses import dataclass
from itertools import product
from pathlib import Path
from typing import Protocol

from tests.benchmarks.redaction import disguises, encoders

DISGUISES: dict[str, tuple[disguises.Disguise, ...]] = {
    "zero-width": (disguises.zero_width, disguises.soft_hyphen, disguises.direction_marks),
    "marks and styles": (disguises.combining_marks, disguises.styled_letters),
    "full-width": (disguises.full_width,),
    "look-alike": (disguises.lookalike, disguises.confused_digits),
    "digits and dashes": (disguises.foreign_digits, disguises.odd_dashes),
    "at-dot": (disguises.at_dot,),
    "spaced": (disguises.spaced, disguises.emoji_between),
    "separators": (disguises.odd_separators,),
    "split lines": (disguises.split_lines,),
    "html": (encoders.html_decimal, encoders.html_hex, encoders.html_named, encoders.tags),
    "percent": (encoders.percent, encoders.percent_twice),
    "json-escape": (encoders.json_escape, encoders.hex_escape, encoders.json_dump),
    "base64": (encoders.base_64, encoders.base_64_url, encoders.base_32),
    "hex": (encoders.hexadecimal,),
    "quoted-printable": (encoders.quoted_printable,),
    "digit-words": (disguises.digit_words, disguises.half_words),
    "nested": (encoders.nested, encoders.entities_in_percent),
}
HERE = Path(__file__).parent
SEED = 20_260
EACH, _ROUNDS = 20, 20  # cases of each disguise, and how often all kinds are tried for them
# Kinds of a finding that count for a kind of case beside its own: a phone found as an account
# number is hidden just the same, and the figures by kind are measured elsewhere.
_PERSONAL = frozenset(
    {"PERSON", "LOCATION", "ORGANIZATION"}
)  # not these: a guess that hits is luck
CARRIERS = (
    "{v}",
    "Please write it down: {v}. Thanks!",
    "ok so here it is {v} let me know",
    "As discussed with support on Monday, {v} is what we have on file.",
    "{v}\n\nSent from my phone",
    "2024-03-01T10:22:31Z INFO intake.form value={v} status=200",
    "Hi all,\n\nI have moved. New details: {v}\n\nBest regards",
    '<td class="cell">{v}</td>',
    "(see {v})",
    "I can be found under {v} most of the day, otherwise leave a message",
    "row 17 | {v} | pending",
    'He said "{v}" and hung up.',
)
_LABELS = {
    "EMAIL": ("my mail is {v}", "contact: {v}", "E-Mail {v}"),
    "PHONE": ("call me on {v}", "my phone number is {v}", "Tel. {v}", "reach me at {v} (mobile)"),
    "CARD": ("card number {v}", "paid with {v}", "my visa is {v}"),
    "IBAN": ("IBAN {v}", "transfer it to {v} please", "account {v}"),
    "SSN": ("my SSN is {v}", "social security number {v}", "ssn: {v}"),
    "IP": ("logged in from {v} yesterday", "the server answers on {v} only", "client_ip {v}"),
    "MAC": ("mac address {v}", "device {v} joined", "hwaddr {v}"),
    "SECRET": ("aws_access_key_id {v}", "the key is {v}", "export KEY {v}"),
    "JWT": ("Authorization: Bearer {v}", "token {v}", "session {v} expired"),
    "URL": ("connect to {v}", "DATABASE {v}", "use {v} for now"),
    "PASSPORT": ("passport number {v}", "my passport no. is {v}", "Passport: {v}"),
    "DATE_OF_BIRTH": ("born on {v}", "my date of birth is {v}", "DOB: {v}"),
}
_NEEDS_ITS_WORD = frozenset({"PHONE", "SSN", "PASSPORT", "DATE_OF_BIRTH", "MAC"})


class Found(Protocol):
    """What a finder returns: `tasks.redaction.findings.Finding` is one."""

    @property
    def kind(self) -> str: ...
    @property
    def start(self) -> int: ...
    @property
    def end(self) -> int: ...


@dataclass(frozen=True, slots=True)
class Evasion:
    """One disguised value: characters `start` to `end` of `text`."""

    id: str
    text: str
    kind: str
    start: int
    end: int
    trick: str


def generated(seed: int = SEED) -> list[Evasion]:
    """Return the generated cases; the same ones for the same seed."""
    random_ = random.Random(seed)
    cases: list[Evasion] = []
    for trick, ways in DISGUISES.items():
        for disguise in ways:
            own: list[Evasion] = []
            for _, kind in product(range(_ROUNDS), _LABELS):
                value = disguise(_value(kind, random_), kind, random_)
                if value is not None and len(own) < EACH:
                    number = f"{disguise.__name__}-{len(own) + 1}"
                    own.append(_case(number, kind, value, trick, random_))
            cases += own
    return cases


def handwritten() -> list[Evasion]:
    """Return the cases written by hand."""
    lines = (HERE / "evasions_handwritten.jsonl").read_text("utf-8").splitlines()
    return [Evasion(**json.loads(line)) for line in lines]


def clean() -> list[str]:
    """Return texts that look like disguises and hold nothing personal."""
    lines = (HERE / "evasions_clean.jsonl").read_text("utf-8").splitlines()
    return [json.loads(line)["text"] for line in lines]


def measure(
    find: Callable[[str], Sequence[Found]], cases: Iterable[Evasion]
) -> dict[str, tuple[int, int]]:
    """Return, by trick, how many cases are found and how many there are."""
    scores: dict[str, tuple[int, int]] = {}
    for case in cases:
        found, total = scores.get(case.trick, (0, 0))
        scores[case.trick] = (found + is_found(find, case), total + 1)
    return scores


def is_found(find: Callable[[str], Sequence[Found]], case: Evasion) -> bool:
    """Tell whether a finding of a fitting kind overlaps the disguised value."""
    return any(
        one.start < case.end and case.start < one.end and one.kind not in _PERSONAL
        for one in find(case.text)
    )


def false_alarms(find: Callable[[str], Sequence[Found]], texts: Iterable[str]) -> tuple[int, int]:
    """Return how many findings there are in clean texts, and how many words these have."""
    listed = list(texts)
    return sum(len(find(text)) for text in listed), sum(len(text.split()) for text in listed)


def _case(number: str, kind: str, value: str, trick: str, random_: random.Random) -> Evasion:
    labels: tuple[str, ...] = _LABELS[kind]
    carrier = random_.choice(labels if kind in _NEEDS_ITS_WORD else (*labels, *CARRIERS))
    if kind in _NEEDS_ITS_WORD and random_.random() < 0.5:
        carrier = random_.choice(CARRIERS).replace("{v}", carrier)
    start = carrier.index("{v}")
    text = carrier.replace("{v}", value)
    return Evasion(
        number, text, "SECRET" if kind == "JWT" else kind, start, start + len(value), trick
    )


def _value(kind: str, random_: random.Random) -> str:
    return next(_values(kind, random_))


def _digits(random_: random.Random, count: int) -> str:
    return "".join(random_.choices("0123456789", k=count))


def _values(kind: str, random_: random.Random) -> Iterator[str]:
    """Yield one value of a kind, valid where that can be checked."""
    pick = random_.choice
    if kind == "EMAIL":
        user = pick(("maria.keller", "tom_w", "j.okafor", "li-wei", "sara99", "nils.berg"))
        yield f"{user}@{pick(('example.com', 'posteo.de', 'mail.example.org', 'uni.ac.uk'))}"
    elif kind == "PHONE":
        area, office, line, pair = (_digits(random_, count) for count in (2, 2, 4, 2))
        local = f"{pick('23456789')}{area}-{pick('23456789')}{office}-{line}"
        swiss = f"+41 7{pick('6789')} {pick('23456789')}{area} {office} {pair}"
        yield pick((local, swiss, f"+1 {local.replace('-', ' ')}"))
    elif kind == "CARD":
        whole = _luhn(pick(("4", "51", "5412", "6011")), 16, random_)
        gap = pick((" ", "-"))
        yield gap.join(whole[n : n + 4] for n in range(0, 16, 4))
    elif kind == "IBAN":
        whole = _iban(*pick((("DE", 18), ("CH", 17), ("FR", 23), ("NL", 10))), random_)
        yield " ".join(whole[n : n + 4] for n in range(0, len(whole), 4))
    elif kind == "SSN":
        yield f"{random_.randint(101, 665)}-{random_.randint(10, 99)}-{random_.randint(1000, 9999)}"
    elif kind == "IP":
        yield ".".join(str(random_.randint(11, 250)) for _ in range(4))
    elif kind == "MAC":
        yield ":".join(f"{random_.randrange(256):02X}" for _ in range(6))
    elif kind == "PASSPORT":
        yield pick("CXKP") + _digits(random_, 8)
    elif kind == "DATE_OF_BIRTH":
        year, month, day = (random_.randint(*ends) for ends in ((1940, 2009), (1, 12), (1, 28)))
        yield pick((f"{year}-{month:02}-{day:02}", f"{day:02}/{month:02}/{year}"))
    else:
        yield _secret(kind, random_)


def _secret(kind: str, random_: random.Random) -> str:
    if kind == "SECRET":
        return "AKIA" + "".join(random_.choices("ABCDEFGHIJKLMNOPQRSTUVWXYZ234567", k=16))
    if kind == "JWT":
        parts = [{"alg": "HS256", "typ": "JWT"}, {"sub": _digits(random_, 10)}]
        packed = [
            base64.urlsafe_b64encode(json.dumps(one).encode()).decode().rstrip("=") for one in parts
        ]
        signed = base64.urlsafe_b64encode(random_.randbytes(32)).decode().rstrip("=")
        return ".".join([*packed, signed])
    word = "".join(random_.choices("abcdefghkmnpqrstuvwxyz23456789", k=12))
    return f"{random_.choice(('postgres', 'https', 'amqp'))}://app:{word}@db.example.com/main"


def _luhn(start: str, length: int, random_: random.Random) -> str:
    body = start + _digits(random_, length - len(start) - 1)
    total = 0
    for n, digit in enumerate(reversed(body)):
        doubled = int(digit) * (2 - n % 2)
        total += doubled - 9 * (doubled > 9)
    return body + str(-total % 10)


def _iban(country: str, length: int, random_: random.Random) -> str:
    body = ("ABNA" if country == "NL" else "") + _digits(random_, length)
    numbers = "".join(str(int(sign, 36)) for sign in body + country + "00")
    return f"{country}{98 - int(numbers) % 97:02}{body}"
