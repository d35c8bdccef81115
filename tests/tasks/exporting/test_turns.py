"""Chat templates as Ollama's: what the translation writes is what the template does."""

from __future__ import annotations

import re
from collections.abc import Iterator, Sequence
from typing import Any

import pytest

from data_contracts.errors import InputError
from tasks.exporting.modelfile import go_template, modelfile
from tasks.exporting.turns import Turn, read_turns
from tests.tasks.exporting.llamas import (
    CHATML,
    DEFAULT_SYSTEM,
    GEMMA_LIKE,
    LLAMA_2_CHAT,
    LLAMA_3_CHAT,
    MISTRAL,
    ZEPHYR,
    Kind,
    make_tokenizer,
)

VICUNA = (
    "{% for m in messages %}{% if m['role'] == 'system' %}{{ m['content'] + ' ' }}"
    "{% elif m['role'] == 'user' %}{{ 'USER: ' + m['content'] + ' ' }}"
    "{% else %}{{ 'ASSISTANT: ' + m['content'] + eos_token }}{% endif %}{% endfor %}"
    "{% if add_generation_prompt %}ASSISTANT:{% endif %}"
)
ALPACA = (
    "{% if messages[0]['role'] == 'system' %}{{ messages[0]['content'] + '\n\n' }}"
    "{% set turns = messages[1:] %}{% else %}Below is a task.\n\n{% set turns = messages %}"
    "{% endif %}{% for m in turns %}{% if m['role'] == 'user' %}"
    "{{ '### Instruction:\n' + m['content'] + '\n\n' }}{% else %}"
    "{{ '### Response:\n' + m['content'] + eos_token + '\n\n' }}{% endif %}{% endfor %}"
    "{% if add_generation_prompt %}### Response:\n{% endif %}"
)
TEMPLATES = {
    "ChatML": (CHATML, True, ""),
    "a default system": (DEFAULT_SYSTEM, True, "You are Larkspur"),
    "Llama 2": (LLAMA_2_CHAT, True, ""),
    "Llama 3": (LLAMA_3_CHAT, True, ""),
    "Mistral": (MISTRAL, False, ""),
    "Zephyr": (ZEPHYR, True, ""),
    "Vicuna": (VICUNA, True, ""),
    "Alpaca": (ALPACA, True, "Below is a task."),
}
TALK: list[Turn] = [("user", "What?"), ("assistant", "That {one}."), ("user", "Why\n\nso?")]


def _tokenizer(template: str) -> Any:
    return make_tokenizer(Kind("gpt-2", template, {}))


def _run_go(template: str, turns: Sequence[Turn]) -> str:
    """Run what of Go's templates is written here, as Ollama does over its messages."""
    parts = re.split(r"(\{\{.*?\}\})", template)
    system = next((content for role, content in turns if role == "system"), "")
    head, loop, foot = parts[0], parts[2:-2], parts[-1]
    assert (parts[1], parts[-2]) == ("{{- range $i, $_ := .Messages }}", "{{ end }}")
    text = head
    for place, (role, content) in enumerate(turns):
        text += "".join(_of_turn(iter(loop), place, role, content, system))
    return text + foot


def _of_turn(
    parts: Iterator[str], place: int, role: str, content: str, system: str, shown: bool = True
) -> Iterator[str]:
    """Yield the text of one message; the parts of a nested condition are eaten with it."""
    done = [not shown]  # of each open condition, whether one of its branches was taken
    showing = [shown]
    for part in parts:
        if not part.startswith("{{"):
            if all(showing):
                yield part
            continue
        words = part.strip("{} ")
        if words == ".Content":
            if all(showing):
                yield content
        elif words == "end":
            done.pop()
            showing.pop()
        elif words.startswith("if "):
            true = _true(words.removeprefix("if "), place, role, system)
            done.append(true)
            showing.append(true)
        else:
            true = words == "else" or _true(words.removeprefix("else if "), place, role, system)
            showing[-1] = true and not done[-1]
            done[-1] = done[-1] or true


def _true(condition: str, place: int, role: str, system: str) -> bool:
    if condition == "and (eq $i 1) $.System":
        return place == 1 and bool(system)
    if condition == "eq $i 0":
        return place == 0
    found = re.fullmatch(r'eq \.Role "(\w+)"', condition)
    assert found, condition
    return found[1] == role


@pytest.mark.parametrize("name", TEMPLATES)
def test_a_template_is_translated_exactly(name: str) -> None:
    template, takes_system, default = TEMPLATES[name]
    tokenizer = _tokenizer(template)
    turns = read_turns(tokenizer, without_bos=True)
    assert turns.default == default
    assert turns.strips is (name in ("Llama 2", "Llama 3"))
    go = go_template(turns)
    talks = [TALK[:1], TALK, [*TALK, ("assistant", "x"), ("user", "y")]]
    talks += [[("system", "Be\nshort."), *talk] for talk in talks] if takes_system else []
    for talk in talks:
        said = [{"role": role, "content": content} for role, content in talk]
        text = tokenizer.apply_chat_template(said, tokenize=False, add_generation_prompt=True)
        seen = talk if talk[0][0] == "system" or not default else [("system", default), *talk]
        assert _run_go(go, seen) == text.removeprefix("<s>"), talk


def test_a_modelfile_says_what_ollama_needs() -> None:
    turns = read_turns(_tokenizer(DEFAULT_SYSTEM), without_bos=False)
    text = modelfile("desk-q8_0.gguf", turns, ["<|im_end|>"])
    assert text.startswith('FROM ./desk-q8_0.gguf\nTEMPLATE """{{- range $i, $_ := .Messages }}')
    assert '{{ else if eq .Role "user" }}<|im_start|>user\n{{ .Content }}<|im_end|>\n' in text
    assert text.endswith(
        '<|im_start|>assistant\n"""\nSYSTEM """You are Larkspur"""\nPARAMETER stop "<|im_end|>"\n'
    )


@pytest.mark.parametrize(
    ("template", "why"),
    [
        (GEMMA_LIKE, "it looks at more than who speaks"),
        ("{{ strftime_now('%Y') }}" + CHATML, "it writes the date of the day"),
        (CHATML.replace("m['content']", "m['content'][:2]"), "it leaves out, or repeats"),
        ("{% for m in messages %}{{ m['content'] | upper }}{% endfor %}", "it leaves out"),
        (CHATML.replace("<|im_end|>", "{{ '{' + '{' }}"), "it writes {{ or }}"),
        (CHATML + "{{ messages | length }}", "it rewrites a turn when an answer is to follow"),
    ],
)
def test_what_cannot_be_translated_is_refused(template: str, why: str) -> None:
    with pytest.raises(InputError) as refused:
        modelfile("x.gguf", read_turns(_tokenizer(template), without_bos=False), [])
    assert why.removeprefix("it ") in refused.value.what
    assert "--format gguf" in refused.value.remedy
