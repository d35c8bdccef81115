"""`batch`: many requests from a file in OpenAI's batch format, one answer to each, into files.

Every line is read, counted and priced before anything is answered. The requests are answered in
shards, each an output of its own: what was killed goes on, and what is answered is found. It gives
way: to other runs on this machine between two shards, and while the error budget of what serves
from this home burns. Answers are redacted.
"""

from __future__ import annotations

import time
from collections.abc import Callable
from datetime import UTC, datetime
from functools import partial

from prefect import flow
from prefect.client.schemas.objects import State
from prefect.states import Completed
from pydantic import BaseModel

from data_contracts.errors import ContractError
from flows.asking.batch_inputs import Ready, ready
from flows.asking.batch_parameters import BatchParameters
from flows.asking.batch_places import Places, places
from flows.asking.flow_runs import run_name
from flows.batch_review import put_before_people, require_reviewable
from flows.serving.promised import pause_of_servings
from flows.showing.leading_on import rating_places
from flows.showing.progress import LOGGER, Stage, duration, stage
from flows.showing.publishing import publish_page
from flows.showing.turns import turn
from flows.workshop.parts import Workshop
from flows.workshop.settings import read_settings
from tasks.batch.chats import Chats
from tasks.batch.lines import STEP
from tasks.batch.pacing import Pace
from tasks.batch.results import Made, write_results
from tasks.batch.shards import Shard, read_answers, tokens_a_second
from tasks.batch.steps import shard_step
from tasks.storage.outputs import Outputs, Reference

PROBED = 64  # unanswered requests from which a model of unknown speed is tried first


class Batch(BaseModel):
    """What a batch came to; `stopped` says why it ended before its end, empty if it did not."""

    out: str
    errors: str
    answered: int
    refused: int
    redacted: int
    tokens: int
    shards: int
    found: int
    seconds: float
    waited: float
    stopped: str = ""
    rated: str = ""


@flow(name="batch", flow_run_name=run_name, description=__doc__)
def batch(parameters: BatchParameters) -> State[Batch]:
    """Answer the requests of a file; ContractError if the budget ended before they did."""
    workshop = Workshop(read_settings())
    files = places(parameters)
    with ready(workshop, parameters) as asked:
        require_reviewable(workshop, asked, parameters)
        LOGGER.info("%s", describe(workshop, asked, parameters))
        done, made = _answered(workshop, asked, parameters, files)
    review = None
    if parameters.review and not done.stopped:
        with stage("ask people"):
            review = put_before_people(workshop, asked, made.values(), parameters.review)
    if review:
        rated = f"{review.ratings.complete} of {review.ratings.items} answers are rated"
        done = done.model_copy(update={"rated": rated})
    told = summary(done, asked.model.called, parameters)
    LOGGER.info("%s", told)
    publish_page(
        "batch",
        f"**{told.partition(chr(10))[0]}**\n\n```\n{told}\n```",
        "How many requests were answered, and what became of the others",
        places=rating_places(workshop, review.queue if review else None),
        to_do="read why a request has no answer in the file of errors."
        if done.refused
        else "the answers stand in the file.",
    )
    if done.stopped:
        raise ContractError(
            f"stopped: {done.stopped}",
            step=STEP,
            where=done.out,
            remedy="run it again, with more --most-tokens or fewer requests a --shard: what is "
            "answered is found and costs nothing",
        )
    message = f"{done.answered:,} requests answered, {done.refused:,} refused."
    return Completed(message=message, data=done)


def describe(workshop: Workshop, asked: Ready, parameters: BatchParameters) -> str:
    """Return what a batch holds and may cost, in words, before anything is answered."""
    outputs = workshop.outputs
    left = [shard for shard in asked.shards if not outputs.find(shard.work(asked.asked))]
    prompts = sum(size.prompt for shard in left for size in shard.sizes)
    most = sum(size.most for shard in left for size in shard.sizes)
    found = len(asked.shards) - len(left)
    lines = [
        asked.told,
        f"{asked.model.called} has {found:,} of {len(asked.shards):,} shards answered; left are "
        f"{prompts:,} tokens of prompts and at most {most:,} of answers",
    ]
    speed = tokens_a_second(outputs, asked.asked) or _probed(asked, left)
    if speed and left:
        seconds = most / speed
        cost = f", {seconds / 3600 * parameters.hour_price:.2f}" if parameters.hour_price else ""
        lines[1] += f": at most about {duration(seconds)}{cost} at {speed:,.0f} tokens/s"
    return "\n".join(lines)


