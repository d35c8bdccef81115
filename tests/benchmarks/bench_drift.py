"""`make bench-drift`: what drift detection finds on real questions, and how often it cries wolf.

Windows are drawn from the held-out part of each set and judged against its reference; into some,
rows are mixed that are new to it, in others few topics stand out. The sizes of change that matter
were chosen on the first set's test part; the others were looked at once. Limits hold for windows of
200 of the first set, and for false alarms of all. Some six minutes on 2 cores, most of it
embeddings. Exit code 1 if a figure misses its limit.
"""

from __future__ import annotations

import argparse
import time
from collections import Counter
from collections.abc import Sequence
from typing import Any

from tasks.drift.judge import Judge
from tasks.drift.reference import MOST
from tasks.drift.rows import Rows, rows_of
from tasks.drift.signals.lengths import QuestionLength
from tasks.drift.thresholds import Thresholds
from tasks.models.embedding import load_embedder, packaged_minilm
from tests.benchmarks.drift.large_window import large
from tests.benchmarks.drift.served import served
from tests.benchmarks.drift.sets import Questions, every_set, trace_lengths
from tests.benchmarks.limits import Limits

SEED = 7
SIZES = (50, 200, 1000)
SHARES = (0.0, 0.05, 0.1, 0.2)
LUMPY = "few topics"
LEAST = {0.05: 0.5, 0.1: 0.9, 0.2: 0.99}  # found of windows of 200 of the first set


class Windows:
    """Draws windows of one set and judges them."""

    def __init__(self, questions: Questions, embed: Any, rng: Any) -> None:
        """Embed the set and fit the judge."""
        import numpy as np

        self.questions, self.rng = questions, rng
        reference = questions.reference
        if len(reference) > MOST:
            places = rng.permutation(len(reference))[:MOST]
            reference = [reference[place] for place in places]
        started = time.perf_counter()
        parts = (reference, questions.held_out, questions.quiet, questions.new)
        rows = [rows_of(pairs, embed) for pairs in parts]
        embedded = time.perf_counter()
        self.judge = Judge(rows[0], rows[1], Thresholds().budget, SEED)  # pyright: ignore[reportCallIssue]
        self.quiet, self.new = (self.judge.scored(part) for part in rows[2:])
        print(
            f"\n{questions.name}\n  {len(rows[0])} rows, {len(rows[1])} of their kind, "
            f"{len(rows[2])} later, {len(rows[3])} new; {embedded - started:.0f} s to embed, "
            f"{time.perf_counter() - embedded:.0f} s to learn"
        )
        topics = np.array(questions.topics)
        self.members = [np.flatnonzero(topics == one) for one in sorted(set(questions.topics))]

    def found(self, size: int, share: float, windows: int, *, lumpy: bool = False) -> Any:
        """Return the share of drawn windows that drifted, and which signals said so how often."""
        fired = Counter[str]()
        hits = 0
        for _ in range(windows):
            others = int(self.rng.binomial(size, share))
            quiet = self._few_topics(size) if lumpy else self._any(size - others)
            odd = self.rng.integers(0, len(self.new.topics), others)
            drawn = self.quiet.take(quiet).with_rows(self.new.take(odd))
            names = [signal.name for signal in self.judge.of_scores(drawn)[0] if signal.drifted]
            hits += bool(names)
            fired.update(names)
        return hits / windows, dict(fired.most_common())

    def _any(self, rows: int) -> Any:
        """Draw held-out rows, each once where there are enough."""
        most = len(self.quiet.topics)
        return self.rng.choice(most, rows, replace=rows > most)

    def _few_topics(self, rows: int) -> Any:
        """Draw rows by topics whose shares are Dirichlet: some 16 topics make up a window.

        With the first set's 150 intents that is Dirichlet(0.1).
        """
        import numpy as np

        shares = self.rng.dirichlet([15 / len(self.members)] * len(self.members))
        drawn = self.rng.choice(len(self.members), rows, p=shares)
        return np.array([self.rng.choice(self.members[one]) for one in drawn])


def measure(questions: Questions, embed: Any, windows: int, limits: Limits, first: bool) -> None:
    """Print a set's table and note what has a limit."""
    import numpy as np

    drawn = Windows(questions, embed, np.random.default_rng(SEED))
    for size in SIZES:
        if size > len(questions.quiet):
            continue
        for share in SHARES:
            hits, fired = drawn.found(size, share, windows)
            print(f"  {size:5} rows, {share:4.0%} new: {hits:6.1%}  {fired}", flush=True)
            what = f"{size} rows, {share:.0%} new, found"
            if share == 0:
                limits.at_most(f"{size} rows, false alarms", hits, 0.01)
            elif first and size == 200:
                limits.at_least(what, hits, LEAST[share])
        if drawn.members:
            hits, fired = drawn.found(size, 0, windows, lumpy=True)
            print(f"  {size:5} rows, {LUMPY}: {hits:6.1%}  {fired}", flush=True)
            limits.at_most(f"{size} rows, {LUMPY}, false alarms", hits, 0.05)


def traces(limits: Limits) -> None:
    """Compare the lengths of two services' requests, which are alike in nothing."""
    import numpy as np

    def rows(lengths: Any) -> Rows:
        none = np.zeros(len(lengths))
        return Rows(none, none, lengths, none, none, none, none, none, none, none)

    prompts = {name: np.array(trace_lengths(name)[0]) for name in ("conv", "code")}
    half = len(prompts["conv"]) // 2
    signal = QuestionLength()
    fitted = signal.fit(rows(prompts["conv"][:half]))
    print("\nlengths of prompts in two traces")
    for name, lengths in (("the same, later", prompts["conv"][half:]), ("code", prompts["code"])):
        moved = np.abs(fitted.of(rows(lengths)).mean(axis=0) - fitted.own.mean(axis=0)).max()
        print(f"  {name}: {moved:.3f}")
        if name == "code":
            limits.at_least("another service's lengths", moved, signal.threshold)
        else:
            limits.at_most("the same service's lengths, later", moved, signal.threshold)


def remembering(embed: Any) -> Any:
    """Return the same function, which embeds a text once: two sets share most of theirs."""
    import numpy as np

    known: dict[str, Any] = {}

    def remembered(texts: Sequence[str]) -> Any:
        fresh = [text for text in dict.fromkeys(texts) if text not in known]
        known.update(zip(fresh, embed(fresh) if fresh else [], strict=True))
        return np.stack([known[text] for text in texts])

    return remembered


def main(arguments: Sequence[str] | None = None) -> int:
    """Measure every set and return the exit code."""
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("--windows", type=int, default=100, help="drawn of each kind (default 100)")
    parser.add_argument("--set", default="", help="only sets whose name holds this")
    parser.add_argument("--large", type=int, default=0, help="rows of a large window, as 1000000")
    parser.add_argument("--evidently", default="", help="beside it: a Python that has evidently")
    asked = parser.parse_args(arguments)
    limits = Limits()
    embed = remembering(load_embedder(packaged_minilm()))
    for number, questions in enumerate(every_set(SEED)):
        if asked.set in questions.name:
            measure(questions, embed, asked.windows, limits, first=number == 0)
    traces(limits)
    served(limits)
    if asked.large:
        large(limits, asked.large, asked.evidently)
    return limits.exit_code()


if __name__ == "__main__":
    raise SystemExit(main())
