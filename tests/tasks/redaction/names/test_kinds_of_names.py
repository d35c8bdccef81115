"""Kinds of names that were missed or taken wrongly, each with examples, and near misses of each."""

from __future__ import annotations

import pytest

from tasks.redaction.names.finder import NameFinder, build_name_finder


@pytest.fixture(scope="module")
def finder() -> NameFinder:
    return build_name_finder()


def found(finder: NameFinder, text: str) -> list[tuple[str, str]]:
    return [(one.kind, text[one.start : one.end]) for one in finder.find([text])[0]]


def takes(finder: NameFinder, text: str, kind: str, value: str) -> bool:
    return any(k == kind and value in v for k, v in found(finder, text))


@pytest.mark.parametrize("name", ["Treasury", "Pentagon", "Senate"])
@pytest.mark.parametrize("rest", ["declined.", "refused to answer.", "said it would wait."])
def test_institutions_of_one_word(finder: NameFinder, name: str, rest: str) -> None:
    assert takes(finder, f"The {name} {rest}", "ORGANIZATION", name)


@pytest.mark.parametrize("word", ["plumber", "treasurer", "window", "question"])
def test_no_institutions(finder: NameFinder, word: str) -> None:
    assert found(finder, f"The {word} declined.") == []


@pytest.mark.parametrize("payee", ["tarquila voskin", "imbrelle dask", "orlanta quist"])
@pytest.mark.parametrize("order", ["pay {} 40 pounds", "please send 12 to {}", "refund {} today"])
def test_strange_payees_in_small_letters(finder: NameFinder, order: str, payee: str) -> None:
    text = order.format(payee)
    assert any(payee.split()[0] in value for _, value in found(finder, text))


@pytest.mark.parametrize(
    "text",
    [
        "transfer 200 to my savings account",
        "pay the electricity bill by friday",
        "send 12 to the other card please",
        "why was my transfer declined",
        "can i get a refund on the fee",
    ],
)
def test_no_payees(finder: NameFinder, text: str) -> None:
    assert found(finder, text) == []


@pytest.mark.parametrize(
    "question",
    ["What is your surname?", "And the name, please?", "what's your last name?"],
)
@pytest.mark.parametrize("answer", ["Haverkort", "Ollivander", "stodgell"])
def test_a_bare_surname_answers(finder: NameFinder, question: str, answer: str) -> None:
    assert takes(finder, f"{question}\n\n{answer}", "PERSON", answer)


@pytest.mark.parametrize("answer", ["No thanks", "Nothing", "yes of course"])
def test_other_answers(finder: NameFinder, answer: str) -> None:
    assert found(finder, f"What is your surname?\n\n{answer}") == []


@pytest.mark.parametrize("name", ["April Rivers", "June Woods", "Grace Banks", "Mark Young"])
@pytest.mark.parametrize("text", ["Booking for {}", "My name is {}.", "I met {} at the gate."])
def test_names_that_are_words(finder: NameFinder, text: str, name: str) -> None:
    assert takes(finder, text.format(name), "PERSON", name.split()[1])


@pytest.mark.parametrize(
    "text",
    [
        "Booking for April",
        "The rivers rise in April.",
        "In June we rest.",
        "Will you mark it now?",
    ],
)
def test_words_that_are_names(finder: NameFinder, text: str) -> None:
    assert not any(kind == "PERSON" for kind, _ in found(finder, text))


@pytest.mark.parametrize("name", ["Ma", "Ng", "Li", "Wu", "Ho"])
@pytest.mark.parametrize("title", ["Ms.", "Mr", "Dr."])
def test_short_surnames_behind_titles(finder: NameFinder, title: str, name: str) -> None:
    assert takes(finder, f"{title} {name} will see you now.", "PERSON", name)


@pytest.mark.parametrize("text", ["He has an MA now.", "Ms or Mr is on the form.", "Oh, I see."])
def test_no_surnames(finder: NameFinder, text: str) -> None:
    assert found(finder, text) == []


@pytest.mark.parametrize("name", ["Rob", "Priya", "Anneke"])
@pytest.mark.parametrize(
    "text", ["Many thanks {},", "Thanks {}, I got it.", "Ring me later, {}?", "Cheers,\n{}"]
)
def test_vocatives_and_sign_offs(finder: NameFinder, text: str, name: str) -> None:
    assert takes(finder, text.format(name), "PERSON", name)


@pytest.mark.parametrize("text", ["Many thanks all,", "Thanks again, I got it.", "Cheers, bye"])
def test_no_vocatives(finder: NameFinder, text: str) -> None:
    assert found(finder, text) == []


@pytest.mark.parametrize(
    ("text", "value"),
    [
        ("We land at LAX at nine.", "LAX"),
        ("My flight from JFK was late.", "JFK"),
        ("She lives in Kingston, Ont.", "Ont"),
        ("He was born in Lincoln, Neb., in May.", "Neb"),
    ],
)
def test_places_in_short_form(finder: NameFinder, text: str, value: str) -> None:
    assert takes(finder, text, "LOCATION", value)


@pytest.mark.parametrize("text", ["The rules are lax.", "That is a con.", "Go to the sin bin."])
def test_no_places_in_short_form(finder: NameFinder, text: str) -> None:
    assert found(finder, text) == []


@pytest.mark.parametrize(
    "text",
    [
        "The Lessor shall give the Lessee notice.",
        "The Licensee pays the Licensor each year.",
        "Is a SEPA transfer free?",
        "I am an ISTJ and he is an ENTP.",
        "Ask the CTO for the SOW.",
    ],
)
def test_roles_and_codes_stay(finder: NameFinder, text: str) -> None:
    assert found(finder, text) == []


@pytest.mark.parametrize(
    "text",
    [
        "The Greeks fought the Persians.",
        "She has Parkinson's disease.",
        "A Gaussian filter comes first.",
    ],
)
def test_peoples_and_eponyms_stay(finder: NameFinder, text: str) -> None:
    assert not any(kind == "PERSON" for kind, _ in found(finder, text))


def test_hashtags(finder: NameFinder) -> None:
    assert takes(finder, "#Lisbon is lovely in spring", "LOCATION", "Lisbon")
    assert found(finder, "#MondayMotivation for everyone") == []


@pytest.mark.parametrize(
    "text",
    ["Have you read War and Peace?", "They sang Yellow Submarine.", "We saw Gone with the Wind."],
)
def test_titles_of_works_stay(finder: NameFinder, text: str) -> None:
    assert found(finder, text) == []


@pytest.mark.parametrize(
    ("text", "kind", "value"),
    [
        ("We were sued by Pratt, Ellery and Moss.", "ORGANIZATION", "Pratt, Ellery and Moss"),
        ("Ann, Bob and Priya are here.", "PERSON", "Priya"),
        ("Xinhua reports that it rained.", "ORGANIZATION", "Xinhua"),
        ("She died in Yaoundé last year.", "LOCATION", "Yaoundé"),
        ("Dr. London signed the form.", "PERSON", "London"),
        ("my netflix subscription went up", "ORGANIZATION", "netflix"),
    ],
)
def test_the_kind_is_right(finder: NameFinder, text: str, kind: str, value: str) -> None:
    assert takes(finder, text, kind, value), found(finder, text)
