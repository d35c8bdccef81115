"""A benchmark's figures against their limits: each is printed as it comes, misses are counted."""

from __future__ import annotations

from dataclasses import dataclass, field


@dataclass(slots=True)
class Limits:
    """What was measured, and what of it missed its limit."""

    missed: list[str] = field(default_factory=list[str])

    def at_least(self, what: str, value: float, limit: float) -> None:
        """Note a figure that must not be lower than its limit."""
        self._note(what, value, ">=", limit, value >= limit)

    def at_most(self, what: str, value: float, limit: float) -> None:
        """Note a figure that must not be higher than its limit."""
        self._note(what, value, "<=", limit, value <= limit)

    def _note(self, what: str, value: float, sign: str, limit: float, held: bool) -> None:
        print(f"  {'ok  ' if held else 'MISS'}  {what:62} {value:10.3f}  {sign} {limit:g}")
        if not held:
            self.missed.append(what)

    def exit_code(self) -> int:
        """Say how it ended; 1 if anything missed its limit."""
        print(f"\n{len(self.missed)} figures missed their limits" if self.missed else "\nall held")
        return 1 if self.missed else 0
