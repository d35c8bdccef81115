"""Dates move by whole days, and are written as they were."""

from __future__ import annotations

import random
from datetime import date, timedelta

import pytest

from tasks.redaction.surrogates.dates import LEAST, MOST, moved, offset
from tasks.redaction.surrogates.drawing import Draws
from tasks.redaction.surrogates.surrogate import Scope, surrogate


@pytest.mark.parametrize(
    ("value", "wanted"),
    [
        ("12 May 1987", "21 June 1987"),
        ("12 MAY 1987", "21 JUNE 1987"),
        ("12 may 1987", "21 june 1987"),
        ("May 12th, 1987", "June 21st, 1987"),
        ("1987-05-12", "1987-06-21"),
        ("1987/5/2", "1987/6/11"),
        ("12.05.1987", "21.06.1987"),
        ("2.5.1987", "11.6.1987"),
        ("5/12/87", "6/21/87"),
        ("25/12/1987", "03/02/1988"),
        ("19870512", "19870621"),
        ("12. März 1990", "21. April 1990"),
        ("12 de mayo de 1987", "21 de junio de 1987"),
        ("le 2 juillet 1987", "le 11 août 1987"),
        ("12 Sept 1987", "22 Oct 1987"),
        ("the twelfth of May", "the twenty-first of June"),
        ("Twenty-first of May 1980", "Thirtieth of June 1980"),
        ("May 1987", "June 1987"),
        ("15th May", "24th June"),
        ("1987年5月12日", "1987年6月21日"),
        ("May 3, '87", "June 12, '87"),
    ],
)
def test_a_date_keeps_its_form(value: str, wanted: str) -> None:
    assert moved(value, 40) == wanted


@pytest.mark.parametrize("value", ["31 February 1980", "13/13/1980", "1987", "soon", "5 of 6"])
def test_what_is_no_date_is_refused(value: str) -> None:
    assert moved(value, 40) is None


def test_days_between_dates_of_a_subject_stay() -> None:
    chance = random.Random(5)
    for _ in range(300):
        days = offset(Draws(b"k", str(chance.random())).below)
        assert LEAST <= abs(days) <= MOST
        one = date(1930, 1, 1) + timedelta(chance.randrange(30_000))
        other = one + timedelta(chance.randrange(1, 5000))
        new = [moved(one.isoformat(), days), moved(f"{other.day} {other:%B %Y}", days)]
        assert new[0] == (one + timedelta(days)).isoformat()
        later = other + timedelta(days)
        assert new[1] == f"{later.day} {later:%B %Y}"


def test_a_subjects_dates_move_alike_in_every_record() -> None:
    first, second = Scope(b"k", "one", "ann"), Scope(b"k", "two", "ann")
    assert first.days == second.days
    assert Scope(b"k", "one", "").days == Scope(b"k", "one", "").days
    different = {Scope(b"k", "one", f"person {number}").days for number in range(40)}
    assert len(different) > 20
    assert surrogate("DATE_OF_BIRTH", "1987-05-12", first) == moved("1987-05-12", first.days)
