"""A judge's rubric: what it is asked of which answers, by whom, and when its word counts.

Needs a TOML file. Writes nothing.
"""

from __future__ import annotations

import tomllib
from pathlib import Path
from typing import Literal

from pydantic import Field, ValidationError

from data_contracts.digests import file_digest
from data_contracts.errors import InputError
from data_contracts.records import Frozen

STEP = "judge"


class Rubric(Frozen):
    """What a judge is asked.

    `kind` answer: is each answer all right by the instruction, yes or no. `kind` pair: which of
    candidate and reference is better, asked in both orders; an answer that follows the order is no
    answer. `model` is as the endpoint calls it. Prices are money per million tokens. The judge's
    word counts where its agreement with people's answers to the question `people` (Cohen's kappa,
    the low end of its 95% interval) is at least `least_kappa` over at least `least_rated` answers.
    """

    name: str = Field(pattern=r"^[a-z0-9][a-z0-9_-]{0,40}$")
    kind: Literal["answer", "pair"] = "answer"
    model: str = Field(min_length=1)
    instruction: str = Field(min_length=20)
    eval_sets: tuple[str, ...] = ()
    people: str = "Factually right"
    least_kappa: float = Field(default=0.4, ge=-1, le=1)
    least_rated: int = Field(default=30, ge=2)
    input_price: float = Field(default=0.0, ge=0)
    output_price: float = Field(default=0.0, ge=0)
    most_cost: float | None = Field(default=None, gt=0)
    digest: str = ""


def load_rubric(path: Path) -> Rubric:
    """Return the rubric of a file; InputError if it cannot be used."""
    try:
        content = tomllib.loads(path.read_text(encoding="utf-8"))
        return Rubric.model_validate({**content, "digest": file_digest(path)})
    except ValidationError as error:
        first = error.errors()[0]
        raise _unusable(path, f"{'.'.join(map(str, first['loc']))}: {first['msg']}") from error
    except (OSError, ValueError) as error:
        raise _unusable(path, type(error).__name__) from error


def _unusable(path: Path, why: str) -> InputError:
    return InputError(
        "the judge's rubric cannot be used",
        step=STEP,
        where=f"{path} ({why})",
        remedy="correct the file; docs/review.md has an example",
    )
