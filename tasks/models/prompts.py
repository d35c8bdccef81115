"""Cases as the token ids that an answer continues. Needs a tokenizer with a chat template."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any

from data_contracts.errors import InputError

if TYPE_CHECKING:
    from eval_sets.types import EvalSet

STEP = "evaluate"
Progress = Callable[[int, int | None], None]


@dataclass
class Prompt:
    """A rendered prompt, and the answer's token ids as they come."""

    eval_set: str
    case_id: str
    ids: list[int]
    budget: int
    answer: list[int] = field(default_factory=list[int])
    truncated: bool = True


def render_prompts(sets: Sequence[EvalSet], tokenizer: Any, context: int) -> list[Prompt]:
    """Turn every case into token ids; InputError for one that does not fit the model's context."""
    prompts: list[Prompt] = []
    for eval_set in sets:
        for case in eval_set.cases:
            turns = [message.model_dump() for message in case.messages]
            text = render_turns(turns, tokenizer, f"{eval_set.name}/{case.id}")
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


def render_turns(turns: list[dict[str, Any]], tokenizer: Any, where: str) -> str:
    """Render turns as the text that an answer continues."""
    from jinja2 import TemplateError

    try:
        return tokenizer.apply_chat_template(turns, tokenize=False, add_generation_prompt=True)
    except TemplateError as error:
        raise InputError(
            "the model's chat template refuses the conversation",
            step=STEP,
            where=where,
            remedy="take a model whose template allows these roles (system, user, assistant)",
        ) from error


def end_tokens(model: Any, tokenizer: Any) -> frozenset[int]:
    """Return the ids that end an answer: the generation config's and the tokenizer's own."""
    configured = model.generation_config.eos_token_id
    ids = configured if isinstance(configured, list) else [configured]
    found = frozenset(int(i) for i in [*ids, tokenizer.eos_token_id] if i is not None)
    if not found:
        raise InputError(
            "the model has no end-of-text token, so no answer would end",
            step=STEP,
            where=str(tokenizer.name_or_path),
            remedy="set eos_token_id in generation_config.json",
        )
    return found
