"""A batch's lines before any is answered: what could not be kept is refused, the rest sized."""

from __future__ import annotations

import json
from pathlib import Path

import pytest

from data_contracts.errors import InputError
from flows.asking.batch_inputs import ready
from flows.asking.batch_parameters import BatchParameters
from flows.workshop.parts import Workshop
from flows.workshop.settings import Settings

SPANISH = "¿Cuál es el número de teléfono de Marjorie Haldane, por favor?"


def requests_file(folder: Path, *contents: str) -> str:
    path = folder / "requests.jsonl"
    envelope = {"method": "POST", "url": "/v1/chat/completions"}
    rows = [
        {"custom_id": f"{n}", "body": {"messages": [{"role": "user", "content": text}]}} | envelope
        for n, text in enumerate(contents)
    ]
    path.write_text("\n".join(json.dumps(row) for row in rows))
    return str(path)


def test_what_could_not_be_kept_is_refused_before_it_costs(
    tmp_path: Path, tiny_model: Path
) -> None:
    file = requests_file(tmp_path, "What does the tent cost?", SPANISH)
    workshop = Workshop(Settings(home=tmp_path / "home"))
    asked = BatchParameters(file=file, model=str(tiny_model), max_tokens=9)
    with ready(workshop, asked) as found:
        assert [one.custom_id for one in found.batch.requests] == ["0"]
        [refusal] = found.batch.refused
        assert (refusal.line, refusal.code) == (2, "withheld")
        assert "(es)" in refusal.message and "Haldane" not in refusal.message
    with ready(workshop, asked.model_copy(update={"names": False})) as found:
        assert len(found.batch.requests) == 2
    one_a_minute = asked.model_copy(update={"names": False, "per_minute": 1})
    with ready(workshop, one_a_minute) as found:
        assert [len(shard.requests) for shard in found.shards] == [1, 1]


def test_a_batch_of_which_nothing_can_be_answered_is_refused(
    tmp_path: Path, tiny_model: Path
) -> None:
    workshop = Workshop(Settings(home=tmp_path / "home"))
    asked = BatchParameters(
        file=requests_file(tmp_path, SPANISH), model=str(tiny_model), max_tokens=9
    )
    with pytest.raises(InputError, match="none of the requests"), ready(workshop, asked):
        pass
    long = asked.model_copy(update={"names": False, "max_tokens": 4000})
    with pytest.raises(InputError, match="longer than the model's context"), ready(workshop, long):
        pass
