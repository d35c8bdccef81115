"""The engine on a CPU: common starts, texts that move together, weights laid out anew."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest

from tasks.models.adapters import read_adapter
from tasks.models.decoding.decoder import build_engine
from tasks.models.decoding.operations import likeliest, log_probabilities
from tasks.models.decoding.packing import pack
from tasks.models.decoding.passes import Admitted
from tasks.models.decoding.starts import LEAST, common_starts
from tasks.models.decoding.weights import take_weights
from tasks.models.loading import load_model
from tasks.models.prompts import Prompt
from tests.lora import write_adapter
from tests.tasks.models.asking import alike, answers


@pytest.fixture(scope="module")
def model(tiny_model: Path) -> Any:
    return load_model(tiny_model)[0]


@pytest.fixture(scope="module")
def lora(tiny_model: Path, tmp_path_factory: pytest.TempPathFactory) -> tuple[Path, Path]:
    folder = tmp_path_factory.mktemp("lora")
    write_adapter(tiny_model, folder)
    return folder / "adapter", folder / "merged"


def test_what_prompts_have_in_common_is_found() -> None:
    first, second = tuple(range(LEAST)), tuple(range(50, 50 + LEAST))
    given = [[*first, 3, 4, 5], [*first, 3, 4, 6, 7], [*second, 9], [*second, 9], [*first[1:], 1]]
    found = common_starts(given)
    assert found == {first: (*first, 3, 4), second: second}  # its last token is read by itself
    assert common_starts([[*first, 1]]) == common_starts([list(first), list(first)]) == {}


def test_a_common_start_changes_no_answer(
    model: Any, lora: tuple[Path, Path], monkeypatch: pytest.MonkeyPatch
) -> None:
    from tasks.models.decoding import decoder

    asked = [prompt.ids for prompt in alike(70)]
    starts = common_starts(asked)
    assert [len(start) for start in starts.values()] == [LEAST, 40]
    shared = [answers(model, alike(70), size) for size in (1, 3, 16, 70)]
    adapter = read_adapter(lora[0])
    adapted = answers(model, alike(70), 16, adapter=adapter)

    def none(_: Any) -> dict[Any, Any]:
        return {}

    monkeypatch.setattr(decoder, "common_starts", none)
    assert [answers(model, alike(70), size) for size in (1, 70)] == shared[:2]
    assert shared[0] == shared[1] == shared[2] == shared[3]
    assert answers(model, alike(70), 16, adapter=adapter) == adapted != shared[0]


def test_slots_keep_what_they_hold_when_texts_move_together(model: Any) -> None:
    import torch

    asked = alike(6)
    expected = answers(model, [Prompt("t", str(i), p.ids, 9) for i, p in enumerate(asked)], 1)
    with torch.inference_mode():
        engine = build_engine(model, asked, frozenset({-1}), 6, 140)
        engine.admit([Admitted(slot, slot, p.ids, 9) for slot, p in enumerate(asked)])
        for slots in ([5], [1, 4], [0, 2, 3, 5], [4], [0, 1, 2, 3, 4, 5], [3], [0, 5]):
            engine.choose_rows(slots)
            engine.step(2)
        said = engine.answered()
    for (answer, _), wanted in zip(said, expected, strict=True):
        assert answer[: len(wanted)] == wanted[: len(answer)]
        assert len(answer) >= 5


def test_the_likeliest_token_is_the_first_of_equals() -> None:
    import torch

    logits = torch.randn(40, 512, generator=torch.Generator().manual_seed(0)).bfloat16()
    logits[0, [130, 131, 400]] = 9.0
    logits[1, [0, 511]] = 9.0
    assert likeliest(logits).tolist() == logits.argmax(-1).tolist()
    assert likeliest(logits)[:2].tolist() == [130, 0]
    assert likeliest(logits[:, :300]).tolist() == logits[:, :300].argmax(-1).tolist()


def test_a_likely_tokens_log_probability_is_the_log_of_its_softmax() -> None:
    import torch

    # Of more rows than are summed together, with logits that float32 could not raise e to.
    logits = torch.randn(40, 16384, generator=torch.Generator().manual_seed(0)) * 30 + 200
    logits[3] = 0.0
    logits[4, 7] = 900.0
    for kind in (torch.float32, torch.bfloat16):
        given = logits.to(kind)
        chosen = likeliest(given)
        expected = given.double().log_softmax(-1).gather(1, chosen[:, None])[:, 0]
        torch.testing.assert_close(
            log_probabilities(given, chosen).double(), expected, rtol=1e-5, atol=1e-5
        )
        assert given.equal(logits.to(kind))  # nothing was written into them


def test_weights_that_are_laid_out_give_the_same_products(
    tiny_model: Path, lora: tuple[Path, Path]
) -> None:
    import torch

    model = load_model(tiny_model, dtype="bfloat16")[0]
    for adapter in (None, read_adapter(lora[0])):
        weights = take_weights(model, 80, adapter)
        assert pack(weights, 0.0, 8) is weights  # no memory for a copy
        packed = pack(weights, 1e9, 8)
        if packed is weights:
            pytest.skip("oneDNN does not multiply in bfloat16 on this machine")
        pairs = [(packed.head, weights.head)]
        pairs += [
            (getattr(one, name), getattr(other, name))
            for one, other in zip(packed.layers, weights.layers, strict=True)
            for name in ("qkv", "out", "gate_up", "down")
        ]
        for rows in (1, 7, 200):
            for one, other in pairs:
                x = torch.randn(rows, other.weight.shape[1]).bfloat16()
                torch.testing.assert_close(one(x), other(x), rtol=0.02, atol=0.02)
    plain = take_weights(load_model(tiny_model)[0], 80)
    assert pack(plain, 1e9, 8) is plain  # float32 is multiplied as before
