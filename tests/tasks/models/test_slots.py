from __future__ import annotations

import random
from collections.abc import Callable, Sequence
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest

from data_contracts.errors import InputError
from tasks.models.adapters import read_adapter
from tasks.models.decoding.decoder import build_engine, decode
from tasks.models.decoding.operations import Board
from tasks.models.decoding.passes import Admitted
from tasks.models.decoding.schedule import Schedule
from tasks.models.loading import load_model
from tests.lora import write_adapter
from tests.tasks.models.asking import ENDS, alike, answers, prompts


@pytest.fixture(scope="module")
def model(tiny_model: Path) -> Any:
    return load_model(tiny_model)[0]


def test_an_answer_does_not_depend_on_its_batch_mates_or_their_order(model: Any) -> None:
    alone = answers(model, prompts(70), 1)
    assert answers(model, prompts(70), 3) == alone
    assert answers(model, prompts(70), 64) == alone
    shuffled = prompts(70)
    random.Random(1).shuffle(shuffled)
    decode(model, shuffled, ENDS, batch_size=16)
    assert [p.answer for p in sorted(shuffled, key=lambda p: p.case_id)] == alone


def test_logits_are_those_of_transformers_own_forward(model: Any) -> None:
    import torch

    asked = alike(5)
    seen: dict[int, list[Any]] = {slot: [] for slot in range(5)}
    with torch.inference_mode():
        engine = build_engine(model, asked, frozenset({-1}), 5, 140)
        advance = engine.operations.advance

        def watch(logits: Any, slots: Any, board: Board) -> None:
            for row, slot in enumerate(slots.tolist()):
                seen[slot].append(logits[row].clone())
            advance(logits, slots, board)

        engine.operations.advance = watch  # pyright: ignore[reportAttributeAccessIssue]
        engine.pass_tokens = 60  # several passes
        engine.admit([Admitted(slot, slot, p.ids, 9) for slot, p in enumerate(asked)])
        engine.choose_rows([0, 1, 2, 3, 4])
        engine.step(3)
        engine.choose_rows([1, 4])
        engine.step(2)
        said = engine.answered()
        for slot, prompt in enumerate(asked):
            assert len(seen[slot]) == (6 if slot in (1, 4) else 4)
            text = torch.tensor([prompt.ids + said[slot][0][: len(seen[slot]) - 1]])
            expected = model(input_ids=text).logits[0, len(prompt.ids) - 1 :]
            torch.testing.assert_close(torch.stack(seen[slot]), expected, rtol=1e-4, atol=1e-4)


def test_torch_operations_can_be_captured_with_rows_of_padding(model: Any) -> None:
    # What a graph does on a GPU: fixed rows, some of them of padding, the whole cache read.
    import torch

    asked = prompts(3)
    with torch.inference_mode():
        free, padded = (build_engine(model, asked, ENDS, 3, 80) for _ in range(2))
        admitted = [Admitted(slot, slot, p.ids, 6) for slot, p in enumerate(asked)]
        for engine in (free, padded):
            engine.admit(admitted)
        free.choose_rows([0, 2])
        free.step(8)
        rows = torch.tensor([2, 0, 3, 3])  # 3 is the slot of padding
        for _ in range(8):
            padded._decode(rows, rows, 80)  # pyright: ignore[reportPrivateUsage]
        assert padded.answered() == free.answered()
        assert len(free.answered()[1][0]) <= 1  # slot 1 was left alone


class Machine:
    """Answers each case with as many tokens as its prompt's first number says."""

    def __init__(self, slots: int, burst: int, lag: int) -> None:
        self.slots, self.burst, self.lag = slots, burst, lag
        self.left: dict[int, int] = {}
        self.made: dict[int, int] = {}
        self.case: dict[int, int] = {}
        self.rows: list[int] = []
        self.steps = self.admissions = 0

    def admit(self, admitted: Sequence[Admitted]) -> None:
        self.admissions += 1
        for one in admitted:
            assert one.slot not in self.rows or self.left[one.slot] == 0
            self.case[one.slot], self.made[one.case] = one.case, 0
            self.left[one.slot] = min(one.ids[0], one.budget)
            self._token(one.slot)

    def choose_rows(self, slots: list[int]) -> None:
        self.rows = slots

    def step(self, times: int) -> None:
        self.steps += times
        for _ in range(times):
            for slot in self.rows:
                self._token(slot)

    def look(self) -> Callable[[], list[int]]:
        alive = [int(self.left.get(slot, 0) > 0) for slot in range(self.slots + 1)]
        return lambda: alive

    def _token(self, slot: int) -> None:
        if self.left[slot]:
            self.left[slot] -= 1
            self.made[self.case[slot]] += 1


