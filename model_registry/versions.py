"""Versions of a registered model: look before creating, so that a retry makes no second one.

Needs a Registry. Writes registered models, versions, tags and aliases.
"""

from __future__ import annotations

import json
import logging
import time
from collections.abc import Callable, Mapping
from typing import Any

from pydantic import Field

from data_contracts.errors import PaddockError
from data_contracts.records import Frozen
from model_registry.tracking import Registry, error_code, quoted

CHAMPION, PREVIOUS = "champion", "previous"
# The identity of what a version holds; two versions of one model never share it.
DIGEST = "paddock.digest"
FILES_DIGEST = "paddock.files_digest"
# What code needs of a version and no person reads is one tag; a version of before has them apart.
FACTS, _OURS = "paddock.facts", "paddock."
_APART = {DIGEST, "paddock.dossier", "paddock.verdict"}  # searched for, or written later
_TRIES, _LONGEST = 6, 10.0  # of a write that many make at once; seconds in which it is tried again
_HOPELESS = {"PERMISSION_DENIED", "RESOURCE_DOES_NOT_EXIST", "INVALID_PARAMETER_VALUE"}
_LOGGER = logging.getLogger("paddock")


class Version(Frozen):
    """One version of a registered model, as the registry holds it now."""

    name: str
    version: int
    run: str
    digest: str
    uri: str
    tags: dict[str, str] = Field(default_factory=dict)


def same(one: Version | None, other: Version | None) -> bool:
    """Tell whether two looks at a model saw the same version, or both saw none."""
    return (one and one.version) == (other and other.version)


def has_model(registry: Registry, name: str) -> bool:
    """Tell whether there is a registered model of a name, be it without versions."""
    try:
        registry.client.get_registered_model(name)
    except Exception as error:
        if error_code(error) == "RESOURCE_DOES_NOT_EXIST":
            return False
        raise
    return True


def ensure_model(registry: Registry, name: str, description: str) -> None:
    """Create a registered model if there is none of that name."""
    try:
        registry.client.create_registered_model(name, description=description)
    except Exception as error:
        if error_code(error) != "RESOURCE_ALREADY_EXISTS":
            raise


def ensure_version(
    registry: Registry, name: str, run: str, place: str, tags: Mapping[str, str], description: str
) -> Version:
    """Return the version with the digest among `tags`, creating it if there is none.

    Its bytes are what lies at `place` in the run's artifacts. A lost response makes MLflow's
    client send its request again, and several may do this at once: of versions with one digest the
    lowest number counts, and the others are taken away again.
    """
    found = find_version(registry, name, tags[DIGEST])
    if found is None:
        source = registry.artifact_uri(run, place)

        def create() -> None:
            if find_version(registry, name, tags[DIGEST]) is None:
                registry.client.create_model_version(
                    name,
                    source=source,
                    run_id=run,
                    tags=folded(tags),
                    description=description,
                    await_creation_for=0,
                )

        _insist(f"a version of {name}", create)
        found = _only(registry, name, tags[DIGEST])
    if found is None:
        raise PaddockError(
            "the registry does not show a version that it just made",
            step="registry",
            where=name,
            remedy="run this step again",
        )
    return found


def find_version(registry: Registry, name: str, digest: str) -> Version | None:
    """Return the version that holds a digest, or None."""
    return next(iter(_with_digest(registry, name, digest)), None)


def _with_digest(registry: Registry, name: str, digest: str) -> list[Version]:
    """Return the versions that hold a digest, the lowest number first."""
    query = f"name = '{quoted(name)}' and tags.`{DIGEST}` = '{quoted(digest)}'"
    found = [_version(entry) for entry in registry.client.search_model_versions(query)]
    return sorted(found, key=lambda version: version.version)


def _only(registry: Registry, name: str, digest: str) -> Version | None:
    """Return the version that holds a digest, without those that were made beside it."""
    found = _with_digest(registry, name, digest)
    for other in found[1:]:
        try:
            registry.client.delete_model_version(name, str(other.version))
        except Exception as error:  # it is gone already, or this account may not
            _LOGGER.debug("version %s of %s stays: %s", other.version, name, error_code(error))
    return found[0] if found else None


def list_versions(registry: Registry, name: str) -> list[Version]:
    """Return every version of a model, newest first; none if there is no such model."""
    query, token, found = f"name = '{quoted(name)}'", None, list[Version]()
    while True:
        page = registry.client.search_model_versions(query, max_results=200, page_token=token)
        found += [_version(entry) for entry in page]
        token = page.token
        if not token:
            return sorted(found, key=lambda version: -version.version)


