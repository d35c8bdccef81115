"""Eight people and programs who release, each unaware of the others, and whatever goes wrong.

A Hypothesis state machine over a real registry and ledger: candidates are approved and declined,
promoted, rolled back, taken out of service and reconciled, by processes that die at any step, while
hands move aliases, delete versions, edit tags and change bytes. After every step the ledger's chain
holds, and ledger, aliases and bytes agree, or `reconcile` says why not.
"""

from __future__ import annotations

import shutil
import tempfile
from collections.abc import Callable
from contextlib import suppress
from pathlib import Path
from typing import Any, ClassVar

import pytest
from hypothesis import strategies as st
from hypothesis.stateful import RuleBasedStateMachine, initialize, invariant, rule

from data_contracts.errors import IntegrityError
from model_registry import copies, promotion, releases
from model_registry.approvals import read_decision, record_decision, request_approval
from model_registry.candidates import Candidate, find_candidate
from model_registry.contents import read_contents
from model_registry.copies import require_bytes, verify_version
from model_registry.dossier import read_dossier
from model_registry.ledger.rows import Served
from model_registry.promotion import promote, promote_approved, rollback
from model_registry.reconciling import reconcile
from model_registry.releases import LEFT_TAGS, goal_of
from model_registry.retiring import retire
from model_registry.signing import SigningKeys
from model_registry.standing import Standing, note_on_previous, read_standing
from model_registry.tracking import Registry, open_registry
from model_registry.versions import Version, same, version_at, version_numbered
from tests.faults.releases.refusable import Refusable

ACTORS = 8
CARD = "MODEL_CARD.md"
CANDIDATES = ("a", "b", "c", "d")
# Where a release may die: in the middle of what is done before, at, and after its row.
FAILPOINTS: list[tuple[Any, str]] = [
    (copies, "upload_files"),
    (copies, "ensure_version"),
    (promotion, "append"),
    (promotion, "project"),
    (releases, "point"),
    (releases, "tag_model"),
    (releases, "tag_version"),
]
actors = st.integers(0, ACTORS - 1)
marks = st.sampled_from(CANDIDATES)


class Died(BaseException):
    """Stands for a process that was killed."""


