"""The redactor: finds personal data in the texts of records and takes it out.

The one door for whoever has text that is not redacted: ingestion, the review sample, the inference
log, `paddock redact`. Detectors with a form look at the text and at plainer readings of it
(`decoding`), a names model at what could hold a name. Writes nothing and reaches no network.
Loading the names model takes seconds, so build one redactor and pass it on.
"""

from __future__ import annotations

import hashlib
import re
from collections.abc import Callable, Mapping, Sequence
from dataclasses import replace
from functools import cache
from importlib.metadata import version
from typing import Any

from tasks.redaction.disguises.decoding import all_views
from tasks.redaction.disguises.rewriting import View
from tasks.redaction.findings import Finding, Redacted
from tasks.redaction.forms.contact.contacts import CONTACTS
from tasks.redaction.forms.contact.phones import PHONES
from tasks.redaction.forms.numbers.birth_dates import BIRTH_DATES
from tasks.redaction.forms.numbers.identifiers import IDENTIFIERS
from tasks.redaction.forms.numbers.licences import LICENCES
from tasks.redaction.forms.places.addresses import ADDRESSES
from tasks.redaction.forms.secrets.secrets import SECRETS
from tasks.redaction.kinds import require_policies
from tasks.redaction.matching.scanner import Scanner
from tasks.redaction.matching.triggers import Batch
from tasks.redaction.names.by_language import (
    BETWEEN,
    Names,
    Unread,
    build_names,
    names_by_language_identity,
)
from tasks.redaction.names.finder import Reading
from tasks.redaction.names.model import DEFAULT_NAMES_MODEL
from tasks.redaction.patterns import compiled
from tasks.redaction.placeholders import replace_findings, settle
from tasks.redaction.surrogates.surrogate import SURROGATES
from tasks.redaction.writing import Rules

RULES = 13  # raised when a detector, a reading or the order of findings changes
BATCH = 1024  # texts searched together: each search has its cost
DETECTORS = (*CONTACTS, *IDENTIFIERS, *SECRETS, *PHONES, *BIRTH_DATES, *LICENCES, *ADDRESSES)


class Redactor:
    """Takes personal data out of records; build it with `build_redactor`."""

    def __init__(self, names: Names | None, rules: Rules) -> None:
        self._names, self._rules = names, rules

    def find(self, records: Sequence[Sequence[str]]) -> list[list[list[Finding]]]:
        """Return, for each text of each record, what would be taken out of it."""
        return self._found(records)[0]

    def redact_records(
        self, records: Sequence[Sequence[str]], subjects: Sequence[str] = ()
    ) -> list[Redacted]:
        """Redact several records, each with a numbering of its own; faster than one by one.

        `subjects`, where they are known, say whose each record is: under the policy "surrogate"
        the dates of one of them move by the same days in every record.
        """
        return self._redacted(records, subjects or [""] * len(records), self._rules)

    def _redacted(
        self, records: Sequence[Sequence[str]], subjects: Sequence[str], rules: Rules
    ) -> list[Redacted]:
        every, unread = self._found(records)
        return [
            replace(replace_findings(texts, settled, rules, subject), unread=language)
            for texts, settled, language, subject in zip(
                records, every, unread, subjects, strict=True
            )
        ]

    def _found(
        self, records: Sequence[Sequence[str]]
    ) -> tuple[list[list[list[Finding]]], list[str]]:
        """Return what goes from each text of each record, and the language nobody reads there."""
        found, readings = _forms([BETWEEN.join(texts) for texts in records])
        unread = [""] * len(records)
        if self._names is not None:
            languages = self._names.languages(records)
            unread = [self._names.unread(own) for own in languages]
            _add_names(self._names, records, languages, readings, found)
        settled = [
            settle(texts, _by_text(texts, own), self._rules)
            for texts, own in zip(records, found, strict=True)
        ]
        return settled, unread

    def redact_record(self, texts: Sequence[str]) -> Redacted:
        """Redact the texts of one record, with one numbering."""
        return self.redact_records([texts])[0]

    def redact_text(self, text: str) -> str:
        """Redact one text for people to look at, such as a raw line or a sampled answer.

        What cannot be text is replaced by `?`. A value has a placeholder here where the policy is
        "surrogate": whoever reads must see what was taken out.
        """
        plain = text.replace("\0", "").encode("utf-8", "replace").decode()
        return self._redacted([[plain]], [""], self._rules.for_people)[0].texts[0]


def find_forms(texts: Sequence[str]) -> list[list[Finding]]:
    """Return what has a form (all kinds but names) in each text and in plainer readings of it."""
    found: list[list[Finding]] = []
    for start in range(0, len(texts), BATCH):
        found += _forms(texts[start : start + BATCH])[0]
    return found


