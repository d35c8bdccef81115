"""A router by hand: what is short goes to the small model. Its figures are of nothing."""

from __future__ import annotations

from tasks.models.encoding import Encodes
from tasks.routing.curve import Prices
from tasks.routing.model import MORE, Head, Kept, Router, Side

LARGE = Side(name="desk-candidate", version=1, digest="1" * 64)
HELD = Kept(asked=200, small=100, saved=0.3, lost=0.0, lost_low=-0.01, lost_high=0.01)


def length_router(
    encoder: Encodes,
    *,
    threshold: float | None = 0.0,
    small: Side | None = None,
    large: Side = LARGE,
) -> Router:
    """Return a router that sends questions of up to some 15 tokens to the small model."""
    nothing = (0.0,) * encoder.dimension
    return Router(
        encoder=encoder.digest,
        small=small or large.model_copy(update={"weights": "q4_0"}),
        large=large,
        prices=Prices(small=1, large=4),
        points=1.0,
        mean=(2.8, 1.0),
        scale=(1.0, 1.0),
        small_head=Head(weights=(*nothing, -3.0, *(0.0,) * (MORE - 1)), bias=0.0),
        large_head=Head(weights=(*nothing, *(0.0,) * MORE), bias=0.0),
        threshold=threshold,
        chosen=HELD,
        held=HELD,
    )
