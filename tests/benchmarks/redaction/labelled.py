"""The labelled sentences of presidio-research, and how a finder of personal data scores on them.

The sentences are made from templates, so they are split by template: rules are tuned on one half
(`tuning`) and reported on the other (`reporting`). Scores are typed: a label counts as found only
by a finding of a kind that it may be.

Which kinds a label may be:

| label | kinds | why |
|---|---|---|
| PERSON | PERSON | its honorifics ("Mr.") are ignored: they name nobody |
| LOCATION | LOCATION, ADDRESS | a city is often part of an address |
| ADDRESS | ADDRESS, LOCATION | the set labels house numbers, streets and postcodes one by one |
| ORGANIZATION, EMAIL_ADDRESS, CREDIT_CARD, PHONE_NUMBER, IP_ADDRESS, US_SSN, IBAN_CODE, \
US_DRIVER_LICENSE | the kind of that name | |
| DATE_TIME | DATE_OF_BIRTH | only where the text speaks of a birth; other dates stay in the data |
| TITLE, PREFIX, DOMAIN_NAME | none | job titles, honorifics and plain web addresses stay |

A finding that touches only ignored labels is neither right nor wrong.
"""

from __future__ import annotations

import json
import re
from collections import defaultdict
from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Literal, Protocol

Half = Literal["tuning", "reporting", "both"]
DATA = Path(__file__).resolve().parents[4] / "shared/data/presidio-synthetic/generated_large.json"
KINDS: dict[str, frozenset[str]] = {
    "PERSON": frozenset({"PERSON"}),
    "LOCATION": frozenset({"LOCATION", "ADDRESS"}),
    "ADDRESS": frozenset({"ADDRESS", "LOCATION"}),
    "ORGANIZATION": frozenset({"ORGANIZATION"}),
    "EMAIL_ADDRESS": frozenset({"EMAIL"}),
    "CREDIT_CARD": frozenset({"CARD"}),
    "PHONE_NUMBER": frozenset({"PHONE"}),
    "IP_ADDRESS": frozenset({"IP"}),
    "US_SSN": frozenset({"SSN"}),
    "IBAN_CODE": frozenset({"IBAN"}),
    "US_DRIVER_LICENSE": frozenset({"LICENSE"}),
    "DATE_OF_BIRTH": frozenset({"DATE_OF_BIRTH"}),
}
_BIRTH = re.compile(r"(?i)\bbirth|\bborn\b|\bdob\b")
_HONORIFIC = re.compile(r"(?i)(?:mr|mrs|ms|miss|dr|prof)\.?")


class Found(Protocol):
    """What a finder returns: `tasks.redaction.findings.Finding` is one."""

    @property
    def kind(self) -> str: ...
    @property
    def start(self) -> int: ...
    @property
    def end(self) -> int: ...


Find = Callable[[Sequence[str]], Sequence[Sequence[Found]]]


@dataclass(frozen=True, slots=True)
class Label:
    """One labelled value; `name` is a key of `KINDS`, or empty where it is ignored."""

    name: str
    start: int
    end: int


@dataclass(frozen=True, slots=True)
class Sentence:
    """A text with its labels."""

    text: str
    template: int
    labels: tuple[Label, ...]


@dataclass(slots=True)
class Score:
    """Counts for one kind or family, or for all."""

    labels: int = 0
    found: int = 0
    exact: int = 0
    findings: int = 0
    right: int = 0
    right_exact: int = 0
    missed: list[str] = field(default_factory=list[str])
    wrong: list[str] = field(default_factory=list[str])

    @property
    def recall(self) -> float:
        """Return the share of labels that a finding of a fitting kind touches."""
        return self.found / self.labels if self.labels else float("nan")

    @property
    def exact_recall(self) -> float:
        """Return the share of labels that a fitting finding covers to the character."""
        return self.exact / self.labels if self.labels else float("nan")

    @property
    def precision(self) -> float:
        """Return the share of findings that touch a fitting label."""
        return self.right / self.findings if self.findings else float("nan")

    @property
    def exact_precision(self) -> float:
        """Return the share of findings that cover a fitting label to the character."""
        return self.right_exact / self.findings if self.findings else float("nan")

    @property
    def f2(self) -> float:
        """Return the F-score that weighs recall twice: 5PR / (4P + R)."""
        p, r = self.precision, self.recall
        return 5 * p * r / (4 * p + r) if p + r else 0.0


