"""A BPE tokenizer over characters as SentencePiece has it: a score for each piece, no merges.

llama.cpp joins the two neighbours whose piece has the best score; a tokenizer with merges joins
those whose merge comes first. Both do the same where every way to make a piece is a merge and the
merges of one piece stand together, as they do where they were made from scores. Else it is refused.
Needs tokens and merges; writes nothing.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

from tasks.exporting.errors import AS_IT_IS, cannot

SPACE = "\N{LOWER ONE EIGHTH BLOCK}"  # stands for a space within a piece
_NORMAL, _BYTE = 1, 6


def scores_of(
    tokens: Sequence[str],
    types: Sequence[int],
    merges: Sequence[tuple[str, str]],
    model: Mapping[str, Any],
) -> list[float]:
    """Return each token's score: the later it is made, the lower; InputError if none can say it."""
    if not model.get("byte_fallback") or types.count(_BYTE) != 256 or model.get("ignore_merges"):
        raise _other("it has no bytes to fall back on")
    rank: dict[str, int] = {}
    last = ""
    for place, (left, right) in enumerate(merges):
        made = left + right
        if made in rank and made != last:
            raise _other("its merges are not in an order of pieces")
        rank.setdefault(made, place)
        last = made
    normal = {text for text, kind in zip(tokens, types, strict=True) if kind == _NORMAL}
    known = set(merges)
    for text in normal:
        for cut in range(1, len(text)):
            pair = (text[:cut], text[cut:])
            if pair not in known and normal.issuperset(pair):
                raise _other("not every way to make a piece is among its merges")
    return [-float(rank[text]) if text in rank else 0.0 for text in tokens]


def add_space_prefix(
    backend: Mapping[str, Any], opens: str, added: Mapping[int, Mapping[str, Any]]
) -> bool:
    """Tell whether llama.cpp is to put a space behind each special token and at the beginning.

    `opens` is what a conversation's text begins with. InputError where it would have to put one
    in one of these places only.
    """
    if any(entry["normalized"] for entry in added.values()):
        raise _other("special tokens are looked for in rewritten text (normalized)")
    normalizer, before = backend["normalizer"], backend["pre_tokenizer"]
    if before is None:
        return _prepends(normalizer)
    if normalizer is not None or before["type"] != "Metaspace" or before.get("split", True):
        raise _other("it cuts or rewrites text in a way of its own")
    scheme = before.get("prepend_scheme", "always")
    if scheme == "first":
        if not any(opens.startswith(entry["content"]) for entry in added.values()):
            raise _other("it puts a space before a conversation and nowhere else")
        return False
    return scheme == "always"


def _prepends(normalizer: Mapping[str, Any] | None) -> bool:
    """Tell whether a normalizer writes spaces as pieces have them, and puts one before a text."""
    parts = list(normalizer["normalizers"]) if normalizer and "normalizers" in normalizer else []
    parts = parts or ([normalizer] if normalizer else [])
    kinds = [part["type"] for part in parts]
    spaces = {"type": "Replace", "pattern": {"String": " "}, "content": SPACE}
    if kinds == ["Replace"] and parts[0] == spaces:
        return False
    if kinds == ["Prepend", "Replace"] and (parts[0]["prepend"], parts[1]) == (SPACE, spaces):
        return True
    raise _other("it cuts or rewrites text in a way of its own")


def _other(why: str) -> Exception:
    return cannot(
        f"its tokenizer has no exact counterpart in llama.cpp: {why}", AS_IT_IS, "tokenizer.json"
    )
