"""Clean technical text, and how often a finder of personal data is alarmed by it.

Three sources, none of which holds a person: lines generated from templates (a seed makes them the
same each time), lines written by hand (`technical.txt`), and the standard library of the Python
that runs this, without the files that hold addresses on purpose (authors' e-mails, examples of
IP addresses). The issue allows one false alarm per 10,000 words.

    python tests/benchmarks/redaction/technical.py
"""

from __future__ import annotations

import random
import re
import sysconfig
import tokenize
from collections import Counter
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Protocol

HANDWRITTEN = Path(__file__).with_name("technical.txt")
LIMIT = 1.0  # false alarms per 10,000 words
_WORDS = ("cache", "index", "queue", "worker", "tensor", "socket", "parser", "shard")
_HEX = "0123456789abcdef"
_ADDRESS_ON_PURPOSE = re.compile(r"\w@\w[\w-]*\.\w")
_EXAMPLE_FILES = frozenset({"ipaddress.py", "uuid.py", "socket.py", "request.py", "parse.py"})
_LAYOUT = frozenset(
    {tokenize.NL, tokenize.NEWLINE, tokenize.INDENT, tokenize.DEDENT, tokenize.COMMENT}
)
_EXAMPLE_FOLDERS = frozenset({"site-packages", "test", "tests", "encodings", "lib2to3", "idlelib"})


class Found(Protocol):
    """What a finder returns: `tasks.redaction.findings.Finding` is one."""

    @property
    def kind(self) -> str: ...
    @property
    def start(self) -> int: ...
    @property
    def end(self) -> int: ...
    @property
    def detector(self) -> str: ...


Find = Callable[[str], Sequence[Found]]


def _digits(chance: random.Random, count: int) -> str:
    return "".join(chance.choices("0123456789", k=count))


def _hex(chance: random.Random, count: int) -> str:
    return "".join(chance.choices(_HEX, k=count))


def _uuid(chance: random.Random) -> str:
    return "-".join(_hex(chance, count) for count in (8, 4, 4, 4, 12))


def _version(chance: random.Random) -> str:
    parts = [str(chance.randrange(30)) for _ in range(chance.choice((2, 3, 3, 4)))]
    return ".".join(parts) + chance.choice(("", "", "-rc1", "b2", ".post1", "+cu121"))


def _time(chance: random.Random) -> str:
    day = (
        f"20{chance.randrange(10, 30)}-{chance.randrange(1, 13):02d}-{chance.randrange(1, 29):02d}"
    )
    clock = f"{chance.randrange(24):02d}:{chance.randrange(60):02d}:{chance.randrange(60):02d}"
    return chance.choice(
        (f"{day}T{clock}Z", f"{day} {clock},{_digits(chance, 3)}", f"{day} {clock}")
    )


def _part(chance: random.Random) -> str:
    letters = "".join(chance.choices("ABCDEFGHKLMNPRSTX", k=chance.randrange(2, 4)))
    return f"{letters}-{_digits(chance, 4)}-{_digits(chance, chance.randrange(2, 5))}"


def _isbn(chance: random.Random) -> str:
    return (
        f"978-{chance.randrange(10)}-{_digits(chance, 4)}-{_digits(chance, 4)}-{_digits(chance, 1)}"
    )


def _tracking(chance: random.Random) -> str:
    return chance.choice((
        "1Z" + _hex(chance, 16).upper(),
        _digits(chance, 12),
        " ".join(["9400", *(_digits(chance, 4) for _ in range(4)), "00"]),
        f"RR{_digits(chance, 9)}DE",
    ))  # fmt: skip


def _price(chance: random.Random) -> str:
    whole = f"{chance.randrange(1, 5_000_000):,}"
    return chance.choice(
        (f"${whole}.{_digits(chance, 2)}", f"{whole} EUR", f"€{whole}", f"{whole} USD")
    )


_BLANKS: dict[str, Callable[[random.Random], str]] = {
    "version": _version,
    "sha1": lambda chance: _hex(chance, 40),
    "sha256": lambda chance: _hex(chance, 64),
    "md5": lambda chance: _hex(chance, 32),
    "short": lambda chance: _hex(chance, 8),
    "uuid": _uuid,
    "time": _time,
    "epoch": lambda chance: str(chance.randrange(1_500_000_000, 1_800_000_000)),
    "millis": lambda chance: str(chance.randrange(1_500_000_000_000, 1_800_000_000_000)),
    "order": lambda chance: _digits(chance, chance.randrange(6, 13)),
    "part": _part,
    "isbn": _isbn,
    "tracking": _tracking,
    "price": _price,
    "small": lambda chance: str(chance.randrange(1, 1000)),
    "big": lambda chance: str(chance.randrange(10**5, 10**8)),
    "float": lambda chance: f"{chance.uniform(-1000, 1000):.{chance.randrange(1, 9)}f}",
    "word": lambda chance: chance.choice(_WORDS),
}  # fmt: skip
_TEMPLATES = (
    "{time} INFO {word}: request {uuid} took {small} ms and wrote {big} bytes",
    "{time} [{small}] WARN {word}-{small} retry {small} of 5, trace id {md5}",
    "{time} ERROR {word} failed with code {small} at offset 0x{short} after {float} s",
    "Upgrade {word} from {version} to {version}; see the changelog of version {version}.",
    "pip install {word}=={version} and then check that the digest is sha256:{sha256}",
    "commit {sha1} fixes issue #{small} in release {version} of the {word}",
    "Order {order} holds {small} pieces of part {part} at {price} each.",
    "Your order number {order} ships with tracking number {tracking} within {small} days.",
    "Invoice no. {order}: {small} x {price} = {price}, due in 30 days.",
    "The book with ISBN {isbn} has {small} pages and costs {price}.",
    "for i in range({small}): total += {word}[i] * {float}  # about {big} steps",
    "def {word}_{small}(size: int = {big}) -> float: return size / {float}",
    "x = {float} + {float} * {small} ** 2 - {big} / {small}",
    "The sum of {big} and {big} is more than {small} times {float}.",
    "{epoch} {word}_count{{shard=\"{small}\"}} {float}",
    "\"created_at\": {millis}, \"id\": \"{uuid}\", \"size\": {big}, \"checksum\": \"{md5}\"",
    "GET /api/v{small}/{word}/{uuid}?page={small}&limit={small}&sort=name HTTP/1.1 200 {big}",
    "epoch {small}/{small} loss {float} lr {float} tokens/s {big} step {big}",
    "serial number {part}, firmware {version}, built {time}, batch {order}",
    "docker pull registry/{word}:{version}@sha256:{sha256}",
    "Section {small}.{small} of the manual explains why {word} {version} needs {small} GB.",
    "Model {part} replaces {part}; both weigh {float} kg and cost {price}.",
    "https://example.com/{word}/{order}?ref={short}&page={small} answered in {small} ms",
    "ETag: \"{md5}-{small}\" Content-Length: {big} Age: {small}",
    "[{small}, {small}, {small}, {big}, {float}, {float}]",
    "  {small}: {float} {float} {float} {big} {big}",
)  # fmt: skip


