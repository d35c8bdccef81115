"""Detectors of network addresses: IPv4, IPv6 and MAC.

Addresses that mean no machine in particular (loopback, "any", masks, broadcast) stay.
"""

from __future__ import annotations

import re
from ipaddress import IPv6Address

from tasks.redaction.matching.scanner import Detector
from tasks.redaction.patterns import compiled

_OCTET = r"(?:25[0-5]|2[0-4][0-9]|1[0-9]{2}|[1-9]?[0-9])"
_V4 = rf"{_OCTET}\.{_OCTET}\.{_OCTET}\.{_OCTET}"
_IPV4 = compiled(
    rf"(?<![\w.])(?P<value>{_V4})(?!\w|\.\w{{0,9}}[0-9]|[-+][0-9.]{{0,9}}[a-z]|[-+][0-9]{{1,2}}\b(?!\.))"
)
# What stands before four numbers that are a version or a section, not an address.
_VERSION = compiled(
    r"(?i)(?:(?:\b|_)(?:version|ver|v|release|released|rev|revision|build|firmware|driver|upgrade|"
    r"upgraded|update|updated|patch|sdk|section|chapter|clause|paragraph|article|rfc|oid|"
    r"package|tag|kernel|requires?|release\s+notes|changelog|milestone|schema|edition)\b"
    r"[^\n;!?]{0,25}|[=~<>^!]=\s?|[~^]\s?|[^\W\d_][/_]|[^\W\d]-|§\s?|\bv\.?\s?)$"
)
_ADDRESS_WORD = compiled(
    r"(?i)\b(?:ip(?:v4)?|address(?:es)?|host|hostname|server|client|from|ping|gateway|dns|subnet|"
    r"peer|remote|addr|bind|login|connect(?:ed|ion)?|router|node|ssh|proxy|src|dst)\b[^\n]{0,20}$"
)
_SURE_WORD = compiled(
    r"(?i)\b(?:ip(?:v4)?(?:\s+address)?|host(?:name)?|ping|ssh|gateway|subnet|addr)\W*$"
)
_UPGRADE = compiled(r"(?i)\b(?:upgrade|update|downgrade|versions?\b|releases?\b)[^\n;!?]*$")
_DID_SOMETHING = compiled(
    r"(?i)\s{1,2}(?:logged|connected|tried|attempted|requested|port\b|timed|refused|unreachable|"
    r"- -|(?:is|was)\s(?:my|the|our|his|her|an?|dns|down|up|not|blocked|banned)\b)"
)
_RANGE = compiled(r"(?<![0-9.])[0-9]{1,3}(?:\.[0-9]{1,3}){3}\s?-\Z")
_PORT = compiled(r":[0-9]{2,5}\b|/[0-9]{1,2}\b")
_IPV6_FORM = compiled(
    rf"(?i)(?<![\w:.])(?P<value>(?:[0-9a-f]{{0,4}}:){{2,7}}(?:{_V4}|[0-9a-f]{{0,4}})"
    r"(?:%[\w.-]{1,20})?)(?![\w:])(?!\.[0-9])"
)
_MAC_FORM = compiled(
    r"(?i)(?<![\w:.-])(?P<value>[0-9a-f]{2}(?P<sign>[:-])(?:[0-9a-f]{2}(?P=sign)){4}[0-9a-f]{2}"
    r"(?:(?P=sign)[0-9a-f]{2}(?P=sign)[0-9a-f]{2})?|[0-9a-f]{4}\.[0-9a-f]{4}\.[0-9a-f]{4})"
    r"(?![\w]|[:-][0-9a-f]|\.[0-9a-f])"
)
_MAC_WORD = compiled(
    r"(?i)\b(?:mac|ethernet|hardware|hwaddr|bssid|wi-?fi|lladdr|physical|bluetooth|ether|nic)\b"
)
# Well-known groups of machines (ff02::1), and blocks of addresses (fc00::/7).
_GROUP_OR_BLOCK = compiled(r"(?i)ff0[0-9a-f]::|f[c-f][0-9a-f]{2}::(?=/[0-9])")
_HEX_LETTER = compiled(r"(?i)[a-f]")


