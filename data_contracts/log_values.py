"""What the optional fields of an inference log's row may be, and the words that say why one is not.

Servers, proxies and feedback tools write the same thing in several forms; each is read here, and a
form whose meaning is not plain is refused, never guessed. Reasons quote nothing of a row.
"""

from __future__ import annotations

import math
import re
from collections.abc import Mapping, Sequence
from typing import Annotated, Any, Literal, NoReturn

from pydantic import BeforeValidator, Field, StringConstraints
from pydantic_core import PydanticCustomError

from data_contracts.records import Frozen

WRONG = "log_field"  # the type of an error whose message is the reason, after the field's name
MOST_TOKENS = 10_000_000
LONGEST_SECONDS = 7 * 86_400.0
MOST_COST = 1_000_000.0
MOST_TURNS, MOST_HITS = 1_000, 1_000
_KEY = r"[A-Za-z0-9][A-Za-z0-9_.:/+=-]{0,199}"  # no white space, no @: a key, not a person
_PLAIN = re.compile(_KEY)
# What pydantic calls an error of a number or a key, in words that follow the field's name.
REASONS = {
    "greater_than_equal": "is negative",
    "less_than_equal": "is too large",
    "int_type": "is no number",
    "int_from_float": "is no whole number",
    "float_type": "is no number",
    "finite_number": "is no number",
    "string_pattern_mismatch": "is no plain name",
    "literal_error": "is none of those known",
}
_YES = frozenset({"true", "yes", "y", "1", "granted", "given", "opt_in", "opt-in", "allowed"})
_NO = frozenset({"false", "no", "n", "0", "denied", "refused", "withdrawn", "opt_out", "opt-out"})
_UP = frozenset({"up", "thumbs_up", "thumbs-up", "thumbsup", "👍", "good", "like", "liked"})
_DOWN = frozenset({"down", "thumbs_down", "thumbs-down", "thumbsdown", "👎", "bad", "dislike"})
_NO_SCALE = "names a rating without its scale"


def wrong(reason: str) -> NoReturn:
    """Refuse a value; the reason follows its field's name: `is negative`."""
    raise PydanticCustomError(WRONG, reason)  # pyright: ignore[reportArgumentType]


def _truth(value: object) -> object:
    word = str(value).strip().lower() if isinstance(value, bool | int | str) else ""
    if word in _YES:
        return True
    return False if word in _NO else wrong("is neither yes nor no")


def is_plain(text: str) -> bool:
    """Tell whether a text is a key of a system's, with nothing in it that a person writes."""
    return _PLAIN.fullmatch(text) is not None


Tokens = Annotated[int, Field(strict=True, ge=0, le=MOST_TOKENS)]
Seconds = Annotated[float, Field(strict=True, ge=0, le=LONGEST_SECONDS, allow_inf_nan=False)]
Cost = Annotated[float, Field(strict=True, ge=0, le=MOST_COST, allow_inf_nan=False)]
Truth = Annotated[bool, BeforeValidator(_truth)]
Plain = Annotated[str, StringConstraints(pattern=f"^({_KEY})?$")]
Share = Annotated[float, Field(ge=0, le=1)]


class Turn(Frozen):
    """One message of the conversation that a prompt ended."""

    role: Literal["system", "user", "assistant"]
    content: Annotated[str, StringConstraints(min_length=1)]


class Hit(Frozen):
    """A document that retrieval put before the model; its text stays where it is."""

    id: Annotated[str, StringConstraints(min_length=1, max_length=300)]
    score: float | None = None


class Feedback(Frozen):
    """What somebody said of an answer. `good` is 0 (bad) to 1 (good); None where nobody rated."""

    good: Share | None = None
    comment: str = ""
    corrected: str = ""


def _hits(value: object) -> object:
    found = value if isinstance(value, list | tuple) else wrong("is no list")
    if len(found) > MOST_HITS:
        wrong("has too many entries")
    return [_hit(one) for one in found]


def _hit(one: object) -> object:
    if isinstance(one, Hit):
        return one
    if isinstance(one, str | int) and not isinstance(one, bool):
        return {"id": str(one)}
    if not isinstance(one, Mapping):
        wrong("has an entry that is no document's id")
    named = next((one[key] for key in ("id", "document_id", "doc_id", "chunk_id") if key in one), 0)
    score = next((one[key] for key in ("score", "similarity", "relevance") if key in one), None)
    if not named or (score is not None and not _is_finite(score)):
        wrong("has an entry without an id, or with a score that is no number")
    return {"id": str(named), "score": score}


