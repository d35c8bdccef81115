"""Views lead back to the original text, through several levels and from parts of a long text."""

from __future__ import annotations

from tasks.redaction.disguises.rewriting import AROUND, Edit, part, rewrite


def test_each_character_leads_back_to_what_it_came_from() -> None:
    text = "ab&#64;cd"
    (view,) = rewrite(text, [Edit(2, 7, "@", "html")])
    assert view.text == "ab@cd"
    sources = [text[slice(*view.origin(n, n + 1))] for n in range(len(view.text))]
    assert sources == ["a", "b", "&#64;", "c", "d"]


def test_what_was_taken_out_inside_a_value_belongs_to_it_and_at_its_edges_not() -> None:
    text = "\u200ba\u200b\u200bb\u200b"
    edits = [Edit(n, n + 1, "", "zero-width") for n in (0, 2, 3, 5)]
    (view,) = rewrite(text, edits)
    assert view.text == "ab"
    assert view.origin(0, 2) == (1, 5)


def test_a_decoded_run_is_covered_whole_from_any_part_of_it() -> None:
    (view,) = rewrite("x QUJDREVG y", [Edit(2, 10, "ABCDEF", "base64")])
    assert view.origin(4, 5) == (2, 10)


def test_views_of_views_lead_to_the_first_text_and_name_every_trick() -> None:
    (outer,) = rewrite("see 1234 now", [Edit(4, 8, "a%40b", "base64")])
    (inner,) = rewrite(outer.text, [Edit(5, 8, "@", "percent")])
    view = inner.under(outer)
    assert view.text == "see a@b now"
    assert view.origin(4, 7) == (4, 8)
    assert view.origin(8, 11) == (9, 12)
    assert view.name == "base64+percent"


def test_far_edits_give_small_views_cut_between_words() -> None:
    text = "word " * 400
    near, far = rewrite(text, [Edit(500, 500, "!", "x"), Edit(1500, 1500, "?", "x")])
    assert len(near.text) < 2 * AROUND + 2
    assert all(piece == "word" for piece in near.text.replace("!", "").split())
    start = far.text.index("?")
    assert far.origin(start, start + 1) == (1500, 1500)
    assert text[slice(*far.origin(0, 5))] == far.text[:5]


def test_a_part_of_a_text_shifts_what_is_found_in_it() -> None:
    base = part("0123456789", 4, 9)
    (view,) = rewrite(base.text, [Edit(1, 2, "five", "x")])
    assert view.under(base).origin(1, 5) == (5, 6)
    assert view.under(base).name == "x"


def test_a_reading_of_a_part_of_a_reading_leads_to_the_first_text() -> None:
    (outer,) = rewrite("see 1234 now and later", [Edit(4, 8, "a long%40word", "base64")])
    base = part(outer.text, 4, len(outer.text))
    (inner,) = rewrite(base.text, [Edit(6, 9, "@", "percent")])
    view = inner.under(base).under(outer)
    assert view.origin(0, 1) == (4, 8)
    low, high = view.text.index("later"), view.text.index("later") + 5
    assert "see 1234 now and later"[slice(*view.origin(low, high))] == "later"
    assert view.name == "base64+percent"