def _forms(texts: Sequence[str]) -> tuple[list[list[Finding]], list[list[View]]]:
    """Return what has a form in each text, and the plainer readings of each."""
    batch, scanner = Batch(texts), _scanner()
    found = scanner.find_all(texts, batch)
    readings = all_views(texts, batch, found)
    every = [(number, view) for number, own in enumerate(readings) for view in own]
    seen = scanner.find_all([view.text for _, view in every])
    for (number, view), own in zip(every, seen, strict=True):
        found[number] += [
            _traced(view, one) for one in own if view.kinds is None or one.kind in view.kinds
        ]
    return found, readings


def _add_names(
    names: Names,
    records: Sequence[Sequence[str]],
    languages: Sequence[Sequence[str]],
    readings: Sequence[Sequence[View]],
    found: Sequence[list[Finding]],
) -> None:
    """Add the names in texts, and in those readings of them in which any kind may be found."""
    plainer = [
        (number, view) for number, own in enumerate(readings) for view in own if view.kinds is None
    ]
    asked = [Reading(n, view.text, _places(view)) for n, view in plainer]
    every = names.find(records, languages, asked)
    for own, named in zip(found, every, strict=False):
        own += named
    for (number, view), named in zip(plainer, every[len(records) :], strict=True):
        found[number].extend(_traced(view, finding) for finding in named)


def build_redactor(
    *,
    names: bool = True,
    names_model: str = DEFAULT_NAMES_MODEL,
    unread: Unread = "strict",
    keep: Sequence[str] = (),
    policies: Mapping[str, str] | None = None,
    consistent: bool = False,
    key: bytes = b"",
) -> Redactor:
    """Return a redactor.

    `names_model` are packages or folders, with commas between; `unread` says what is done with a
    text in a language that none of them reads (`by_language`).
    `keep` lists public terms (product names, the shop's town) to leave alone; `policies` says what
    is done with a kind where that is not "replace"; `consistent` gives a value the same placeholder
    in every record; `key` makes hashes, such placeholders and surrogates.
    Without the names model this is an InputError, unless `names` is False: then names, places and
    organizations stay in the data.
    """
    require_policies(policies or {})
    finder = build_names(names_model, unread) if names else None
    return Redactor(finder, Rules(dict(policies or {}), _terms_pattern(keep), key, consistent))


def redactor_identity(
    *,
    names: bool = True,
    names_model: str = DEFAULT_NAMES_MODEL,
    unread: Unread = "strict",
    keep: Sequence[str] = (),
    policies: Mapping[str, str] | None = None,
    consistent: bool = False,
    key: bytes = b"",
) -> dict[str, Any]:
    """Return what decides a redactor's results, for a stage's fingerprint; loads nothing heavy."""
    require_policies(policies or {})
    changed = {kind: policy for kind, policy in (policies or {}).items() if policy != "replace"}
    keyed = consistent or not {"hash", "surrogate"}.isdisjoint(changed.values())
    more: dict[str, Any] = {"consistent": True} if consistent else {}
    if "surrogate" in changed.values():
        more["surrogates"] = SURROGATES
    return more | {
        "rules": RULES,
        "hyperscan": version("hyperscan"),
        "names_model": names_by_language_identity(names_model, unread) if names else None,
        "keep": sorted(set(keep)),
        "policies": dict(sorted(changed.items())),
        "key": hashlib.sha256(key).hexdigest()[:16] if keyed else None,
    }


@cache
def _scanner() -> Scanner:
    return Scanner(DETECTORS)


def _places(view: View) -> Callable[[int], int]:
    return lambda place: view.origin(place, place)[0]


def _traced(view: View, finding: Finding) -> Finding:
    start, end = view.origin(finding.start, finding.end)
    detector = f"{finding.detector} ({view.name})"
    return Finding(finding.kind, start, end, finding.score, detector)


def _by_text(texts: Sequence[str], found: list[Finding]) -> list[list[Finding]]:
    """Give each text its findings, in its own coordinates; one across a border goes to both."""
    if len(texts) == 1:
        return [found]
    shares: list[list[Finding]] = []
    offset = 0
    for text in texts:
        end = offset + len(text)
        shares.append(
            [
                Finding(
                    one.kind,
                    max(one.start, offset) - offset,
                    min(one.end, end) - offset,
                    one.score,
                    one.detector,
                )
                for one in found
                if one.start < end and offset < one.end
            ]
        )
        offset = end + len(BETWEEN)
    return shares


def _terms_pattern(terms: Sequence[str]) -> re.Pattern[str] | None:
    words = sorted({term.strip() for term in terms if term.strip()}, key=lambda t: (-len(t), t))
    if not words:
        return None
    return compiled(rf"(?i)(?<!\w)(?:{'|'.join(map(re.escape, words))})(?!\w)")
