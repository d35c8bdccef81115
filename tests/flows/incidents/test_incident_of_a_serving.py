"""An incident over a home whose versions really answered: opened, asked again, shown."""

from __future__ import annotations

import json
import shutil
from collections.abc import Callable
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import pytest

from data_contracts.errors import ContractError, InputError, IntegrityError
from data_contracts.inference_log import log_bytes, window_key
from flows.command.cli import main
from flows.incidents.opening import opened
from flows.incidents.replaying import replayed
from flows.incidents.showing import listed, shown, told_of
from tasks.incidents.bundle import FILE, folder_of
from tasks.incidents.choosing import CUT_PROMPT, FROM_INDEX, NO_ANSWER
from tests.flows.incidents.conftest import MAIL, PLAIN, Bad
from tests.flows.serving.conftest import NAME

pytestmark = pytest.mark.timeout(300)


@pytest.fixture(scope="module")
def identity(bad_hour: Bad) -> str:
    """The incident that was opened over the hour, forms alone taken out."""
    asked = bad_hour.asked()
    found = opened(bad_hour.workshop(), asked, "", datetime.now(UTC))
    assert (found.bundle.id, found.again) == (asked.id, False)
    return asked.id


@pytest.fixture(scope="module")
def replay(bad_hour: Bad, identity: str) -> Any:
    """The hour asked again of all that can be named; `c` is approved, and never served."""
    bad_hour.desk.approve("c")
    against = ("champion", "previous", "candidate", "1")
    return replayed(bad_hour.workshop(), identity, against, 50, "", lambda _: None)


def test_a_bundle_holds_what_is_known_of_the_window(bad_hour: Bad, identity: str) -> None:
    bundle = told_of(bad_hour.workshop(), identity).bundle
    figures = bundle.figures
    assert (figures.requests, figures.failed, figures.badly, figures.rated) == (9, 1, 1, 1)
    assert bundle.compared[0].figures.requests == 1
    assert {name: one.requests for name, one in bundle.by_tenant.items()} == {"acme": 8, "birch": 1}
    assert sum(one.requests for one in bundle.slices) == 10
    assert [(one.action, one.version) for one in bundle.moves] == [("promote", 1)]
    [facts] = bundle.versions
    serves = bad_hour.desk.registry.ledger.rows(NAME)[0].serves
    assert serves
    assert (facts.digest, facts.files_digest) == (bad_hour.digest, serves.files_digest)
    assert len(facts.tokenizer) == 64
    assert bundle.indexes == {"i-3": 1}
    flags = bundle.served.flags
    assert flags[flags.index("--context") + 1] == "256"
    assert [row.prompt for row in bundle.worst][:1] == ["Nothing?"]
    assert len(bundle.requests) == 9
    assert bundle.canary is None


def test_the_same_window_is_the_same_bundle_whatever_came_since(
    bad_hour: Bad, identity: str, tmp_path: Path
) -> None:
    home = tmp_path / "home"
    shutil.copytree(bad_hour.desk.home, home)
    workshop = bad_hour.workshop(home)
    before = told_of(workshop, identity)
    late = bad_hour.rows[0].model_copy(update={"id": "late"})
    key = window_key(NAME, f"{late.time:%Y-%m-%dT%H}").replace(".jsonl", ".late.jsonl")
    workshop.store.write(key, log_bytes([late]))
    again = opened(workshop, bad_hour.asked(), "", datetime.now(UTC))
    assert (again.again, again.digest) == (True, before.digest)
    other = opened(workshop, bad_hour.asked(tenant="birch"), "", datetime.now(UTC))
    assert (other.again, other.bundle.figures.requests) == (False, 1)
    assert opened(workshop, bad_hour.asked(most=3), "", datetime.now(UTC)).bundle.figures.requests