def generated(count: int = 3000, seed: int = 11) -> Iterator[str]:
    """Yield lines made from the templates."""
    chance = random.Random(seed)
    for _ in range(count):
        template = chance.choice(_TEMPLATES)
        line = re.sub(r"\{(\w+)\}", lambda m: _BLANKS[m[1]](chance), template)
        yield line.replace("{{", "{").replace("}}", "}")


def handwritten() -> list[str]:
    """Return the lines written by hand, without comments."""
    lines = HANDWRITTEN.read_text(encoding="utf-8").splitlines()
    return [line for line in lines if line.strip() and not line.startswith("# ")]


def library_code(words: int = 120_000) -> Iterator[str]:
    """Yield source files of the standard library, by name, until there are so many words."""
    root = Path(sysconfig.get_paths()["stdlib"])
    seen = 0
    for path in sorted(root.rglob("*.py")):
        if _EXAMPLE_FOLDERS.intersection(path.parts) or path.name in _EXAMPLE_FILES:
            continue
        text = path.read_text(encoding="utf-8", errors="replace")
        if _ADDRESS_ON_PURPOSE.search(text):
            continue
        text = without_remarks(text)
        yield text
        seen += len(text.split())
        if seen >= words:
            return


def without_remarks(source: str) -> str:
    """Return Python code without comments and docstrings: those name the people who wrote it."""
    lines = source.splitlines(keepends=True)
    cuts: list[tuple[tuple[int, int], tuple[int, int]]] = []
    opens = True  # a string here is a statement by itself
    for token in tokenize.generate_tokens(iter(lines).__next__):
        if token.type == tokenize.COMMENT or (token.type == tokenize.STRING and opens):
            cuts.append((token.start, token.end))
        if token.type not in _LAYOUT:
            opens = False
        elif token.type != tokenize.NL:
            opens = True
    for (first, left), (last, right) in reversed(cuts):
        lines[first - 1 : last] = [lines[first - 1][:left] + lines[last - 1][right:]]
    return "".join(lines)


@dataclass
class Alarms:
    """False alarms in one source of text; `examples` hold nobody's data."""

    words: int = 0
    by_detector: Counter[str] = field(default_factory=Counter[str])
    examples: list[str] = field(default_factory=list[str])

    @property
    def rate(self) -> float:
        """False alarms per 10,000 words."""
        return self.by_detector.total() / max(self.words, 1) * 10_000


def measure(find: Find) -> dict[str, Alarms]:
    """Return the false alarms of a finder by source, and in `all` of them together."""
    sources = {"generated": generated(), "by hand": handwritten(), "library": library_code()}
    rates: dict[str, Alarms] = {"all": Alarms()}
    for name, texts in sources.items():
        rates[name] = Alarms()
        for text in texts:
            found = find(text)
            for alarms in (rates[name], rates["all"]):
                alarms.words += len(text.split())
                alarms.by_detector.update(f"{one.kind} {one.detector}" for one in found)
            rates[name].examples += [f"{one.kind}: {text[one.start : one.end]}" for one in found]
    return rates


def main() -> int:
    """Print the rate of the pattern detectors; fail where it is over the limit."""
    from tasks.redaction.forms.contact.contacts import CONTACTS
    from tasks.redaction.forms.contact.phones import PHONES
    from tasks.redaction.forms.numbers.birth_dates import BIRTH_DATES
    from tasks.redaction.forms.numbers.identifiers import IDENTIFIERS
    from tasks.redaction.forms.numbers.licences import LICENCES
    from tasks.redaction.forms.places.addresses import ADDRESSES
    from tasks.redaction.forms.secrets.secrets import SECRETS
    from tasks.redaction.matching.scanner import Scanner

    groups = (CONTACTS, IDENTIFIERS, SECRETS, PHONES, BIRTH_DATES, LICENCES, ADDRESSES)
    rates = measure(Scanner([one for group in groups for one in group]).find)
    for name, alarms in rates.items():
        print(f"{name:10} {alarms.words:8,} words {alarms.by_detector.total():4} alarms", end=" ")
        print(f"{alarms.rate:6.2f} per 10,000  {dict(alarms.by_detector)}")
        for example in alarms.examples[:20]:
            print(f"           {example}")
    return int(rates["all"].rate > LIMIT)


if __name__ == "__main__":
    raise SystemExit(main())
