"""Objects against the schemas that Kubernetes publishes, strictly: an unknown field is an error.

Of what is no resource of Kubernetes' own (Gateway API, the Prometheus operator, KEDA) no package
has the schemas. custom-resources.json holds the fields that are used here, and their bounds, after
those projects' references; a field beyond them is an error, too.
"""

from __future__ import annotations

import json
from collections.abc import Iterator
from functools import cache
from pathlib import Path

import kubernetes_validate
from jsonschema import Draft202012Validator
from kubernetes_validate import SchemaNotFoundError, ValidationError

from tests.deploy.manifests.cluster import Object, job_of, name_of, templates

CUSTOM: dict[str, Object] = json.loads(
    Path(__file__).with_name("custom-resources.json").read_text()
)
VERSIONS = ("1.33", "1.37")  # the oldest that is meant, and the newest that is known here


def against_schemas(objects: list[Object]) -> Iterator[str]:
    """Yield what the schemas of each version say against objects, and against the Jobs of runs."""
    jobs = [job_of(template) for _, template in templates(objects)]
    for version in VERSIONS:
        for one in [*objects, *jobs]:
            if said := _refusal(json.dumps(one, sort_keys=True), version):
                yield f"{name_of(one)}: {said} (Kubernetes {version})"


@cache  # overlays share most of what they have
def _refusal(text: str, version: str) -> str:
    one: Object = json.loads(text)
    if own := CUSTOM.get(one["kind"]):
        errors = Draft202012Validator(own).iter_errors(one)
        return "; ".join(
            f"{'.'.join(map(str, error.absolute_path))}: {error.message[:200]}" for error in errors
        )
    try:
        kubernetes_validate.validate(one, version, strict=True)
    except ValidationError as error:
        place = ".".join(map(str, error.absolute_path))
        return f"{place}: {error.message[:200]}"
    except SchemaNotFoundError as error:
        return str(error.message)
    return ""
