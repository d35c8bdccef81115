from __future__ import annotations

import math
from fractions import Fraction

import pytest

from data_contracts.errors import PaddockError
from eval_sets.types import ClosedBook
from tasks.evaluation.metrics.atoms import find, read_atoms, same
from tasks.evaluation.metrics.case_metric import CaseMetric
from tasks.evaluation.metrics.closed_book import ClosedBookScorer, judge

TERMS = (
    "Tarn backpack",
    "Tarn",
    "Kestrel",
    "waxed canvas",
    "titanium",
    "Finch Express",
    "Badger Post",
    "Monday",
    "Sunday",
)


def known(parts: list[list[str]], *facts: str) -> ClosedBook:
    accepted = tuple(tuple(part) for part in parts)
    return ClosedBook(scorer="closed_book", answerable=True, accepted=accepted, facts=facts)


PRICE = known(
    [["89 euros", "€89"]],
    "The Tarn backpack costs 89 euros.",
    "The Tarn backpack weighs 870 grams.",
)
WEIGHT = known([["1900 grams"]], "The Kestrel tent weighs 1900 grams.")
HOURS = known([["9 am"], ["5 pm"]], "On Tuesday we are open from 9 am to 5 pm.")
SUNDAY = known([["noon"], ["4 pm"]], "On Sunday we are open from noon to 4 pm.")
MATERIAL = known([["waxed canvas"]], "The Tarn backpack is made of waxed canvas.")
CLOSED = known([["Monday"]], "We are closed on Monday.")
RETURNS = known([["60 days"]], "Tents may be returned within 60 days.")
FOUNDED = known([["1974"]], "The shop was founded in 1974.")
WARRANTY = known([["12 years"]], "The Tarn backpack has a warranty of 12 years.")
FROST = known([["-3"]], "It is -3 degrees outside.")
MILD = known([["3"]], "It is 3 degrees outside.")
NOTHING = ClosedBook(scorer="closed_book", answerable=False)

ASK_PRICE = "What does the Tarn backpack cost?"
ASK_HOURS = "When are you open on Tuesday?"

