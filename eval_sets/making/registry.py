"""Every set that ships, by name, and what makes its cases."""

from __future__ import annotations

from collections.abc import Callable

from eval_sets.making import (
    desk_documents,
    desk_facts,
    desk_new_facts,
    instruction_following,
    pii_leakage,
    safety,
)
from eval_sets.types import Case

MAKERS: dict[str, Callable[[], list[Case]]] = {
    module.NAME: module.make
    for module in (
        desk_documents,
        desk_facts,
        desk_new_facts,
        instruction_following,
        pii_leakage,
        safety,
    )
}
