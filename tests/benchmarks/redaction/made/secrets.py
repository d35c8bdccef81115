"""Fresh secrets of the forms that services publish: keys, tokens, private keys, URLs with them.

Nothing here was ever given out; each is drawn at random when the benchmark runs.
"""

from __future__ import annotations

import base64
import json
import random
import string
from collections.abc import Callable

Random = random.Random
_SIGNS = string.ascii_letters + string.digits
_URL_SAFE = _SIGNS + "-_"
_SMALL = string.ascii_lowercase + string.digits


def _some(count: int, of: str = _SIGNS, head: str = "", end: str = "") -> Callable[[Random], str]:
    return lambda chance: head + "".join(chance.choices(of, k=count)) + end


def _hex(count: int, head: str = "") -> Callable[[Random], str]:
    return _some(count, "0123456789abcdef", head)


def _packed(data: bytes) -> str:
    return base64.urlsafe_b64encode(data).decode().rstrip("=")


def _slack(chance: Random) -> str:
    numbers = f"{chance.randrange(10**11, 10**13)}-{chance.randrange(10**11, 10**13)}"
    return f"xox{chance.choice('bp')}-{numbers}-{_some(24)(chance)}"


def _hook(chance: Random) -> str:
    parts = (_some(8, string.ascii_uppercase + string.digits, head)(chance) for head in "TB")
    return f"https://hooks.slack.com/services/{'/'.join(parts)}/{_some(24)(chance)}"


def _webhook(chance: Random) -> str:
    number = chance.randrange(10**17, 10**18)
    return f"https://discord.com/api/webhooks/{number}/{_some(68, _URL_SAFE)(chance)}"


def _grid(chance: Random) -> str:
    return f"SG.{_some(22, _URL_SAFE)(chance)}.{_some(43, _URL_SAFE)(chance)}"


def _telegram(chance: Random) -> str:
    return f"{chance.randrange(10**8, 10**10)}:AA{_some(33, _URL_SAFE)(chance)}"


def _fine_grained(chance: Random) -> str:
    return f"github_pat_11{_some(20)(chance)}_{_some(59)(chance)}"


# By service, in the lengths that each publishes or gives.
KEYS: dict[str, Callable[[Random], str]] = {
    "GitHub": _some(36, head="ghp_"),
    "GitHub, app": _some(36, head="ghs_"),
    "GitHub, fine-grained": _fine_grained,
    "GitLab": _some(20, _URL_SAFE, "glpat-"),
    "Slack": _slack,
    "Slack, hook": _hook,
    "Discord, hook": _webhook,
    "Stripe": _some(24, head="sk_" + "live_"),
    "Stripe, restricted": _some(99, head="rk_" + "live_"),
    "Google": _some(35, _URL_SAFE, "AI" + "za"),
    "Google, client": _some(28, _URL_SAFE, "GOCSPX-"),
    "OpenAI": _some(48, head="sk-"),
    "OpenAI, project": _some(156, _URL_SAFE, "sk-proj-"),
    "Anthropic": _some(93, _URL_SAFE, "sk-ant-api03-", "AA"),
    "Hugging Face": _some(34, string.ascii_letters, "hf_"),
    "SendGrid": _grid,
    "Twilio": _hex(32, "SK"),
    "Mailgun": _hex(32, "key-"),
    "Mailchimp": lambda chance: f"{_hex(32)(chance)}-us{chance.randrange(1, 22)}",
    "npm": _some(36, head="npm_"),
    "PyPI": _some(160, _URL_SAFE, "pypi-AgEIcHlwaS5vcmcC"),
    "DigitalOcean": _hex(64, "dop_v1_"),
    "Shopify": _hex(32, "shpat_"),
    "Square": _some(43, _URL_SAFE, "sq0csp-"),
    "Telegram": _telegram,
    "Databricks": _hex(32, "dapi"),
    "Docker": _some(27, _URL_SAFE, "dckr_pat_"),
    "Linear": _some(40, head="lin_api_"),
    "Notion": _some(43, head="secret_"),
    "New Relic": _some(27, string.ascii_uppercase + string.digits, "NRAK-"),
    "Postman": lambda chance: f"PMAK-{_hex(24)(chance)}-{_hex(34)(chance)}",
    "Groq": _some(52, head="gsk_"),
}
# Keys without a mark: what they are called stands before them.
NAMED_KEYS: dict[str, tuple[str, Callable[[Random], str]]] = {
    "Azure storage": ("AccountKey", lambda chance: base64.b64encode(chance.randbytes(64)).decode()),
    "API key": ("api_key", _hex(32)),
    "client secret": ("client_secret", _some(40)),
    "access token": ("access_token", _some(64, _URL_SAFE)),
    "x-api-key": ("x-api-key", _some(32, _SMALL)),
}


