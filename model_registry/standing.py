"""Who serves: the one reader of the champion, for everything that needs to know.

The ledger says who it is; the aliases in MLflow follow from it. Where they are behind it, a release
is under way or died, and the next one or `reconcile` brings them there. Where they say what no row
explains (people deleted, moved or renamed something in MLflow), nothing is taken as the champion:
the trouble is said, with what puts it right. Needs a Registry; writes nothing.
"""

from __future__ import annotations

from collections.abc import Sequence

from data_contracts.errors import ContractError
from data_contracts.records import Frozen
from model_registry.ledger.rows import Row
from model_registry.releases import (
    LEDGER_TAG,
    Seen,
    goal_of,
    has_nowhere,
    read_rows,
    seen_row,
    standing_version,
)
from model_registry.tracking import Registry, quoted
from model_registry.versions import (
    CHAMPION,
    PREVIOUS,
    Version,
    find_version,
    has_model,
    model_tag,
    same,
    version_at,
    version_numbered,
)


class Standing(Frozen):
    """Who serves. `champion` and `previous` are versions that stand and that the ledger names.

    `alias` is what MLflow's champion alias points at. `behind`: the aliases were not brought to
    the last row yet. `renamed` is what the registered model is called now. `lost`: MLflow has seen
    rows that are not in the ledger. `trouble` is empty where registry and ledger agree; `remedy`
    then is too.
    """

    name: str
    rows: tuple[Row, ...]
    champion: Version | None
    previous: Version | None
    alias: Version | None
    behind: bool = False
    renamed: str = ""
    lost: bool = False
    trouble: str = ""
    remedy: str = ""

    @property
    def last(self) -> Row | None:
        """Return the row that made the champion of today."""
        return self.rows[-1] if self.rows else None

    @property
    def moved_outside(self) -> bool:
        """Tell whether the alias points at something that no row explains."""
        return bool(self.trouble) and self.alias is not None and not same(self.alias, self.champion)

    @property
    def only_aliases(self) -> bool:
        """Tell whether what the ledger names stands, and only the aliases say something else."""
        named = self.last is not None and (self.last.serves is None or self.champion is not None)
        return bool(self.trouble) and named and not self.lost and not self.renamed

    @property
    def digest(self) -> str | None:
        """Return the digest of what the ledger says serves, whatever became of its version."""
        return self.last.digest if self.last else None

    @property
    def served(self) -> set[str]:
        """Return the digest of everything that ever served."""
        return {row.digest for row in self.rows if row.digest}


def read_standing(registry: Registry, name: str) -> Standing:
    """Read who serves; IntegrityError where the ledger's rows are not as they were written."""
    seen = _look(registry, name)
    while seen.trouble:
        again = _look(registry, name)
        if again == seen:
            break
        seen = again  # a release went on between two of the questions that a look asks
    return seen


def _look(registry: Registry, name: str) -> Standing:
    # In this order: a row is written before the alias follows it, and the tag last.
    tag, alias = model_tag(registry, name, LEDGER_TAG), version_at(registry, name, CHAMPION)
    rows = read_rows(registry, name)
    last, goal = rows[-1] if rows else None, goal_of(rows)
    standing = Standing(
        name=name,
        rows=rows,
        champion=standing_version(registry, last) if last else None,
        previous=standing_version(registry, goal) if goal else None,
        alias=alias,
    )
    seen = seen_row(tag, rows)
    if lost := _lost(registry, seen, rows):
        return standing.model_copy(update={"lost": True, "trouble": lost[0], "remedy": lost[1]})
    stands = last is None or last.serves is None or standing.champion is not None
    if stands and same(alias, standing.champion):
        behind = seen.row < len(rows) and not (last and has_nowhere(registry, last))
        return standing.model_copy(update={"behind": behind})
    if stands and _explained(registry, rows, seen, alias):
        return standing.model_copy(update={"behind": True})
    renamed = "" if has_model(registry, name) else _called_now(registry, name, rows)
    standing = standing.model_copy(update={"renamed": renamed})
    standing = standing.model_copy(update={"trouble": _trouble(registry, standing)})
    return standing.model_copy(update={"remedy": _remedy(registry, standing)})


def read_champion(registry: Registry, name: str, step: str) -> Version | None:
    """Return the version that serves, or None before the first release.

    ContractError where the registry shows another than the ledger.
    """
    standing = read_standing(registry, name)
    if standing.trouble:
        raise ContractError(standing.trouble, step=step, where=name, remedy=standing.remedy)
    return standing.champion


