"""The data docs: everything is there, nothing becomes markup, nothing is fetched."""

from __future__ import annotations

from html.parser import HTMLParser
from typing import Any

import pytest

from data_contracts.contract_files import default_contract
from data_contracts.contracts import DatasetContract, Privacy, Range
from data_contracts.kinds.document import DocumentRecord
from data_contracts.lengths import bucket, bucket_end
from data_contracts.measures import RowFlags, measure
from data_contracts.records import record_id
from data_contracts.snapshot.reading import Examples, Leak, NearDuplicate, SnapshotReport
from data_contracts.snapshot.tally import Tally
from data_contracts.validation import Contract
from tasks.ingestion.data_docs import data_docs_html
from tasks.ingestion.length_plots import length_svg
from tasks.ingestion.reporting import report_markdown

HOSTILE = "<script>alert('x')</script><img src=http://evil.example/a onerror=x> & |"
FETCHING = {"src", "href", "data", "srcset", "action", "poster", "background"}


class Page(HTMLParser):
    """The tags, the attributes that fetch, the ids and the visible text of a page."""

    def __init__(self, html: str) -> None:
        super().__init__()
        self.tags: set[str] = set()
        self.fetches: list[str] = []
        self.handlers: list[str] = []
        self.words: list[str] = []
        self.feed(html)
        self.close()

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        self.tags.add(tag)
        for name, value in attrs:
            if name.rpartition(":")[2] in FETCHING and not (value or "").startswith("#"):
                self.fetches.append(f"{name}={value}")
            if name.startswith("on"):
                self.handlers.append(name)

    def handle_data(self, data: str) -> None:
        self.words.extend(data.split())

    @property
    def text(self) -> str:
        return " ".join(self.words)


def made_contract() -> DatasetContract:
    privacy = Privacy(owner=HOSTILE, retention_days=1095, residency="EU only", subject="user")
    lengths = {"text_characters": Range(min=1, max=120)}
    change: dict[str, Any] = {"name": HOSTILE, "privacy": privacy, "lengths": lengths}
    return default_contract("document").model_copy(update=change)


def made() -> tuple[SnapshotReport, DatasetContract, Contract]:
    contract = made_contract()
    checks, tally = Contract(contract), Tally(contract)
    texts = [DocumentRecord(text="word " * size + "end") for size in range(1, 31)]
    flags = RowFlags("en", 0.9, 0.95, "override")
    rows = [
        measure(one, record_id(one), "train", n + 1, flags=flags) for n, one in enumerate(texts)
    ]
    failed = checks.failures(rows)
    for number, row in enumerate(rows):
        if number not in failed:
            tally.add(row)
    kept = len(rows) - len(failed)
    near = NearDuplicate(
        source=HOSTILE, line=4, of_source="b", of_line=2, similarity=0.91, text=HOSTILE, of_text="z"
    )
    report = SnapshotReport(
        kind="document",
        sources={HOSTILE: "a" * 64},
        rows_in=len(rows) + 3 + 2 + 1,
        kept=kept,
        quarantined={"contract: too long": len(failed), HOSTILE: 2},
        duplicates=0,
        near_duplicates=3,
        contaminated=0,
        forgotten=1,
        redacted={"EMAIL": 1234},
        detectors={"e-mail": 1234},
        splits={"train": kept},
        characters=999,
        examples=Examples(
            near_duplicates=(near,),
            contaminated=(Leak(source="c", line=1, eval_set="truth", text=HOSTILE),),
        ),
        **tally.fields(),
    )
    return report, contract, checks


@pytest.fixture(scope="module")
def everything() -> tuple[SnapshotReport, DatasetContract, Contract]:
    report, contract, checks = made()
    checks.require_totals(report, "here")
    return report, contract, checks


@pytest.fixture(scope="module")
def html(everything: tuple[SnapshotReport, DatasetContract, Contract]) -> str:
    report, contract, checks = everything
    return data_docs_html(report, contract, checks.validations(), [HOSTILE, "an example row"])


def test_hostile_text_stays_text(html: str) -> None:
    page = Page(html)
    assert not page.tags & {"script", "img", "iframe", "link", "object", "embed", "form", "base"}
    assert page.handlers == []
    assert page.text.count("<script>alert('x')</script>") >= 7, "it is shown, not run"


def test_nothing_is_fetched(html: str) -> None:
    assert Page(html).fetches == []
    assert "url(" not in html.replace("url(#", "")
    assert "@import" not in html
    assert "default-src 'none'" in html


@pytest.mark.parametrize(
    "said",
    [
        "36 rows came in",
        "dropped: its person asked to be forgotten 1",
        "EMAIL 1,234",
        "retention 1,095 days",
        "residency EU only",
        "subject column user",
        "tokens (characters / 4)",
        "the contract allows 1 to 120",
        "prompt injection",
        "0.91 alike",
        "(truth)",
        "an example row",
        "values must be greater than or equal to",
        "unexpected values found",
        "a" * 64,
        "contract does not say",
    ],
)
def test_an_officer_finds(html: str, said: str) -> None:
    assert said in Page(html).text


def test_same_report_same_bytes(
    everything: tuple[SnapshotReport, DatasetContract, Contract], html: str
) -> None:
    report, contract, checks = made()
    checks.require_totals(report, "here")
    assert (report, contract) == everything[:2]
    again = data_docs_html(report, contract, checks.validations(), [HOSTILE, "an example row"])
    assert again == html


def test_a_plot_has_a_bar_for_every_bucket() -> None:
    histogram = {bucket(length): 1 for length in range(1, 65)}
    svg = length_svg(histogram, "turns")
    assert svg.startswith("<svg")
    assert svg.count("var(--bar)") == len(histogram)
    assert "turns" in Page(svg).text
    assert f"{bucket_end(0)}" in Page(svg).text
    assert length_svg({5: 1}, "turns").count("var(--bar)") == 1, "one bucket is enough"


def test_an_empty_report_has_a_page_too() -> None:
    figures: dict[str, Any] = dict.fromkeys(("rows_in", "kept", "duplicates", "contaminated"), 0)
    nothing = SnapshotReport(
        kind="chat", sources={}, quarantined={}, redacted={}, splits={}, characters=0, **figures
    )
    page = Page(data_docs_html(nothing, default_contract("chat"), [], []))
    assert "not validated" in page.text
    assert "None was found" in page.text


def test_markdown_says_the_same(
    everything: tuple[SnapshotReport, DatasetContract, Contract],
) -> None:
    text = report_markdown(everything[0])
    assert "| dropped: nearly the same as another row | 3 |" in text
    assert "| prompt_injection |" in text
    assert "| tokens, characters / 4 |" in text
    assert "<script" not in text
    assert all(line.count("|") == 3 for line in text.splitlines() if line.startswith("|"))
