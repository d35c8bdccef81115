"""Log records pass the detectors, whoever makes them and whatever handles them."""

from __future__ import annotations

import io
import logging
from collections.abc import Iterator

import pytest

from tasks.redaction import logs
from tasks.redaction.logs import redact_logs, show_names


@pytest.fixture
def log() -> Iterator[io.StringIO]:
    before = logging.getLogRecordFactory()
    redact_logs()
    redact_logs()  # a second time changes nothing
    stream = io.StringIO()
    handler = logging.StreamHandler(stream)
    logger = logging.getLogger("a.library")
    logger.addHandler(handler)
    logger.setLevel(logging.INFO)
    yield stream
    logger.removeHandler(handler)
    logging.setLogRecordFactory(before)


def test_a_message_its_arguments_and_a_traceback_are_redacted(log: io.StringIO) -> None:
    logger = logging.getLogger("a.library")
    logger.info("row %s of %d", "anna@example.org", 3)
    logger.info("what does not fit %d", "anna@example.org")
    try:
        raise ValueError("cannot read anna@example.org")
    except ValueError:
        logger.exception("failed")
    said = log.getvalue()
    assert "row <EMAIL_1> of 3" in said
    assert "ValueError: cannot read <EMAIL_1>" in said and "Traceback" in said
    assert "anna" not in said


def test_what_is_not_personal_stays(log: io.StringIO) -> None:
    line = "snapshot 66ca64f4a1b2: 300 rows in 12 s, http://127.0.0.1:4200 at 2026-03-01 10:00:00"
    counts = "Redacted   6 ADDRESS, 6 CARD, 6 DATE_OF_BIRTH, 6 EMAIL"
    for said in (line, counts):
        logging.getLogger("a.library").info("%s", said)
    assert log.getvalue() == f"{line}\n{counts}\n"


def test_our_own_moments_stay_beside_a_word_of_birth_and_dates_of_birth_go(
    log: io.StringIO,
) -> None:
    told = (
        "  2026-11-28T06:40:39+00:00  /data/dob.jsonl  10 of 11 rows\n"
        "  2026-11-28T06:47:03+00:00  /data/dob.jsonl  10 of 11 rows, window 2026-11-28T06: quiet"
    )
    logging.getLogger("a.library").info("%s", told)
    logging.getLogger("a.library").info("born 1987-03-09T00:00:00+00:00, dob: 2026-03-09")
    kept, gone = log.getvalue().rsplit("\nborn", 1)
    assert kept == told
    assert "1987" not in gone and "2026-03-09" not in gone


def test_an_account_is_named_in_full_and_nobody_else(
    log: io.StringIO, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(logs, "_shown", set[str]())
    logger, told = (
        logging.getLogger("a.library"),
        "approved by ada@example.org (asks anna@example.org)",
    )
    logger.info("%s", told)
    show_names(["ada@example.org", "you", ""])
    logger.info("%s", told)
    logger.info("xada@example.org, ada@example.org.uk")
    before, after, others = log.getvalue().splitlines()
    assert before == "approved by <EMAIL_1> (asks <EMAIL_2>)"
    assert after == "approved by ada@example.org (asks <EMAIL_1>)"
    assert others == "<EMAIL_1>, <EMAIL_2>"