def note_on_previous(registry: Registry, standing: Standing) -> str:
    """Return what is wrong with the alias `previous`, or an empty text."""
    alias = version_at(registry, standing.name, PREVIOUS)
    if same(alias, standing.previous) or standing.behind:
        return ""
    shown = f"version {alias.version}" if alias else "nothing"
    due = f"version {standing.previous.version}" if standing.previous else "nothing"
    return (
        f"the alias {PREVIOUS} was moved or deleted outside Paddock: it points at {shown}, and a"
        f" rollback goes to {due}"
    )


def _explained(registry: Registry, rows: Sequence[Row], seen: Seen, alias: Version | None) -> bool:
    """Tell whether the alias is where one of the rows left it that it was not brought beyond."""
    if seen.row == len(rows):
        return False
    since = rows[max(seen.row - 1, 0) :]
    left = [standing_version(registry, row) for row in since]
    return any(same(alias, version) for version in ([None, *left] if seen.row == 0 else left))


def whole_rows(registry: Registry, name: str, step: str) -> tuple[Row, ...]:
    """Return a model's rows; ContractError if MLflow has seen one that is not among them."""
    tag = model_tag(registry, name, LEDGER_TAG)
    rows = read_rows(registry, name)
    if lost := _lost(registry, seen_row(tag, rows), rows):
        raise ContractError(lost[0], step=step, where=name, remedy=lost[1])
    return rows


def _lost(registry: Registry, seen: Seen, rows: Sequence[Row]) -> tuple[str, str] | None:
    """Return what to say where the ledger is not the one that the aliases were brought to."""
    if not seen.row or (seen.row <= len(rows) and rows[seen.row - 1].hash == seen.hash):
        return None
    what = (
        f"MLflow has seen row {seen.row} of the ledger, which is not in it (it has {len(rows)}): "
        "the ledger was put back to an earlier state, or it is another one"
    )
    remedy = (
        "give PADDOCK_LEDGER the address of the one that has it, or restore that from a backup; if "
        "there is none, delete the tag paddock.ledger of the registered model in MLflow: then what "
        f"the ledger at {registry.ledger.shown} says counts"
    )
    return what, remedy


def _trouble(registry: Registry, standing: Standing) -> str:
    alias, last = standing.alias, standing.last
    points = f"it points at version {alias.version}" if alias else ""
    if last is None:
        return f"the alias {CHAMPION} was set outside Paddock: {points}, and no release is recorded"
    if last.serves is None:
        return f"the alias {CHAMPION} was set outside Paddock: {points}, and nothing serves"
    made = f"the last release made version {last.version} champion"
    if standing.champion is None:
        gone = _what_happened(registry, standing, last)
        moved = f"; the alias {CHAMPION} was moved outside Paddock: {points}" if alias else ""
        return f"{made}, and {gone}{moved}"
    if alias is None:
        return f"the alias {CHAMPION} was deleted outside Paddock; {made}"
    return f"the alias {CHAMPION} was moved outside Paddock: {points}, and {made}"


def _what_happened(registry: Registry, standing: Standing, last: Row) -> str:
    name = standing.name
    if standing.renamed:
        return f"the registered model {name} was renamed to {standing.renamed}"
    if not has_model(registry, name):
        return f"the registered model {name} was deleted"
    if version_numbered(registry, name, last.version or 0) is not None:
        return "that version is not what was released any more: its tags or files were changed"
    return "that version was deleted"


def _called_now(registry: Registry, name: str, rows: Sequence[Row]) -> str:
    for row in reversed(rows):
        run = quoted(row.serves.run) if row.serves else ""
        found = registry.client.search_model_versions(f"run_id = '{run}'") if run else ()
        if names := sorted({version.name for version in found} - {name}):
            return names[0]
    return ""


def _remedy(registry: Registry, standing: Standing) -> str:
    name, last = standing.name, standing.last
    if last is None:
        return f"take the alias {CHAMPION} away in MLflow, and promote what people approved"
    if standing.renamed:
        return f"rename the registered model {standing.renamed} back to {name} in MLflow"
    if standing.only_aliases or last.serves is None:
        return f"`paddock reconcile --name {name}` puts the aliases where the ledger says"
    ways: list[str] = []
    candidate = find_version(registry, f"{name}-candidate", last.serves.digest)
    if candidate is not None:
        ways.append(
            f"`paddock promote --name {name} --version {candidate.version}` puts the recorded "
            "champion back"
        )
    if not standing.moved_outside and standing.previous is not None:
        ways.append(
            f"`paddock rollback --name {name} --reason …` goes back to version "
            f"{standing.previous.version}"
        )
    return ", or ".join(ways) or "restore the registry from a backup, or begin under another name"
