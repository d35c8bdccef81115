"""Review queues: what people see and answer in MLflow's Review tab, and what they answered.

Needs a Registry. Writes traces (what is shown), label schemas (the questions) and queues.
"""

from __future__ import annotations

from collections.abc import Sequence
from datetime import UTC, datetime
from typing import Any, Literal

from pydantic import Field

from data_contracts.errors import ContractError
from data_contracts.records import Frozen
from model_registry.review_traces import (
    Item,
    item_facts,
    trace_id,
    write_traces,
)
from model_registry.tracking import Registry, error_code

Status = Literal["pending", "complete", "declined"]


class Question(Frozen):
    """What a reviewer is asked: yes or no, a number, one or several of `options`, or a text.

    A number is from `low` to `high`.
    """

    name: str
    kind: Literal["yes_no", "scale", "choice", "several", "text"]
    instruction: str
    yes: str = "Yes"
    no: str = "No"
    low: float = 1
    high: float = 5
    options: tuple[str, ...] = ()
    comment: bool = False


class Answer(Frozen):
    """One answer to one question. `person` is what the client said: not a proof of identity."""

    question: str
    value: bool | float | str | tuple[str, ...]
    person: str
    rationale: str = ""


class ItemState(Frozen):
    """Where an item stands. With logins, `person` is bound to the login by the server.

    `answers` and the item's own `facts` are there where they were asked for; `withdrawn` are
    answers that a later one replaced, which the client may have claimed of anybody.
    """

    trace: str
    status: Status
    person: str = ""
    at: str = ""
    answers: tuple[Answer, ...] = ()
    withdrawn: tuple[Answer, ...] = ()
    facts: dict[str, str] = Field(default_factory=dict)


def ensure_queue(
    registry: Registry,
    experiment: str,
    name: str,
    questions: Sequence[Question],
    people: Sequence[str] = (),
) -> str:
    """Return the id of a queue of an experiment (by id), creating it and its questions.

    If `people` are named they are seated in a queue that stands already, in place of who sat there.
    """
    # The Review tab shows the newest question first.
    schemas = [_ensure_question(registry, experiment, entry) for entry in reversed(questions)]
    found = _find(registry, experiment, name)
    if found is not None:
        _correct(registry, found, schemas, people)
        return str(found.queue_id)
    try:
        queue = registry.store.create_review_queue(
            experiment, name=name, queue_type="custom", users=list(people), schema_ids=schemas
        )
        return str(queue.queue_id)
    except Exception as error:
        if error_code(error) != "RESOURCE_ALREADY_EXISTS":
            raise
        return str(registry.store.get_review_queue_by_name(experiment, name=name).queue_id)


def _correct(registry: Registry, queue: Any, schemas: list[str], people: Sequence[str]) -> None:
    """Give a queue that stands its people, its questions and, with accounts, its owner.

    Somebody who may write in the experiment could have made it first, and would own it. MLflow
    locks the questions of a queue that has items: one from before there were accounts keeps its.
    """
    change: dict[str, Any] = {}
    if people and {one.casefold() for one in people} != set(queue.users):
        change["users"] = list(people)
    if registry.account and queue.created_by != registry.account:
        change["new_owner"] = registry.account
    if change:
        registry.store.update_review_queue(queue.queue_id, **change)
    if set(schemas) != set(queue.schema_ids):
        try:
            registry.store.update_review_queue(queue.queue_id, schema_ids=schemas)
        except Exception as error:
            if error_code(error) != "INVALID_PARAMETER_VALUE":
                raise


def find_queue(registry: Registry, experiment: str, name: str) -> str | None:
    """Return the id of a queue by its name, or None.

    ContractError if the account may not look into it: it does not sit there.
    """
    found = _find(registry, experiment, name)
    return None if found is None else str(found.queue_id)


def _find(registry: Registry, experiment: str, name: str) -> Any:
    try:
        return registry.store.get_review_queue_by_name(experiment, name=name)
    except Exception as error:
        if error_code(error) == "RESOURCE_DOES_NOT_EXIST":
            return None
        if error_code(error) == "PERMISSION_DENIED":
            raise ContractError(
                f"{registry.account} does not sit in the queue {name!r}",
                step="review",
                where=f"experiment {experiment}",
                remedy="seat that account in the accounts file, and have an admin run "
                "`paddock accounts apply FILE`; or log in as somebody who sits there",
            ) from error
        raise


