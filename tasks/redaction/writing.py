"""What is written in place of each value of one record: placeholders, hashes, masks, surrogates.

Pure functions over strings. Nothing is kept beyond the record, so nothing maps back to a value.
"""

from __future__ import annotations

import hashlib
import hmac
import re
from collections import Counter
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace

from tasks.redaction.findings import Finding
from tasks.redaction.kinds import NAME_KINDS, PLACEHOLDER, value_key
from tasks.redaction.names.word_lists import fold, word_lists
from tasks.redaction.patterns import compiled
from tasks.redaction.surrogates.surrogate import Scope, scope_of, surrogate

_SHOWN = compiled(r"[^\W_]")
_PLAIN_NAME = compiled(r"[^\W\d_]{2,}(?:[ .'’-]{1,2}[^\W\d_]{2,})*")
_NAME = compiled(r"[^\W\d_]+")


@dataclass(frozen=True, slots=True)
class Rules:
    """What becomes of a value: a policy a kind (default: replace), and terms that always stay.

    `consistent` says that the same value gets the same placeholder, or surrogate, in every record.
    """

    policies: Mapping[str, str]
    kept: re.Pattern[str] | None = None
    key: bytes = b""
    consistent: bool = False

    def policy(self, kind: str) -> str:
        """Return what is done with values of a kind."""
        return self.policies.get(kind, "replace")

    @property
    def for_people(self) -> Rules:
        """Return the rules for a text that people look at: placeholders instead of surrogates.

        A surrogate looks like somebody's value; whoever reads should see what was taken out.
        """
        plain = {k: "replace" if p == "surrogate" else p for k, p in self.policies.items()}
        return replace(self, policies=plain)


class Writer:
    """What stands for each value of one record; `surrogates` counts those it wrote, by kind."""

    def __init__(
        self,
        texts: Sequence[str],
        settled: Sequence[Sequence[Finding]],
        rules: Rules,
        subject: str = "",
    ) -> None:
        """Take a record's texts with what goes from each; `subject` says whose the record is."""
        self._rules = rules
        self.surrogates: Counter[str] = Counter()
        self._written: dict[tuple[str, str], str] = {}
        self._drawn: dict[tuple[str, str], str | None] = {}
        self._values = [
            (one.kind, text[one.start : one.end])
            for text, found in zip(texts, settled, strict=True)
            for one in found
        ]
        self._scope: Scope | None = None
        if any(rules.policy(kind) == "surrogate" for kind, _ in self._values):
            salt = "" if rules.consistent else _salt(rules.key, texts)
            self._scope = scope_of(rules.key, salt, subject, self._values)
        self._people = _people(self._values)
        self._taken: Counter[str] = Counter()
        for text in texts:  # a text may hold placeholders of an earlier redaction
            for match in PLACEHOLDER.finditer(text) if "<" in text else ():
                if len(number := match[2]) < 10:
                    self._taken[match[1]] = max(self._taken[match[1]], int(number))

    def instead(self, finding: Finding, value: str) -> str:
        """Return what stands for a value; a placeholder where no surrogate is known for it."""
        kind, policy = finding.kind, self._rules.policy(finding.kind)
        if policy == "mask":
            return _SHOWN.sub("*", value)
        if policy == "surrogate":
            made = self._surrogate(finding, value)
            if made is not None:
                self.surrogates[kind] += 1
                return made
        keyed = policy == "hash"
        same = self._rules.consistent or kind == "PERSON"
        own = self._same(kind, value) if same else value_key(kind, value)
        key = (kind, value_key(kind, value) if keyed else own)
        if key not in self._written:
            hashed = keyed or self._rules.consistent
            self._written[key] = self._hashed(key) if hashed else self._numbered(kind)
        return self._written[key]

    def _surrogate(self, finding: Finding, value: str) -> str | None:
        """Return another value; none for one in disguise, whose shape says nothing of its kind."""
        kind = finding.kind
        plain = kind in NAME_KINDS and _PLAIN_NAME.fullmatch(value)  # the disguise is beside it
        if self._scope is None or ("(" in finding.detector and not plain):
            return None
        if (kind, value) not in self._drawn:
            self._drawn[kind, value] = surrogate(kind, value, self._scope)
        return self._drawn[kind, value]

    def _same(self, kind: str, value: str) -> str:
        """Return what makes values the same one: no accents, no titles.

        A name that is part of one full name of the record is that person's: who is greeted by a
        first name has the placeholder of whoever wrote.
        """
        if kind != "PERSON":
            return " ".join(fold(value).split()) if kind in NAME_KINDS else value_key(kind, value)
        own = _words_of(value)
        whole = [one for one in self._people if set(own) < set(one)]
        return " ".join(whole[0] if len(whole) == 1 else own) or value_key(kind, value)

    def _numbered(self, kind: str) -> str:
        self._taken[kind] += 1
        return f"<{kind}_{self._taken[kind]}>"

    def _hashed(self, key: tuple[str, str]) -> str:
        value = "\0".join(key).encode("utf-8", "replace")
        digest = hmac.new(self._rules.key, value, hashlib.sha256)
        return f"<{key[0]}_{digest.hexdigest()[:16]}>"


def _salt(key: bytes, texts: Sequence[str]) -> str:
    """Return what tells one record's draws from another's: a keyed digest of all it says."""
    whole = "\0".join(texts).encode("utf-8", "replace")
    return hmac.new(key, whole, hashlib.sha256).hexdigest()


def _people(values: Sequence[tuple[str, str]]) -> list[tuple[str, ...]]:
    """Return the full names among values, each once."""
    names = dict.fromkeys(_words_of(value) for kind, value in values if kind == "PERSON")
    return [name for name in names if len(name) > 1]


def _words_of(name: str) -> tuple[str, ...]:
    """Return a name's words, folded, without a title in front and without a possessive."""
    plain = re.sub(r"['’]s$", "", name)
    words = [fold(word) for word in _NAME.findall(plain)]
    titled = len(words) > 1 and words[0] in word_lists().titles
    return tuple(words[1:] if titled else words)
