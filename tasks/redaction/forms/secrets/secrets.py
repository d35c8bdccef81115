"""Detectors of secrets: private keys, and passwords, keys and tokens behind a word that names them.

Tokens with a mark of their own are in `service_tokens`. Behind a word, a value must look like a
secret: code is full of `token = next(tokens)` and `password: str`, and none of it is one.
"""

from __future__ import annotations

import base64
import binascii
import math
import re
from collections import Counter

from tasks.redaction.forms.secrets.service_tokens import SERVICE_TOKENS
from tasks.redaction.forms.secrets.wallets import WALLET_KEYS
from tasks.redaction.matching.scanner import Detector
from tasks.redaction.patterns import compiled

_WEAK = (
    r"passw(?:or)?d|passwort|contrase(?:ñ|n)a|mots? de passe|passphrase|passcode|passwd|pwd|pass|pw"
)
_STRONG = (
    r"api[_ -]?keys?|access[_ -]?keys?(?:[_ -]?id)?|secret[_ -]?(?:access[_ -]?)?keys?|secrets?|"
    r"private[_ -]?keys?|client[_ -]?secret|(?:access|auth|refresh|bearer|session|id|api|bot|app|"
    r"personal access|security)?[_ -]?tokens?|auth[_ -]?keys?|account[_ -]?key|encryption[_ -]?key|"
    r"signing[_ -]?key|license[_ -]?key|shared[_ -]?access[_ -]?(?:key|signature)|credentials?|"
    r"webhook[_ -]?secret|recovery[_ -]?(?:code|key)|storage[_ -]?key|master[_ -]?key|auth"
)
_BEHIND_WORD = compiled(
    rf"(?i)(?<![a-z])(?:[\w.-]{{0,40}}[_.-])?(?:(?P<weak>{_WEAK})|(?P<strong>{_STRONG}))(?:[_-]?\d)?"
    r"(?P<between>(?:[\"'\]])?\s{0,3}(?:(?P<sign>:-|[:=]|=>|:=)|(?P<verb>(?:\s?\([^()\n]{1,30}\)\s?)?"
    r"(?:is|was|are|to|es|ist|est)(?:\s*:)?\s))\s{0,3})"
    r"(?P<quote>\\?[\"'`“‘])?+(?P<value>(?(quote)[^\"'`”’\n\\]{4,300}+|"
    r"[^\s\"'`<>,;|]{3,300}[^\s\"'`<>,;|.:)\]}]))"
)
_TRIGGER = (
    r"(?:passw|pwd|passphrase|passcode|contrase|mots? de passe|\bpass\b|\bpw\b|secret|api[_ -]?key|"
    r"access[_ -]?key|private[_ -]?key|auth[_ -]?key|account[_ -]?key|encryption[_ -]?key|"
    r"credential|signing[_ -]?key|license[_ -]?key|token|recovery[_ -]?(?:code|key)|"
    r"storage[_ -]?key|master[_ -]?key|\bauth\b|access[_ -]?signature)"
    r"[^\n:=]{0,34}(?:[:=]| is | was | are | to | es | ist | est )[^\n]"
)
_NOT_A_VALUE = compiled(
    r"(?i)^(?:\$|%|<|\{|\[|\(|[a-z][0-9]?\}|\.{2,}|\*{2,}|x{4,}|your|my[_-]|insert|enter|change[_-]?this|todo|"
    r"none|null|nil|undefined|true|false|string|str|bytes|int|optional|required|self\.|os\.|env|"
    r"process\.|config\.|settings\.|getenv|input|redacted|hidden|masked|example|placeholder|https?:"
    r"|[a-z.-]+(?:\.\$[\w]+|-\$[0-9])$)"  # "keyword.$0": a grammar's rule
)
_CALL = compiled(
    r"[\w\])]\(|^[A-Za-z_][\w]*(?:\.[A-Za-z_]\w*)+[)\]]*$|\w\[|[)}\]]\.|\(\)|->|==(?!$)|&&"
    r"|^[A-Z][A-Za-z]+\{[0-9a-f]+$|^(?:[a-z]\w*\.)+[A-Z]\w*@[0-9a-f]+$"  # an object, printed
)
_ABOUT = compiled(r"(?i)passw|user|secret|token|field|prompt|login|name|_")  # a name, no value
_ALGORITHM = compiled(r"(?i)(?:sha|md|pbkdf|base|utf|oauth|b?s?crypt|argon|aes|rfc|iso|v\d)")
_PROSE = compiled(
    r"(?i)\b(?:my|the|your|his|her|our|new|old|temporary|default|root|admin|wifi|wi-fi|login|la|mi|tu|su"
    r"|das|mein|dein|ihr|le|mon|votre|het|mijn|uw)\b"
)


