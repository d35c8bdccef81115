"""The kinds of personal data, and what may be done with a value of one.

Plain dates, years, prices, nationalities, ages and web addresses without credentials are no kind:
taking them out would ruin facts and hides nobody.
"""

from __future__ import annotations

import re
from collections.abc import Mapping
from typing import get_args

from data_contracts import placeholders
from data_contracts.contracts import NO_SURROGATE, PII_KINDS, Policy
from data_contracts.errors import InputError
from tasks.redaction.patterns import compiled

KINDS: tuple[str, ...] = PII_KINDS  # a kind is also the word in its placeholder
NAME_KINDS = frozenset({"PERSON", "LOCATION", "ORGANIZATION"})
POLICIES: tuple[str, ...] = get_args(Policy)
PLACEHOLDER = compiled(rf"<({placeholders.KIND})_({placeholders.NUMBER})>")


def require_policies(policies: Mapping[str, str]) -> None:
    """Raise InputError for a kind or a policy that does not exist."""
    for kind, policy in policies.items():
        if kind not in KINDS or policy not in POLICIES:
            raise InputError(
                f"there is no policy {policy!r} for a kind {kind!r}",
                step="redaction",
                remedy=f"policies are {', '.join(POLICIES)}; kinds are {', '.join(KINDS)}",
            )
        if policy == "surrogate" and kind in NO_SURROGATE:
            raise InputError(
                f"a value of kind {kind} gets no surrogate: a model would learn to write secrets",
                step="redaction",
                remedy="say replace, hash, mask or drop for it",
            )


def value_key(kind: str, value: str) -> str:
    """Return what makes two findings the same value: case, spacing and separators aside."""
    if kind in NAME_KINDS:
        return " ".join(value.casefold().split())
    return re.sub(r"[\s().\-]+", "", value.casefold())
