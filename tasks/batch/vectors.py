"""The packaged encoder as a batch asks it: texts in, unit vectors out, the same bytes again.

Where there is a redactor, what is encoded is the redacted text, as it is in an index of documents.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable, Sequence

from data_contracts.errors import shielded
from tasks.batch.engine import WITHHELD, Answer, Size, withheld
from tasks.batch.lines import STEP, Refusal, Request
from tasks.inference_log.redacting import Redactor
from tasks.models.encoding import Encoder


class Vectors:
    """An encoder; it is loaded when it is first asked."""

    def __init__(self, encoder: Encoder) -> None:
        """Take the encoder."""
        self._encoder = encoder

    def measure(self, requests: Sequence[Request]) -> list[Size | Refusal]:
        """Return the tokens of each request, or which is longer than the encoder reads."""
        return [self._measured(request, request.texts) for request in requests]

    def answer(
        self, requests: Sequence[Request], redactor: Redactor | None, tell: Callable[[int], None]
    ) -> list[Answer]:
        """Encode requests that were measured; redaction may have made a text longer."""
        answers = [Answer(asked=request.texts) for request in requests]
        if redactor is not None:
            with shielded(STEP):
                done = redactor.redact_records([request.texts for request in requests])
            answers = [
                Answer(refused=(WITHHELD, why))
                if (why := withheld(one))
                else Answer(asked=tuple(one.texts), redactions=_counted(one.kinds))
                for one in done
            ]
        for place, (request, answer) in enumerate(zip(requests, answers, strict=True)):
            size = self._measured(request, answer.asked)
            if isinstance(size, Refusal):
                answers[place] = Answer(refused=(size.code, size.message))
            elif answer.refused is None:
                answers[place] = answer.model_copy(update={"prompt_tokens": size.prompt})
        taken = [place for place, one in enumerate(answers) if one.refused is None]
        vectors = iter(self._encoder.encode([t for place in taken for t in answers[place].asked]))
        for place in taken:
            asked = answers[place].asked
            found = tuple(_numbers(next(vectors)) for _ in asked)
            kept = asked if redactor is not None else ()
            answers[place] = answers[place].model_copy(update={"vectors": found, "asked": kept})
        tell(len(requests))
        return answers

    def _measured(self, request: Request, texts: Sequence[str]) -> Size | Refusal:
        sizes = [len(ids) for ids in self._encoder.token_ids(texts)]
        if max(sizes, default=0) <= self._encoder.max_tokens:
            return Size(sum(sizes), 0)
        return Refusal(
            request.line,
            request.custom_id,
            "context_length_exceeded",
            f"a text has {max(sizes):,} tokens, the encoder reads {self._encoder.max_tokens}",
            "body.input",
        )


def _numbers(vector: Sequence[float]) -> tuple[float, ...]:
    """Return float32 numbers with the nine digits that tell each from the next."""
    return tuple(float(f"{number:.9g}") for number in vector)


def _counted(kinds: Counter[str]) -> dict[str, int]:
    return dict(sorted(kinds.items()))
