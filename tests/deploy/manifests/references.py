"""What objects name must be there: settings, Secrets that the page has made, ports, pods."""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Any

from tests.deploy.manifests.cluster import CHECKOUT, Object, Pod, name_of, pods
from tests.deploy.manifests.rules import Rule, secrets_of

PAGE = CHECKOUT / "docs" / "production.md"
_MADE = re.compile(r"create secret generic (\S+)((?: --from-(?:literal|file)=\S+)+)")
_KEY = re.compile(r"--from-(?:literal|file)=([\w.-]+)")


def documented_secrets(page: Path = PAGE) -> dict[str, set[str]]:
    """Return the keys of each Secret that the page has people make."""
    text = page.read_text().replace("\\\n", " ")
    text = re.sub(r" +", " ", text)
    return {name: set(_KEY.findall(rest)) for name, rest in _MADE.findall(text)}


def every_secret_is_documented(objects: list[Object]) -> Iterator[str]:
    """A Secret, and its key, is one that docs/production.md says how to make."""
    known = documented_secrets()
    for pod in pods(objects):
        for name, key in secrets_of(pod):
            if name not in known or (key and key not in known[name]):
                yield f"{pod.owner}: {name} {key}: docs/production.md does not say how it is made"


def every_setting_is_there(objects: list[Object]) -> Iterator[str]:
    """A ConfigMap, and its key, that a pod names is among the objects."""
    there = {
        one["metadata"]["name"]: set(one["data"]) for one in objects if one["kind"] == "ConfigMap"
    }
    for pod in pods(objects):
        for name, key in _settings_of(pod):
            if name not in there or (key and key not in there[name]):
                yield f"{pod.owner}: there is no ConfigMap {name} {key}".rstrip()


def every_claim_and_account_is_there(objects: list[Object]) -> Iterator[str]:
    """A volume that is claimed, and an account that a pod has, are among the objects."""
    names = {name_of(one) for one in objects}
    for pod in pods(objects):
        wanted = [f"ServiceAccount/{pod.spec['serviceAccountName']}"] if _named(pod) else []
        for volume in pod.spec.get("volumes", []):
            if claim := volume.get("persistentVolumeClaim"):
                wanted.append(f"PersistentVolumeClaim/{claim['claimName']}")
        yield from (f"{pod.owner}: there is no {one}" for one in wanted if one not in names)
        mounted = {at["name"] for one in pod.containers() for at in one.get("volumeMounts", [])}
        volumes = {volume["name"] for volume in pod.spec.get("volumes", [])}
        yield from (f"{pod.owner}: the volume {one} is idle" for one in sorted(mounted ^ volumes))


def every_selector_selects(objects: list[Object]) -> Iterator[str]:
    """Policies, budgets and services are for pods that there are; services reach an open port."""
    there = list(pods(objects))
    for one in objects:
        for selector in _selectors(one):
            if not any(matches(selector, pod.labels) for pod in there):
                yield f"{name_of(one)}: it selects no pod: {selector}"
        yield from _ports(one, there)


def nothing_is_open(objects: list[Object]) -> Iterator[str]:
    """Who is not named by a policy reaches nobody, and an address is not everywhere."""
    policies = [one for one in objects if one["kind"] == "NetworkPolicy"]
    shut = {"podSelector": {}, "policyTypes": ["Ingress", "Egress"]}
    if not any(one["spec"] == shut for one in policies):
        yield "no NetworkPolicy denies what the others do not allow"
    for one in policies:
        spec = one["spec"]
        for side, peers in (("ingress", "from"), ("egress", "to")):
            for rule in spec.get(side, []):
                blocks = [peer.get("ipBlock", {}).get("cidr") for peer in rule.get(peers, [])]
                if not rule.get(peers) or not rule.get("ports") or "0.0.0.0/0" in blocks:
                    yield f"{name_of(one)}: its {side} is open to everybody or on every port"