def attach(registry: Registry, experiment: str, queue: str, items: Sequence[Item]) -> list[str]:
    """Put items into a queue; those in it already are left as they are. Returns the trace ids."""
    present = {state.trace for state in read_items(registry, queue, answers=False)}
    traces = [trace_id(experiment, item.key) for item in items]
    missing = [item for item, trace in zip(items, traces, strict=True) if trace not in present]
    if missing:
        write_traces(registry, experiment, missing)
        ids = [trace_id(experiment, item.key) for item in missing]
        registry.store.add_items_to_review_queue(queue, item_ids=ids)
    return traces


def remove_items(registry: Registry, queue: str, traces: Sequence[str]) -> None:
    """Take items (by their traces) out of a queue; the traces stay."""
    if traces:
        registry.store.remove_items_from_review_queue(queue, item_ids=list(traces))


def read_items(registry: Registry, queue: str, *, answers: bool = True) -> list[ItemState]:
    """Return where every item of a queue stands, in the order of their ids."""
    token, found = None, list[ItemState]()
    while True:
        page = registry.store.list_review_queue_items(queue, max_results=200, page_token=token)
        found += [_state(registry, entry, answers) for entry in page]
        token = page.token
        if not token:
            return sorted(found, key=lambda state: state.trace)


def answer(
    registry: Registry, queue: str, trace: str, answers: Sequence[Answer], status: Status
) -> None:
    """Answer an item as its Review tab does: first the answers, then the item's status.

    What the same person answered to the same question before does not stand any more.
    On a server with logins the status is that of whoever is logged in, whatever `person` says.
    """
    from mlflow.entities import AssessmentSource, Feedback

    standing = {
        (entry.name, entry.source.source_id): entry.assessment_id
        for entry in _standing(registry.store.get_trace_info(trace))
    }
    for entry in answers:
        source = AssessmentSource(source_type="HUMAN", source_id=entry.person)
        feedback = Feedback(
            name=entry.question,
            value=list(entry.value) if isinstance(entry.value, tuple) else entry.value,
            source=source,
            trace_id=trace,
            rationale=entry.rationale or None,
            overrides=standing.get((entry.question, entry.person)),
        )
        registry.store.create_assessment(feedback)
    person = answers[0].person if answers else "unknown"
    registry.store.set_review_queue_item_status(
        queue, item_id=trace, status=status, completed_by=None if status == "pending" else person
    )


def _state(registry: Registry, entry: Any, answers: bool) -> ItemState:
    moment = entry.completed_time_ms
    info = registry.store.get_trace_info(entry.item_id) if answers else None
    return ItemState(
        trace=entry.item_id,
        status=str(entry.status.value),  # pyright: ignore[reportArgumentType]
        person=entry.completed_by or "",
        at=datetime.fromtimestamp(moment / 1000, UTC).isoformat() if moment else "",
        answers=_answers(info, stand=True) if info else (),
        withdrawn=_answers(info, stand=False) if info else (),
        facts=item_facts(info) if info else {},
    )


def _answers(info: Any, *, stand: bool) -> tuple[Answer, ...]:
    return tuple(
        Answer(
            question=entry.name,
            value=_read(entry.feedback.value),
            person=entry.source.source_id,
            rationale=entry.rationale or "",
        )
        for entry in (_standing(info) if stand else _replaced(info))
        if isinstance(entry.feedback.value, bool | int | float | str | list)
    )


def _read(value: Any) -> Any:
    return tuple(map(str, value)) if isinstance(value, list) else value


def _standing(info: Any) -> list[Any]:
    """Return the answers that stand: one that a later answer replaced is not valid any more."""
    return [e for e in info.assessments if e.feedback is not None and e.valid is not False]


def _replaced(info: Any) -> list[Any]:
    return [e for e in info.assessments if e.feedback is not None and e.valid is False]


def _ensure_question(registry: Registry, experiment: str, question: Question) -> str:
    from mlflow.genai.label_schemas import (
        InputCategorical,
        InputNumeric,
        InputPassFail,
        InputText,
    )

    try:
        found = registry.store.get_label_schema_by_name(experiment, question.name)
        return str(found.schema_id)
    except Exception as error:
        if error_code(error) != "RESOURCE_DOES_NOT_EXIST":
            raise
    widgets = {
        "yes_no": InputPassFail(positive_label=question.yes, negative_label=question.no),
        "scale": InputNumeric(min_value=question.low, max_value=question.high),
        "choice": InputCategorical(options=list(question.options)),
        "several": InputCategorical(options=list(question.options), multi_select=True),
        "text": InputText(max_length=2000),
    }
    schema = registry.store.create_label_schema(
        experiment,
        name=question.name,
        type="feedback",
        input=widgets[question.kind],
        instruction=question.instruction,
        enable_comment=question.comment,
    )
    return str(schema.schema_id)