def read_sentences(half: Half) -> list[Sentence]:
    """Return the sentences of one half of the templates, or of all."""
    rows = json.loads(DATA.read_text(encoding="utf-8"))
    sentences = [_sentence(row) for row in rows]
    return [one for one in sentences if half in ("both", half_of(one.template))]


def half_of(template: int) -> Half:
    """Return which half a template belongs to: odd numbers tune, even ones report.

    Both halves then hold every kind (licences and IP addresses stand in one template only).
    """
    return "tuning" if template % 2 else "reporting"


def _sentence(row: dict[str, object]) -> Sentence:
    text, spans = str(row["full_text"]), row["spans"]
    assert isinstance(spans, list)
    born = bool(_BIRTH.search(str(row["masked"])))
    labels = [
        Label(
            _name(str(span["entity_type"]), str(span["entity_value"]), born),
            span["start_position"],
            span["end_position"],
        )
        for span in spans
    ]
    labels.sort(key=lambda label: label.start)
    return Sentence(text, int(str(row["template_id"])), tuple(labels))


def _name(label: str, value: str, born: bool) -> str:
    if label == "DATE_TIME":
        return "DATE_OF_BIRTH" if born else ""
    if label == "PERSON" and _HONORIFIC.fullmatch(value):
        return ""
    return label if label in KINDS else ""


def score(sentences: Sequence[Sentence], find: Find) -> dict[str, Score]:
    """Return the scores by label name, and under `all` those of everything together.

    A finding counts towards the label it is right about; a wrong one towards the first label
    name that its kind could have been.
    """
    scores: dict[str, Score] = defaultdict(Score)
    for sentence, found in zip(sentences, find([one.text for one in sentences]), strict=True):
        for label in sentence.labels:
            if label.name:
                _count_label(scores, sentence, label, found)
        for finding in found:
            _count_finding(scores, sentence, finding)
    return dict(scores)


def _count_label(
    scores: dict[str, Score], sentence: Sentence, label: Label, found: Iterable[Found]
) -> None:
    fitting = [one for one in found if one.kind in KINDS[label.name] and _touch(one, label)]
    exact = any((one.start, one.end) == (label.start, label.end) for one in fitting)
    for one in (scores[label.name], scores["all"]):
        one.labels += 1
        one.found += bool(fitting)
        one.exact += exact
        if not fitting:
            one.missed.append(f"{sentence.text[label.start : label.end]!r} in {sentence.text!r}")


def _count_finding(scores: dict[str, Score], sentence: Sentence, finding: Found) -> None:
    touched = [label for label in sentence.labels if _touch(finding, label)]
    right = next((one.name for one in touched if finding.kind in KINDS.get(one.name, ())), None)
    if right is None and touched and not any(label.name for label in touched):
        return
    name = right or next((name for name, kinds in KINDS.items() if finding.kind in kinds), "other")
    exact = any(
        (one.start, one.end) == (finding.start, finding.end)
        and finding.kind in KINDS.get(one.name, ())
        for one in touched
    )
    for one in (scores[name], scores["all"]):
        one.findings += 1
        one.right += right is not None
        one.right_exact += exact
        if right is None:
            value = sentence.text[finding.start : finding.end]
            one.wrong.append(f"{finding.kind} {value!r} in {sentence.text!r}")


def _touch(finding: Found, label: Label) -> bool:
    return finding.start < label.end and label.start < finding.end


def table(scores: dict[str, Score]) -> str:
    """Return the scores as a table for a terminal: touching a label, and covering it exactly."""
    head = (
        f"{'label':20} {'n':>5} {'recall':>7} {'precision':>9} {'F2':>6} "
        f"{'exact recall':>13} {'exact precision':>15}"
    )
    names = [*sorted(set(scores) - {"all"}), "all"]
    rows = [
        f"{name:20} {one.labels:5d} {one.recall:7.3f} {one.precision:9.3f} {one.f2:6.3f} "
        f"{one.exact_recall:13.3f} {one.exact_precision:15.3f}"
        for name in names
        if (one := scores[name])
    ]
    return "\n".join([head, *rows])
