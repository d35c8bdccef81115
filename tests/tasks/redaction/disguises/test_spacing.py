"""Values pulled apart are put together; lists, counts and words are not taken for values."""

from __future__ import annotations

import pytest

from tasks.redaction.disguises.spacing import apart_views, confused_views, loose_views


@pytest.mark.parametrize(
    ("written", "plain"),
    [
        ("4 1 1 1 - 1 1 1 1", "4111-1111"),
        ("4 1 1 1   1 1 1 1", "4111 1111"),
        ("j o h n @ m a i l . c o m", "john@mail.com"),
        ("j.o.h.n.@.m.a.i.l...c.o.m", "john@mail.com"),
        ("4🔥2🔥4🔥2🔥4🔥2🔥4", "4242424"),
        ("4\n2\n4\n2\n4\n2\n4", "4242424"),
        ("4-1 1/1.1 2-1 1", "41111211"),
        ("A_K_I_A_I_O_S_F", "AKIAIOSF"),
    ],
)
def test_single_signs_are_joined(written: str, plain: str) -> None:
    text = f"so {written} ok"
    assert f"so {plain} ok" in [view.text for view in apart_views(text)]


@pytest.mark.parametrize(
    "text", ["1, 2, 3, 4, 5, 6, 7, 8", "0 1 1 0 1 0 0 1", "I a m o k", "1 2 3", "a-b-c"]
)
def test_counting_and_short_rows_stay(text: str) -> None:
    assert list(apart_views(text)) == []


def test_a_list_can_only_be_what_has_a_checksum() -> None:
    for view in apart_views("[3, 1, 4, 1, 5, 9, 2, 6, 5]"):
        assert view.kinds == {"CARD", "IBAN"}


@pytest.mark.parametrize(
    ("written", "plain"),
    [("12 / 05 / 1984", "12/05/1984"), ("078 - 05 - 1120", "078-05-1120"), ("0A : 1B", "0A:1B")],
)
def test_blanks_around_signs_are_taken_out(written: str, plain: str) -> None:
    assert [view.text for view in loose_views(written)] == [plain]


@pytest.mark.parametrize(
    ("written", "plain"),
    [
        ("4lll llll llll 1111", "4111 1111 1111 1111"),
        ("4O12-8888-8B88-1881", "4012-8888-8888-1881"),
        ("078-O5-112o", "078-05-1120"),
    ],
)
def test_letters_for_digits_are_read_where_it_adds_up(written: str, plain: str) -> None:
    assert plain in [view.text for view in confused_views(written)]


@pytest.mark.parametrize("text", ["4O12-8888-8B88-1882", "2 dogs and 14 girls", "O0O l1l S5"])
def test_letters_stay_where_it_does_not(text: str) -> None:
    assert list(confused_views(text)) == []
