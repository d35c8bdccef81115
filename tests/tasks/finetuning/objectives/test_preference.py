"""DPO: equal to the textbook, never split over rows, resumed with the same references."""

from __future__ import annotations

import json
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from data_contracts.kinds.preference import PreferenceRecord
from data_contracts.kinds.registry import RecordKind
from data_contracts.records import Record, record_id
from data_contracts.snapshot.reading import read_records
from model_registry.model_files import load_tokenizer
from tasks.finetuning.objectives import preference
from tasks.finetuning.objectives.objective import Preparing, units_of
from tasks.finetuning.objectives.preference import Pair, Preference, encode_pairs
from tasks.finetuning.recipe import Recipe, TrainingJob
from tasks.finetuning.train_process import prepare, train
from tasks.finetuning.trainer import StoppedError, Trainer
from tasks.models.attention.packed import use_varlen
from tasks.models.loading import load_model

MakeJob = Callable[..., TrainingJob]
BETA = 0.3


def ignore(_: dict[str, Any]) -> None: ...


@pytest.fixture(scope="module")
def pairs(tiny_model: Path, make_snapshot: Callable[[RecordKind], Path]) -> list[Pair]:
    records = read_records(make_snapshot("preference"), "train")
    return encode_pairs(records, load_tokenizer(tiny_model), 256)[:6]


def test_what_came_before_the_prompt_is_no_target(tiny_model: Path) -> None:
    before = [("user", "Hi"), ("assistant", "Hello")]
    history = [{"role": role, "content": text, "target": role == "user"} for role, text in before]
    fields = {"history": history, "prompt": "Why?", "chosen": "So.", "rejected": "No."}
    record = PreferenceRecord.model_validate(fields)
    tokenizer: Any = load_tokenizer(tiny_model)
    [pair] = encode_pairs([("x", record)], tokenizer, 256)
    for one, answer in zip(pair.documents, ("So.", "No."), strict=True):
        assert "Hello" in tokenizer.decode([*one.tokens])
        learned = [token for token, wanted in zip(one.tokens, one.targets, strict=True) if wanted]
        assert tokenizer.decode(learned) == f"{answer}<|im_end|>"


def answer_log_probability(model: Any, example: Any) -> Any:
    """As a textbook has it: one document in one forward, all of its logits, no packing."""
    import torch

    ids = torch.tensor([example.tokens])
    logits = model(input_ids=ids).logits[0, :-1].float()
    each = torch.log_softmax(logits, dim=-1)[torch.arange(len(logits)), ids[0, 1:]]
    return each[torch.tensor([*map(bool, example.targets[1:])])].sum()


def textbook(model: Any, reference: Any, pairs: list[Pair]) -> Any:
    import torch

    losses: list[Any] = []
    for pair in pairs:
        with torch.no_grad():
            old = [answer_log_probability(reference, one) for one in pair.documents]
        new = [answer_log_probability(model, one) for one in pair.documents]
        ratios = [one - other for one, other in zip(new, old, strict=True)]
        losses.append(-torch.nn.functional.logsigmoid(BETA * (ratios[0] - ratios[1])))
    return torch.stack(losses).mean()


def moved(folder: Path) -> Any:
    """The tiny model with other weights than it starts with, so that no ratio is zero."""
    import torch

    model = load_model(folder)[0]
    torch.manual_seed(5)
    with torch.no_grad():
        for parameter in model.parameters():
            parameter.add_(0.05 * torch.randn_like(parameter))
    return model


@pytest.mark.parametrize("logits", [2**26, 3000])
def test_loss_and_gradients_are_the_textbooks(
    tiny_model: Path,
    pairs: list[Pair],
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
    logits: int,
) -> None:
    import torch

    plain, packed = moved(tiny_model), moved(tiny_model)
    expected = textbook(plain, load_model(tiny_model)[0], pairs)
    expected.backward()

    monkeypatch.setattr("tasks.finetuning.kernels.choice.LOGITS", logits)
    objective, start = Preference(pairs, BETA), load_model(tiny_model)[0]
    for model in (start, packed):
        use_varlen(model)
    objective.prepare(start, 256, Preparing(tmp_path, torch.device("cpu")))
    rows = [[3, 0], [5, 1, 2], [4]]
    found = objective.sums(packed, objective.collate(rows), False) / units_of(objective, rows)
    found[0].backward()
    torch.testing.assert_close(found[0], expected, rtol=1e-5, atol=0)
    for (name, one), other in zip(packed.named_parameters(), plain.parameters(), strict=True):
        scale = float(other.grad.abs().max())
        torch.testing.assert_close(one.grad, other.grad, rtol=1e-5, atol=1e-5 * scale, msg=name)


def test_a_pair_stays_in_one_row_and_is_one_unit(pairs: list[Pair]) -> None:
    import torch

    objective = Preference(pairs, BETA)
    objective.references = torch.arange(12.0).view(6, 2)
    batch = objective.collate([[2, 0], [5]])
    lengths = [len(one.tokens) for i in (2, 0, 5) for one in pairs[i].documents]
    assert batch["cu_seq_lens_q"].diff().tolist() == lengths
    assert objective.lengths[2] == sum(lengths[:2]) and objective.units(2) == 1
    assert batch["references"].tolist() == [[4, 5], [0, 1], [10, 11]]
    counts = [sum(one.targets[1:]) for i in (2, 0, 5) for one in pairs[i].documents]
    assert batch["owners"].bincount().tolist() == counts
    assert objective.targets(2) == sum(counts[:2])


