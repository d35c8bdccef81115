"""Prompts with a better and a worse answer."""

from __future__ import annotations

from typing import Any, ClassVar, Self

from data_contracts.records import History, Message, Record, Text
from data_contracts.rows.compared import read_compared
from data_contracts.rows.prompts import SYSTEM, answer_text, asked, read_prompt, with_context
from data_contracts.rows.targets import MARKS, require_learned
from data_contracts.rows.turns import Turn, read_turns
from data_contracts.rows.values import Row, UnfitRowError

_OPENAI = "input.messages"


class PreferenceRecord(Record):
    """A prompt with a better and a worse answer; supervised training learns the better.

    Read are texts, and TRL's, OpenAI's, LLaMA-Factory's, ms-swift's and Gemini's messages, also
    where the prompt is only what both answers begin with. `history` came before the prompt; nothing
    of it is learned.
    """

    KIND = "preference"
    COLUMNS: ClassVar = {
        "prompt": ("prompt", "conversations", "instruction", "query", "contents", _OPENAI),
        "input": ("input",),
        "tools": ("input.tools",),
        "chosen": ("chosen", "preferred_output"),
        "rejected": ("rejected", "non_preferred_output"),
        "messages": ("messages",),
        "response": ("response",),
        "rejected_response": ("rejected_response",),
        "rejected_messages": ("rejected_messages",),
        "completions": ("completions",),
        "system": SYSTEM,
        "history": ("history",),
        "weights": MARKS,
    }
    ANSWERS = 2

    history: History = ()
    prompt: Text
    chosen: Text
    rejected: Text

    @classmethod
    def read(cls, row: Row) -> dict[str, Any]:
        """Return the fields."""
        require_learned(row)
        better, worse = read_compared(row)
        shared = _shared(better, worse)
        prompt = _prompt(row, better[:shared])
        *before, ask = asked(with_context(prompt, row))
        return {
            "history": before,
            "prompt": ask["content"],
            "chosen": answer_text(better[shared:], "chosen"),
            "rejected": answer_text(worse[shared:], "rejected"),
        }

    def conversation(self) -> tuple[Message, ...]:
        """Return the prompt and the better answer."""
        return (
            *self.history,
            Message(role="user", content=self.prompt),
            Message(role="assistant", content=self.chosen),
        )

    def worse(self) -> Self:
        """Return the record whose conversation ends with the worse answer."""
        return self.model_copy(update={"chosen": self.rejected})

    def measures(self) -> dict[str, int | str]:
        """Return the sizes, and whether there is anything to tell apart."""
        return super().measures() | {"answers_differ": int(self.chosen != self.rejected)}

    @classmethod
    def rules(cls, roles: str) -> dict[str, str | list[int]]:
        """Return that the answers must differ."""
        return {"answers_differ": [1]}


def _shared(better: list[Turn], worse: list[Turn]) -> int:
    """Return how many turns both begin with, before the answer of each."""
    most = min(len(better), len(worse)) - 1
    return next((n for n in range(most) if _key(better[n]) != _key(worse[n])), max(0, most))


def _key(turn: Turn) -> tuple[str, str]:
    return turn["role"], turn["content"].strip()


def _prompt(row: Row, shared: list[Turn]) -> list[Turn]:
    """Return the prompt: what both answers begin with, which a prompt beside them must repeat."""
    if not shared and row.column("messages") and not row.column("prompt"):  # axolotl's
        return read_turns(row.get("messages"), row)
    if not shared:
        row.require("prompt")
    prompt = [] if row.get("prompt") is None else read_prompt(row, "prompt")
    if shared:
        prompt = _one_prompt(prompt, shared)
    if row.column("prompt") != _OPENAI:
        if below := row.text("input"):
            prompt[-1]["content"] += f"\n\n{below}"
    elif row.get("tools") is not None:
        row.leave("tools")
    return prompt


def _one_prompt(prompt: list[Turn], shared: list[Turn]) -> list[Turn]:
    if prompt and shared[0]["role"] == "assistant":
        return asked([*prompt, *shared])
    repeated = [_key(turn) for turn in shared[-len(prompt) :]]
    if prompt and [_key(turn) for turn in prompt] != repeated:
        raise UnfitRowError("a prompt that is not what both answers begin with")
    return asked(shared)
