"""How a byte-level BPE tokenizer cuts text into words, by the name that llama.cpp has for it.

Needs a tokenizer as its library writes it. llama.cpp knows a fixed list of ways, each under a name
with a regular expression of its own; a GGUF that names the wrong one loads, and reads other tokens
than were trained. So a way that is not known to be the same is refused. Writes nothing.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from tasks.exporting.errors import AS_IT_IS, cannot

Json = Mapping[str, Any]
_ENDINGS = "(?i:'s|'t|'re|'ve|'m|'ll|'d)"
_REST = r"| ?[^\s\p{L}\p{N}]+[\r\n]*|\s*[\r\n]+|\s+(?!\S)|\s+"
LLAMA_3 = _ENDINGS + r"|[^\r\n\p{L}\p{N}]?\p{L}+|\p{N}{1,3}" + _REST
QWEN_2 = _ENDINGS + r"|[^\r\n\p{L}\p{N}]?\p{L}+|\p{N}" + _REST
# By regular expression, and whether a word that is a token is taken before any merge.
_BY_SPLIT = {
    (LLAMA_3, True): "llama-bpe",
    (LLAMA_3, False): "dbrx",
    (QWEN_2, False): "qwen2",
}


def name_of(backend: Json) -> str:
    """Return llama.cpp's name for how a byte-level tokenizer cuts; InputError if it has none."""
    steps = _steps(backend["pre_tokenizer"], "pretokenizers")
    if _steps(backend["normalizer"], "normalizers"):
        raise _unknown("it rewrites a text before it cuts it (a normalizer)")
    *before, last = steps
    if last.get("add_prefix_space"):
        raise _unknown("it puts a space before a text (add_prefix_space)")
    ignores = bool(backend["model"].get("ignore_merges"))
    if last.get("use_regex", True) and not ignores:
        if not before:
            return "gpt-2"
        if len(before) == 1 and _is_digits(before[0]):
            return "smollm"
    if not last.get("use_regex", True) and len(before) == 1:
        split = (_split(before[0]), ignores)
        if split in _BY_SPLIT:
            return _BY_SPLIT[split]
    raise _unknown("it cuts words in a way of its own")


def is_byte_level(backend: Json) -> bool:
    """Tell whether a tokenizer works on bytes that are written as letters, as GPT-2's does."""
    steps = _steps(backend["pre_tokenizer"], "pretokenizers")
    return bool(steps) and steps[-1]["type"] == "ByteLevel"


def _steps(part: Json | None, inner: str) -> list[Json]:
    """Return the steps of a sequence, however deep, in order."""
    if part is None:
        return []
    if part["type"] != "Sequence":
        return [part]
    return [step for one in part[inner] for step in _steps(one, inner)]


def _is_digits(step: Json) -> bool:
    return step["type"] == "Digits" and bool(step["individual_digits"])


def _split(step: Json) -> str:
    """Return the regular expression of a step that cuts by one and keeps everything."""
    whole = step["type"] == "Split" and step["behavior"] == "Isolated" and not step["invert"]
    return str(step["pattern"].get("Regex", "")) if whole else ""


def _unknown(why: str) -> Exception:
    return cannot(
        f"its tokenizer has no exact counterpart in llama.cpp: {why}", AS_IT_IS, "tokenizer.json"
    )
