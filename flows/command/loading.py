"""What `paddock load` does: sends a trace stage by stage, and says where the server is full."""

from __future__ import annotations

import logging
from pathlib import Path

from flows.asking.load_parameters import LoadParameters
from flows.command.words import Options
from flows.workshop.quiet import quiet_libraries
from flows.workshop.settings import CHECKOUT
from tasks.load.replicas import fewest, service_of
from tasks.load.sending import Sent, replay
from tasks.load.stages import Limits, stage_of
from tasks.load.trace import read_trace, sped_up
from tasks.load.words import Loaded, draw, summary
from tasks.serving.specification import Specification, read_specification
from tasks.slo.objectives import promises_of

LOGGER = logging.getLogger("paddock")


def load(parameters: LoadParameters, options: Options) -> int:
    """Send, say and keep; exit code 1 if not one stage holds."""
    if not options.debug:
        quiet_libraries()
    path = (
        Path(parameters.file).expanduser() if parameters.file else CHECKOUT / "deploy/serving.toml"
    )
    specification = read_specification(path, name=parameters.name)
    found, sent = measure(parameters, specification, limits_of(specification, str(path)))
    LOGGER.info("Done.\n\n%s\n", summary(found))
    if parameters.out:
        _keep(found, sent, Path(parameters.out).expanduser())
    return 0 if any(one.holds for one in found.stages) else 1


def limits_of(specification: Specification, where: str) -> Limits:
    """Return what is good by a serving's promises: the strictest limits, the largest share."""
    objectives = promises_of(specification.slo, where).objectives.values()
    timed = [one for one in objectives if one.at_most_ms is not None]

    def least(of: str) -> float | None:
        return min(
            (one.at_most_ms for one in timed if one.of == of and one.at_most_ms), default=None
        )

    share = max((one.target for one in timed), default=0.95)
    return Limits(latency_ms=least("latency"), first_byte_ms=least("first_byte"), share=share)


def measure(
    parameters: LoadParameters, specification: Specification, limits: Limits
) -> tuple[Loaded, list[list[Sent]]]:
    """Send the trace at each speed, the slowest first; return what was seen, and every request."""
    file = Path(parameters.trace).expanduser()
    trace = read_trace(file)
    stages, every = [], list[list[Sent]]()
    for speed in sorted(set(parameters.speed)):
        arrivals = sped_up(trace, speed, parameters.seconds, parameters.tokens)
        LOGGER.info("speed %g: %d requests in %g s …", speed, len(arrivals), parameters.seconds)
        sent = replay(
            arrivals, parameters.url, specification.name, parameters.timeout, parameters.seed
        )
        ended = len(arrivals) == len(trace)  # a trace may end before the time is over
        seconds = max(arrivals[-1].at, 1.0) if ended else parameters.seconds
        stages.append(stage_of(speed, seconds, sent, limits))
        every.append(sent)
    slots = specification.engine.slots
    service = service_of(
        [one for some in every for one in some], slots * specification.engine.replicas
    )
    whole = sped_up(trace, parameters.plan_speed, float("inf"), parameters.tokens)
    return Loaded(
        trace=file.name,
        url=parameters.url,
        limits=limits,
        tokens=parameters.tokens,
        stages=tuple(stages),
        service=service,
        plan=service and fewest(whole, service, limits, slots, parameters.seed),
        plan_speed=parameters.plan_speed,
        slots=slots,
    ), every


def _keep(found: Loaded, sent: list[list[Sent]], folder: Path) -> None:
    folder.mkdir(parents=True, exist_ok=True)
    (folder / "load.json").write_text(found.model_dump_json(indent=1) + "\n", "utf-8")
    with (folder / "requests.jsonl").open("w", encoding="utf-8") as file:
        for stage, some in zip(found.stages, sent, strict=True):
            for one in some:
                file.write(f'{{"speed": {stage.speed:g}, {one.model_dump_json()[1:]}\n')
    draw(found, folder / "load.svg")
    LOGGER.info("kept in %s: load.json, requests.jsonl, load.svg", folder)