def version_at(registry: Registry, name: str, alias: str) -> Version | None:
    """Return the version an alias points at, or None."""
    try:
        return _version(registry.client.get_model_version_by_alias(name, alias))
    except Exception as error:
        # A missing alias of a model that exists is called an invalid parameter.
        if error_code(error) in ("RESOURCE_DOES_NOT_EXIST", "INVALID_PARAMETER_VALUE"):
            return None
        raise


def version_numbered(registry: Registry, name: str, version: int) -> Version | None:
    """Return a version by its number, or None."""
    try:
        return _version(registry.client.get_model_version(name, str(version)))
    except Exception as error:
        if error_code(error) == "RESOURCE_DOES_NOT_EXIST":
            return None
        raise


def point(registry: Registry, name: str, alias: str, version: int | None) -> None:
    """Point an alias at a version, or take it away (None); the same again changes nothing."""
    if version is None:
        if version_at(registry, name, alias) is not None:
            registry.client.delete_registered_model_alias(name, alias)
        return
    _insist(
        f"the alias {alias} of {name}",
        lambda: registry.client.set_registered_model_alias(name, alias, str(version)),
    )


def tag_model(registry: Registry, name: str, key: str, value: str) -> None:
    """Set a tag of a registered model."""
    _insist(
        f"the tag {key} of {name}",
        lambda: registry.client.set_registered_model_tag(name, key, value),
    )


def model_tag(registry: Registry, name: str, key: str) -> str:
    """Return a tag of a registered model, empty where there is no such tag or model."""
    try:
        return str(registry.client.get_registered_model(name).tags.get(key, ""))
    except Exception as error:
        if error_code(error) == "RESOURCE_DOES_NOT_EXIST":
            return ""
        raise


def _insist(what: str, write: Callable[[], object]) -> None:
    """Write what several may write at once: of first writers MLflow's database refuses all but one.

    PaddockError if it refuses to the end.
    """
    began = time.monotonic()
    for number in range(_TRIES):
        try:
            write()
        except Exception as error:
            soon = number + 1 < _TRIES and time.monotonic() - began < _LONGEST
            if soon and error_code(error) not in _HOPELESS:
                time.sleep(0.05 * 2**number)
                continue
            raise PaddockError(
                f"the registry does not take {what} ({error_code(error) or type(error).__name__})",
                step="registry",
                remedy="see that this account may write the registered model, and run again",
            ) from error
        return


def tag_version(registry: Registry, name: str, version: int, tags: Mapping[str, str]) -> None:
    """Set tags of a version, in order."""
    for key, value in tags.items():
        registry.client.set_model_version_tag(name, str(version), key, value[:5000])


def untag_version(registry: Registry, name: str, version: int, key: str) -> None:
    """Take a tag of a version away; one that is not there changes nothing."""
    registry.client.delete_model_version_tag(name, str(version), key)


def describe_version(registry: Registry, name: str, version: int, description: str) -> None:
    """Replace a version's description (Markdown)."""
    registry.client.update_model_version(name, str(version), description[:5000])


def folded(tags: Mapping[str, str]) -> dict[str, str]:
    """Return tags as a new version bears them: those that people read, and the facts in one."""
    facts = {key: value for key, value in tags.items() if _is_fact(key)}
    others = {key: value for key, value in tags.items() if not _is_fact(key)}
    return {**others, FACTS: json.dumps(facts, sort_keys=True)} if facts else others


def _is_fact(key: str) -> bool:
    return key.startswith(_OURS) and key not in _APART


def _unfolded(tags: Mapping[str, str]) -> dict[str, str]:
    """Return tags each by its name, whichever way a version bears them."""
    try:
        facts = json.loads(tags.get(FACTS, "{}"))
    except ValueError:  # somebody edited it: then it says nothing
        facts = {}
    others = {key: value for key, value in tags.items() if key != FACTS}
    return (
        others | {str(k): str(v) for k, v in facts.items()} if isinstance(facts, dict) else others
    )


def _version(entry: Any) -> Version:
    tags = _unfolded(entry.tags)
    return Version(
        name=entry.name,
        version=int(entry.version),
        run=str(entry.run_id),
        digest=tags.get(DIGEST, ""),
        uri=str(entry.source),
        tags=tags,
    )
