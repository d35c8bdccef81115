"""Noise on the input embeddings while training: NEFTune, Jain et al. 2023 (arXiv 2310.05914).

Each value gets uniform noise in [-1, 1] times alpha / sqrt(L d), d being the width. L is the length
of the token's own document, not of the packed row, so that a document's noise is what the paper
gives it wherever packing puts it. The noise comes from torch's generator, which the loop seeds at
every step: it is the same in a resumed run.
"""

from __future__ import annotations

from typing import Any


def add_noise(causal: Any, alpha: float) -> None:
    """Let a causal LM see noisy embeddings whenever it is in training mode.

    Its forward must be told where documents begin (`tasks.models.attention.packed.boundaries`).
    """
    decoder, starts = causal.get_decoder(), list[Any]()

    def note(module: Any, _: Any, given: dict[str, Any]) -> None:
        starts[:] = [given["cu_seq_lens_q"]]

    def disturb(module: Any, _: Any, embedded: Any) -> Any:
        return embedded + noise(embedded, starts[0], alpha) if decoder.training else embedded

    decoder.register_forward_pre_hook(note, with_kwargs=True)
    causal.get_input_embeddings().register_forward_hook(disturb)


def noise(embedded: Any, starts: Any, alpha: float) -> Any:
    """Return noise for embeddings (1, T, d) of documents that begin at `starts` (D + 1)."""
    import torch

    _, tokens, width = embedded.shape
    lengths = starts.diff()
    scale = alpha / (lengths * width).sqrt()
    # Told how many there will be, torch need not ask a GPU.
    scale = scale.repeat_interleave(lengths, output_size=tokens)
    drawn = torch.empty_like(embedded).uniform_(-1, 1)
    return drawn * scale.to(embedded.dtype)[:, None]
