"""The embedded base as a GGUF file of 8 bits in llama.cpp: the same tokens, nearly the same."""

from __future__ import annotations

from pathlib import Path
from typing import Any, cast

import pytest

from tasks.exporting.gguf_file import plan_gguf, write_gguf
from tasks.finetuning.base_model import locate, materialize
from tasks.models.loading import load_model
from tests.llama_cpp import LlamaCpp
from tests.tasks.exporting.llamas import TEXT

QUESTIONS = [
    "What is the capital of France?",
    "Write one sentence about a tent.",
    "How many days has a week? Answer with a number.",
]


@pytest.fixture(scope="module")
def base(tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("smollm") / "base"
    materialize(locate("smollm2-135m-instruct", lambda _: folder, None, folder), folder)
    return folder


def test_it_reads_the_same_and_says_nearly_the_same(base: Path, tmp_path: Path) -> None:
    import torch

    pytest.importorskip("xllamacpp", reason="llama.cpp is not installed")
    planned = plan_gguf(base, "q8_0")
    assert (planned.vocabulary.ends, planned.vocabulary.add_bos) == ([2], False)
    write_gguf(planned, tmp_path / "x.gguf", "smollm2")
    assert (tmp_path / "x.gguf").stat().st_size < 150e6
    there = LlamaCpp(tmp_path / "x.gguf", 512)
    model, tokenizer = load_model(base)
    run, talk = cast("Any", model), cast("Any", tokenizer)
    # Bytes that its vocabulary lacks are left out by both.
    for text in [*TEXT, "3.14159 + 2,718 = 12-34", "a\x04b\x1dc", "def f(x):\n    return x**2\n"]:
        assert there.tokens(text) == talk(text, add_special_tokens=False)["input_ids"], text
    same = compared = 0
    furthest = 0.0
    for question in QUESTIONS:
        turns = [{"role": "user", "content": question}]
        text = talk.apply_chat_template(turns, tokenize=False, add_generation_prompt=True)
        prompt = talk(text, add_special_tokens=False)["input_ids"]
        assert there.tokens(there.chat_text(turns), special=True) == prompt
        for _ in range(8):
            with torch.no_grad():
                mine = torch.log_softmax(run(torch.tensor([prompt])).logits[0, -1].float(), -1)
            if told := there.next_tokens(prompt, 3):
                best = max(told, key=lambda token: told[token])
                same += best == int(mine.argmax())
                furthest = max(furthest, abs(told[best] - float(mine[best])))
                compared += 1
            prompt.append(int(mine.argmax()))
    print(f"{same} of {compared} next tokens are the same, {furthest:.3f} apart at most")
    assert compared >= 20
    assert same >= compared - 1
    assert furthest < 0.1