def _is_ipv4(match: re.Match[str]) -> bool:
    first, *_, last = octets = [int(part) for part in match["value"].split(".")]
    if octets in ([127, 0, 0, 1], [0, 0, 0, 0]) or (first == 255 and last in {0, 255}):
        return False
    start = match.start()
    before = match.string[max(0, start - 18) : start]
    if before.endswith("-") and not _RANGE.search(before):
        return False
    if max(octets) < 50 and len(set(octets)) > 1 and not _stands_as_address(match):
        return first == 10 and not _VERSION.search(match.string, max(0, start - 45), start)
    if max(octets) < 50 and _UPGRADE.search(match.string, max(0, start - 60), start):
        return False
    if not _VERSION.search(match.string, max(0, start - 45), start):
        return True
    return _SURE_WORD.search(match.string, max(0, start - 20), start) is not None


def _stands_as_address(match: re.Match[str]) -> bool:
    """Four small numbers, such as 2.7.2.2, are a version unless something says otherwise."""
    start, end = match.span("value")
    before = match.string[max(0, start - 30) : start]
    return (
        before.endswith(("//", "@", "[", "("))
        or _PORT.match(match.string, end) is not None
        or _ADDRESS_WORD.search(before) is not None
        or _DID_SOMETHING.match(match.string, end) is not None
    )


def _is_ipv6(match: re.Match[str]) -> bool:
    value = match["value"]
    address = value.partition("%")[0]
    groups = [group for group in address.split(":") if group]
    try:
        parsed = IPv6Address(address)
    except ValueError:
        return False
    if parsed.is_loopback or parsed.is_unspecified:
        return False
    if _GROUP_OR_BLOCK.match(match.string, match.start()):
        return False
    if "::" not in address:  # eight times two signs is a fingerprint or a long MAC
        return any(len(group) != 2 for group in groups)
    if "." in address:
        return True
    # f32::abs and a::b are code: an address has figures, and a long first group or many groups.
    figures = any(map(str.isdigit, address))
    return figures and (len(groups) >= 4 or (len(groups[0]) >= 3 and _starts_well(address)))


def _starts_well(address: str) -> bool:
    first = address.partition(":")[0]
    return (
        any(map(str.isdigit, first)) or first.lower()[:2] in {"fe", "fd", "fc", "ff"} or not first
    )


def _is_mac(match: re.Match[str]) -> bool:
    value = match["value"]
    signs = set(value) - set(":-.")
    if len(signs) == 1:  # 00:00:..., ff:ff:...
        return False
    if ":" in value or _HEX_LETTER.search(value):
        return True
    return _MAC_WORD.search(match.string, max(0, match.start() - 40), match.start()) is not None


NETWORK = (
    Detector(
        kind="IP",
        name="IPv4",
        trigger=r"[0-9]\.[0-9]{1,3}\.[0-9]{1,3}\.[0-9]",
        pattern=_IPV4,
        score=0.9,
        before=20,
        after=12,
        check=_is_ipv4,
        needs_digit=True,
    ),
    Detector(
        kind="IP",
        name="IPv6",
        trigger=r"::|:(?:[0-9a-f]{1,4}:){5}[0-9a-f.]",
        pattern=_IPV6_FORM,
        score=0.95,
        before=48,
        after=64,
        check=_is_ipv6,
    ),
    Detector(
        kind="MAC",
        name="MAC",
        trigger=r"[0-9a-f]{2}[:-](?:[0-9a-f]{2}[:-]){4}[0-9a-f]{2}|\b[0-9a-f]{4}\.[0-9a-f]{4}\.[0-9a-f]{4}",
        pattern=_MAC_FORM,
        score=0.95,
        before=24,
        after=14,
        check=_is_mac,
    ),
    Detector(
        kind="MAC",
        name="MAC by its word",
        trigger=r"mac[^0-9a-f]?[^0-9]{0,24}[0-9a-f]{12}\b",
        pattern=compiled(
            r"(?i)\bmac(?:[ _-]?addr(?:ess)?)?\b[^\n0-9]{0,24}(?<![0-9a-f])"
            r"(?P<value>(?=[a-f]*[0-9])[0-9a-f]{12})(?![\w])"
        ),
        score=0.85,
        before=48,
        after=4,
        needs_digit=True,
    ),
)
