"""A policy: the gates that a candidate must pass, and what is taken for true of the models.

Needs a policy's file (TOML; `policies/` holds ours). Writes nothing.
"""

from __future__ import annotations

import hashlib
import tomllib
from collections.abc import Sequence
from pathlib import Path
from typing import Any, Literal, cast

from pydantic import Field, ValidationError, field_validator

from data_contracts.digests import file_digest
from data_contracts.errors import InputError
from data_contracts.records import Frozen
from model_registry.power.least import Assumed, Planned
from model_registry.rules.listing import RULES
from model_registry.scorecard import PERPLEXITY, SHARE, Unit

STEP = "gates"
Reference = Literal["base", "champion"]
SEATS = ("release",)  # of a policy that names none: one person decides
Canary = Literal["required", "shadow", "none"]
REQUIRED, SHADOW, NO_CANARY = "required", "shadow", "none"
POLICIES = Path(__file__).parent / "policies"


class Gate(Frozen):
    """One rule, by its name in `rules/`, with `value` as its limit.

    `on` picks the figure itself or the end of its 95% interval that is worse for the candidate.
    `against` is the champion, or the base where there is none, unless the gate names one.
    One that `needs_champion` is not asked while nothing serves yet.
    """

    id: str = Field(min_length=1)
    metric: str = Field(min_length=1)
    rule: str
    value: float = Field(allow_inf_nan=False)
    on: Literal["value", "bound"] = "bound"
    against: Reference | None = None
    needs_champion: bool = Field(default=False, exclude_if=lambda needed: not needed)
    safety: bool = False
    why: str = ""

    @field_validator("rule")
    @classmethod
    def _known(cls, name: str) -> str:
        if name not in RULES:
            raise ValueError(f"there is no rule {name!r}; there are {', '.join(sorted(RULES))}")
        return name


class Policy(Frozen):
    """The gates a candidate must all pass; `digest` is the sha256 of the policy's file.

    A gate decides from so many cases on that a candidate which is as good as `assumed` (by metric)
    passes with the chance `power`; with a power of 0, from those on with which any can pass. Never
    from fewer than `least_cases`. Each of `seats` is then decided by another person. Where a
    `canary` is required, nothing is promoted beside a champion that did not pass one; `shadow`
    asks for one as well, whose least counts recorded requests may fill.
    """

    name: str = Field(min_length=1)
    purpose: str = ""
    gates: tuple[Gate, ...] = Field(min_length=1)
    least_cases: int = Field(default=5, ge=1)
    power: float = Field(default=0.9, ge=0, lt=1)
    assumed: dict[str, Assumed] = Field(default_factory=dict)
    seats: tuple[str, ...] = Field(default=SEATS, min_length=1)
    canary: Canary = NO_CANARY
    digest: str = ""

    @field_validator("gates")
    @classmethod
    def _each_its_own_id(cls, gates: tuple[Gate, ...]) -> tuple[Gate, ...]:
        if len({gate.id for gate in gates}) < len(gates):
            raise ValueError("two gates have the same id")
        return gates

    def assumes(self, metric: str) -> Assumed:
        """Return what is taken for true of a metric."""
        return self.assumed.get(metric, Assumed())

    def planned(
        self, gate: Gate, unit: Unit, *, higher_is_better: bool, against: Reference
    ) -> Planned:
        """Return what a gate will ask of the models that the policy assumes."""
        assumed = self.assumes(gate.metric)
        deviation = None
        if gate.metric in self.assumed:
            # A perplexity is the exponential of the nats a token.
            scale = (assumed.champion or 1.0) if unit == PERPLEXITY else 1.0
            deviation = assumed.changed * scale
        return Planned(
            limit=gate.value,
            on_bound=gate.on == "bound",
            higher_is_better=higher_is_better,
            reference=assumed.base if (gate.against or against) == "base" else assumed.champion,
            candidate=assumed.champion,
            changed=assumed.changed,
            power=self.power,
            share=unit == SHARE,
            deviation=deviation,
        )


def load_policy(name: str) -> Policy:
    """Return one of our policies by name, or the policy of a TOML file; InputError otherwise.

    A file may name policies of ours in `also`: their gates and assumptions hold beside its own.
    """
    path = Path(name) if name.endswith(".toml") else POLICIES / f"{name}.toml"
    try:
        content = tomllib.loads(path.read_text(encoding="utf-8"))
        also = [load_policy(one) for one in _also(content)]
        return Policy.model_validate(_joined(content, also, file_digest(path)))
    except (OSError, ValueError, ValidationError) as error:
        ours = ", ".join(sorted(entry.stem for entry in POLICIES.glob("*.toml")))
        raise InputError(
            "the gate policy cannot be used",
            step=STEP,
            where=f"{path} ({_first_line(error)})",
            remedy=f"name one of ours ({ours}), or correct the file",
        ) from error


def _also(content: dict[str, Any]) -> list[str]:
    named = content.pop("also", [])
    ours = sorted(entry.stem for entry in POLICIES.glob("*.toml"))
    if not isinstance(named, list) or any(one not in ours for one in cast("list[object]", named)):
        raise ValueError(f"also: names of policies are expected, of {', '.join(ours)}")
    return cast("list[str]", named)


def _joined(content: dict[str, Any], also: Sequence[Policy], digest: str) -> dict[str, Any]:
    """Return a policy's values with the gates of others before its own."""
    if not also:
        return {**content, "digest": digest}
    digests = "".join([*(one.digest for one in also), digest])
    return {
        **content,
        "gates": [*(gate for one in also for gate in one.gates), *content.get("gates", [])],
        "assumed": {
            **{name: value for one in also for name, value in one.assumed.items()},
            **content.get("assumed", {}),
        },
        "digest": hashlib.sha256(digests.encode()).hexdigest(),
    }


def _first_line(error: Exception) -> str:
    if isinstance(error, ValidationError):
        first = error.errors()[0]
        return f"{'.'.join(str(part) for part in first['loc'])}: {first['msg']}"
    return str(error).splitlines()[0] if str(error) else type(error).__name__
