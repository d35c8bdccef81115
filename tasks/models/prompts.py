"""Cases as the token ids that an answer continues. Needs a tokenizer with a chat template."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any

from data_contracts.errors import InputError
from data_contracts.records import Message
from tasks.models.chat_rendering import RenderingError, closing_tokens, end_ids, render_turns

if TYPE_CHECKING:
    from eval_sets.types import EvalSet

STEP = "evaluate"
Progress = Callable[[int, int | None], None]


@dataclass
class Prompt:
    """A rendered prompt, and the answer's token ids as they come.

    `log_probability` is the natural log of what the model gives the answer at temperature 1, the
    end token included where one came; None where whoever answered does not tell.
    """

    eval_set: str
    case_id: str
    ids: list[int]
    budget: int
    answer: list[int] = field(default_factory=list[int])
    truncated: bool = True
    log_probability: float | None = None

    @property
    def terms(self) -> int:
        """Return how many tokens the model chose: the answer's, and the end token if it came."""
        return len(self.answer) + (not self.truncated)


def render_prompts(sets: Sequence[EvalSet], tokenizer: Any, context: int) -> list[Prompt]:
    """Turn every case into token ids; InputError for one that does not fit the model's context."""
    prompts: list[Prompt] = []
    for eval_set in sets:
        for case in eval_set.cases:
            text = render_question(case.messages, tokenizer, f"{eval_set.name}/{case.id}")
            ids = tokenizer(text, add_special_tokens=False)["input_ids"]
            if len(ids) + case.max_new_tokens > context:
                raise InputError(
                    f"the prompt has {len(ids)} tokens; with its answer it is longer than the"
                    f" model's context of {context}",
                    step=STEP,
                    where=f"{eval_set.name}/{case.id}",
                    remedy="shorten the case, or take a model with a longer context",
                )
            prompts.append(Prompt(eval_set.name, case.id, ids, case.max_new_tokens))
    return prompts


def render_question(turns: Sequence[Message], tokenizer: Any, where: str) -> str:
    """Render turns as the text that an answer continues; InputError if the template refuses."""
    try:
        return render_turns([turn.model_dump() for turn in turns], tokenizer)
    except RenderingError as error:
        raise InputError(
            str(error),
            step=STEP,
            where=where,
            remedy="take a model whose template allows these roles (system, user, assistant)",
        ) from None


def end_tokens(model: Any, tokenizer: Any) -> frozenset[int]:
    """Return the ids that end an answer: those that the model's files name, and the template's.

    The files' are the generation config's and the tokenizer's own; the template's are those that
    close an assistant's turn, which training taught the model to say.
    """
    named = end_ids(model.generation_config, tokenizer)
    found = frozenset(named) | closing_tokens(tokenizer)
    if not found:
        raise InputError(
            "the model has no end-of-text token, and its chat template closes a turn with none, so"
            " no answer would end",
            step=STEP,
            where=str(tokenizer.name_or_path),
            remedy="set eos_token_id in generation_config.json",
        )
    return found


def turn_ends(tokenizer: Any) -> list[str]:
    """Return the tokens that close an assistant's turn in the chat template, for the record."""
    return sorted(tokenizer.convert_ids_to_tokens(sorted(closing_tokens(tokenizer))))
