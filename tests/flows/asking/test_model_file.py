"""A model's file is read as it was written, and what it cannot mean is said."""

from __future__ import annotations

import re
from pathlib import Path

import pytest

from data_contracts.errors import InputError
from flows.asking.groups import GROUPS, flattened
from flows.asking.model_file import SECTIONS, read_model_file
from flows.asking.model_parameters import InitParameters
from flows.asking.parameters import FinetuneParameters, RetrainParameters
from flows.command.models import over_file
from flows.command.starting import write_model_file


def _written(folder: Path, text: str) -> Path:
    place = folder / "desk.toml"
    place.write_text(text)
    return place


def test_what_init_writes_is_read_back_with_and_without_its_defaults(tmp_path: Path) -> None:
    place = tmp_path / "desk.toml"
    write_model_file(
        InitParameters(name="desk", source="hub:owner/set", kind="document", file=str(place))
    )
    read = read_model_file(place)
    asked = read.parameters
    assert (read.name, asked.source, asked.kind) == ("desk", "hub:owner/set", "document")
    text = place.read_text()
    for name in (*RetrainParameters.model_fields, *GROUPS, *SECTIONS):
        assert re.search(rf"(?m)^(# )?{name} =|^\[{name}\]", text), name
    every = _written(tmp_path, re.sub(r"(?m)^# (\w+ = .+)$", r"\1", text))
    assert read_model_file(every) == read