def _entropy(value: str) -> float:
    """Return Shannon's entropy in bits a character."""
    counts = Counter(value).values()
    return -sum(count / len(value) * math.log2(count / len(value)) for count in counts)


def _is_value(match: re.Match[str]) -> bool:
    value = match["value"].strip()
    if len(value) < 4 or _NOT_A_VALUE.match(value) or " " in value:
        return False
    if match["quote"] is None and _CALL.search(value):
        return False
    digits, letters = any(map(str.isdigit, value)), any(map(str.isalpha, value))
    if match["weak"] is None:
        return digits and letters and len(value) >= 8 and (_entropy(value) >= 2.8)
    return _is_password(match, value, digits=digits, letters=letters)


def _is_password(match: re.Match[str], value: str, *, digits: bool, letters: bool) -> bool:
    signs = any(not sign.isalnum() and sign not in "_.-/" for sign in value)
    if match["quote"] is not None:
        named = _ABOUT.search(value) or match["weak"].lower() in {"pass", "pw"}
        return digits or signs or match["verb"] is not None or (len(value) >= 8 and not named)
    if match["verb"] is not None:  # "my password is hunter2", not "the password is required"
        said = _PROSE.search(match.string, max(0, match.start() - 30), match.start("between"))
        told = said is not None or ":" in match["between"]
        return (digits or signs) and told and len(value) >= 5
    if digits and not letters and not signs:
        return len(value) >= 6
    return (digits or signs) and len(value) >= 5 and value[0] not in "=+-/&|"


def _is_mixed(match: re.Match[str]) -> bool:
    """Tell a password next to its word from the prose that follows it: "password hunter2horse"."""
    value = match["value"]
    signs = any(not sign.isalnum() and sign not in "_.-/’'" for sign in value)
    digits = sum(map(str.isdigit, value))
    letters = sum(map(str.isalpha, value))
    if _NOT_A_VALUE.match(value) or _ALGORITHM.match(value) or not letters:
        return False
    return digits >= 2 or (signs and digits > 0)


def _is_basic(match: re.Match[str]) -> bool:
    """RFC 7617: name and password with a colon between them."""
    value = match["value"]
    try:
        return b":" in base64.b64decode(value + "=" * (-len(value) % 4), validate=True)
    except (ValueError, binascii.Error):
        return False


_AWS_WORD = compiled(r"(?i)aws|amazon|secret|access.?key|A(?:KIA|SIA)[A-Z2-7]{16}|credential")


def _mixed(match: re.Match[str]) -> bool:
    """Forty signs of base64 with all sorts in them: no SHA-1, no path, no identifier."""
    value = match["value"]
    kinds = (str.isupper, str.islower, str.isdigit)
    if not all(any(map(kind, value)) for kind in kinds) or _entropy(value) < 4.2:
        return False
    text, start, end = match.string, *match.span("value")
    named = _AWS_WORD.search(text, max(0, start - 120), start) or _AWS_WORD.search(
        text, end, end + 60
    )
    return bool(named) or (_entropy(value) >= 4.7 and not value.isalnum())


