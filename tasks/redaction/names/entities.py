"""What a names model says of a sentence: entities of our kinds, whatever its labels are called."""

from __future__ import annotations

from dataclasses import dataclass, field

OTHER = "OTHER"  # a label that is none of ours: a date, a people, a work of art
_KINDS = {
    "PER": "PERSON",
    "PERSON": "PERSON",
    "LOC": "LOCATION",
    "GPE": "LOCATION",
    "LOCATION": "LOCATION",
    "ORG": "ORGANIZATION",
    "ORGANIZATION": "ORGANIZATION",
}


@dataclass(frozen=True, slots=True)
class Entity:
    """What a model marked in a sentence: `kind` is ours (PERSON, ...), or `OTHER`.

    `label` is what the model itself calls it, where it tells more than the kinds do ("FAC").
    """

    kind: str
    start: int
    end: int
    label: str = field(default="", compare=False)


def kind_of(label: str) -> str:
    """Return our kind for a model's label: B- and I- aside, whatever the case."""
    return _KINDS.get(label.upper().removeprefix("B-").removeprefix("I-"), OTHER)