def _turns(value: object) -> object:
    if not isinstance(value, list | tuple) or len(value) > MOST_TURNS:
        wrong("is no list of messages")
    kinds = [isinstance(one, Turn) or _is_turn(one) for one in value]
    return value if all(kinds) else wrong("has an entry that is no message of text")


def _is_turn(one: object) -> bool:
    return (
        isinstance(one, Mapping)
        and set(one) <= {"role", "content"}
        and one.get("role") in ("system", "user", "assistant")
        and isinstance(one.get("content"), str)
        and bool(one.get("content"))
    )


Hits = Annotated[tuple[Hit, ...], BeforeValidator(_hits)]
Turns = Annotated[tuple[Turn, ...], BeforeValidator(_turns)]

_SCORES = ("good", "rating", "score", "value", "thumbs", "thumb", "stars", "vote")
_COMMENTS = ("comment", "comments", "rationale", "reason", "text", "explanation")
_CORRECTED = ("corrected", "correction", "corrected_answer", "expected_response", "better_answer")
_SCALES = ("scale", "max", "out_of")
_BESIDE = ("id", "name", "key", "source", "time", "timestamp", "created_at", "user", "trace_id")


def read_feedback(value: object) -> object:
    """Return feedback in our form from a thumb, an object with a rating, or a list of such.

    Of several the worst rating counts: who finds an answer bad has not agreed to it.
    """
    if isinstance(value, Feedback):
        return value
    if isinstance(value, list | tuple):
        return together([one for one in map(read_feedback, value) if isinstance(one, Feedback)])
    if not isinstance(value, Mapping):
        return Feedback(good=_rating(value, "thumbs", None))
    if unknown := set(value) - {*_SCORES, *_COMMENTS, *_CORRECTED, *_SCALES, *_BESIDE}:
        wrong(f"has {len(unknown)} entries that nobody reads")
    name, score = _first(value, _SCORES)
    _, scale = _first(value, _SCALES)
    return Feedback(
        good=None if score is None else _rating(score, name, scale),
        comment=_text(_first(value, _COMMENTS)[1]),
        corrected=_text(_first(value, _CORRECTED)[1]),
    )


def together(found: Sequence[Feedback]) -> Feedback:
    """Return what several people said as one: the worst rating, the last correction."""
    ratings = [one.good for one in found if one.good is not None]
    corrected = [one.corrected for one in found if one.corrected]
    return Feedback(
        good=min(ratings) if ratings else None,
        comment="\n".join(dict.fromkeys(one.comment for one in found if one.comment)),
        corrected=corrected[-1] if corrected else "",
    )


def _first(value: Mapping[Any, Any], names: tuple[str, ...]) -> tuple[str, Any]:
    said = [(name, value[name]) for name in names if value.get(name) is not None]
    if len(said) > 1:
        wrong("says the same thing under two names")
    return said[0] if said else ("", None)


def _text(value: object) -> str:
    if isinstance(value, Mapping) and len(value) == 1:  # LangSmith: {"output": "…"}
        value = next(iter(value.values()))
    if value is None:
        return ""
    return value.strip() if isinstance(value, str) else wrong("has a comment that is no text")


def _rating(value: object, name: str, scale: object) -> float:
    """Return a rating between 0 and 1; a bare number tells nothing but where its name has a scale.

    Under `rating` and `stars` a 1 may be the worst of five, under `thumbs` it is the best.
    """
    if isinstance(value, str):
        word = value.strip().lower()
        known = {**dict.fromkeys(_UP | _YES, 1.0), **dict.fromkeys(_DOWN | _NO, 0.0)}
        return known[word] if word in known else wrong("names a rating that is none")
    if isinstance(value, bool):
        return float(value)
    if not isinstance(value, int | float) or not math.isfinite(value):
        wrong("names a rating that is none")
    if scale is None and name in ("thumbs", "thumb", "vote") and value in (-1, 0, 1):
        return max(0.0, float(value))
    if scale is None and name in ("good", "score", "value") and 0 <= value <= 1:
        return float(value)
    most = _most(5 if scale is None and name == "stars" else scale)
    if not 1 <= value <= most:
        wrong("names a rating outside its scale")
    return (value - 1) / (most - 1)


def _most(scale: object) -> float:
    """Return the best rating of a scale that begins at 1."""
    if not _is_finite(scale):
        wrong(_NO_SCALE)
    most = float(str(scale))
    return most if most > 1 else wrong(_NO_SCALE)


def _is_finite(value: object) -> bool:
    number = isinstance(value, int | float) and not isinstance(value, bool)
    return number and math.isfinite(float(str(value)))
