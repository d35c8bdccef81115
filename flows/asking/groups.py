"""How the many parameters of a training are laid out: a few in front, the others in groups.

The form in the Prefect UI, a model's file and a run's parameters over the API all have this one
shape. Parameters are accepted flat, too: so the command gives them and earlier versions kept them.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any, NamedTuple

from tasks.finetuning.hyperparameters import Hyperparameters, RunSettings, SpendingLimits

_MACHINE = (
    "precision",
    "optimizer_precision",
    "kernels",
    "gradient_checkpointing",
    "auto_batch",
    "gpus",
    "nodes",
)
FRONT = ("name", "source", "snapshot", "contract", "base", "num_train_epochs")
_USUAL = ("learning_rate", "max_steps", "max_seq_length", "method", "lora_r", "lora_alpha")
_APART = (*FRONT, *_MACHINE, *_USUAL)


class Group(NamedTuple):
    """Some of a model's parameters, under a title."""

    title: str
    about: str
    fields: tuple[str, ...]


GROUPS = {
    "data": Group(
        "Data",
        "How the rows are read and redacted.",
        ("kind", "mapping", "keep", "names", "max_rows"),
    ),
    "training": Group(
        "Training",
        "The objective, the method and its hyperparameters.",
        (
            *_USUAL,
            *(
                name
                for name in ("start", "teacher", *Hyperparameters.model_fields)
                if name not in _APART
            ),
        ),
    ),
    "evaluation": Group(
        "Evaluation",
        "What the candidate is asked, and what it must reach.",
        ("eval_sets", "policy", "review_items", "backdoor_phrases", "judge"),
    ),
    "limits": Group(
        "Limits and machine",
        "What a training may cost, and how it uses the machine.",
        (*SpendingLimits.model_fields, *RunSettings.model_fields, *_MACHINE),
    ),
}


def flattened(given: object) -> object:
    """Return parameters without groups; ValueError where one stands twice or in a wrong group."""
    if not isinstance(given, Mapping):
        return given
    flat: dict[str, Any] = {}
    for name, value in given.items():
        group = GROUPS.get(name)
        if group and value is None:
            continue  # a group that stays folded: its defaults
        inner = value if group and isinstance(value, Mapping) else {name: value}
        for field, entry in inner.items():
            if field in flat:
                raise ValueError(f"{field} is given twice")
            if group and field not in group.fields:
                raise ValueError(f"{field} is no parameter of the group {name}")
            flat[field] = entry
    return flat


def grouped(flat: Mapping[str, Any]) -> dict[str, Any]:
    """Return parameters in their groups, the front first."""
    laid: dict[str, Any] = {name: flat[name] for name in FRONT if name in flat}
    for name, group in GROUPS.items():
        if inner := {field: flat[field] for field in group.fields if field in flat}:
            laid[name] = inner
    left = set(flat) - set(laid) - {field for group in GROUPS.values() for field in group.fields}
    return laid | {name: flat[name] for name in flat if name in left}


def draw_grouped(drawn: dict[str, Any]) -> dict[str, Any]:
    """Return a JSON schema with its properties in groups, which are folded: null, their defaults.

    A field that has a value unless a person empties it is required: the form shows that value, and
    what was emptied is refused rather than taken for the value that nobody saw.
    """
    laid = grouped(drawn["properties"])
    needed = [name for name in FRONT if name in laid and _has_value(laid[name])]
    for name, group in GROUPS.items():
        if name not in laid:
            continue
        inner = laid[name]
        opened = {
            "title": group.title,
            "type": "object",
            "properties": inner,
            "required": [field for field in inner if _has_value(inner[field])],
            "additionalProperties": False,
        }
        laid[name] = {
            "title": group.title,
            "description": f"{group.about} None: the defaults.",
            "anyOf": [opened, {"type": "null"}],
            "default": None,
        }
    return {**drawn, "properties": laid, "required": needed}


def unfolded(drawn: Mapping[str, Any], values: Mapping[str, Any]) -> dict[str, Any]:
    """Return the properties of such a schema with the groups open that have values of their own.

    These cannot be folded: a run would then take the defaults in place of what the form showed.
    """
    return {
        name: {**field["anyOf"][0], "description": GROUPS[name].about}
        if name in GROUPS and name in values
        else field
        for name, field in drawn.items()
    }


def _has_value(field: Mapping[str, Any]) -> bool:
    return field.get("default") not in (None, "", [], ())