def test_no_personal_value_is_in_what_is_kept_or_shown(
    bad_hour: Bad, planted: dict[str, str], capsys: pytest.CaptureFixture[str]
) -> None:
    found = opened(bad_hour.workshop(), bad_hour.asked(names=True), "", datetime.now(UTC))
    words, page = shown(bad_hour.workshop(), found.bundle.id)
    assert len(found.bundle.requests) + sum(found.bundle.held.values()) == 9
    files = [Path(page), Path(page).with_name(FILE)]
    said = [words, *capsys.readouterr(), *(path.read_text() for path in files)]
    kept = json.loads(files[1].read_text())  # as it is read, not as JSON writes letters
    said.append(json.dumps(kept, ensure_ascii=False))
    values = {MAIL, "page of Ann", *planted.values()}
    assert [(value, text[:40]) for value in values for text in said if value in text] == []
    assert "<EMAIL_1>" in said[-1]
    assert "<PERSON_1>" in said[-1]


def test_versions_answer_again_and_where_they_part_is_said(
    bad_hour: Bad, identity: str, replay: Any
) -> None:
    champion, previous, candidate = replay.sides
    assert (champion.name, previous.name) == (f"{NAME}/2", f"{NAME}/1")
    assert previous.called == ("previous", "1")
    assert candidate.name == f"{NAME}/{candidate.digest[:16]}"
    assert len({one.tokenizer for one in replay.sides}) == 1
    by_pair = {(one.first, one.second): one for one in replay.agreements}
    # What answered then answers so again; what took its place does not.
    same = by_pair["recorded", previous.name].plain
    assert same.compared >= len(PLAIN)
    asked = {one.prompt: one for one in replay.requests}
    for text in PLAIN:
        one = asked[text]
        assert one.parts[f"recorded | {previous.name}"] is None
        assert one.answers[previous.name] == one.recorded
    others = [asked[text].parts[f"recorded | {champion.name}"] for text in PLAIN]
    assert [one.unit for one in others if one] == ["token"] * sum(one is not None for one in others)
    assert any(others)
    mail = asked["Write to <EMAIL_1> about it"]
    assert mail.redacted
    assert by_pair["recorded", previous.name].redacted.compared >= 1
    assert replay.left_out == {NO_ANSWER: 1, FROM_INDEX: 1, CUT_PROMPT: 1}
    assert told_of(bad_hour.workshop(), identity).replay == replay
    assert not list((bad_hour.desk.home / "work" / "assembly").glob("replay-*"))


def test_its_page_says_what_can_be_done_and_leaves_the_rest_to_people(
    bad_hour: Bad, identity: str, replay: Any
) -> None:
    words, page = shown(bad_hour.workshop(), identity)
    html = Path(page).read_text()
    rollback = f"paddock rollback --name {NAME} --reason 'incident {identity}'"
    assert rollback in words
    assert "it is one that served in the window" in words  # before one goes back to it
    assert "<script>" not in html
    assert "&lt;script&gt;light" in html
    assert html.count("To be written by people") >= 5
    assert "<svg" in html
    assert replay.sides[2].name in html
    differing = [one for one in replay.requests if any(one.parts.values())]
    assert f"What they said, of {len(differing)} that differ" in html
    assert f"row 2 of the ledger: version {bad_hour.desk.champion} serves" in html


def test_a_file_of_an_incident_that_was_changed_is_refused(
    bad_hour: Bad, identity: str, replay: Any, tmp_path: Path
) -> None:
    home = tmp_path / "home"
    shutil.copytree(bad_hour.desk.home, home)
    workshop = bad_hour.workshop(home)
    folder = home / "store" / folder_of(NAME, identity)
    [asked_again] = folder.glob("replay-*.json")
    asked_again.write_text(asked_again.read_text().replace(replay.sides[0].digest, "0" * 64))
    with pytest.raises(IntegrityError, match="its digest is not that of what it holds"):
        shown(workshop, identity)
    asked_again.unlink()
    bundle = folder / FILE
    whole = bundle.read_text()
    bundle.write_text(whole.replace('"failed": 1', '"failed": 0', 1))
    with pytest.raises(IntegrityError, match="was changed or damaged"):
        shown(workshop, identity)
    with pytest.raises(IntegrityError, match="was changed or damaged"):
        replayed(workshop, identity, (), 5, "", lambda _: None)
    elsewhere = home / "store" / folder_of(NAME, "2026-01-01T0000-00000000")
    elsewhere.mkdir()
    (elsewhere / FILE).write_text(whole)
    with pytest.raises(IntegrityError, match="it is that of another incident"):
        shown(workshop, elsewhere.name)
    lines = {line[:24]: line for line in listed(workshop).splitlines()}
    assert "was changed or damaged" in lines[identity]
    assert "was changed or damaged" in lines[elsewhere.name]