class Releases(RuleBasedStateMachine):
    """A home with four candidates that nobody was asked about yet."""

    home: ClassVar[Path]
    databases: ClassVar[Callable[[Path], tuple[str, str]]]  # MLflow's and the ledger's, of a home
    keys: ClassVar[SigningKeys]
    publish: ClassVar[Callable[..., Any]]
    steps: ClassVar[int] = 0
    served: ClassVar[int] = 0  # steps after which something served, and nothing was wrong

    @initialize()
    def open(self) -> None:
        self.folder = Path(tempfile.mkdtemp(prefix="paddock-machine-"))
        shutil.copytree(self.home, self.folder / "home")
        home = self.folder / "home"
        database, ledger = type(self).databases(home)
        self.each = [
            open_registry(database, f"file://{home}/artifacts", ledger=ledger)
            for _ in range(ACTORS)
        ]
        self.changed: dict[Path, bytes] = {}  # cards, with what they held before
        self.signed: set[tuple[str, str]] = set()  # runs and digests seen to bear their signature

    def teardown(self) -> None:
        if hasattr(self, "folder"):
            shutil.rmtree(self.folder, ignore_errors=True)

    @property
    def registry(self) -> Registry:
        return self.each[0]

    def candidate(self, mark: str) -> Candidate:
        return find_candidate(self.registry, "desk", CANDIDATES.index(mark) + 1)

    @rule(mark=marks, actor=actors)
    def ask(self, mark: str, actor: int) -> None:
        """Compare a candidate with what serves now, and ask people."""
        registry = self.each[actor]
        standing = read_standing(registry, "desk")
        serves = standing.champion
        compared = serves.tags["paddock.reference.model"] if serves else None
        with Refusable():
            dossier = type(self).publish(registry, self.candidate(mark), compared)
            request_approval(registry, "desk", dossier)

    @rule(mark=marks, actor=actors, yes=st.booleans())
    def decide(self, mark: str, actor: int, yes: bool) -> None:
        registry = self.each[actor]
        with Refusable():
            dossier = read_dossier(registry, self.candidate(mark), self.keys)
            record_decision(registry, "desk", dossier, approve=yes, person=f"person {actor}")

    @rule(mark=marks, actor=actors)
    def promote(self, mark: str, actor: int) -> None:
        with Refusable():
            promote(self.each[actor], "desk", self.candidate(mark).version, self.keys)

    @rule(mark=marks, actor=actors, again=marks)
    def ask_decide_promote(self, mark: str, actor: int, again: str) -> None:
        """The whole way, which single steps seldom find."""
        self.ask(mark, actor)
        self.decide(mark, actor, yes=True)
        self.promote(mark, actor)
        self.promote(again, actor)

    @rule(actor=actors)
    def poll(self, actor: int) -> None:
        with Refusable():
            promote_approved(self.each[actor], "desk", self.keys)

    @rule(actor=actors)
    def go_back(self, actor: int) -> None:
        with Refusable():
            rollback(self.each[actor], "desk", f"actor {actor} says so", self.keys)

    @rule(actor=actors)
    def take_out_of_service(self, actor: int) -> None:
        with Refusable():
            assert retire(self.each[actor], "desk", f"actor {actor} says so").version == 0

    @rule(mark=marks, actor=actors)
    def take_forward_again(self, mark: str, actor: int) -> None:
        """Roll back, and promote what was rolled back from by its number: its yes still counts."""
        self.ask_decide_promote(mark, actor, again=mark)
        before = read_standing(self.registry, "desk")
        if before.trouble or before.digest != self.candidate(mark).digest:
            return
        self.go_back(actor)
        after = read_standing(self.registry, "desk")
        moved = after.last is not None and after.last.action == "rollback"
        if not moved or after.trouble or len(after.rows) != len(before.rows) + 1:
            return
        self.promote(mark, actor)
        dossier = read_dossier(self.registry, self.candidate(mark), self.keys)
        compared = dossier.champion.digest if dossier.champion else None
        approved = read_decision(self.registry, "desk", dossier).state == "approved"
        due = approved and compared == after.digest
        served = read_standing(self.registry, "desk").digest == self.candidate(mark).digest
        assert served is due or self.changed  # bytes that a hand changed are refused

    @rule(
        mark=marks,
        actor=actors,
        point=st.sampled_from(FAILPOINTS),
        after=st.booleans(),
        back=st.booleans(),
    )
    def die(self, mark: str, actor: int, point: tuple[Any, str], after: bool, back: bool) -> None:
        """Be killed at a step of a promotion or a rollback."""
        module, name = point
        real = getattr(module, name)

        def killed(*arguments: Any, **options: Any) -> None:
            if after:
                real(*arguments, **options)
            raise Died

        with pytest.MonkeyPatch.context() as patch, suppress(Died):
            patch.setattr(module, name, killed)
            if back:
                self.go_back(actor)
            else:
                self.promote(mark, actor)

    @rule(actor=actors, alias=st.sampled_from(["champion", "previous"]), to=st.integers(0, 4))
    def move_alias(self, actor: int, alias: str, to: int) -> None:
        """Move an alias by hand, or take it away."""
        client = self.each[actor].client
        if to == 0 and version_at(self.registry, "desk", alias):
            client.delete_registered_model_alias("desk", alias)
        elif to and self._there(to):
            client.set_registered_model_alias("desk", alias, str(to))

    @rule(number=st.integers(1, 4), how=st.sampled_from(["delete", "tag"]))
    def harm_version(self, number: int, how: str) -> None:
        """Delete a version by hand, or edit its tags."""
        if not self._there(number):
            return
        client = self.registry.client
        if how == "delete":
            client.delete_model_version("desk", str(number))
        else:
            client.set_model_version_tag("desk", str(number), "paddock.digest", "0" * 64)

    @rule(number=st.integers(1, 4))
    def harm_bytes(self, number: int) -> None:
        """Change the bytes of a version, or put them back."""
        place = self._card(number)
        if place is None:
            return
        if place in self.changed:
            place.write_bytes(self.changed.pop(place))
        else:
            self.changed[place] = place.read_bytes()
            place.write_bytes(b"changed")

    @rule(actor=actors)
    def reconcile(self, actor: int) -> None:
        found = reconcile(self.each[actor], "desk")
        standing = read_standing(self.registry, "desk")
        assert bool(found.trouble) == bool(standing.trouble), (found, standing)
        assert not found.trouble or found.remedy
        if not found.trouble:
            self._agrees(standing)

    @invariant()
    def the_chain_holds_and_what_is_not_right_is_said(self) -> None:
        if not hasattr(self, "each"):
            return
        type(self).steps += 1
        rows = self.registry.ledger.rows("desk")  # raises where a row is not as it was written
        standing = read_standing(self.registry, "desk")
        assert standing.rows == rows
        if standing.trouble:
            assert standing.remedy
            return
        if not standing.behind:
            assert same(standing.alias, standing.champion)
            self._aliases_agree(standing)
        # Every row was approved by somebody, or goes back to one that was.
        for row in rows:
            assert row.people or row.action in LEFT_TAGS
            assert (row.serves is None) is (row.action == "out of service")
        if standing.champion and not standing.behind:
            assert not set(LEFT_TAGS.values()) & set(standing.champion.tags)
        type(self).served += bool(standing.champion)
        self._bytes_agree(standing)

    def _agrees(self, standing: Standing) -> None:
        self._aliases_agree(standing)
        assert (standing.behind, note_on_previous(self.registry, standing)) == (False, "")

    def _aliases_agree(self, standing: Standing) -> None:
        """Ask MLflow itself: its alias is at the version of the last row."""
        alias = version_at(self.registry, "desk", "champion")
        last = standing.last
        assert (alias and alias.version) == (last.version if last else None)

    def _bytes_agree(self, standing: Standing) -> None:
        """The bytes of what serves are what its row names, unless a hand changed them: said.

        They are read after every step; their signature is looked at where they are new.
        """
        goal = goal_of(standing.rows)
        for row, version in ((standing.last, standing.champion), (goal, standing.previous)):
            if row is None or row.serves is None or version is None:
                continue
            folder = self.registry.folder_at(version.uri)
            assert folder is not None
            changed, key = folder / CARD in self.changed, (version.run, row.serves.files_digest)
            assert (read_contents(folder).digest == row.serves.files_digest) is not changed
            if changed or key not in self.signed:
                self._verified(version, row.serves, changed)
            if not changed:
                self.signed.add(key)

    def _verified(self, version: Version, serves: Served, changed: bool) -> None:
        """As whoever loads it would: refused in words where a hand changed it."""
        try:
            contents = verify_version(self.registry, version, self.keys)
            require_bytes(version, contents, serves.files_digest)
        except IntegrityError:
            assert changed
        else:
            assert not changed

    def _there(self, number: int) -> bool:
        return version_numbered(self.registry, "desk", number) is not None

    def _card(self, number: int) -> Path | None:
        version = version_numbered(self.registry, "desk", number)
        folder = version and self.registry.folder_at(version.uri)
        return folder / CARD if folder else None
