"""Detectors of addresses on the net: e-mail, web addresses with credentials, IP, MAC, handles."""

from __future__ import annotations

import re

from tasks.redaction.forms.contact.handles import HANDLES
from tasks.redaction.forms.contact.network import NETWORK
from tasks.redaction.matching.scanner import Detector
from tasks.redaction.patterns import compiled

_LOCAL = r"[\w.+%&'’~=-]"
_RARE = r"[\w!#$%&+^~][\w.!#$%&'*+/=?^`{|}~-]"  # RFC 5322 allows these; text seldom means them
_DOMAIN = r"(?:[\w-]{1,63}+\.){1,10}(?:xn--[\w-]{2,59}|[^\W\d_]{2,24})(?![^\W_])"
_EMAIL = compiled(
    rf"(?i)(?:(?<!{_LOCAL})(?:[\w-]{{1,30}}=|['’]{{1,2}})?+(?=[\w+&~-]{_LOCAL}{{0,127}}+@)|(?<![^\s<(:])|(?<![\w\"])(?=\"))"
    rf"(?P<value>(?:{_LOCAL}{{1,128}}+|{_RARE}{{0,63}}+|\"[^\"\n\\]{{1,64}}+\")"
    rf"@(?:{_DOMAIN}|\[(?:IPv6:)?[0-9a-f.:]{{7,45}}\]))"
)
_MAILTO = compiled(
    rf"(?i)(?<![a-z])mailto:\s?(?P<value>{_LOCAL}{{1,64}}+@[\w-]{{1,63}}+)(?![\w.@])"
)
_IMAGE = compiled(r"(?i)@[1-9](?:\.5)?x(?:[.~-]|$)|\.utf$")  # icon@2x.png, sd_IN@deva.UTF-8
_REMOTE = compiled(r"(?:git|hg|svn)@")  # git@host.example:project, a login of nobody


def _is_email(match: re.Match[str]) -> bool:
    value = match["value"]
    at = value.rindex("@")
    behind = match.string[match.end() : match.end() + 1]
    if _REMOTE.match(value) and behind in {":", "/"}:
        return False
    local = value[:at]
    filled = "${" not in local and set(local) - set("*._-")  # ${USER}@host is to be filled in
    return bool(filled) and not _IMAGE.search(value, at)


EMAIL = Detector(
    kind="EMAIL",
    name="e-mail",
    trigger=r"@",
    pattern=_EMAIL,
    score=0.95,
    before=140,
    after=260,
    check=_is_email,
)
MAILTO = Detector(
    kind="EMAIL",
    name="mailto",
    trigger=r"mailto:[^@]{1,64}@",
    pattern=_MAILTO,
    score=0.9,
    before=75,
    after=70,
)

_TELLING = (
    r"[\w.\-\[\]]{0,30}(?:token|secret|passw(?:or)?d|passwd|pwd|passphrase|api_?key|apikey|api-key|"
    r"access_?key|access-key|auth|authorization|credentials?|signature|session_?id|sessionid|"
    r"session|ticket|jwt|otp|pin|private_?key)|sid|sig|pass|key|code|nonce|assertion|invite|hash|"
    r"x-amz-signature|x-goog-signature|phpsessid|jsessionid"
)
_PLAIN_NAMES = frozenset({"key", "code", "hash", "nonce", "pin", "ticket", "invite", "session"})
_PARAMETER = compiled(rf"(?i)[?&#;](?P<name>{_TELLING})=(?P<secret>[^&#;\s\"'<>]+)")
_USERINFO = compiled(
    r"(?i)^(?:jdbc:)?[a-z][a-z0-9+.-]*://(?P<user>[^\s/?#@:]*)(?::(?P<word>[^\s/?#]*))?@"
)
_TEMPLATE = compiled(r"[<>{}$]|%[sd(]|^\*+$|^[xX.]+$|\.\.\.|^(?i:your|my)[_-]|^[A-Z]+(?:_[A-Z]+)+$")
_NOBODY = frozenset({"git", "hg", "svn", "anonymous", "ftp"})
# Behind a comma a comma ends it: that is a table's column.
_URL = compiled(
    r"(?i)(?<![a-z0-9])(?P<column>(?<=,))?(?:jdbc:|git\+)?[a-z][a-z0-9+.-]{1,20}+://"
    r"(?(column)[^\s<>\"'`\\|,]{0,4000}|[^\s<>\"'`\\|]{0,4000})[^\s<>\"'`\\|.,;:!?)\]}]"
)


def _has_credentials(match: re.Match[str]) -> bool:
    url = match[0]
    if (login := _USERINFO.match(url)) is not None:
        word = login["word"]
        if word and not _TEMPLATE.search(word):
            return True
        user = login["user"].lower()
        if word is None and user and user not in _NOBODY and not _TEMPLATE.search(user):
            return True
    return any(map(_is_secret, _PARAMETER.finditer(url)))


def _is_secret(parameter: re.Match[str]) -> bool:
    secret, name = parameter["secret"], parameter["name"].lower()
    if _TEMPLATE.search(secret) or len(secret) < 4:
        return False
    if name in _PLAIN_NAMES:  # ?key=title is no secret, ?key=AIza0Sy12 is
        return len(secret) >= 8 and any(map(str.isdigit, secret)) and any(map(str.isalpha, secret))
    return True


URL = Detector(
    kind="URL",
    name="web address with credentials",
    trigger=r"://[^\s/?#@<>]{1,256}@"
    rf"|[?&#;](?:{_TELLING.replace('0,30', '0,20')})=[^\s]",
    pattern=_URL,
    score=0.97,
    before=600,
    after=4000,
    check=_has_credentials,
)
CONTACTS = (EMAIL, MAILTO, URL, *NETWORK, *HANDLES)
