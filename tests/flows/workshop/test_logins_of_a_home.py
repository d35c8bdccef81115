"""Which account does what from a home, and where its password goes."""

from __future__ import annotations

import os
from pathlib import Path

import pytest

from data_contracts.errors import InputError, PaddockError
from flows.servers.doors import prepare_logins
from flows.workshop.logins import EXAMPLE, log_in_to_prefect, login_as, login_of
from flows.workshop.settings import Settings
from model_registry.accounts.passwords import Passwords, read_passwords, write_passwords
from model_registry.accounts.people import load_people
from model_registry.logins import Login

MLFLOW, PREFECT = "http://127.0.0.1:5000", "http://127.0.0.1:4200/api"


@pytest.fixture
def home(tmp_path: Path) -> Path:
    prepare_logins(Settings(home=tmp_path), MLFLOW, PREFECT)
    return tmp_path


def _settings(home: Path, **more: str) -> Settings:
    given = {"MLFLOW_TRACKING_URI": MLFLOW, "PREFECT_API_URL": PREFECT} | more
    return Settings.model_validate({"home": home, **given})


def _name(login: Login | None) -> str:
    return login.name if login else ""


def test_each_role_logs_in_as_its_account(home: Path) -> None:
    settings = _settings(home)
    assert _name(login_as(settings, "pipeline")) == "pipeline"
    assert _name(login_as(settings, "promoter")) == "promoter"
    assert _name(login_as(_settings(home, account="you"), "pipeline")) == "you"
    assert _name(login_as(_settings(home, account="you"), "promoter")) == "promoter"
    assert _name(login_of(settings, "colleague")) == "colleague"


def test_no_password_goes_to_another_server(home: Path) -> None:
    other = _settings(home, MLFLOW_TRACKING_URI="http://127.0.0.1:5001")
    assert login_as(other, "promoter") is None
    with pytest.raises(InputError, match="the password of you is not known here"):
        login_of(other, "you")
    given = _settings(home, MLFLOW_TRACKING_URI="http://127.0.0.1:5001", password="hers")
    login = login_of(given, "ada")
    assert login is not None
    assert login.password.get_secret_value() == "hers"
    assert "hers" not in repr(login)
    assert login_as(Settings(home=home), "promoter") is None  # a file knows no accounts


def test_prefect_is_logged_in_to_where_it_is_this_homes(
    home: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("PREFECT_API_AUTH_STRING", "")
    log_in_to_prefect(_settings(home, PREFECT_API_URL="http://127.0.0.1:9/api"))
    assert os.environ["PREFECT_API_AUTH_STRING"] == ""
    log_in_to_prefect(_settings(home))
    known = read_passwords(home / "accounts.toml").prefect.get_secret_value()
    assert os.environ["PREFECT_API_AUTH_STRING"] == known
    assert known.startswith("paddock:")


def test_starting_again_keeps_every_password_and_makes_those_that_are_new(home: Path) -> None:
    before = read_passwords(home / "accounts.toml")
    plan = home / "mine.toml"
    plan.write_text(EXAMPLE.read_text() + '[accounts.new]\nroles = ["reviewer"]\n')
    write_passwords(home / "accounts.toml", before.model_copy(update={"plan": str(plan)}))
    environment = prepare_logins(Settings(home=home), "http://127.0.0.1:5999", PREFECT)
    after = read_passwords(home / "accounts.toml")
    assert {**after.passwords} == {**before.passwords, "new": after.passwords["new"]}
    assert after.server == "http://127.0.0.1:5999"
    assert environment["PREFECT_API_AUTH_STRING"] == before.prefect.get_secret_value()
    assert all(
        login.get_secret_value() not in str(environment) for login in before.passwords.values()
    )
    configuration = home / "mlflow-accounts.ini"
    assert configuration.stat().st_mode & 0o777 == 0o600
    assert "default_permission = READ" in configuration.read_text()


def test_a_home_whose_passwords_are_of_another_server_is_left_alone(tmp_path: Path) -> None:
    known = Passwords(server="https://mlflow.example").of(load_people(EXAMPLE))
    write_passwords(tmp_path / "accounts.toml", known)
    with pytest.raises(PaddockError, match=r"for another server, https://mlflow\.example"):
        prepare_logins(Settings(home=tmp_path), MLFLOW, PREFECT)
    assert read_passwords(tmp_path / "accounts.toml") == known