@pytest.mark.parametrize(("burst", "lag"), [(1, 0), (4, 1), (7, 2)])
@pytest.mark.parametrize("slots", [1, 3, 16, 100])
def test_every_case_gets_its_tokens_however_late_ends_are_seen(
    slots: int, burst: int, lag: int
) -> None:
    rng = random.Random(slots)
    cases = [([rng.randrange(1, 30)], rng.randrange(1, 30)) for _ in range(90)]
    machine = Machine(slots, burst, lag)
    done: list[int] = []
    Schedule(machine, cases, done.append).run()
    wanted = [min(ids[0], budget) for ids, budget in cases]
    assert [machine.made[case] for case in range(90)] == wanted
    assert done[-1] == 90 and done == sorted(done)
    if slots == 3:  # slots are taken over: far fewer steps than batch after batch would take
        batches = sum(max(budget for _, budget in cases[at : at + 3]) for at in range(0, 90, 3))
        assert machine.steps < 0.85 * batches


@pytest.fixture(scope="module")
def lora(tiny_model: Path, tmp_path_factory: pytest.TempPathFactory) -> tuple[Path, Path]:
    folder = tmp_path_factory.mktemp("lora")
    write_adapter(tiny_model, folder)
    return folder / "adapter", folder / "merged"


def test_an_adapter_answers_as_the_merged_model(model: Any, lora: tuple[Path, Path]) -> None:
    import torch

    adapter, merged = read_adapter(lora[0]), load_model(lora[1])[0]
    expected = answers(merged, prompts(30), 8)
    assert answers(model, prompts(30), 8, adapter=adapter) == expected
    assert answers(model, prompts(30), 8) != expected  # and the base is as it was
    asked = prompts(4)
    seen: list[Any] = []
    for some, factors in ((model, adapter), (merged, None)):
        with torch.inference_mode():
            engine = build_engine(some, asked, ENDS, 4, 80, factors)

            def watch(logits: Any, slots: Any, board: Board) -> None:
                seen.append(logits)

            engine.operations.advance = watch  # pyright: ignore[reportAttributeAccessIssue]
            engine.admit([Admitted(slot, slot, p.ids, 9) for slot, p in enumerate(asked)])
    torch.testing.assert_close(seen[0], seen[1], rtol=1e-4, atol=1e-4)


def test_an_adapter_of_another_model_is_refused(model: Any, lora: tuple[Path, Path]) -> None:
    adapter = read_adapter(lora[0])
    up, down = (adapter.factors[f"layers.0.mlp.{name}_proj"] for name in ("up", "down"))
    for wrong, said in (
        ({"layers.7.mlp.up_proj": up}, r"the model has no layers\.7"),
        ({"layers.0.mlp.up_proj": down}, "another shape"),
    ):
        other = replace(adapter, factors={**adapter.factors, **wrong})
        with pytest.raises(InputError, match=said):
            answers(model, prompts(2), 2, adapter=other)


def test_a_model_the_engine_cannot_do_goes_through_transformers(
    model: Any, lora: tuple[Path, Path], monkeypatch: pytest.MonkeyPatch
) -> None:
    expected = answers(model, prompts(20), 4)
    monkeypatch.setattr(model.model.rotary_emb, "rope_type", "dynamic")
    asked = prompts(20)
    assert decode(model, asked, ENDS, batch_size=4) == "transformers"
    assert [one.answer for one in asked] == expected
    merged = answers(load_model(lora[1])[0], prompts(20), 4)
    assert answers(model, prompts(20), 4, adapter=read_adapter(lora[0])) == merged != expected
    assert answers(model, prompts(20), 4) == expected  # and the base is as it was


def test_slots_are_as_many_as_memory_holds(model: Any, monkeypatch: pytest.MonkeyPatch) -> None:
    from tasks.models.decoding import decoder

    slot = 2 * 2 * 2 * 80 * 16 * 4
    expected = answers(model, prompts(9), 9)
    free = 5.5 * slot / 0.4

    def free_bytes(device: Any) -> float:
        return free

    monkeypatch.setattr(decoder, "_free_bytes", free_bytes)
    assert build_engine(model, prompts(9), ENDS, 9, 80).slots == 4
    assert answers(model, prompts(9), 9) == expected
    free = slot
    with pytest.raises(InputError, match="no memory for one text of 80 tokens"):
        build_engine(model, prompts(9), ENDS, 9, 80)


def test_log_probabilities_are_those_of_transformers_own_forward(
    model: Any, monkeypatch: pytest.MonkeyPatch
) -> None:
    import torch

    free = answers(model, alike(40), 16)
    end = max(free, key=len)[2]  # of a token that a text is known to say
    asked = alike(40)
    decode(model, asked, frozenset({end}), batch_size=16)
    assert {one.truncated for one in asked} == {True, False}  # an end token counts where it came
    for one in asked:
        said = one.answer + [end] * (not one.truncated)
        with torch.inference_mode():
            logits = model(input_ids=torch.tensor([one.ids + said])).logits[0]
        logits = logits[len(one.ids) - 1 : -1]
        expected = logits.log_softmax(-1)[torch.arange(len(said)), said].sum()
        assert len(said) == one.terms
        assert one.log_probability == pytest.approx(float(expected), abs=1e-4)
    monkeypatch.setattr(model.model.rotary_emb, "rope_type", "dynamic")
    again = alike(40)
    assert decode(model, again, frozenset({end}), batch_size=7) == "transformers"
    found = [(one.answer, one.log_probability) for one in again]
    assert found == [(one.answer, pytest.approx(one.log_probability, abs=1e-4)) for one in asked]