def every_route_and_scale_leads_somewhere(objects: list[Object]) -> Iterator[str]:
    """A route's backends are Services, and their ports; what is scaled is a Deployment."""
    names = {name_of(one): one for one in objects}
    for one in objects:
        if one["kind"] == "ScaledObject":
            wanted = f"Deployment/{one['spec']['scaleTargetRef']['name']}"
            if wanted not in names:
                yield f"{name_of(one)}: there is no {wanted}"
        for rule in one["spec"].get("rules", []) if one["kind"] == "HTTPRoute" else []:
            for ref in rule["backendRefs"]:
                service = names.get(f"Service/{ref['name']}")
                ports = {port["port"] for port in service["spec"]["ports"]} if service else set()
                if ref["port"] not in ports:
                    yield f"{name_of(one)}: there is no {ref['name']}:{ref['port']}"


def matches(selector: Mapping[str, Any], labels: Mapping[str, str]) -> bool:
    """Tell whether labels are what a selector asks for (matchLabels, and `In`)."""
    plain = selector.get("matchLabels", {})
    listed = selector.get("matchExpressions", [])
    return all(labels.get(name) == value for name, value in plain.items()) and all(
        one["operator"] == "In" and labels.get(one["key"]) in one["values"] for one in listed
    )


def _named(pod: Pod) -> bool:
    return "serviceAccountName" in pod.spec


def _settings_of(pod: Pod) -> Iterator[tuple[str, str]]:
    for one in pod.containers():
        for variable in one.get("env", []):
            if found := variable.get("valueFrom", {}).get("configMapKeyRef"):
                yield found["name"], found["key"]
        for source in one.get("envFrom", []):
            if found := source.get("configMapRef"):
                yield found["name"], ""
    for volume in pod.spec.get("volumes", []):
        if found := volume.get("configMap"):
            yield found["name"], ""
            yield from ((found["name"], item["key"]) for item in found.get("items", []))


def _selectors(one: Object) -> Iterator[Mapping[str, Any]]:
    spec = one.get("spec", {})
    if one["kind"] == "NetworkPolicy":
        yield spec["podSelector"]
        for rule in [*spec.get("ingress", []), *spec.get("egress", [])]:
            for peer in [*rule.get("from", []), *rule.get("to", [])]:
                if "podSelector" in peer and "namespaceSelector" not in peer:
                    yield peer["podSelector"]
    elif one["kind"] == "Service":
        yield {"matchLabels": spec["selector"]}
    elif one["kind"] in ("PodDisruptionBudget", "Deployment", "PodMonitor"):
        yield spec["selector"]


def _ports(one: Object, there: list[Pod]) -> Iterator[str]:
    """Yield the ports that a service or a policy names and none of its pods has open."""
    spec = one.get("spec", {})
    if one["kind"] == "Service":
        selector, wanted = {"matchLabels": spec["selector"]}, spec["ports"]
        numbers = [port.get("targetPort", port["port"]) for port in wanted]
    elif one["kind"] == "NetworkPolicy" and spec["podSelector"]:
        selector = spec["podSelector"]
        numbers = [port["port"] for rule in spec.get("ingress", []) for port in rule["ports"]]
    else:
        return
    chosen = [pod for pod in there if matches(selector, pod.labels)]
    if one["kind"] == "Service" and len(chosen) > 1:
        yield f"{name_of(one)}: it leads to {', '.join(pod.owner for pod in chosen)}"
    for pod in chosen:
        ports = [port for box in pod.containers() for port in box.get("ports", [])]
        known = {value for port in ports for value in (port["name"], port["containerPort"])}
        yield from (
            f"{name_of(one)}: {pod.owner} has no port {number}"
            for number in numbers
            if number not in known
        )


REFERENCES: tuple[Rule, ...] = (
    every_secret_is_documented,
    every_setting_is_there,
    every_claim_and_account_is_there,
    every_selector_selects,
    every_route_and_scale_leads_somewhere,
    nothing_is_open,
)
