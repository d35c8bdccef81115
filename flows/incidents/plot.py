"""The time before an incident and the incident, as a picture within a page: requests and waits.

Scalable vector graphics, by hand: no library, no script. Pure functions.
"""

from __future__ import annotations

from collections.abc import Sequence

from tasks.incidents.bundle import Bundle, Slice, utc

_WIDTH, _HEIGHT, _LEFT, _GAP = 760, 110, 70, 34  # pixels
_GREY, _BLUE, _RED = "#5a6375", "#4d7a96", "#a3231f"


def plot(bundle: Bundle) -> str:
    """Return the picture; the window's background is shaded."""
    slices = bundle.slices
    height = 2 * (_HEIGHT + _GAP)
    middle = _LEFT + (_WIDTH - _LEFT) / 2  # as many pieces before the window as in it
    parts = [
        f"<rect x='{middle:.1f}' y='0' width='{(_WIDTH - _LEFT) / 2:.1f}' height='{height}' "
        "fill='#f6ecd9'/>",
        *_bars(slices),
        *_waits(slices, _HEIGHT + _GAP),
        _text(_LEFT, height - 4, utc(slices[0].since)),
        _text(middle, height - 4, f"the window, from {utc(bundle.since)}"),
    ]
    return (
        f"<svg viewBox='0 0 {_WIDTH} {height}' width='100%' font-size='12' role='img' "
        "aria-label='requests and failures, and the 95th percentile of waits, before the window "
        f"and in it'>{''.join(parts)}</svg>"
    )


def _bars(slices: Sequence[Slice]) -> list[str]:
    """Draw requests, with those that failed in red at the foot."""
    most = max(one.requests for one in slices) or 1
    width = (_WIDTH - _LEFT) / len(slices)
    found = [_text(0, 12, f"{most:,}"), _text(0, _HEIGHT, "requests")]
    for number, one in enumerate(slices):
        for count, colour in ((one.requests, _BLUE), (one.failed, _RED)):
            if count:
                tall = (_HEIGHT - 6) * count / most
                found.append(
                    f"<rect x='{_LEFT + number * width:.1f}' y='{_HEIGHT - tall:.1f}' "
                    f"width='{max(1.0, width - 2):.1f}' height='{tall:.1f}' fill='{colour}'/>"
                )
    return found


def _waits(slices: Sequence[Slice], top: int) -> list[str]:
    """Draw the 95th percentile of waits; a piece without a request has none."""
    known = [one.slow for one in slices if one.slow is not None]
    most = max(known, default=0.0) or 1.0
    width = (_WIDTH - _LEFT) / len(slices)
    found = [
        _text(0, top + 12, f"{most:.3g} s" if known else ""),
        _text(0, top + _HEIGHT, "95 % within"),
    ]
    for number, one in enumerate(slices):
        if one.slow is not None:
            x, y = _LEFT + (number + 0.5) * width, top + _HEIGHT - (_HEIGHT - 8) * one.slow / most
            found.append(f"<circle cx='{x:.1f}' cy='{y:.1f}' r='3' fill='{_BLUE}'/>")
    return found


def _text(x: float, y: float, text: str) -> str:
    return f"<text x='{x:.1f}' y='{y:.1f}' fill='{_GREY}'>{text}</text>"