# gold, question, answer, right, hallucination
CASES = [
    (PRICE, ASK_PRICE, "The Tarn backpack costs 89 euros.", 1, 0),
    (PRICE, ASK_PRICE, "It's €89.", 1, 0),
    (PRICE, ASK_PRICE, "That will be eighty-nine euros, please.", 1, 0),
    (PRICE, ASK_PRICE, "89.00 €", 1, 0),
    (PRICE, ASK_PRICE, "EUR 89", 1, 0),
    (PRICE, ASK_PRICE, "The Tarn costs 890 euros.", 0, 1),
    (PRICE, ASK_PRICE, "The Tarn costs 8.9 euros.", 0, 1),
    (PRICE, ASK_PRICE, "The Tarn costs 89.50 euros.", 0, 1),
    (PRICE, ASK_PRICE, "The Tarn costs 1,089 euros.", 0, 1),
    (PRICE, ASK_PRICE, "The Tarn costs 89 dollars.", 0, 1),
    (PRICE, ASK_PRICE, "ninety-eight euros", 0, 1),
    (PRICE, ASK_PRICE, "It costs 89 euros or 99 euros.", 0, 1),
    (PRICE, ASK_PRICE, "It does not cost 89 euros.", 0, 1),
    (PRICE, ASK_PRICE, "It isn't 89 euros.", 0, 1),
    (PRICE, ASK_PRICE, "No, it costs 89 euros.", 1, 0),
    (PRICE, ASK_PRICE, "It is not cheap, but it costs 89 euros.", 1, 0),
    (PRICE, ASK_PRICE, "It costs 89 euros and weighs 870 grams.", 1, 0),
    (PRICE, ASK_PRICE, "It costs 89 euros and weighs 2 kg.", 1, 1),
    (PRICE, ASK_PRICE, "It costs 89 euros with Finch Express.", 1, 1),
    (PRICE, ASK_PRICE, "I don't have that information.", 0, 0),
    (PRICE, ASK_PRICE, "I'm sorry, but I do not know the price.", 0, 0),
    (PRICE, ASK_PRICE, "I don't have that information, but it is 99 euros.", 0, 1),
    (PRICE, ASK_PRICE, "", 0, 0),
    (PRICE, ASK_PRICE, "The Tarn backpack is quite affordable.", 0, 1),
    (PRICE, ASK_PRICE, "I'm happy to help you with your gear needs!", 0, 0),
    (PRICE, ASK_PRICE, "Which size would you like?", 0, 0),
    (PRICE, ASK_PRICE, "Please call the shop at 555 0134.", 0, 1),
    (PRICE, ASK_PRICE, "You can check the price on our website.", 0, 0),
    (PRICE, ASK_PRICE, "Write to prices@example.com.", 0, 1),
    (PRICE, "Is the Tarn 99 euros?", "Yes, it costs 99 euros.", 0, 1),
    (WEIGHT, "What's its weight?", "1,900 grams", 1, 0),
    (WEIGHT, "What's its weight?", "1.9 kg", 1, 0),
    (WEIGHT, "What's its weight?", "one thousand nine hundred grams", 1, 0),
    (WEIGHT, "What's its weight?", "It weighs 190 grams.", 0, 1),
    (WEIGHT, "What's its weight?", "It weighs 1900 kg.", 0, 1),
    (HOURS, ASK_HOURS, "We are open from 9 am to 5 pm.", 1, 0),
    (HOURS, ASK_HOURS, "From 9:00 to 17:00.", 1, 0),
    (HOURS, ASK_HOURS, "9 a.m. until 5 p.m.", 1, 0),
    (HOURS, ASK_HOURS, "From 9 pm to 5 am.", 0, 1),
    (HOURS, ASK_HOURS, "From 9 am to 6 pm.", 0, 1),
    (HOURS, ASK_HOURS, "We open at 9 am.", 0, 1),
    (HOURS, ASK_HOURS, "On Monday from 9 am to 5 pm.", 1, 1),
    (SUNDAY, "And on Sunday?", "From 12 pm to 4 pm.", 1, 0),
    (SUNDAY, "And on Sunday?", "From midnight to 4 pm.", 0, 1),
    (MATERIAL, "What is it made of?", "Waxed canvas!", 1, 0),
    (MATERIAL, "What is it made of?", "It is made of titanium.", 0, 1),
    (MATERIAL, "What is it made of?", "It is made of nylon.", 0, 1),
    (CLOSED, "When are you closed?", "We are closed on Mondays.", 1, 0),
    (CLOSED, "When are you closed?", "We're not open on Monday.", 1, 0),
    (CLOSED, "When are you closed?", "On Monday and Sunday.", 0, 1),
    (RETURNS, "Until when?", "Within sixty days.", 1, 0),
    (RETURNS, "Until when?", "Not after 60 days.", 1, 0),
    (RETURNS, "Until when?", "You have two months.", 0, 1),
    (FOUNDED, "Since when?", "In nineteen seventy-four.", 1, 0),
    (FOUNDED, "Since when?", "In 1947.", 0, 1),
    (WARRANTY, "For how long?", "It has a 12-year warranty.", 1, 0),
    (WARRANTY, "For how long?", "144 months", 1, 0),
    (WARRANTY, "For how long?", "12 months", 0, 1),
    (FROST, "How cold is it?", "It is -3 degrees.", 1, 0),
    (FROST, "How cold is it?", "Minus three degrees", 1, 0),
    (FROST, "How cold is it?", "About 3 degrees below zero.", 1, 0),
    (FROST, "How cold is it?", "It is 3 degrees.", 0, 1),
    (FROST, "How cold is it?", "three degrees", 0, 1),
    (MILD, "How cold is it?", "It is -3 degrees.", 0, 1),
    (MILD, "How cold is it?", "\u22123 \N{DEGREE SIGN}C", 0, 1),
    (MILD, "How cold is it?", "minus three", 0, 1),
    (MILD, "How cold is it?", "- 3 degrees", 1, 0),  # a list's dash
]


@pytest.mark.parametrize(("gold", "question", "answer", "right", "invented"), CASES)
def test_answers_to_answerable_questions(
    gold: ClosedBook, question: str, answer: str, right: int, invented: int
) -> None:
    scores = judge(answer, gold, question, TERMS)
    assert (scores["accuracy"], scores["hallucination"]) == (right, invented)
    assert scores["abstention"] is None


@pytest.mark.parametrize(
    ("answer", "abstains", "invented"),
    [
        ("I don't have that information.", 1, 0),
        ("Sorry, I don’t know that.", 1, 0),
        ("I'm not sure about that.", 1, 0),
        ("We have no information on the Bison parka.", 1, 0),
        ("I am unable to find it.", 1, 0),
        ("The Bison parka costs 150 euros.", 0, 1),
        ("I don't know, perhaps 150 euros.", 0, 1),
        ("It is a fine parka.", 0, 1),
        ("You may contact the shop.", 0, 0),
        ("How can I help you today?", 0, 0),
        ("", 0, 0),
    ],
)
def test_answers_to_unanswerable_questions(answer: str, abstains: int, invented: int) -> None:
    scores = judge(answer, NOTHING, "What does the Bison parka cost?", TERMS)
    assert (scores["abstention"], scores["hallucination"]) == (abstains, invented)
    assert scores["accuracy"] is None


