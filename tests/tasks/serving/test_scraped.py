"""The gateway's page, as a canary's counts."""

from __future__ import annotations

from pathlib import Path

import pytest

from tasks.serving.gateway.scraped import EDGES, page_of, read_page

HEAD = "# TYPE envoy_paddock_requests counter\n"


def request(arm: str, code: int, count: int) -> str:
    return f'envoy_paddock_requests{{arm="{arm}",code="{code}"}} {count}\n'


def buckets(arm: str, code: int, below: int, total: int, last: str = "+Inf") -> str:
    """Return a histogram of which `below` answers took a second at most."""
    name = "envoy_paddock_duration_ms"
    lines = [f"# TYPE {name} histogram"]
    for edge in (*EDGES, last):
        n = total if isinstance(edge, str) or edge > 1000 else below if edge > 900 else 0
        le = edge if isinstance(edge, str) else f"{edge:g}"
        lines.append(f'{name}_bucket{{arm="{arm}",code="{code}",le="{le}"}} {n}')
    return "\n".join(lines) + "\n"


def test_errors_are_what_failed_or_was_given_up_and_waits_are_of_good_answers() -> None:
    text = HEAD + request("canary", 200, 90) + request("canary", 503, 6) + request("canary", 0, 3)
    text += request("canary", 400, 1) + request("-", 429, 8) + request("stable", 200, 500)
    text += buckets("canary", 200, 60, 90) + buckets("canary", 503, 6, 6)
    page = page_of(text)
    canary = page.arms["canary"]
    assert (canary.requests, canary.errors) == (100, 9)
    assert len(canary.waits) == len(page.edges) + 1
    assert (canary.waits[0], canary.waits[-1]) == (0, 90)
    assert sorted(set(canary.waits)) == [0, 60, 90]
    assert page.arms["stable"].requests == 500
    assert page.arms["baseline"] == (0, 0, (0,) * (len(page.edges) + 1))


def test_waits_in_other_buckets_are_none_that_could_be_judged() -> None:
    name = "envoy_paddock_duration_ms"
    text = f'# TYPE {name} histogram\n{name}_bucket{{arm="canary",code="200",le="7.5"}} 1\n'
    with pytest.raises(ValueError, match="other buckets"):
        page_of(text)


def test_a_gateway_that_is_away_has_no_page(tmp_path: Path) -> None:
    assert read_page(tmp_path / "none.sock") is None
