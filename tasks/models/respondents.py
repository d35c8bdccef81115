"""Who answers: our own decoder, with the model loaded here, or a server started on its folder.

Needs a model folder. A server leaves its log; nothing else is written.
"""

from __future__ import annotations

import gc
import time
from collections.abc import Callable, Generator, Sequence
from contextlib import ExitStack, contextmanager
from pathlib import Path
from typing import Any, Protocol

from data_contracts.errors import InputError
from tasks.models.adapters import Adapter
from tasks.models.decoding.decoder import decode, seconds_alone
from tasks.models.hardware import device_and_precision
from tasks.models.loading import Precision, load_model, load_outline
from tasks.models.prompts import STEP, Progress, Prompt, end_tokens, turn_ends
from tasks.models.serving.client import ask
from tasks.models.serving.server import IN_FLIGHT, SETTING, Server, Serving, running


class Respondent(Protocol):
    """A model that can be asked.

    Prompts are made with its tokenizer and fit its context, in tokens; `made_by` says, for the
    record, what its answers depend on beside the model and the prompt.
    """

    tokenizer: Any
    context: int
    made_by: dict[str, Any]

    def answer(self, prompts: Sequence[Prompt], progress: Progress) -> str:
        """Fill in every prompt's answer; return the name of what computed them."""
        ...

    def seconds_alone(self, prompts: Sequence[Prompt]) -> tuple[list[float], str]:
        """Fill in one answer after another; return each one's seconds, and what computed it."""
        ...


def answered_by(serving: Serving | None) -> dict[str, Any]:
    """Return who answers, for a fingerprint: answers of one are never taken for another's."""
    if serving is not None:
        return {"served_by": serving.identity}
    device, dtype = device_and_precision()
    return {"device": device, "dtype": dtype}


@contextmanager
def respondent(
    folder: Path,
    *,
    batch_size: int = 128,
    device: str = "cpu",
    dtype: Precision = "float32",
    adapter: Adapter | None = None,
    serving: Serving | None = None,
    name: str = "",
    log: Path = Path("serve.log"),
) -> Generator[Respondent]:
    """Give the model in a folder, to be asked: served where there is `serving`, else loaded here.

    A server starts with the first question, serves the model as `name`, writes to `log` and has
    ended afterwards; batch size, device and precision are then its command's business.
    """
    if serving is None:
        yield _Loaded(folder, batch_size, device, dtype, adapter)
        return
    if adapter is not None:
        raise not_served()
    with ExitStack() as stack:
        yield _Served(folder, serving, name, log, stack)


def not_served() -> InputError:
    """Return the error of whoever wants a server to answer with an adapter."""
    return InputError(
        "an adapter is not served unmerged",
        step=STEP,
        where=SETTING,
        remedy=f"merge it and give the merged model, or leave {SETTING} empty",
    )


class _Loaded:
    def __init__(
        self, folder: Path, batch_size: int, device: str, dtype: Precision, adapter: Adapter | None
    ) -> None:
        self._model, self.tokenizer = load_model(folder, device=device, dtype=dtype)
        self._adapter = adapter
        self._batch_size = batch_size
        self.context = int(self._model.config.max_position_embeddings)
        self.made_by: dict[str, Any] = {"batch_size": batch_size, "device": device, "dtype": dtype}
        self.made_by["adapter"] = adapter.digest if adapter else None
        self.made_by["turn_ends"] = turn_ends(self.tokenizer)

    def answer(self, prompts: Sequence[Prompt], progress: Progress) -> str:
        return answer_prompts(
            self._model,
            self.tokenizer,
            prompts,
            batch_size=self._batch_size,
            adapter=self._adapter,
            progress=progress,
        )

    def seconds_alone(self, prompts: Sequence[Prompt]) -> tuple[list[float], str]:
        ends = end_tokens(self._model, self.tokenizer)
        return seconds_alone(self._model, prompts, ends, self._adapter)


class _Served:
    def __init__(
        self, folder: Path, serving: Serving, name: str, log: Path, stack: ExitStack
    ) -> None:
        outline, self.tokenizer = load_outline(folder)
        self._folder, self._serving, self._name, self._log = folder, serving, name, log
        self._stack, self._server = stack, None
        self._ends = end_tokens(outline, self.tokenizer)
        self.context = int(outline.config.max_position_embeddings)
        self.made_by: dict[str, Any] = {"served_by": serving.identity, "in_flight": IN_FLIGHT}
        self.made_by["turn_ends"] = turn_ends(self.tokenizer)

    def answer(self, prompts: Sequence[Prompt], progress: Progress) -> str:
        server = self._server or self._start(lambda: progress(0, len(prompts)))
        ask(server, prompts, self._ends, lambda done: progress(done, len(prompts)))
        return server.engine

    def seconds_alone(self, prompts: Sequence[Prompt]) -> tuple[list[float], str]:
        server = self._server or self._start(lambda: None)
        found: list[float] = []
        for prompt in prompts:
            began = time.perf_counter()
            ask(server, [prompt], self._ends, lambda done: None)
            found.append(time.perf_counter() - began)
        return found, server.engine

    def _start(self, waiting: Callable[[], None]) -> Server:
        _free_device()
        start = running(self._serving, self._folder, self._name, self._log, waiting)
        self._server = self._stack.enter_context(start)
        return self._server


def _free_device() -> None:
    """Give back the memory of models that were loaded here: a server wants most of a GPU."""
    import torch

    if torch.cuda.is_initialized():
        gc.collect()
        torch.cuda.empty_cache()


def answer_prompts(
    model: Any,
    tokenizer: Any,
    prompts: Sequence[Prompt],
    *,
    batch_size: int,
    adapter: Adapter | None = None,
    progress: Progress = lambda done, total: None,
) -> str:
    """Fill in every prompt's answer; return the name of what computed them.

    `progress(done, total)` hears of every `batch_size` prompts that are done.
    """
    told = 0

    def tell(done: int) -> None:
        nonlocal told
        while told < done and (told + batch_size <= done or done == len(prompts)):
            told = min(told + batch_size, done)
            progress(told, len(prompts))

    ends = end_tokens(model, tokenizer)
    return decode(model, prompts, ends, batch_size=batch_size, adapter=adapter, progress=tell)
