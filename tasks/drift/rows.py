"""What exchanges look like to the signals of drift: numbers a row, and none of its text.

Needs an embedding function and py3langid (`tasks/redaction/languages.py`). Writes nothing but the
file it is asked to (`save`), which holds arrays alone.
"""

from __future__ import annotations

import hashlib
import re
from collections.abc import Sequence
from dataclasses import dataclass, fields
from functools import lru_cache
from pathlib import Path
from typing import TYPE_CHECKING, Any

from tasks.drift.texts import plain, words
from tasks.models.refusals import declines
from tasks.redaction.languages import spoken

if TYPE_CHECKING:
    from tasks.models.embedding import Embed

_PLACEHOLDER = re.compile(r"<[A-Z][A-Z_]*>")
_RUN = 4  # words: a run of so many that comes again is a repetition


@dataclass(frozen=True)
class Rows:
    """n exchanges. `questions` [n] are numbers, equal for equal questions; `embeddings` [n, width]
    are the questions', of length 1.

    `question_words`, `answer_words` [n] are lengths; `declined`, `personal` [n] say whether the
    answer declines and whether the question holds a redacted value; `repeated` [n] is the share of
    the answer's runs of four words that stand in it before; `languages` [n] are ISO 639-1 codes of
    the questions. `vocabulary` holds a number for each word of each question, row after row, and
    row i's are `vocabulary[starts[i]:starts[i + 1]]`; equal words have equal numbers.
    """

    questions: Any
    embeddings: Any
    question_words: Any
    answer_words: Any
    declined: Any
    personal: Any
    repeated: Any
    languages: Any
    vocabulary: Any
    starts: Any

    def __len__(self) -> int:
        """Return how many exchanges these are."""
        return len(self.question_words)

    def take(self, places: Any) -> Rows:
        """Return the rows at these places, in that order."""
        import numpy as np

        places = np.asarray(places, dtype=np.int64)
        lengths = self.question_words[places]
        ends = np.cumsum(lengths, dtype=np.int64)
        # Each word's place: where its row starts, and how far into the row it stands.
        into = np.arange(int(lengths.sum())) - np.repeat(ends - lengths, lengths)
        taken = {
            one.name: getattr(self, one.name)[places]
            for one in fields(self)
            if one.name not in ("vocabulary", "starts")
        }
        return Rows(
            **taken,
            vocabulary=self.vocabulary[np.repeat(self.starts[:-1][places], lengths) + into],
            starts=np.concatenate([[0], ends]).astype(np.int64),
        )

    def save(self, path: Path) -> None:
        """Write the arrays into one file (npz)."""
        import numpy as np

        np.savez(path, **{one.name: getattr(self, one.name) for one in fields(self)})

    @staticmethod
    def load(path: Path) -> Rows:
        """Read them back."""
        import numpy as np

        with np.load(path, allow_pickle=False) as found:
            return Rows(**{one.name: found[one.name] for one in fields(Rows)})


def rows_of(pairs: Sequence[tuple[str, str]], embed: Embed) -> Rows:
    """Return what redacted questions and answers look like; `embed` maps n texts to unit vectors.

    A text that comes again is embedded once.
    """
    import numpy as np

    questions = [plain(question) for question, _ in pairs]
    answers = [plain(answer) for _, answer in pairs]
    asked = [words(text) for text in questions]
    said = [words(text) for text in answers]
    lengths = np.array([len(row) for row in asked], dtype=np.int32)
    return Rows(
        questions=np.array([word_number(text) for text in questions], dtype=np.uint64),
        embeddings=_embedded(questions, embed),
        question_words=lengths,
        answer_words=np.array([len(row) for row in said], dtype=np.int32),
        declined=np.array([declines(text) for text in answers], dtype=bool),
        personal=np.array([bool(_PLACEHOLDER.search(text)) for text in questions], dtype=bool),
        repeated=np.array([_repeated(row) for row in said], dtype=np.float32),
        languages=np.array([spoken([text])[0] for text in questions]),
        vocabulary=np.array([word_number(word) for row in asked for word in row], dtype=np.uint64),
        starts=np.concatenate([[0], np.cumsum(lengths)]).astype(np.int64),
    )


@lru_cache(maxsize=100_000)
def word_number(word: str) -> int:
    """Return the number that stands for a word, or a text: 64 bits of a digest."""
    return int.from_bytes(hashlib.blake2b(word.encode(), digest_size=8).digest())


def _embedded(texts: list[str], embed: Embed) -> Any:
    import numpy as np

    different = list(dict.fromkeys(texts))
    places = {text: place for place, text in enumerate(different)}
    vectors = np.asarray(embed(different), dtype=np.float32)
    return vectors[[places[text] for text in texts]]


def _repeated(said: Sequence[str]) -> float:
    runs = [tuple(said[place : place + _RUN]) for place in range(len(said) - _RUN + 1)]
    return 1 - len(set(runs)) / len(runs) if runs else 0.0