def test_nothing_is_written_over_and_no_source_is_guessed(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    place = _written(tmp_path, "mine")
    with pytest.raises(InputError, match="there already"):
        write_model_file(InitParameters(name="desk", source="demo", file=str(place)))
    assert place.read_text() == "mine"
    monkeypatch.setattr("sys.stdin.isatty", lambda: False)
    with pytest.raises(InputError, match="no source of rows"):
        write_model_file(InitParameters(name="desk", file=str(tmp_path / "other.toml")))
    assert [entry.name for entry in tmp_path.iterdir()] == ["desk.toml"]


def test_a_person_in_a_terminal_is_asked(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    answers = iter(["", "rows.jsonl", "", "demo"])  # nothing, then an answer; a default; another
    monkeypatch.setattr("sys.stdin.isatty", lambda: True)

    def answer(question: str) -> str:
        assert "?" in question
        return next(answers)

    monkeypatch.setattr("builtins.input", answer)
    place = write_model_file(InitParameters(name="desk", file=str(tmp_path / "desk.toml")))
    asked = read_model_file(place).parameters
    assert asked.source == str(tmp_path / "rows.jsonl")
    assert (asked.base, asked.policy) == (RetrainParameters().base, "demo")


def test_relative_paths_are_beside_the_file(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    (tmp_path / "sets" / "ours").mkdir(parents=True)
    (tmp_path / "sets" / "bare").mkdir()
    place = _written(
        tmp_path / "sets",
        'name = "desk"\nsource = "../rows"\ncontract = "c.toml"\nbase = "./base"\n'
        '[evaluation]\neval_sets = ["safety", "./ours", "bare"]\npolicy = "p.toml"\n',
    )
    monkeypatch.chdir("/")
    asked = read_model_file(place).parameters
    sets = tmp_path / "sets"
    assert (asked.source, asked.contract) == (str(tmp_path / "rows"), str(sets / "c.toml"))
    assert (asked.base, asked.policy) == (str(sets / "base"), str(sets / "p.toml"))
    assert asked.eval_sets == ("safety", str(sets / "ours"), str(sets / "bare"))
    assert read_model_file(place).parameters == RetrainParameters.model_validate(
        asked.model_dump()
    )  # absolute, so it means the same everywhere


def test_settings_of_its_runs_are_its_own(tmp_path: Path) -> None:
    place = _written(
        tmp_path,
        'name = "desk"\n[serving]\ncommand = "vllm serve {model} --port {port}"\n'
        '[notifications]\nblocks = ["slack-webhook/a", "sendgrid-email/b"]\n'
        '[by_itself]\nquiet_hours = ["mon-fri 8:00-18:00", "22:00-23:00 Asia/Tokyo"]\n'
        "gpu_hours_a_week = 12\n",
    )
    assert read_model_file(place).environment == {
        "PADDOCK_SERVE_COMMAND": "vllm serve {model} --port {port}",
        "PADDOCK_NOTIFY": "slack-webhook/a,sendgrid-email/b",
        "PADDOCK_QUIET_HOURS": "mon-fri 8:00-18:00,22:00-23:00 Asia/Tokyo",
        "PADDOCK_WEEK_GPU_HOURS": "12.0",
    }


@pytest.mark.parametrize(
    ("text", "words"),
    [
        ("", "names no model"),
        ('source = "rows"', "names no model"),
        ('name = "Desk 1"', "name: String should match pattern"),
        ("name = ", "cannot be read"),
        ('name = "d"\n[training]\nlerning_rate = 1', "lerning_rate is no parameter of the group"),
        ('name = "d"\n[data]\nseed = 1', "seed is no parameter of the group data"),
        ('name = "d"\nseed = 1\n[training]\nseed = 2', "seed is given twice"),
        ('name = "d"\n[training]\nlearning_rate = -1.0', "learning_rate: Input should be greater"),
        ('name = "d"\n[train]\nseed = 1', "train: Extra inputs are not permitted"),
        ('name = "d"\n[schedules]\nretrain = "daily"', "schedules.retrain: five fields"),
        ('name = "d"\n[by_itself]\nquiet_hours = ["day"]', "these are no hours: 'day'"),
        ('name = "d"\n[by_itself]\ncost_a_week = 9', "needs a price: limits.gpu_hour_price"),
        ('name = "d"\n[drift]\ncooldown = 1', "drift.cooldown: Extra inputs are not permitted"),
    ],
)
def test_what_a_file_cannot_mean_is_said_with_its_place(
    tmp_path: Path, text: str, words: str
) -> None:
    with pytest.raises(InputError) as refused:
        read_model_file(_written(tmp_path, text))
    assert words in str(refused.value)
    assert "desk.toml" in str(refused.value)


def test_a_missing_file_says_how_one_is_made(tmp_path: Path) -> None:
    with pytest.raises(InputError, match="paddock init"):
        read_model_file(tmp_path / "none.toml")


def test_what_is_typed_goes_before_the_file_even_where_it_is_a_default(tmp_path: Path) -> None:
    file = read_model_file(
        _written(tmp_path, 'name = "d"\nsource = "demo"\n[training]\nseed = 8\nlora_r = 4\n')
    )
    asked = over_file(file, RetrainParameters(seed=7, max_steps=3))
    assert (asked.name, asked.seed, asked.lora_r, asked.max_steps) == ("d", 7, 4, 3)


@pytest.mark.parametrize("model", [RetrainParameters, FinetuneParameters])
def test_groups_are_the_same_parameters(
    model: type[RetrainParameters | FinetuneParameters],
) -> None:
    asked = model(learning_rate=2e-4, max_steps=9, budget=3.5, gpus=2)
    assert model.model_validate(asked.grouped()) == asked
    assert model.model_validate(asked.form_values()) == asked
    assert set(asked.form_values()) & set(GROUPS) == {"training", "limits"}
    everything = [name for group in GROUPS.values() for name in group.fields]
    assert len(everything) == len(set(everything))
    assert set(RetrainParameters.model_fields) <= {*everything, "name", "source", "contract"} | {
        "base",
        "num_train_epochs",
    }


def test_a_folded_group_is_its_defaults() -> None:
    given = {"name": "d", "training": None, "limits": {"gpus": 2}}
    assert flattened(given) == {"name": "d", "gpus": 2}
    assert RetrainParameters.model_validate(given) == RetrainParameters(name="d", gpus=2)
