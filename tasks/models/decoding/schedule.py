"""Which case goes into which slot, and when: the part of decoding that knows no device.

A case's budget ends it at a step known before; an end token is seen some steps later, when the
device's word has arrived, so that the device never waits for the host. Slots are refilled some at
a time: a pass over one prompt costs nearly what a pass over several does.
"""

from __future__ import annotations

from collections import deque
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Protocol

from tasks.models.decoding.passes import Admitted

REFILL = 8  # a refill waits until one slot in so many is free


class Machine(Protocol):
    """What the schedule asks of an engine; see Engine."""

    slots: int
    burst: int
    lag: int

    def admit(self, admitted: Sequence[Admitted]) -> None:
        """Take prompts into slots."""
        ...

    def choose_rows(self, slots: list[int]) -> None:
        """Choose the slots of the next steps."""
        ...

    def step(self, times: int) -> None:
        """Decode some steps."""
        ...

    def look(self) -> Callable[[], list[int]]:
        """Note which slots go on."""
        ...


@dataclass
class Held:
    """A slot's case, and how many steps its budget still allows."""

    case: int
    left: int


@dataclass
class Look:
    """Who held which slot when the device was asked, and what it will have said."""

    cases: dict[int, int]
    alive: Callable[[], list[int]]


class Schedule:
    """Sends cases, (prompt ids, budget) each, through a machine's slots, in the order given."""

    def __init__(
        self,
        machine: Machine,
        cases: Sequence[tuple[Sequence[int], int]],
        progress: Callable[[int], None],
    ) -> None:
        self.machine, self.cases, self.progress = machine, cases, progress
        self.waiting = deque(range(len(cases)))
        self.held: dict[int, Held] = {}
        self.free = deque(range(machine.slots))
        self.looks: deque[Look] = deque()

    def run(self) -> None:
        """Answer every case; `progress` hears how many are done."""
        while self.waiting or self.held:
            self._refill()
            if self.held:
                self._burst()
            self._look()
            self.progress(len(self.cases) - len(self.waiting) - len(self.held))

    def _refill(self) -> None:
        wanted = max(1, self.machine.slots // REFILL)
        if not self.waiting or (self.held and len(self.free) < min(wanted, len(self.waiting))):
            return
        admitted: list[Admitted] = []
        self.free = deque(sorted(self.free))
        while self.waiting and self.free:
            slot, case = self.free.popleft(), self.waiting.popleft()
            ids, budget = self.cases[case]
            admitted.append(Admitted(slot, case, ids, budget))
            self.held[slot] = Held(case, budget - 1)  # the prompt's pass gives the first token
        self.machine.admit(admitted)
        self._release([slot for slot, held in self.held.items() if held.left < 1])

    def _burst(self) -> None:
        steps = min(self.machine.burst, *(held.left for held in self.held.values()))
        self.machine.choose_rows(sorted(self.held))
        self.machine.step(steps)
        for held in self.held.values():
            held.left -= steps
        self._release([slot for slot, held in self.held.items() if held.left < 1])

    def _look(self) -> None:
        """Ask the device who has ended, and act on what it said `lag` looks ago."""
        cases = {slot: held.case for slot, held in self.held.items()}
        self.looks.append(Look(cases, self.machine.look()))
        while len(self.looks) > (self.machine.lag if self.held else 0):
            look = self.looks.popleft()
            if not self.held:
                continue
            alive = look.alive()
            self._release(
                [
                    slot
                    for slot, case in look.cases.items()
                    if not alive[slot] and slot in self.held and self.held[slot].case == case
                ]
            )

    def _release(self, slots: list[int]) -> None:
        for slot in slots:
            del self.held[slot]
            self.free.append(slot)