def aws_id(chance: Random) -> str:
    """Return an access key's id."""
    return chance.choice(("AKIA", "ASIA")) + _some(16, string.ascii_uppercase + "234567")(chance)


def aws_secret(chance: Random) -> str:
    """Return an access key's secret: forty signs of base64."""
    return base64.b64encode(chance.randbytes(30)).decode()


def jwt(chance: Random) -> str:
    """Return a token of RFC 7519, signed by nobody."""
    head = {"alg": chance.choice(("HS256", "RS256", "ES256")), "typ": "JWT"}
    body = {"sub": str(chance.randrange(10**9)), "iat": chance.randrange(10**9, 2 * 10**9)}
    size = {"HS256": 32, "RS256": 256, "ES256": 64}[head["alg"]]
    parts = [_packed(json.dumps(one).encode()) for one in (head, body)]
    return ".".join([*parts, _packed(chance.randbytes(size))])


def private_key(chance: Random) -> str:
    """Return a block such as OpenSSL, OpenSSH or GnuPG write, of random bytes."""
    kind = chance.choice(("RSA ", "EC ", "OPENSSH ", "", "ENCRYPTED ", "DSA ", "PGP"))
    body = base64.b64encode(chance.randbytes(chance.choice((96, 400, 1200)))).decode()
    lines = [body[n : n + 64] for n in range(0, len(body), 64)]
    if kind == "PGP":
        lines, name = ["", *lines, "=" + body[:4]], "PGP PRIVATE KEY BLOCK"
    else:
        name = f"{kind}PRIVATE KEY"
    return "\n".join([f"-----BEGIN {name}-----", *lines, f"-----END {name}-----"])


def mac(chance: Random) -> str:
    """Return the address of a network card in one of four forms."""
    signs = f"{chance.randrange(1, 256) & 0xFE:02x}" + chance.randbytes(5).hex()
    form = chance.choice((":", "-", ".", ":"))
    size = 4 if form == "." else 2
    signs = form.join(signs[n : n + size] for n in range(0, 12, size))
    return signs.upper() if chance.random() < 0.5 else signs


def url(chance: Random) -> str:
    """Return a web address with a password, a token or a signature in it."""
    word = (
        _some(chance.randrange(8, 20))(chance) + chance.choice("!~-*_") + str(chance.randrange(99))
    )
    name = chance.choice(("app", "deploy", "maria", "svc-backup", "root"))
    host = chance.choice(
        ("db.internal", "repo.example.org", "10.4.7.19:8443", "cache-3.example.com")
    )
    scheme = chance.choice(("https", "postgresql", "mongodb+srv", "redis", "amqp", "ftp", "mysql"))
    token = _some(32)(chance)
    return chance.choice((
        f"{scheme}://{name}:{word}@{host}/main",
        f"{scheme}://{name}:{word}@{host}",
        f"redis://:{word}@{host}/0",
        f"https://oauth2:{token}@{host}/group/project.git",
        f"https://{host}/v1/files?access_token={token}&page=2",
        f"https://{host}/login?user={name}&password={word}",
        f"https://bucket.s3.amazonaws.com/a.csv?X-Amz-Date=20260101T000000Z&X-Amz-Signature={token}",
        f"https://{host}/reset#token={token}",
    ))  # fmt: skip
