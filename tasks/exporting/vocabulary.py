"""A tokenizer as a GGUF file says it: tokens with their types, merges or scores, special ids.

Needs a fast tokenizer with a chat template. Byte-level BPE becomes llama.cpp's `gpt2`, BPE over
characters with bytes to fall back on (Llama 2, Mistral) its `llama`. What would read other tokens
there than were trained is refused (InputError). Writes nothing.
"""

from __future__ import annotations

import json
from collections.abc import Mapping, Sequence
from typing import Any, NamedTuple

from data_contracts.records import Message
from tasks.exporting.errors import AS_IT_IS, cannot
from tasks.exporting.pieces import add_space_prefix, scores_of
from tasks.exporting.pretokenizers import is_byte_level, name_of
from tasks.models.chat_rendering import (
    RenderingError,
    closing_tokens,
    end_ids,
    opening,
    render_turns,
)

# Types of tokens, as llama.cpp numbers them.
NORMAL, UNKNOWN, CONTROL, USER_DEFINED, UNUSED, BYTE = 1, 2, 3, 4, 5, 6
MOST_ENDS = 3  # ids at which llama.cpp stops: of text, of turn, of message
_PLAIN = {"dropout": None, "continuing_subword_prefix": "", "end_of_word_suffix": ""}


class Vocabulary(NamedTuple):
    """What stands in the file. `ends` are the ids at which an answer ends, the turn's first."""

    model: str
    pre: str
    tokens: list[str]
    types: list[int]
    merges: list[str] | None
    scores: list[float] | None
    special: dict[str, int]
    ends: list[int]
    add_bos: bool
    add_space_prefix: bool | None


def read_vocabulary(tokenizer: Any, generation_config: Any, rows: int) -> Vocabulary:
    """Return the vocabulary of a model whose embeddings have so many rows."""
    backend = json.loads(tokenizer.backend_tokenizer.to_str())
    model = backend["model"]
    if model["type"] != "BPE" or any(
        (model.get(key) or None) != (plain or None) for key, plain in _PLAIN.items()
    ):
        raise cannot(
            f"its tokenizer is of a kind ({model['type']}) that llama.cpp reads in another way",
            AS_IT_IS,
            "tokenizer.json",
        )
    _refuse_greedy(backend["added_tokens"])
    ids = {number: text for text, number in model["vocab"].items()}
    added = {entry["id"]: entry for entry in backend["added_tokens"]}
    ids |= {number: entry["content"] for number, entry in added.items()}
    tokens = [ids.get(number, f"[PAD{number}]") for number in range(rows)]
    types = [_type(number, ids, added) for number in range(rows)]
    opens = _opens(tokenizer)
    if is_byte_level(backend):
        kind, pre, prefix, scores = "gpt2", name_of(backend), None, None
        merges = [" ".join(_pair(merge)) for merge in model["merges"]]
    else:
        kind, pre, merges = "llama", "default", None
        for number, text in enumerate(tokens):
            types[number] = BYTE if _is_byte(text) else types[number]
        scores = scores_of(tokens, types, [_pair(merge) for merge in model["merges"]], model)
        prefix = add_space_prefix(backend, opens, added)
        unknown = model["vocab"].get(model.get("unk_token") or "")
        if unknown is not None:
            types[unknown] = UNKNOWN
    return Vocabulary(
        model=kind,
        pre=pre,
        tokens=tokens,
        types=types,
        merges=merges,
        scores=scores,
        special=_special(tokenizer),
        ends=_ends(tokenizer, generation_config),
        add_bos=_begins_with_bos(tokenizer, opens),
        add_space_prefix=prefix,
    )


def _type(number: int, ids: Mapping[int, str], added: Mapping[int, Mapping[str, Any]]) -> int:
    if number in added:
        return CONTROL if added[number]["special"] else USER_DEFINED
    return NORMAL if number in ids else UNUSED


def _pair(merge: str | Sequence[str]) -> tuple[str, str]:
    left, right = merge.split(" ") if isinstance(merge, str) else merge
    return left, right


def _is_byte(text: str) -> bool:
    return len(text) == 6 and text.startswith("<0x") and text.endswith(">")


def _refuse_greedy(added: Sequence[Mapping[str, Any]]) -> None:
    """Refuse tokens that take the space beside them, or only stand as a word of their own."""
    for entry in added:
        if entry["lstrip"] or entry["rstrip"] or entry["single_word"]:
            raise cannot(
                f"its token {entry['content'][:40]} takes the space beside it (lstrip, rstrip, "
                "single_word), which llama.cpp does not do",
                AS_IT_IS,
                "tokenizer.json",
            )


def _special(tokenizer: Any) -> dict[str, int]:
    names = {"bos": "bos_token_id", "unk": "unk_token_id", "pad": "pad_token_id"}
    found = {name: getattr(tokenizer, field) for name, field in names.items()}
    return {name: int(number) for name, number in found.items() if number is not None}


def _ends(tokenizer: Any, generation_config: Any) -> list[int]:
    """Return the ids that end an answer: what closes a turn first, then what the model's files say.

    InputError if there is none, or more than a GGUF file can name.
    """
    turn = sorted(closing_tokens(tokenizer))
    ends = list(dict.fromkeys([*turn, *end_ids(generation_config, tokenizer)]))
    if not 1 <= len(ends) <= MOST_ENDS:
        raise cannot(
            f"an answer ends at {len(ends)} different tokens; a GGUF file names 1 to {MOST_ENDS}",
            "name fewer as eos_token_id in its generation_config.json, and train and release again",
        )
    return ends


def _opens(tokenizer: Any) -> str:
    """Return what a conversation's text is, from its beginning."""
    try:
        return render_turns([Message(role="user", content="?").model_dump()], tokenizer)
    except RenderingError as error:
        raise cannot(f"its chat template takes no question: {error}", AS_IT_IS) from None


def _begins_with_bos(tokenizer: Any, opens: str) -> bool:
    """Tell whether both tokenizer and template begin with BOS: then llama.cpp is to put it there.

    It then takes the template's away. Where the template writes none, none was trained; where the
    tokenizer puts none, it is the template's own text.
    """
    if not tokenizer.bos_token or not opens.startswith(tokenizer.bos_token):
        return False
    return opening(tokenizer) == (tokenizer.bos_token_id,)
