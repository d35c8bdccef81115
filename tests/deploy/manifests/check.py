"""Checks what is in deploy/ without a cluster, a daemon or a network: part of `make check`.

`python -m tests.deploy.manifests.check` prints what is wrong, and leaves with 1 if anything is.
"""

from __future__ import annotations

import sys
from collections.abc import Iterator

from tests.deploy.manifests.cluster import OVERLAYS, BuildError, Object, build
from tests.deploy.manifests.composed import against_compose, read
from tests.deploy.manifests.images import against_dockerfile
from tests.deploy.manifests.references import REFERENCES
from tests.deploy.manifests.rules import RULES
from tests.deploy.manifests.schemas import against_schemas
from tests.deploy.manifests.variables import unread


def main() -> int:
    """Print everything that is wrong in deploy/."""
    found = list(everything())
    for said in found:
        print(said)
    return 1 if found else 0


def everything() -> Iterator[str]:
    """Yield what is wrong in the Dockerfile, the compose file and each overlay of Kubernetes."""
    yield from against_dockerfile()
    yield from against_compose(read())
    for overlay in OVERLAYS:
        try:
            objects = build(overlay)
        except BuildError as error:
            yield str(error)
        else:
            yield from (f"{overlay.name}: {said}" for said in complaints(objects))


def complaints(objects: list[Object]) -> Iterator[str]:
    """Yield what schemas, rules and references have against the objects of an overlay."""
    yield from against_schemas(objects)
    for rule in (*RULES, *REFERENCES, unread):
        yield from rule(objects)


if __name__ == "__main__":
    sys.exit(main())
