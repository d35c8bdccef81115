"""A variant's gates and page: the policy of its version, asked of it beside that version. Pure."""

from __future__ import annotations

from collections.abc import Sequence

from flows.showing.summary_page import table
from model_registry.gates import Verdict, judge, verdict_markdown
from model_registry.policy import Policy
from model_registry.scorecard import Scorecard
from model_registry.variant_evidence import VariantJudged

_ANSWERS_ALONE = "held_out/"  # what is not of answers: an engine gives no likelihoods


def judged(policy: Policy, scorecard: Scorecard) -> tuple[Verdict, list[str]]:
    """Return what the gates say, and those that were not asked, with the reason.

    The version itself stands as the champion, the variant as the candidate. What compares with the
    base is not asked: the version has shown it.
    """
    left_out = [
        f"{gate.id}: it compares with the base, which the version has passed"
        if gate.against == "base"
        else f"{gate.id}: an engine tells no likelihoods of records"
        for gate in policy.gates
        if gate.against == "base" or gate.metric.startswith(_ANSWERS_ALONE)
    ]
    asked = tuple(
        gate
        for gate in policy.gates
        if gate.against != "base" and not gate.metric.startswith(_ANSWERS_ALONE)
    )
    return judge(policy.model_copy(update={"gates": asked}), scorecard), left_out


def in_a_line(found: VariantJudged) -> str:
    """Return a variant's figures and its verdict."""
    return (
        f"{found.weights:5s} {found.verdict:20s} {found.file_bytes / 1e6:8.1f} MB  "
        f"{found.peak_bytes / (1 << 20):6.0f} MiB  ready in {found.cold_seconds:.1f} s  "
        f"{found.tokens_per_second:.1f} tokens/s ({found.tokens_per_second_of_four:.1f} of four)"
    )


def side_by_side(found: Sequence[VariantJudged]) -> str:
    """Return the figures of variants as a Markdown table."""
    head = ("weights", "verdict", "file", "memory", "cold start", "tokens/s", "of four clients")
    rows = [
        (
            one.weights,
            one.verdict,
            f"{one.file_bytes / 1e6:.1f} MB",
            f"{one.peak_bytes / (1 << 20):.0f} MiB",
            f"{one.cold_seconds:.1f} s",
            f"{one.tokens_per_second:.1f}",
            f"{one.tokens_per_second_of_four:.1f}",
        )
        for one in found
    ]
    return table(head, rows)


def page_of(found: VariantJudged, verdict: Verdict, left_out: Sequence[str]) -> str:
    """Return a variant's own page: its figures, each gate, and what was not asked."""
    parts = [
        f"**{found.candidate} version {found.version} in {found.weights}**, beside itself as "
        "people approved it.",
        side_by_side([found]),
        verdict_markdown(verdict),
    ]
    if left_out:
        parts.append("Not asked:\n\n" + "\n".join(f"- {one}" for one in left_out))
    return "\n\n".join(parts)