def _probed(asked: Ready, left: list[Shard]) -> float | None:
    """Return the tokens a second of a model that was never measured, where there is much to do."""
    requests = [request for shard in left for request in shard.requests]
    if isinstance(asked.engine, Chats) and len(requests) >= PROBED:
        return asked.engine.probe(requests)
    return None


def _answered(
    workshop: Workshop, asked: Ready, parameters: BatchParameters, files: Places
) -> tuple[Batch, dict[int, Made]]:
    outputs, began = workshop.outputs, time.monotonic()
    made: dict[int, Made] = {}
    found, stopped = 0, ""
    pace = Pace(
        most_tokens=parameters.most_tokens,
        per_minute=parameters.per_minute,
        hold=(lambda: "") if parameters.urgent else partial(_held, workshop),
        clock=time.monotonic,
        sleep=time.sleep,
        say=lambda words: LOGGER.info("  %s", words),
    )
    with stage("answer the requests") as progress:
        for shard in asked.shards:
            reference = outputs.find(shard.work(asked.asked))
            found += reference is not None
            if reference is None:
                # What was answered before is found behind the end of the budget, too.
                stopped = stopped or pace.admit(len(shard.requests), shard.most_tokens)
                if stopped:
                    continue
                with turn(workshop.settings):
                    tell = _teller(progress, len(made), len(asked.batch.requests))
                    reference = shard_step(
                        outputs, shard, asked.asked, asked.engine, asked.redactor, tell
                    ).reference
                pace.spent += _tokens(outputs, reference)
            made |= _made(outputs, shard, reference)
            progress(len(made), len(asked.batch.requests))
    written = write_results(
        asked.batch,
        made,
        asked.model.called,
        files.out,
        files.errors,
        not_reached=f"the batch stopped before this request: {stopped}" if stopped else "",
    )
    done = Batch(
        out=str(files.out),
        errors=str(files.errors),
        answered=written.answered,
        refused=written.refused,
        redacted=written.redacted,
        tokens=pace.spent,
        shards=len(asked.shards),
        found=found,
        seconds=time.monotonic() - began,
        waited=pace.waited,
        stopped=stopped,
    )
    return done, made


def _teller(progress: Stage, before: int, total: int) -> Callable[[int], None]:
    return lambda done: progress(before + done, total)


def _held(workshop: Workshop) -> str:
    return pause_of_servings(workshop, datetime.now(UTC)).words


def _tokens(outputs: Outputs, reference: Reference) -> int:
    counts = outputs.manifest(reference).counts
    return counts["prompt_tokens"] + counts["completion_tokens"]


def _made(outputs: Outputs, shard: Shard, reference: Reference) -> dict[int, Made]:
    """Return a shard's answers by the lines that asked for them."""
    created = int(datetime.fromisoformat(outputs.manifest(reference).created_at).timestamp())
    answers = read_answers(outputs.fetch(reference), len(shard.requests))
    return {
        request.line: Made(answer, f"{reference.key} {place}", created)
        for place, (request, answer) in enumerate(zip(shard.requests, answers, strict=True))
    }


def summary(done: Batch, model: str, parameters: BatchParameters) -> str:
    """Return what a batch came to, as text."""
    work = done.seconds - done.waited
    lines = [
        f"{done.answered:,} requests answered by {model}, {done.refused:,} without an answer",
        f"  answers   {done.out}",
        f"  errors    {done.errors}",
        f"  shards    {done.shards:,}, of which {done.found:,} were answered before",
        f"  tokens    {done.tokens:,} in this run"
        + (f", {done.tokens / work:,.0f} a second" if done.tokens and work > 0 else ""),
    ]
    if parameters.hour_price:
        lines.append(f"  cost      {done.seconds / 3600 * parameters.hour_price:.2f}")
    if done.waited:
        lines.append(f"  waited    {duration(done.waited)}, for its rate or for what serves")
    if parameters.redact:
        lines.append(f"  redacted  {done.redacted:,} values in requests and answers")
    else:
        lines.append("  redacted  nothing: --no-redact was given")
    if done.rated:
        lines.append(f"  review    {done.rated}")
    if done.stopped:
        lines.append(f"  stopped   {done.stopped}")
    return "\n".join(lines)