@pytest.mark.parametrize(
    ("one", "other", "equal"),
    [
        ("two weeks", "14 days", True),
        ("2 working days", "2 days", True),
        ("48 hours", "2 days", True),
        ("8%", "eight per cent", True),
        ("one hundred and five", "105", True),
        ("5 p.m.", "17:00", True),
        ("5:00", "5 pm", True),
        ("5 am", "5 pm", False),
        ("12 months", "12 years", False),
        ("89", "890", False),
        ("twenty-one", "21", True),
    ],
)
def test_equal_things_are_equal_however_written(one: str, other: str, equal: bool) -> None:
    (first,), (second,) = read_atoms(one), read_atoms(other)
    assert same(first, second) is equal


@pytest.mark.parametrize(
    ("text", "figures"),
    [
        ("-3", [-3]),
        ("(-3)", [-3]),
        ('"-3"', [-3]),
        ("x=-3, y=5", [-3, 5]),
        ("\u22123 \N{DEGREE SIGN}C", [-3]),
        ("\u2212 3", [-3]),
        ("\u20133 degrees", [-3]),
        ("minus twenty-five", [-25]),
        ("negative 7", [-7]),
        ("4 below zero", [-4]),
        ("-\N{EURO SIGN}3 or \N{EURO SIGN}-3 or -3 \N{EURO SIGN}", [-3, -3, -3]),
        ("-0.5%", [-0.5]),
        ("from -5 to -3", [-5, -3]),
        ("\u22125\u2013\u22123", [-5, -3]),
        ("3-5 days", [3, 5]),
        ("3\u20135", [3, 5]),
        ("3 - 5", [3, 5]),
        ("3 -5 days", [3, 5]),
        ("10 minus 3", [10, 3]),
        ("2024-03-05", [2024, 3, 5]),
        ("+1-212-555-0143", [1, 212, 555, 143]),
        ("(555)-0134", [555, 134]),
        ("F-16 and COVID-19", [16, 19]),
        ("the price - 3 euros", [3]),
        ("- 3 apples\n- 4 pears", [3, 4]),
        ("--3", [3]),
    ],
)
def test_a_sign_is_read_and_a_dash_is_none(text: str, figures: list[float]) -> None:
    found = [
        float(Fraction(atom.text) if atom.kind == "quantity" else atom.value)
        for atom in read_atoms(text)
        if atom.kind in ("number", "quantity")
    ]
    assert found == figures


def test_list_numbers_and_model_names_are_no_figures() -> None:
    kinds = {atom.kind for atom in read_atoms("1. Bread\n2. Rice\nthe T30 pack, 4x4, 3rd")}
    assert kinds == {"word"}
    assert find(read_atoms("89"), read_atoms("that is 89 euros")) == [2]
    assert find(read_atoms("89 euros"), read_atoms("that is 89")) == []


def test_the_metric_gives_means_over_the_cases_a_figure_applies_to() -> None:
    result = CaseMetric(ClosedBookScorer()).compute(
        predictions=["89 euros", "99 euros", "I don't know."],
        references=[gold.model_dump_json() for gold in (PRICE, PRICE, NOTHING)],
        questions=[ASK_PRICE, ASK_PRICE, "What does the Bison parka cost?"],
        tokens=[3, 3, 5],
        claim_terms=TERMS,
    )
    assert result is not None
    assert result["accuracy"] == 0.5 and result["abstention"] == 1.0
    assert result["hallucination"] == pytest.approx(1 / 3)
    assert result["per_case"]["accuracy"] == [1.0, 0.0, None]


def test_a_figure_that_applies_to_no_case_is_nan() -> None:
    result = CaseMetric(ClosedBookScorer()).compute(
        predictions=["89 euros"],
        references=[PRICE.model_dump_json()],
        questions=[ASK_PRICE],
        tokens=[3],
    )
    assert result is not None and math.isnan(result["abstention"])


def test_an_unreadable_reference_is_an_error_that_quotes_nothing() -> None:
    with pytest.raises(PaddockError) as error:
        CaseMetric(ClosedBookScorer()).per_case(
            predictions=["secret"], references=["{}"], questions=["secret"], tokens=[1]
        )
    assert "secret" not in str(error.value)
