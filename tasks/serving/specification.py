"""What is served how: one TOML file, read once and checked whole before anything starts.

deploy/serving.toml is one; every entry has a default that works on two cores. Writes nothing.
"""

from __future__ import annotations

import tomllib
from pathlib import Path
from typing import Annotated, Any, Literal

from pydantic import Field, StringConstraints, ValidationError, model_validator

from data_contracts.errors import InputError
from data_contracts.log_values import is_plain
from data_contracts.records import Frozen

STEP = "serve"
FIELDS = ("{model}", "{port}", "{name}")  # that a command of one's own is given
Name = Annotated[str, StringConstraints(pattern=r"^[A-Za-z0-9][A-Za-z0-9._-]{0,99}$")]
Port = Annotated[int, Field(ge=1, le=65535)]


class Engine(Frozen):
    """What computes the answers."""

    kind: Literal["llama.cpp", "vllm"] = Field(
        default="llama.cpp", description="llama.cpp: on CPUs, comes with Paddock. vllm: a command."
    )
    weights: Literal["f16", "bf16", "q8_0", "q6_k", "q5_0", "q4_k", "q4_0"] = Field(
        default="q8_0",
        description="How llama.cpp keeps weights; below 8 bits what `paddock compress` let pass. "
        "vLLM serves them as released.",
    )
    replicas: int = Field(default=1, ge=1, le=32, description="Processes that serve the model.")
    context: int = Field(default=2048, ge=64, description="Tokens of one request and its answer.")
    slots: int = Field(default=4, ge=1, le=256, description="Requests that one process batches.")
    threads: int = Field(
        default=1,
        ge=1,
        le=256,
        description="Threads of one process. They spin: never more than cores that nothing uses.",
    )
    temperature: float = Field(
        default=0.0,
        ge=0,
        le=2,
        description="Where a request names none. 0 answers as the model was judged.",
    )
    cache_mib: int = Field(
        default=0, ge=0, description="Memory for prompts of before (llama.cpp's own default: 8192)."
    )
    command: str = Field(
        default="", description="vllm: the command, with {model}, {port} and {name} in it."
    )
    start_seconds: float = Field(default=120, gt=0, description="In which it must be ready.")

    @model_validator(mode="after")
    def _told_how(self) -> Engine:
        if (self.kind == "vllm") != bool(self.command):
            raise ValueError("kind vllm needs a command, and llama.cpp takes none")
        missing = [field for field in FIELDS if self.command and field not in self.command]
        if missing:
            raise ValueError(f"the command names no {' and no '.join(missing)}")
        return self


class Gateway(Frozen):
    """What stands before the engines."""

    timeout_seconds: float = Field(default=120, gt=0, description="For one answer, retries too.")
    most_waiting: int = Field(
        default=256,
        ge=1,
        description="Requests that are worked on, and as many that wait; one more gets 503.",
    )
    requests_per_minute: int = Field(
        default=6000, ge=1, description="Of all tenants that have no limit of their own, together."
    )
    metrics_port: int | None = Field(
        default=None,
        ge=1,
        le=65535,
        description="Where a Prometheus reads what is counted of each arm, on `host`. None: only "
        "over the admin's socket.",
    )
    largest_request: int = Field(default=1 << 20, ge=1024, description="Bytes of one request.")


class Log(Frozen):
    """What is kept of requests, redacted, for drift, review and retraining."""

    keep: bool = Field(default=True, description="Whether requests are kept at all.")
    names: bool = Field(default=True, description="Names are taken out too, not forms alone.")
    largest: int = Field(
        default=256 << 10, ge=1024, description="Bytes of a request, or an answer, that are read."
    )


class Prices(Frozen):
    """What the cost of a request is reckoned from."""

    hour: float = Field(default=0.0, ge=0, description="Of one process, in your currency. 0: free.")


class Routing(Frozen):
    """Which requests go to a small model in the champion's place: as a router says."""

    name: Name = Field(description="The registered router; people approved and promoted it.")
    engine: Engine | None = Field(
        default=None,
        description="How the small model is served; as [engine], if not said. Where it is the same "
        "version in fewer bits, the router says in which.",
    )
    timeout_ms: int = Field(
        default=50,
        ge=1,
        le=5000,
        description="In which a decision must come; without one a request goes to the champion.",
    )


class Tenant(Frozen):
    """A tenant, named in the header x-tenant."""

    requests_per_minute: int | None = Field(
        default=None, ge=1, description="A limit of its own; as many as the gateway's, if not said."
    )
    tokens_per_day: int | None = Field(
        default=None, ge=1, description="Of prompts and answers, on each of UTC's days."
    )


class Specification(Frozen):
    """All of it. `name` is a registered model, and its champion is what is served."""

    name: Name = "help-desk"
    host: str = Field(default="127.0.0.1", description="Where the gateway listens.")
    port: Port = 8080
    engine: Engine = Engine()
    gateway: Gateway = Gateway()
    log: Log = Log()
    prices: Prices = Prices()
    router: Routing | None = None
    tenants: dict[str, Tenant] = Field(default_factory=dict)
    canary: dict[str, Any] = Field(
        default_factory=dict, description="Its policy; tasks/canary/policy.py reads it."
    )
    slo: dict[str, Any] = Field(
        default_factory=dict, description="What is promised; tasks/slo/objectives.py reads it."
    )

    cluster: dict[str, Any] = Field(
        default_factory=dict,
        description="Where arms are Deployments of a cluster; tasks/serving/ports/cluster.py reads "
        "it. Empty: all of it runs on this machine.",
    )
    candidate: int | None = Field(
        default=None, ge=1, description="Serve this approved version, not the champion."
    )

    @model_validator(mode="after")
    def _plain_tenants(self) -> Specification:
        for tenant in self.tenants:
            if not is_plain(tenant):
                raise ValueError("tenants: a name is letters, digits and ._:/+=- alone")
        if self.token_caps and not self.log.keep:
            raise ValueError(
                "tenants: tokens_per_day is counted from the log, so log.keep is needed"
            )
        return self

    @property
    def token_caps(self) -> dict[str, int]:
        """Return the tokens a day of the tenants that have a cap."""
        capped = {name: tenant.tokens_per_day for name, tenant in self.tenants.items()}
        return {name: cap for name, cap in capped.items() if cap is not None}


def read_specification(path: Path, **given: object) -> Specification:
    """Return what a file says, with what is `given` (None: not) in its place.

    InputError names the entry that is wrong, or that nobody knows.
    """
    try:
        entries: dict[str, Any] = tomllib.loads(path.read_text("utf-8"))
    except (OSError, UnicodeDecodeError, tomllib.TOMLDecodeError) as error:
        what = f"it cannot be read ({type(error).__name__})"
        if isinstance(error, tomllib.TOMLDecodeError):
            what = f"it is no TOML: {error}"
        raise _refused(what, path) from None
    entries |= {name: value for name, value in given.items() if value is not None}
    try:
        return Specification.model_validate(entries)
    except ValidationError as error:
        first = error.errors(include_url=False)[0]
        entry = ".".join(str(part) for part in first["loc"])
        raise _refused(f"{entry}: {first['msg']}" if entry else first["msg"], path) from None


def _refused(what: str, path: Path) -> InputError:
    return InputError(
        what,
        step=STEP,
        where=str(path),
        remedy="deploy/serving.toml explains each entry; docs/serving.md has an example",
    )
