"""A Gateway API HTTPRoute behind the port of traffic: its backends' weights, by a merge patch.

Needs the Kubernetes API and a token of an account that may get and patch that one route. A merge
patch replaces a list whole, so the rules are sent back as they were read with other weights in
them, under the version that was read: what somebody changed meanwhile is never undone.
"""

from __future__ import annotations

import copy
from pathlib import Path
from typing import Any

import httpx
from pydantic import Field

from data_contracts.errors import PaddockError
from data_contracts.records import Frozen
from tasks.serving.gateway.arms import ARMS, RUNTIME_KEY, weights
from tasks.serving.ports.traffic import Shares

STEP = "canary"
ACCOUNT = Path("/var/run/secrets/kubernetes.io/serviceaccount")  # where a pod finds its own
_TRIES = 5
_MERGE = {"content-type": "application/merge-patch+json"}


class Route(Frozen):
    """An HTTPRoute. One rule, or several, name a Service of each arm among their backends."""

    name: str = Field(min_length=1)
    namespace: str = Field(min_length=1)
    api: str = Field(default="https://kubernetes.default.svc", pattern=r"^https?://\S+$")
    token_file: Path = ACCOUNT / "token"
    authority_file: Path | None = ACCOUNT / "ca.crt"
    services: dict[str, str] = Field(
        default={arm: f"serving-{arm}" for arm in ARMS}, description="The Service of each arm."
    )


class RouteTraffic:
    """The weights of a route's backends."""

    def __init__(self, route: Route) -> None:
        """Reach it when asked; the token is read each time, since a pod's is replaced."""
        self._route = route
        self._path = (
            f"/apis/gateway.networking.k8s.io/v1/namespaces/{route.namespace}/httproutes/"
            f"{route.name}"
        )

    def give(self, shares: Shares, salt: int = 0) -> None:
        """Write the weights; PaddockError if the API does not take them, or others remain.

        It splits by request and knows no users, so no salt changes anything.
        """
        [layer] = weights(dict(shares), salt)["resources"]
        wanted = {arm: int(layer["layer"][f"{RUNTIME_KEY}.{arm}"]) for arm in ARMS}
        for _ in range(_TRIES):
            found = self._asked("GET")
            rules = copy.deepcopy(found["spec"]["rules"])
            self._weigh(rules, wanted)
            if rules == found["spec"]["rules"]:
                return
            version = found["metadata"]["resourceVersion"]
            body = {"metadata": {"resourceVersion": version}, "spec": {"rules": rules}}
            answer = self._asked("PATCH", body)
            if answer and self._shares(answer) == wanted:
                return
        raise self._failed("others change it all the time", "look who else writes its weights")

    def given(self) -> dict[str, int] | None:
        """Return the weights that the gateway accepted; None if it did not, or nothing answers."""
        try:
            found = self._asked("GET")
        except PaddockError:
            return None
        return self._shares(found) if _accepted(found) else None

    def _weigh(self, rules: list[dict[str, Any]], wanted: dict[str, int]) -> None:
        """Set the weights in the rules that name every arm; PaddockError if none does."""
        arms = {service: arm for arm, service in self._route.services.items()}
        found = False
        for rule in rules:
            mine = [one for one in rule.get("backendRefs", []) if one["name"] in arms]
            if {arms[one["name"]] for one in mine} == set(wanted):
                found = True
                for one in mine:
                    one["weight"] = wanted[arms[one["name"]]]
        if not found:
            names = ", ".join(self._route.services[arm] for arm in ARMS)
            raise self._failed(f"no rule of it has the backends {names}", "write them there")

    def _shares(self, found: dict[str, Any]) -> dict[str, int] | None:
        """Return the weights, if all rules that have the arms say the same."""
        arms = {service: arm for arm, service in self._route.services.items()}
        every = [
            {arms[one["name"]]: int(one.get("weight", 1)) for one in refs if one["name"] in arms}
            for rule in found["spec"]["rules"]
            if (refs := rule.get("backendRefs", []))
        ]
        whole = [one for one in every if set(one) == set(ARMS)]
        return whole[0] if whole and all(one == whole[0] for one in whole) else None

    def _asked(self, method: str, body: dict[str, Any] | None = None) -> dict[str, Any]:
        """Return the route as the API has it; empty where another was faster (409)."""
        route = self._route
        try:
            token = route.token_file.read_text("utf-8").strip()
            verify = _trusted(route)
            headers = {"authorization": f"Bearer {token}", **(_MERGE if body else {})}
            with httpx.Client(base_url=route.api, verify=verify, timeout=5.0) as client:
                answer = client.request(method, self._path, json=body, headers=headers)
        except (OSError, httpx.HTTPError) as error:
            raise self._failed(type(error).__name__, "see that the API is reached") from None
        if answer.status_code == 409:
            return {}
        if answer.status_code in (401, 403):
            raise self._failed(
                f"the account may not {method.lower()} it ({answer.status_code})",
                "bind it to a role that may get and patch this route",
            )
        if not answer.is_success:
            raise self._failed(f"HTTP {answer.status_code}", "see that the route is there")
        return answer.json()

    def _failed(self, why: str, remedy: str) -> PaddockError:
        return PaddockError(
            f"the route's weights could not be read or written: {why}",
            step=STEP,
            where=f"HTTPRoute {self._route.namespace}/{self._route.name}",
            remedy=remedy,
        )


def _trusted(route: Route) -> Any:
    import ssl

    if route.api.startswith("http://") or route.authority_file is None:
        return True
    return ssl.create_default_context(cafile=str(route.authority_file))


def _accepted(found: dict[str, Any]) -> bool:
    """Tell whether every gateway of it took the route as it stands, not an earlier one."""
    generation = found["metadata"].get("generation")
    parents = found.get("status", {}).get("parents", [])
    conditions = [
        one
        for parent in parents
        for one in parent.get("conditions", [])
        if one.get("type") == "Accepted"
    ]
    return bool(conditions) and all(
        one["status"] == "True" and one.get("observedGeneration") == generation
        for one in conditions
    )
