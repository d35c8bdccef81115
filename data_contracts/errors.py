"""The one root of every error that a person is meant to read.

It stands in the lowest room so that every other room can raise it. A message names the step, what
went wrong, where, and what to do; it never quotes the text of a record.
"""

from __future__ import annotations

import traceback
from collections.abc import Generator
from contextlib import contextmanager
from pathlib import Path


class PaddockError(Exception):
    """A step could not do its work. `exit_code` is what the command line leaves with (1)."""

    exit_code = 1

    def __init__(self, what: str, *, step: str, where: str = "", remedy: str = "") -> None:
        self.what, self.step, self.where, self.remedy = what, step, where, remedy
        super().__init__(str(self))

    def __str__(self) -> str:
        lines = [f"{self.step}: {self.what}"]
        if self.where:
            lines.append(f"  where: {self.where}")
        if self.remedy:
            lines.append(f"  to do: {self.remedy}")
        return "\n".join(lines)

    def __reduce__(self) -> tuple[object, ...]:
        """Survive pickling, which hands an exception back from another process."""
        return (_rebuild, (type(self), self.what, self.step, self.where, self.remedy))


class InputError(PaddockError):
    """What a person gave (a path, a parameter, a file) cannot be used; exit code 2."""

    exit_code = 2


class ContractError(PaddockError):
    """The data broke its contract, so nothing downstream may use it; exit code 1."""


class IntegrityError(PaddockError):
    """Bytes do not match the digest or signature that vouches for them; exit code 1."""


class UnexpectedError(PaddockError):
    """A fault of ours or of a library in work on raw text; says where it is and quotes nothing."""


@contextmanager
def shielded(step: str, *harmless: type[Exception]) -> Generator[None]:
    """Let only PaddockErrors out of work on raw text: another error's message may quote a row.

    And such as are named to be `harmless`.
    """
    try:
        yield
    except (PaddockError, *harmless):
        raise
    except Exception as error:
        frames = traceback.extract_tb(error.__traceback__)
        raise UnexpectedError(
            f"unexpected {type(error).__name__}",
            step=step,
            where=", ".join(f"{Path(one.filename).name}:{one.lineno}" for one in frames[-3:]),
            remedy="run again; if it repeats, report it with this place",
        ) from None


def _rebuild(
    kind: type[PaddockError], what: str, step: str, where: str, remedy: str
) -> PaddockError:
    return kind(what, step=step, where=where, remedy=remedy)
