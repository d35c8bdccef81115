"""Versions of a registered model: look before creating, so that a retry makes no second one.

Needs a Registry. Writes registered models, versions, tags and aliases.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from pydantic import Field

from data_contracts.errors import PaddockError
from data_contracts.records import Frozen
from model_registry.tracking import Registry, error_code, quoted

CHAMPION, PREVIOUS = "champion", "previous"
# The identity of what a version holds; two versions of one model never share it.
DIGEST = "paddock.digest"


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
    client send its request again; of two versions with one digest the lower number counts.
    """
    found = find_version(registry, name, tags[DIGEST])
    if found is None:
        registry.client.create_model_version(
            name,
            source=registry.artifact_uri(run, place),
            run_id=run,
            tags=dict(tags),
            description=description,
            await_creation_for=0,
        )
        found = find_version(registry, name, tags[DIGEST])
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
    query = f"name = '{quoted(name)}' and tags.`{DIGEST}` = '{quoted(digest)}'"
    found = [_version(entry) for entry in registry.client.search_model_versions(query)]
    return min(found, key=lambda version: version.version, default=None)


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
    if version is not None:
        registry.client.set_registered_model_alias(name, alias, str(version))
    elif version_at(registry, name, alias) is not None:
        registry.client.delete_registered_model_alias(name, alias)


def tag_version(registry: Registry, name: str, version: int, tags: Mapping[str, str]) -> None:
    """Set tags of a version, in order."""
    for key, value in tags.items():
        registry.client.set_model_version_tag(name, str(version), key, value[:5000])


def describe_version(registry: Registry, name: str, version: int, description: str) -> None:
    """Replace a version's description (Markdown)."""
    registry.client.update_model_version(name, str(version), description[:5000])


def _version(entry: Any) -> Version:
    tags = dict(entry.tags)
    return Version(
        name=entry.name,
        version=int(entry.version),
        run=str(entry.run_id),
        digest=tags.get(DIGEST, ""),
        uri=str(entry.source),
        tags=tags,
    )