@pytest.mark.parametrize("limit", [40, 60, 90, 120, 300])
def test_a_pair_too_long_loses_of_its_longer_answer(tiny_model: Path, limit: int) -> None:
    record: Record = PreferenceRecord(prompt="Hi", chosen="word " * 30, rejected="No.")
    [whole] = encode_pairs([(record_id(record), record)], load_tokenizer(tiny_model), 1000)
    found = encode_pairs([(record_id(record), record)], load_tokenizer(tiny_model), limit)
    for pair in found:
        assert pair.length == min(limit, whole.length)
        assert pair.rejected == whole.rejected
        assert pair.chosen.cut == (limit < whole.length)
    assert found or limit == 40


def test_the_references_are_those_of_the_starting_weights_in_either_method(
    tiny_model: Path, pairs: list[Pair], tmp_path: Path
) -> None:
    import torch

    found: list[Any] = []
    for method in ("full", "lora"):
        recipe = Recipe.model_validate({"method": method, "precision": "fp32", "lora_r": 4})
        model = prepare(load_model(tiny_model)[0], recipe)
        objective = Preference(pairs, BETA)
        trainer = Trainer(model, recipe, objective, torch.device("cpu"))
        objective.prepare(trainer.causal, 256, Preparing(tmp_path / method, torch.device("cpu")))
        found.append(objective.references)
    plain = load_model(tiny_model)[0]
    for pair, one, other in zip(pairs, *found, strict=True):
        with torch.no_grad():
            alone = [float(answer_log_probability(plain, d)) for d in pair.documents]
        assert one.tolist() == pytest.approx(alone, rel=1e-5)
        assert other.tolist() == pytest.approx(alone, rel=1e-5)


@pytest.mark.parametrize("harm", ["none", "torn", "others"])
def test_references_are_read_again_unless_torn_or_of_other_pairs(
    tiny_model: Path, pairs: list[Pair], tmp_path: Path, monkeypatch: pytest.MonkeyPatch, harm: str
) -> None:
    import torch

    model, cpu = load_model(tiny_model)[0], torch.device("cpu")
    use_varlen(model)
    first = Preference(pairs, BETA)
    first.prepare(model, 256, Preparing(tmp_path, cpu))
    if harm == "torn":
        next(tmp_path.rglob("*.safetensors")).write_bytes(b"half")
    again, asked = Preference(pairs[:3] if harm == "others" else pairs, BETA), list[int]()
    compute = preference._log_probabilities  # pyright: ignore[reportPrivateUsage]

    def watched(*given: Any) -> Any:
        asked.append(1)
        return compute(*given)

    monkeypatch.setattr(preference, "_log_probabilities", watched)
    again.prepare(model, 256, Preparing(tmp_path, cpu))
    assert bool(asked) == (harm != "none")
    expected = first.references[: len(again.pairs)]
    assert torch.allclose(again.references, expected, rtol=1e-5)
    assert harm != "none" or torch.equal(again.references, expected)


def test_a_tiny_model_learns_to_prefer(make_job: MakeJob, tmp_path: Path) -> None:
    settings = {"objective": "dpo", "learning_rate": 1e-3, "num_train_epochs": 4}
    job = make_job(tmp_path, kind="preference", max_seq_length=256, **settings)
    events: list[dict[str, Any]] = []
    summary = train(job, tmp_path, events.append)
    steps = [event for event in events if event["event"] == "step"]
    assert summary.first_loss == pytest.approx(0.693, abs=0.05)  # log 2, but for dropout
    assert summary.final_loss < 0.3
    assert steps[-1]["reward_margin"] > 1 and steps[-1]["pair_accuracy"] == 1
    assert summary.measured["pair_accuracy"] == 1 and summary.measured["reward_margin"] > 1
    written = json.loads((tmp_path / "training.json").read_text())
    assert written["measured"] == summary.measured and written["recipe"]["objective"] == "dpo"
    assert summary.rows == 28 and summary.rows_cut == 0


def test_a_run_cut_off_ends_in_the_same_weights(make_job: MakeJob, tmp_path: Path) -> None:
    settings = {"objective": "dpo", "max_steps": 6, "kind": "preference", "max_seq_length": 256}
    whole, cut = make_job(tmp_path / "whole", **settings), make_job(tmp_path / "cut", **settings)
    expected = train(whole, tmp_path / "whole", ignore)

    def stop(event: dict[str, Any]) -> None:
        if event["event"] == "step" and event["step"] == 3:
            raise StoppedError("killed")

    with pytest.raises(StoppedError):
        train(cut, tmp_path / "cut", stop)
    assert train(cut, tmp_path / "cut", ignore) == expected
    one, other = (tmp_path / name / "model/model.safetensors" for name in ("whole", "cut"))
    assert one.read_bytes() == other.read_bytes()
