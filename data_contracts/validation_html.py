"""A validation as Great Expectations renders it, cut down to what a self-contained page can hold.

Its own page draws styles, scripts and logos from the network, and says when a batch was loaded; so
its sections on expectations are taken alone. Needs Great Expectations. Writes nothing.
"""

from __future__ import annotations

import re
from typing import Any

from data_contracts.records import Frozen

# Sections with links to pages that are not there, or with times that would change the bytes.
_LEFT_OUT = frozenset({"Overview", "Run Info"})
# Every section counts its ids from one, and the data attributes are for scripts that are not here.
_IDS = re.compile(r'\s(?:id|data-[a-z-]+)="[^"]*"')


class Validation(Frozen):
    """One suite's result: `html` is Great Expectations' own fragment, to be styled by the page.

    A failed check of every row only sets rows aside; one of the `whole` breaks the contract.
    """

    title: str
    whole: bool
    passed: int
    failed: int
    html: str


def validation_of(title: str, result: Any, *, whole: bool) -> Validation:
    """Return a Great Expectations suite result as a value."""
    from great_expectations.render.renderer.page_renderer import ValidationResultsPageRenderer
    from great_expectations.render.view.view import DefaultJinjaSectionView

    sections = ValidationResultsPageRenderer(run_info_at_end=True).render(result).sections
    view = DefaultJinjaSectionView()
    fragments = [
        view.render({"section": section.to_json_dict(), "section_loop": {"index": number}})
        for number, section in enumerate(sections)
        if section.section_name not in _LEFT_OUT
    ]
    passed = sum(1 for one in result.results if one.success)
    return Validation(
        title=title,
        whole=whole,
        passed=passed,
        failed=len(result.results) - passed,
        html=" ".join(_IDS.sub("", "\n".join(fragments)).split()),
    )
