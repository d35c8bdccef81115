"""When the next shard of a batch may begin: its rate, its budget, and what serves meanwhile.

Nothing is read or written here: clock, sleep and the look at the error budgets are given.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, field

LOOK_SECONDS = 30.0  # between two looks at an error budget that burns


@dataclass
class Pace:
    """Lets shards begin; `spent` are the tokens of this run's.

    `hold` says why a batch must wait, in words, and is empty while it need not. `per_minute` counts
    requests: no minute begins more than so many, if a shard has at most so many.
    """

    most_tokens: int | None
    per_minute: int | None
    hold: Callable[[], str]
    clock: Callable[[], float]
    sleep: Callable[[float], None]
    say: Callable[[str], None]
    spent: int = 0
    waited: float = 0.0
    _next: float = field(default=float("-inf"), init=False)

    def admit(self, requests: int, tokens: int) -> str:
        """Wait until a shard may begin; return why it must not where the budget does not reach.

        `tokens` are the most that it can cost, so a budget is never overspent.
        """
        if self.most_tokens is not None and self.spent + tokens > self.most_tokens:
            return (
                f"the budget of {self.most_tokens:,} tokens does not reach for the next "
                f"{requests:,} requests: {self.spent:,} are spent, and they may cost {tokens:,}"
            )
        self._wait_for_others()
        if self.per_minute is not None:
            self._rest(self._next - self.clock())
            self._next = self.clock() + 60.0 * requests / self.per_minute
        return ""

    def _wait_for_others(self) -> None:
        said = ""
        while why := self.hold():
            if why != said:
                self.say(f"paused: {why}")
                said = why
            self._rest(LOOK_SECONDS)
        if said:
            self.say("goes on")

    def _rest(self, seconds: float) -> None:
        if seconds > 0:
            self.sleep(seconds)
            self.waited += seconds
