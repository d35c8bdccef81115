"""Accounts and roles on a real server: who may do what, and what applying a file changes."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from data_contracts.errors import InputError, PaddockError
from flows.workshop.logins import EXAMPLE
from model_registry.accounts.applying import admin_of, change_password
from model_registry.accounts.opening import open_models
from model_registry.accounts.passwords import Passwords, new_password, read_passwords
from model_registry.accounts.people import Account, People, load_people
from model_registry.accounts.roles import EXPERIMENTS
from model_registry.accounts.seats import read_seated
from model_registry.candidates import Candidate
from model_registry.logins import Login
from model_registry.policy import POLICIES, load_policy
from tests.model_registry.guarded import PEOPLE, Guarded

DENIED = pytest.raises(Exception, match="Permission denied")


def _with(people: People, **accounts: dict[str, Any]) -> People:
    made = {name: Account.model_validate(content) for name, content in accounts.items()}
    return people.model_copy(update={"accounts": people.accounts | made})


def test_applying_again_changes_nothing_and_keeps_the_file_private(guarded: Guarded) -> None:
    before = guarded.kept.read_text()
    assert guarded.apply(PEOPLE) == []
    assert guarded.kept.read_text() == before
    assert guarded.kept.stat().st_mode & 0o777 == 0o600
    guarded.kept.chmod(0o644)
    with pytest.raises(PaddockError, match="others can read the passwords"):
        _ = guarded.known
    guarded.kept.chmod(0o600)


def test_the_pipeline_writes_candidates_and_nothing_of_what_serves(
    guarded: Guarded, register: Callable[..., Candidate]
) -> None:
    registry = guarded.as_("pipeline")
    candidate = register(registry, "roles")
    registry.log_metrics(registry.start_run("desk", "training", {}), {"loss": 1.0})
    client = registry.client
    with DENIED:
        client.create_model_version("desk", source=candidate.uri, run_id=candidate.run)
    with DENIED:
        client.set_registered_model_alias("desk", "champion", "1")
    with DENIED:
        client.set_registered_model_tag("desk", "paddock.people", "{}")
    with DENIED:
        client.delete_model_version(candidate.name, str(candidate.version))
    for ending in ("-promotions", "-releases"):
        with DENIED:
            registry.start_run(f"desk{ending}", "mine", {})


@pytest.mark.parametrize(
    ("name", "writes"),
    [("serving", ""), ("rita", "-review"), ("bob@example.com", "-promotions")],
)
def test_others_read_and_write_no_more_than_answers(
    guarded: Guarded, register: Callable[..., Candidate], name: str, writes: str
) -> None:
    candidate = register(guarded.as_("pipeline"), "read")
    registry = guarded.as_(name)
    assert registry.names_at(candidate.uri) == ["MODEL_CARD.md", "model", "references.json"]
    for ending in set(EXPERIMENTS) - {writes or None}:
        with DENIED:
            registry.start_run(f"desk{ending}", "mine", {})
    with DENIED:
        registry.client.set_registered_model_alias(candidate.name, "champion", "1")
    with DENIED:
        registry.client.delete_run(candidate.run)


def test_who_took_a_name_before_loses_it(guarded: Guarded) -> None:
    serving = guarded.as_("serving")
    for name in ("taken", "taken-candidate"):
        serving.client.create_registered_model(name)
    serving.client.set_registered_model_tag("taken", "paddock.people", "{}")
    experiment = serving.client.create_experiment("taken-promotions")
    said = guarded.apply(PEOPLE, "taken")
    assert [line for line in said if "serving may no more MANAGE" in line]
    with DENIED:
        serving.client.set_registered_model_tag("taken", "paddock.people", "{}")
    with DENIED:
        serving.client.create_run(experiment)
    seated = read_seated(guarded.as_("pipeline"), "taken")
    assert seated is not None
    assert seated.seats["safety"] == ("cyd",)
    guarded.as_("promoter").client.create_run(experiment)


def test_people_come_and_go(guarded: Guarded) -> None:
    more = _with(PEOPLE, dee={"roles": ["approver"], "seats": ["release"]})
    said = guarded.apply(more)
    assert {"dee: account made", "dee: is approver"} <= set(said)
    login = guarded.login("dee")
    assert guarded.admin.accepts(login)
    seated = read_seated(guarded.as_("promoter"), "desk")
    assert seated is not None
    assert "dee" in seated.seats["release"]

    said = guarded.apply(PEOPLE)
    assert "dee: account deleted, it is not in the file any more" in said
    assert not guarded.admin.accepts(login)
    assert "dee" not in guarded.kept.read_text()
    seated = read_seated(guarded.as_("promoter"), "desk")
    assert seated is not None
    assert "dee" not in seated.seats["release"]


def test_a_role_changes_and_a_strangers_account_stays(guarded: Guarded) -> None:
    guarded.admin.create_user(Login(name="zoe", password=new_password()))
    with_zoe = _with(PEOPLE, zoe={"roles": ["reviewer"]})
    assert "zoe: is reviewer" in guarded.apply(with_zoe)
    assert "zoe" not in guarded.known.passwords  # hers stays hers
    said = guarded.apply(_with(PEOPLE, zoe={"roles": ["serving"]}))
    assert {"zoe: is serving", "zoe: no more reviewer"} <= set(said)
    said = guarded.apply(PEOPLE)
    assert "zoe: no more serving" in said
    assert any(line.startswith("zoe: the account stays") for line in said)
    guarded.admin.delete_user("zoe")


@pytest.mark.parametrize("name", ["rita", "admin"])
def test_a_new_password(guarded: Guarded, name: str) -> None:
    before = guarded.login(name)
    change_password(guarded.admin, name, guarded.known, guarded.keep)
    assert guarded.login(name) != before
    assert guarded.admin.accepts(guarded.login(name))
    assert not guarded.admin.accepts(before)


@pytest.mark.parametrize("name", ["rita", "admin"])
@pytest.mark.parametrize("told", [True, False])
def test_a_change_of_password_that_died_is_found_out(
    guarded: Guarded, name: str, told: bool
) -> None:
    class DiedError(Exception):
        pass

    def keep(changed: Passwords) -> None:
        if told and not changed.pending:
            raise DiedError
        guarded.keep(changed)
        if not told:
            raise DiedError

    with pytest.raises(DiedError):
        change_password(guarded.admin, name, guarded.known, keep)
    assert guarded.known.pending
    assert guarded.apply(PEOPLE) == []
    assert not guarded.known.pending
    assert guarded.admin.accepts(guarded.login(name))


def test_row_53_strangers_are_turned_away(guarded: Guarded) -> None:
    search = "/api/2.0/mlflow/experiments/search?max_results=5"
    alias = "/api/2.0/mlflow/registered-models/alias"
    body = {"name": "desk", "alias": "champion", "version": "1"}
    up = "/api/2.0/mlflow-artifacts/artifacts/1/%2e%2e/%2e%2e/auth.db"
    serving, promoter = guarded.login("serving"), guarded.login("promoter")
    assert guarded.send("/health")[0] == 200
    assert guarded.send(search, login=serving)[0] == 200
    assert guarded.send(search)[0] == 401
    assert guarded.send(alias, body)[0] == 401
    assert guarded.send(search, login=serving, Host="evil.example")[0] == 403
    status, text = guarded.send(alias, body, promoter, Origin="http://evil.example")
    assert (status, text) == (403, "Cross-origin request blocked")
    assert guarded.send(up, login=serving)[0] == 403
    assert guarded.send("/api/2.0/mlflow/users/create", {"username": "x"}, promoter)[0] == 403


def test_an_open_name_is_found_open(guarded: Guarded) -> None:
    said = open_models(guarded.admin, PEOPLE, ["other"], lambda _: None)
    assert said[0].startswith("other: made other, other-candidate, other-candidates")
    assert open_models(guarded.admin, PEOPLE, ["other"], lambda _: None) == []


def test_the_example_seats_somebody_in_every_seat_of_our_policies() -> None:
    people = load_people(EXAMPLE)
    for policy in POLICIES.glob("*.toml"):
        assert set(load_policy(policy.stem).seats) <= set(people.seated())
    assert len(load_policy("general").seats) == 2
    assert load_policy("demo").seats == ("release",)


@pytest.mark.parametrize(
    ("name", "content", "why"),
    [
        ("Eve", {"roles": ["serving"]}, "not the name of an account"),
        ("eve", {"roles": ["approver"]}, "sits in one or more seats"),
        ("eve", {"roles": ["serving"], "seats": ["release"]}, "sits in one or more seats"),
        ("eve", {"roles": ["promoter"]}, "exactly one account is promoter"),
        ("eve", {"roles": ["admin", "reviewer"]}, "is nothing else"),
        ("eve", {"roles": ["king"]}, "accounts.eve.roles"),
        ("eve", {"roles": ["serving"], "password": "x"}, "accounts.eve.password"),
    ],
)
def test_a_file_that_cannot_be_is_refused(
    tmp_path: Path, name: str, content: dict[str, Any], why: str
) -> None:
    lines = [f'[accounts."{name}"]']
    lines += [f"{key} = {value!r}".replace("'", '"') for key, value in content.items()]
    place = tmp_path / "accounts.toml"
    place.write_text(EXAMPLE.read_text() + "\n".join(lines) + "\n")
    with pytest.raises(InputError, match=why):
        load_people(place)


def test_passwords_are_sent_to_their_own_server_only(tmp_path: Path) -> None:
    known = Passwords(server="http://127.0.0.1:5000").of(PEOPLE)
    assert known.is_for("http://localhost:5000/")
    assert not known.is_for("http://127.0.0.1:5001")
    assert not known.is_for("https://127.0.0.1:5000")
    assert not Passwords().is_for("")
    assert admin_of("http://127.0.0.1:5000", Passwords()) is None
    assert str(known.passwords["ada"].get_secret_value()) not in repr(known)
    assert read_passwords(tmp_path / "none.toml") == Passwords()
