"""Detectors of crypto-currency addresses: by checksum, or by form near a word for them."""

from __future__ import annotations

import re

from tasks.redaction.forms.secrets.wallet_checks import RIPPLE, base58check, bech32, eip_55, strkey
from tasks.redaction.matching.scanner import Detector
from tasks.redaction.patterns import compiled

_WORD = compiled(
    r"(?i)(?<![a-z])(?:crypto\w*|bitcoins?|btc|wallets?|ethereum|ether|eth|erc-?20|litecoin|ltc|"
    r"solana|sol|phantom|monero|xmr|tron|trx|usdt|usdc|tether|ripple|xrp|doge(?:coin)?|zcash|zec|"
    r"dash|cardano|ada|stellar|xlm|polkadot|dot|ledger|metamask|coinbase|binance|bnb|nft|"
    r"satoshis?|sats|coins?|donat\w+|tip\s+jar)(?![a-z])"
)
_BASE58 = r"[1-9A-HJ-NP-Za-km-z]"
_PREFIXED = r"bitcoincash:[qp][02-9ac-hj-np-z]{41}"


def _base58(match: re.Match[str]) -> bool:
    address = match[0]
    return base58check(address) or (address[0] == "r" and base58check(address, RIPPLE))


def _varied(match: re.Match[str]) -> bool:
    """Capitals, small letters and figures together: no word, no hash in hexadecimal."""
    address = match["value"]
    kinds = (str.isupper, str.islower, str.isdigit)
    return all(any(map(kind, address)) for kind in kinds)


def _ethereum(match: re.Match[str]) -> bool:
    address = match[0]
    figures = address[2:]
    if len(set(figures)) < 4:  # 0x000...0
        return False
    if figures in {figures.lower(), figures.upper()} or eip_55(address):
        return True
    return _WORD.search(match.string, max(0, match.start() - 80), match.start()) is not None


WALLETS = (
    Detector(
        kind="CRYPTO",
        name="base58 wallet",
        trigger=r"\b[1-39almdrtxn][a-z0-9]{24,35}\b",
        pattern=compiled(rf"(?<![A-Za-z0-9])[1-39ALMDrtTXn]{_BASE58}{{24,35}}(?![A-Za-z0-9])"),
        score=0.99,
        before=40,
        after=2,
        check=_base58,
    ),
    Detector(
        kind="CRYPTO",
        name="bech32 wallet",
        trigger=r"\b(?:bc|tb|bcrt|ltc|tltc|addr|stake|cosmos|osmo|terra|inj|sei|celestia|zs|vtc|dgb)1"
        r"[02-9ac-hj-np-z]{11}",
        pattern=compiled(
            r"(?i)(?<![a-z0-9])(?:bc|tb|bcrt|ltc|tltc|addr|stake|cosmos|osmo|terra|inj|sei|celestia|zs"
            r"|vtc|dgb)1[02-9ac-hj-np-z]{11,110}+(?![a-z0-9])"
        ),
        score=0.99,
        before=24,
        after=112,
        check=lambda match: len(match[0]) >= 36 or bech32(match[0]),
    ),
    Detector(
        kind="CRYPTO",
        name="bitcoin cash wallet",
        trigger=r"bitcoincash:[qp][a-z0-9]{41}",
        pattern=compiled(rf"(?i)(?<![a-z0-9]){_PREFIXED}(?![a-z0-9])"),
        score=0.95,
        after=2,
    ),
    Detector(
        kind="CRYPTO",
        name="ethereum wallet",
        trigger=r"\b0x[0-9a-f]{40}\b",
        pattern=compiled(r"(?<![A-Za-z0-9])0[xX][0-9a-fA-F]{40}(?![A-Za-z0-9])"),
        score=0.95,
        before=44,
        after=2,
        check=_ethereum,
    ),
    Detector(
        kind="CRYPTO",
        name="stellar wallet",
        trigger=r"\bg[a-z2-7]{55}\b",
        pattern=compiled(r"(?<![A-Za-z0-9])G[A-Z2-7]{55}(?![A-Za-z0-9])"),
        score=0.99,
        before=58,
        after=2,
        check=lambda match: strkey(match[0]),
    ),
    Detector(
        kind="CRYPTO",
        name="monero wallet",
        trigger=r"\b[48][0-9ab][a-z0-9]{93}",
        pattern=compiled(
            rf"(?<![A-Za-z0-9])(?P<value>[48][0-9AB]{_BASE58}{{93}}(?:{_BASE58}{{11}})?)(?![A-Za-z0-9])"
        ),
        score=0.95,
        before=98,
        after=14,
        check=_varied,
    ),
    Detector(
        kind="CRYPTO",
        name="wallet by its word",
        trigger=r"\b[a-z0-9]{25,48}\b",
        pattern=compiled(rf"(?<![A-Za-z0-9])(?P<value>{_BASE58}{{25,48}})(?![A-Za-z0-9])"),
        score=0.7,
        before=48,
        after=2,
        check=_varied,
        context=_WORD,
        context_before=60,
        context_after=30,
    ),
)
WALLET_KEYS = (
    Detector(
        kind="SECRET",
        name="wallet's private key",
        trigger=r"\b(?:[5klc9][a-z0-9]{50,51}|[xyzt]prv[a-z0-9]{107})\b",
        pattern=compiled(
            rf"(?<![A-Za-z0-9])(?:[5KLc9]{_BASE58}{{50,51}}|[xyzt]prv{_BASE58}{{107}})(?![A-Za-z0-9])"
        ),
        score=0.99,
        before=112,
        after=2,
        check=_base58,
    ),
)
