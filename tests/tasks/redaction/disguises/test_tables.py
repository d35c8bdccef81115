"""Values are found whose label stands at the head of their column, or in the question before."""

from __future__ import annotations

import pytest

from tasks.redaction.engine import Redactor, build_redactor, find_forms


@pytest.fixture(scope="module")
def redactor() -> Redactor:
    return build_redactor()


# The values stand between ⟦ and ⟧.
TABLES = [
    ("PASSPORT", "pax,passport_number,seat\nA Jones,⟦A09482716⟧,12C\nB Khan,⟦38104472⟧,14A"),
    (
        "ACCOUNT",
        "emp_id,routing,account\nE1044,⟦051939942⟧,⟦51000238817⟧\nE2,⟦271988854⟧,⟦0071882⟧",
    ),
    ("NATIONAL_ID", "plan;customer_ssn_se\nfiber;⟦7301194580⟧"),
    ("DATE_OF_BIRTH", "id|birthDate|town\n4|⟦1987-04-03⟧|here"),
    ("PHONE", "station\tphone\nnorth\t⟦4420 7188⟧\nsouth\t⟦4420 7189⟧"),
    ("LICENSE", '"doc","drivers_license"\n"x","⟦D4007836⟧"'),
]


@pytest.mark.parametrize(("kind", "marked"), TABLES)
def test_a_cell_is_read_with_the_head_of_its_column(kind: str, marked: str) -> None:
    assert read(marked) == [(value, kind) for value in values(marked)]


def test_a_long_table_is_read_to_its_end() -> None:
    numbers = [f"{40_000_000 + 7919 * row}" for row in range(200)]
    rows = [f"{row},{number},ok" for row, number in enumerate(numbers)]
    text = "\n".join(["row,account_no,state", *rows])
    assert [value for value, _ in read(text)] == numbers


@pytest.mark.parametrize(
    "text",
    [
        "name,phone,price\nGalaxy,S24 Ultra,1299\nPixel,9 Pro,999",
        "account,amount,currency\nsales,10500,EUR\nrent,2300,EUR",
        "id,name,qty\n1,bolt M8,400\n2,nut M8,380",
        "We took the account, the phone, the card.\nThen 12345678, it seems, came.",
        "account,amount\n\n12345678 of them, or so",
    ],
)
def test_other_columns_and_sentences_with_commas_stay(text: str) -> None:
    assert read(text) == []


def test_names_stand_under_their_heads(redactor: Redactor) -> None:
    text = "last,first,start\nDelacroix,Monique,2019-04-01"
    assert redactor.redact_text(text) == "last,first,start\n<PERSON_1>,<PERSON_2>,2019-04-01"


@pytest.mark.parametrize(
    ("kind", "asked", "answered"),
    [
        ("PASSPORT", "Could you tell me your passport number?", "⟦K5128844⟧"),
        ("DATE_OF_BIRTH", "And your date of birth please?", "It's ⟦3/4/1987⟧."),
        ("ACCOUNT", "agent: account number pls", "me: ⟦7719032258⟧, the old one"),
        ("PHONE", "[14:02] Ana: which phone?", "[14:03] Tom: ⟦4420 7188⟧"),
    ],
)
def test_an_answer_is_read_with_its_question(
    redactor: Redactor, kind: str, asked: str, answered: str
) -> None:
    value = values(answered)[0]
    _, text = redactor.redact_record([asked, answered.replace("⟦", "").replace("⟧", "")]).texts
    assert value not in text
    assert f"<{kind}_1>" in text


@pytest.mark.parametrize(
    ("asked", "answered"),
    [
        ("Is the passport office open?", "From 9 to 17."),
        ("May I have your account number?", "2019-04-05 was when I opened it"),
        ("What is the phone worth?", "About 1200 dollars."),
    ],
)
def test_an_answer_that_is_no_number_stays(redactor: Redactor, asked: str, answered: str) -> None:
    assert redactor.redact_record([asked, answered]).texts == [asked, answered]


@pytest.mark.parametrize(
    ("kind", "text"),
    [
        ("EMAIL", "to = '⟦r.quintero' + '@' + 'cafetal.mx⟧';"),
        ("SECRET", 'k = "⟦sk·_live_" + "9aQ2mZr7" + "LkV04xTbC1eWpYdU⟧"'),
    ],
)
def test_literals_that_code_adds_are_one_value(kind: str, text: str) -> None:
    assert (values(text.replace("·", ""))[0], kind) in read(text.replace("·", ""))


def test_added_words_stay() -> None:
    assert read("s = 'SELECT ' + 'name' + ' FROM t' + \"100\" + \"units\"") == []


def values(marked: str) -> list[str]:
    return [part.partition("⟧")[0] for part in marked.split("⟦")[1:]]


def read(marked: str) -> list[tuple[str, str]]:
    """Return what is found in a text without its marks, in order, each place once."""
    text = marked.replace("⟦", "").replace("⟧", "")
    (found,) = find_forms([text])
    places = {(one.start, one.end, one.kind) for one in found}
    return [(text[start:end], kind) for start, end, kind in sorted(places)]