_KEY_HEAD = r"-----BEGIN [A-Z0-9 ]{0,40}PRIVATE KEY(?: BLOCK)?-----"
_KEY_BLOCK = compiled(
    rf"{_KEY_HEAD}(?:(?:(?!-----(?:BEGIN|END))[\s\S]){{0,20000}}+"
    r"-----END [A-Z0-9 ]{0,40}KEY[A-Z ]{0,6}-----"
    r"|(?:(?:\s|\\[rn])*+[A-Za-z0-9+/=]{16,}+){1,400})"  # cut off
)
_KEY_BODY = compiled(r"[A-Za-z0-9+/]{16}")
SECRETS = (
    *SERVICE_TOKENS,
    *WALLET_KEYS,
    Detector(
        kind="SECRET",
        name="private key",
        trigger=r"-----begin [a-z0-9 ]{0,40}private key",
        pattern=_KEY_BLOCK,
        score=0.99,
        before=70,
        after=20100,
        check=lambda match: _KEY_BODY.search(match[0]) is not None,
    ),
    Detector(
        kind="SECRET",
        name="PuTTY private key",
        trigger=r"private-lines:|ppk-",
        pattern=compiled(r"Private-Lines: \d{1,3}(?:\r?\n[A-Za-z0-9+/=]{1,80}){1,200}"),
        score=0.99,
        before=16,
        after=16000,
    ),
    Detector(
        kind="SECRET",
        name="secret behind its word",
        trigger=_TRIGGER,
        pattern=_BEHIND_WORD,
        score=0.8,
        before=110,
        after=340,
        check=_is_value,
    ),
    Detector(
        kind="SECRET",
        name="password next to its word",
        trigger=r"(?:password|passwort|wachtwoord|has.o|contrase.{1,2}a) [^ \n]{8}",
        pattern=compiled(
            r"(?i)(?<![\w-])(?:password|passwort|wachtwoord|hasło|contraseña) "
            r"(?P<value>[^\s\"'`<>,;|:=()\[\]{}]{7,60}[^\s\"'`<>,;|:=()\[\]{}.!?])(?![\w(])"
        ),
        score=0.8,
        before=20,
        after=64,
        check=_is_mixed,
    ),
    Detector(
        kind="SECRET",
        name="password of a command",
        trigger=r"\b(?:mysql|mysqldump|mysqladmin|mariadb|sshpass|(?:docker|podman|az) login)\s",
        pattern=compiled(
            r"(?:(?:mysql|mysqldump|mysqladmin|mariadb|sshpass)\b[^\n|;]{0,80}? -p"
            r"|(?:docker|podman|az) login\b[^\n|;]{0,120}? (?:-p[ =]?|--password[ =]))"
            r"(?P<quote>[\"'])?(?P<value>(?(quote)[^\"'\n]{4,100}|[^\s\"'$|;&<>]{4,100}))"
        ),
        score=0.85,
        before=20,
        after=240,
    ),
    Detector(
        kind="SECRET",
        name="bearer token",
        trigger=r"\bbearer\s{1,3}[a-z0-9._~+/-]{12}",
        pattern=compiled(
            r"(?i)(?<![a-z])bearer\s{1,3}(?P<value>(?=[a-z._~+/-]*[0-9])[a-z0-9._~+/-]{12,2000}+=*)"
        ),
        score=0.9,
        before=24,
        after=2000,
    ),
    Detector(
        kind="SECRET",
        name="basic credentials",
        trigger=r"\bbasic\s[a-z0-9+/]{8}",
        pattern=compiled(r"(?i)(?<![a-z])basic\s(?P<value>[a-z0-9+/]{8,300}+={0,2})"),
        score=0.9,
        before=20,
        after=310,
        check=_is_basic,
    ),
    Detector(
        kind="SECRET",
        name="AWS secret key",
        trigger=r"(?:[^a-z0-9+/=]|^)[a-z0-9+/]{40}(?:[^a-z0-9+/=]|\z)",
        pattern=compiled(r"(?<![A-Za-z0-9+/_-])(?P<value>[A-Za-z0-9+/]{40})(?![A-Za-z0-9+/=_-])"),
        score=0.85,
        before=45,
        after=2,
        check=_mixed,
    ),
)
