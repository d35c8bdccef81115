"""What people and programs may be told in the midst of faults: a refusal in words."""

from __future__ import annotations

from contextlib import AbstractContextManager
from typing import Any

from data_contracts.errors import ContractError, IntegrityError, PaddockError


class Refusable(AbstractContextManager[None]):
    """What people and programs are told in words, with what to do, is no fault."""

    def __enter__(self) -> None:
        return None

    def __exit__(self, kind: type[BaseException] | None, error: Any, trace: object) -> bool:
        if kind is None or not issubclass(kind, PaddockError):
            return False
        assert error.what and error.remedy
        return issubclass(kind, ContractError | IntegrityError)
