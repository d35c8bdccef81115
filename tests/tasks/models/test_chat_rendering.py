"""The tokens that close an assistant's turn, as chat templates in use write them."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest

from model_registry.model_files import load_tokenizer
from tasks.models.chat_rendering import RenderingError, closing_tokens, render_turns

HEADED = (
    "<|begin_of_text|>{% for m in messages %}<|start_header_id|>{{ m['role'] }}<|end_header_id|>"
    "\n\n{{ m['content'] | trim }}<|eot_id|>{% endfor %}"
    "{% if add_generation_prompt %}<|start_header_id|>assistant<|end_header_id|>\n\n{% endif %}"
)
PARTED = (  # Llama 3's, but the last turn stays open
    "<|begin_of_text|>{% for m in messages %}<|start_header_id|>{{ m['role'] }}<|end_header_id|>"
    "\n\n{{ m['content'] }}{% if not loop.last %}<|eot_id|>{% endif %}{% endfor %}"
)
BRACKETED = (  # Llama 2's
    "{% for m in messages %}{% if m['role'] == 'user' %}<s>[INST] {{ m['content'] }} [/INST]"
    "{% else %} {{ m['content'] }} </s>{% endif %}{% endfor %}"
)
DEFAULTED = (  # ChatML with a system prompt of its own
    "{% if messages[0]['role'] != 'system' %}<|im_start|>system\nBe kind.<|im_end|>\n{% endif %}"
    "{% for m in messages %}<|im_start|>{{ m['role'] }}\n{{ m['content'] }}<|im_end|>\n{% endfor %}"
)
LAST_ONLY = (
    "{% for m in messages %}{{ m['role'] }}: {{ m['content'] }}"
    "{% if loop.last and m['role'] == 'assistant' %}</s>{% endif %}\n{% endfor %}"
)
OPENED = "{% for m in messages %}<|im_start|>{{ m['role'] }}\n{{ m['content'] }}\n{% endfor %}"
PLAIN = "{% for m in messages %}### {{ m['role'] }}:\n{{ m['content'] }}\n\n{% endfor %}"
UNKNOWN = PLAIN.replace("\n\n", "<|never_added|>\n")
STRICT = "{{ raise_exception('only one turn') if messages | length > 2 }}" + HEADED
CLOSED_TO_ALL = "{{ raise_exception('no') }}"


@pytest.fixture(scope="module")
def tokenizer(tiny_model: Path) -> Any:
    found: Any = load_tokenizer(tiny_model)
    names = ["<|begin_of_text|>", "<|start_header_id|>", "<|end_header_id|>", "<|eot_id|>"]
    found.add_special_tokens({"additional_special_tokens": [*names, "<s>", "</s>"]})
    return found


@pytest.mark.parametrize(
    ("template", "ends"),
    [
        (HEADED, ["<|eot_id|>"]),
        (PARTED, ["<|eot_id|>"]),
        (STRICT, ["<|eot_id|>"]),
        (BRACKETED, ["</s>"]),
        (DEFAULTED, ["<|im_end|>"]),
        (LAST_ONLY, ["</s>"]),
        (OPENED, []),
        (PLAIN, []),
        (UNKNOWN, []),
        (CLOSED_TO_ALL, []),
    ],
)
def test_the_tokens_that_close_a_turn_come_from_the_template(
    tokenizer: Any, template: str, ends: list[str]
) -> None:
    tokenizer.chat_template = template
    assert tokenizer.convert_ids_to_tokens(sorted(closing_tokens(tokenizer))) == ends


@pytest.mark.parametrize(
    "template", [CLOSED_TO_ALL, "{{ messages[0]['content'] + 1 }}", "{{ messages[7]['content'] }}"]
)
def test_a_template_that_cannot_take_a_conversation_is_an_error_that_quotes_nothing(
    tokenizer: Any, template: str
) -> None:
    tokenizer.chat_template = template.replace("'no'", "messages[0]['content']")
    with pytest.raises(RenderingError, match="refuses a conversation of user") as error:
        render_turns([{"role": "user", "content": "secret"}], tokenizer)
    assert "secret" not in str(error.value) and error.value.__suppress_context__
