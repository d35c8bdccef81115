"""How far an answer and a reference text agree in words: the same, token F1, ROUGE-L.

Normalized and compared as in SQuAD (Rajpurkar et al., 2016, arXiv:1606.05250): in one case, without
punctuation and the articles a, an, the; but a hyphen parts words, and figures that differ make
other answers ("1.5" is not "15"). ROUGE-L is the F-measure over the longest common subsequence of
words (Lin, 2004, "ROUGE: A Package for Automatic Evaluation of Summaries", section 3.1, beta 1),
without stemming. Pure functions.
"""

from __future__ import annotations

import re
import string
from collections import Counter
from collections.abc import Sequence

from tasks.evaluation.metrics.atoms import Atom, read_atoms, same

_PUNCTUATION = frozenset(string.punctuation + "’‘“”–—…«»")
_ARTICLES = frozenset({"a", "an", "the"})


def words_of(text: str) -> list[str]:
    """Return the words of a text as SQuAD normalizes them."""
    plain = "".join(" " if c == "-" else c for c in text.casefold())
    plain = "".join(c for c in plain if c not in _PUNCTUATION)
    return [word for word in plain.split() if word not in _ARTICLES]


def says_exactly(answer: str, reference: str) -> bool:
    """Tell whether both say the same and no more, figures in whatever way they are written.

    "1,250 g" is "1.25 kg", "eighty-nine euros" is "€89", "8 per cent" is "8%".
    """
    one, other = (_told(read_atoms(text)) for text in (answer, reference))
    if words_of(answer) == words_of(reference):  # so are "1.5" and "15"
        return bool(words_of(answer)) and _all_same(_figures(one), _figures(other))
    return bool(one) and _all_same(one, other)


def token_f1(answer: str, reference: str) -> float:
    """Return the harmonic mean of precision and recall over words, each as often as it stands."""
    one, other = words_of(answer), words_of(reference)
    shared = (Counter(one) & Counter(other)).total()
    return _f1(shared, len(one), len(other))


def rouge_l(answer: str, reference: str) -> float:
    """Return ROUGE-L's F-measure; words are runs of letters and digits, articles included."""
    one, other = (re.findall(r"[^\W_]+", text.casefold()) for text in (answer, reference))
    return _f1(_common_subsequence(one, other), len(one), len(other))


def _told(atoms: Sequence[Atom]) -> list[Atom]:
    return [atom for atom in atoms if atom.text not in _ARTICLES]


def _figures(atoms: Sequence[Atom]) -> list[Atom]:
    return [atom for atom in atoms if atom.kind != "word"]


def _all_same(one: Sequence[Atom], other: Sequence[Atom]) -> bool:
    return len(one) == len(other) and all(same(a, b) for a, b in zip(one, other, strict=True))


def _f1(shared: int, answered: int, expected: int) -> float:
    return 2 * shared / (answered + expected) if answered + expected else 0.0


def _common_subsequence(one: Sequence[str], other: Sequence[str]) -> int:
    """Return the length of the longest common subsequence, in time of the product of lengths."""
    row = [0] * (len(other) + 1)
    for word in one:
        above = row
        row = [0]
        for place, against in enumerate(other):
            longest = max(row[-1], above[place + 1])
            row.append(above[place] + 1 if word == against else longest)
    return row[-1]
