"""A model's answers to the cases of eval sets: its own stage output, reused by later comparisons.

Needs a model folder and eval sets. Writes answers.parquet (eval_set, case_id, answer, tokens,
truncated, log_probability) and answers.json (how they were made). Decoding is greedy: an answer
depends on the model and the prompt, not on luck; what is left is rounding, which in bfloat16 may
differ between batch sizes, processors and engines, so all are recorded.
"""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any

from tasks.evaluation.latency import measure
from tasks.evaluation.tables import write_json, write_rows
from tasks.models.adapters import Adapter
from tasks.models.loading import Precision
from tasks.models.prompts import Progress, Prompt, render_prompts
from tasks.models.respondents import respondent
from tasks.models.serving.server import Serving

if TYPE_CHECKING:
    from eval_sets.types import EvalSet

SERVER_LOG = ".serve.log"  # what begins with a dot is scratch, and in no output


def generate_answers(
    model_folder: Path,
    sets: Sequence[EvalSet],
    out: Path,
    *,
    seed: int = 0,
    batch_size: int = 128,
    device: str = "cpu",
    dtype: Precision = "float32",
    adapter: Adapter | None = None,
    serving: Serving | None = None,
    name: str = "",
    alone: int = 0,
    about: Path | None = None,
    progress: Progress = lambda done, total: None,
) -> dict[str, int]:
    """Answer every case of the sets, write the answers into `out`, and return the counts.

    `adapter` is used beside the model, without merging it.
    With `serving`, a server answers that serves the model as `name`; its log is scratch in `out`.
    With `about`, it is measured there how long so many cases take that are asked `alone`.
    `progress(done, total)` counts cases. `seed` changes nothing while decoding is greedy; it is
    set and recorded so that nothing else in the process can.
    """
    import torch

    torch.manual_seed(seed)
    out.mkdir(parents=True, exist_ok=True)
    with respondent(
        model_folder,
        batch_size=batch_size,
        device=device,
        dtype=dtype,
        adapter=adapter,
        serving=serving,
        name=name,
        log=out / SERVER_LOG,
    ) as asked:
        prompts = render_prompts(sets, asked.tokenizer, asked.context)
        engine = asked.answer(prompts, progress)
        if about and alone:
            measure(asked, prompts, alone, about)
    write_rows(out / "answers.parquet", [_row(prompt, asked.tokenizer) for prompt in prompts])
    meta = {
        "decoding": "greedy",
        "seed": seed,
        "engine": engine,
        **asked.made_by,
        "eval_sets": {s.name: {"version": s.version, "digest": s.digest} for s in sets},
    }
    write_json(out / "answers.json", meta)
    return {
        "answers": len(prompts),
        "tokens": sum(len(prompt.answer) for prompt in prompts),
        "truncated": sum(prompt.truncated for prompt in prompts),
    }


def _row(prompt: Prompt, tokenizer: Any) -> dict[str, Any]:
    text = tokenizer.decode(prompt.answer, skip_special_tokens=True)
    return {
        "eval_set": prompt.eval_set,
        "case_id": prompt.case_id,
        "answer": text.strip(),
        "tokens": len(prompt.answer),
        "truncated": prompt.truncated,
        "log_probability": prompt.log_probability,
    }