def test_what_cannot_be_looked_into_is_refused_in_words(bad_hour: Bad, identity: str) -> None:
    workshop, now = bad_hour.workshop(), datetime.now(UTC)
    hour = timedelta(hours=1)
    early = bad_hour.asked(since=bad_hour.since - 50 * hour, until=bad_hour.since - 49 * hour)
    with pytest.raises(InputError, match=r"has rows of days from \d{4}"):
        opened(workshop, early, "", now)
    with pytest.raises(InputError, match="nothing was ever logged for bells"):
        opened(workshop, bad_hour.asked(name="bells"), "", now)
    with pytest.raises(InputError, match="no request of tenant oak"):
        opened(workshop, bad_hour.asked(tenant="oak"), "", now)
    with pytest.raises(InputError, match="which is not over"):
        opened(workshop, bad_hour.asked(until=now + hour), "", now)
    with pytest.raises(ContractError, match="no release made it one that serves"):
        replayed(workshop, identity, ("99",), 5, "", lambda _: None)
    assert not [path for path in (bad_hour.desk.home / "store").rglob("*") if "bells" in str(path)]


def test_a_version_that_answered_is_told_of_whenever_it_was_promoted(bad_hour: Bad) -> None:
    early = bad_hour.asked(until=bad_hour.since + timedelta(seconds=5))
    found = opened(bad_hour.workshop(), early, "", datetime.now(UTC)).bundle
    assert found.moves == ()
    assert [one.digest for one in found.versions] == [bad_hour.digest]


def test_an_hour_without_requests_after_some_is_opened_and_said(bad_hour: Bad) -> None:
    silent = bad_hour.asked(
        since=bad_hour.since + timedelta(seconds=20), until=bad_hour.since + timedelta(seconds=40)
    )
    found = opened(bad_hour.workshop(), silent, "", datetime.now(UTC)).bundle
    assert found.figures.requests == 0
    assert any("an outage?" in note for note in found.notes)
    with pytest.raises(ContractError, match=r"no request of it can be asked again \(it has none\)"):
        replayed(bad_hour.workshop(), found.id, (), 5, "", lambda _: None)


@pytest.mark.parametrize(
    ("words", "said"),
    [
        (["open", "--name", NAME, "--from", "2026-03-01T10:00"], "needs both ends"),
        (["open", "--from", "2026-03-01T10:00", "--to", "2026-03-01T09:00"], "ends before it beg"),
        (["open", "--from", "noon", "--to", "2026-03-01"], "write a time as"),
        (["replay"], "which incident?"),
        (["replay", "2026-03-01T1000-0123abcd"], "there is no such incident"),
        (["show", "2026-03-01T1000-0123abcd"], "there is no such incident"),
        (["replay", "2026-03-01T1000-0123abcd", "--against", "newest"], "--against"),
    ],
)
def test_words_that_cannot_be_are_refused(
    words: list[str],
    said: str,
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
    capsys: pytest.CaptureFixture[str],
) -> None:
    monkeypatch.setenv("PADDOCK_HOME", str(tmp_path / "home"))
    assert main(["incident", *words]) == 2
    told = capsys.readouterr().err
    assert said in told
    assert "to do: " in told


def test_the_command_opens_and_the_list_has_it(
    bad_hour: Bad, identity: str, paddock: Callable[..., Any]
) -> None:
    window = ["--from", bad_hour.since.isoformat(), "--to", bad_hour.until.isoformat()]
    words = ["incident", "open", "--name", NAME, *window, "--most", "100", "--no-names"]
    ended = paddock(bad_hour.desk.home, *words)
    assert ended.returncode == 0, ended.stderr
    assert f"Incident {identity} of {NAME} was opened already, and is as it was" in ended.stdout
    assert f"{identity}/incident.html" in ended.stdout
    assert f"{identity}  {NAME}: From " in listed(bad_hour.workshop())
