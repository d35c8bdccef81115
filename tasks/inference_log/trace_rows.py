"""MLflow's traces of served requests, turned into rows of the inference log's contract.

Takes what `model_registry.served_traces` reads. Of a trace the root span is the request, or the one
chat or language model's span in it where the root holds no chat. Pure functions.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from typing import Any

from tasks.inference_log.chat_rows import FAILED, TOOLS, NoRowError, exchange

Value = Mapping[str, Any]
_MODELS = ("CHAT_MODEL", "LLM")
_QUESTIONS = ("question", "query", "prompt", "input")
_ANSWERS = ("answer", "response", "output", "content", "text")
_WORDS = ("yes", "no", "up", "down", "good", "bad", "true", "false")
# Tags, or metadata, that hold a field of ours.
_FIELDS = ("tenant", "version", "model_version", "variant", "consent", "index_version")


def as_row(trace: Value) -> dict[str, Any] | str:
    """Return a row of the contract, unchecked, or why a trace makes none."""
    try:
        return _row(trace)
    except NoRowError as error:
        return str(error)


def _row(trace: Value) -> dict[str, Any]:
    if trace["state"] == "ERROR":
        raise NoRowError(FAILED)
    if trace["state"] != "OK":
        raise NoRowError("a trace that has not ended")
    spans = trace["spans"]
    if not spans:
        raise NoRowError("a trace whose spans are gone")
    if any(one["type"] == "TOOL" for one in spans):
        raise NoRowError(TOOLS)
    span, said = _said(spans)
    about = {**trace["metadata"], **trace["tags"]}
    usage = span["usage"] if isinstance(span["usage"], Mapping) else {}
    row = {
        **said,
        "id": trace["id"],
        "time": trace["time"],
        "seconds": trace["seconds"],
        "model": about.get("model") or _named(span) or span["model"],
        "feedback": list(_feedback(trace["assessments"])) or None,
        **{name: about[name] for name in _FIELDS if name in about},
    }
    for ours, theirs in (("prompt_tokens", "input_tokens"), ("answer_tokens", "output_tokens")):
        if row.get(ours) is None:
            row[ours] = usage.get(theirs)
    return row


def _said(spans: list[Value]) -> tuple[Value, dict[str, Any]]:
    roots = [one for one in spans if one["root"]]
    models = [one for one in spans if one["type"] in _MODELS]
    try:
        return roots[0], _exchange(roots[0])
    except (NoRowError, IndexError) as error:
        if len(models) != 1 or models[0] in roots:
            if isinstance(error, NoRowError):
                raise
            raise NoRowError("a trace without a root") from None
        return models[0], _exchange(models[0])


def _exchange(span: Value) -> dict[str, Any]:
    asked, answered = span["inputs"], span["outputs"]
    if isinstance(answered, Mapping) and "choices" in answered:
        return exchange(_request(asked), answered)
    return exchange(_request(asked), {"choices": [{"message": _message(answered)}]})


def _request(asked: object) -> Value:
    if isinstance(asked, str):
        return {"prompt": asked}
    if isinstance(asked, list):
        return {"messages": asked}
    if not isinstance(asked, Mapping):
        raise NoRowError("a trace without a question")
    if "messages" in asked:
        return asked
    return {"prompt": _only(asked, _QUESTIONS, "question")}


def _message(answered: object) -> Value:
    if isinstance(answered, Mapping) and answered.get("role") == "assistant":
        return answered
    if isinstance(answered, Mapping):
        answered = _only(answered, _ANSWERS, "answer")
    if not isinstance(answered, str):
        raise NoRowError("a trace without an answer")
    return {"role": "assistant", "content": answered}


def _only(value: Value, names: tuple[str, ...], what: str) -> str:
    found = [value[name] for name in names if isinstance(value.get(name), str)]
    if len(found) != 1:
        raise NoRowError(f"a trace without one plain {what}")
    return found[0]


def _named(span: Value) -> str | None:
    for part in (span["outputs"], span["inputs"]):
        if isinstance(part, Mapping) and isinstance(part.get("model"), str):
            return part["model"]
    return None


def _feedback(assessments: list[Value]) -> Iterator[dict[str, Any]]:
    """Yield what people said; a text is a comment, and what a judge or code says is no feedback."""
    for one in assessments:
        if not one["by_person"]:
            continue
        value, comment = one["value"], one["rationale"]
        if one["expected"]:
            if isinstance(value, str):
                yield {"corrected": value, "comment": comment}
        elif isinstance(value, str) and value.strip().lower() not in _WORDS:
            yield {"comment": "\n".join(part for part in (value, comment) if part)}
        elif value is not None:
            yield {"value": value, "comment": comment}
