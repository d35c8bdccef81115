"""Where answers part, which requests are kept and asked again: cases made by hand."""

from __future__ import annotations

import random
from typing import Any

import pytest

from data_contracts.inference_log import LogRow
from tasks.incidents.asking import ROOM, UNKNOWN, conversation, most_tokens
from tasks.incidents.bundle import Asked
from tasks.incidents.choosing import (
    CUT_PROMPT,
    FROM_INDEX,
    NO_ANSWER,
    WORST,
    Keeping,
    choose,
    has_placeholders,
)
from tasks.incidents.comparing import Difference, first_character, first_token, tally, words
from tasks.incidents.replay import Said, Side, put_together


def made(number: int = 1, **other: Any) -> LogRow:
    given = {"id": f"r{number}", "time": f"2026-03-01T14:{number % 60:02d}:00Z", "model": "desk/1"}
    return LogRow.model_validate(given | {"prompt": "Why?", "answer": "So."} | other)


@pytest.mark.parametrize(
    ("first", "second", "where"),
    [
        (["It", " is", " 89"], ["It", " is", " 89"], None),
        (["It", " is", " 89"], ["It", " is", " 98"], (2, " 89", " 98")),
        (["It"], ["It", " is"], (1, None, " is")),
        (["It", " is"], ["It"], (1, " is", None)),
        ([], ["It"], (0, None, "It")),
        ([], [], None),
    ],
)
def test_the_first_token_that_differs(
    first: list[str], second: list[str], where: tuple[int, str | None, str | None] | None
) -> None:
    found = first_token(first, second)
    expected = where and Difference(unit="token", index=where[0], first=where[1], second=where[2])
    assert found == expected


def test_texts_of_several_tokenizers_are_compared_by_character() -> None:
    assert first_character("It is 89 euros.", "It is 89 euros.") is None
    found = first_character("It is 89 euros.", "It is 98 euros.")
    assert found == Difference(unit="character", index=6, first="89 euros.", second="98 euros.")
    longer = first_character("It is", "It is so")
    assert longer == Difference(unit="character", index=5, first=None, second=" so")
    assert words(longer) == "character 5: (ended) | ' so'"


def test_a_tally_says_how_many_are_equal_and_where_the_others_part() -> None:
    apart = [Difference(unit="token", index=n, first="a", second="b") for n in (2, 9, 4)]
    found = tally([None, *apart])
    assert (found.compared, found.equal, found.share, found.median_index) == (4, 1, 0.25, 4.0)
    assert found.unit == "token"
    assert (tally([]).share, tally([None]).median_index, tally([None]).unit) == (None, None, None)
    mixed = tally([*apart, Difference(unit="character", index=90, first="a", second="b")])
    assert (mixed.equal, mixed.median_index, mixed.unit) == (0, None, None)


def side(name: str, tokenizer: str) -> Side:
    about = {"called": ("x",), "version": 1, "digest": name, "engine": "e"}
    return Side.model_validate({"name": name, "tokenizer": tokenizer} | about)


def test_sides_are_put_together_by_what_their_tokenizers_allow() -> None:
    rows = [made(1), made(2, prompt="To <EMAIL_1>?"), made(3, prompt="Long")]
    one = Said(
        side("desk/1", "t"),
        ["So.", "No.", None],
        [["So", "."], ["No", "."], None],
        [["So", "."], ["So", "."], ["So", "."]],
    )
    other = Said(side("desk/2", "u"), ["So!", "So.", "So."], [None] * 3, [None] * 3)
    requests, agreements = put_together(rows, [one, other], lambda row: "t")
    by_pair = {(found.first, found.second): found for found in agreements}
    same = by_pair["recorded", "desk/1"]
    assert (same.plain.compared, same.plain.equal) == (1, 1)  # the third was refused
    assert (same.redacted.compared, same.redacted.equal) == (1, 0)
    assert requests[1].parts["recorded | desk/1"] == Difference(
        unit="token", index=0, first="So", second="No"
    )
    # Of another tokenizer: characters.
    assert requests[0].parts["recorded | desk/2"] == Difference(
        unit="character", index=2, first=".", second="!"
    )
    assert by_pair["desk/1", "desk/2"].plain.compared == 1
    assert [found.redacted for found in requests] == [False, True, False]
    assert requests[2].answers == {"desk/1": None, "desk/2": "So."}


def test_a_sample_is_the_same_in_any_order_and_a_part_of_a_larger_one() -> None:
    rows = [made(number) for number in range(300)]
    shuffled = rows.copy()
    random.Random(3).shuffle(shuffled)
    kept: dict[tuple[str, int], list[LogRow]] = {}
    for order, some in (("as logged", rows), ("shuffled", shuffled)):
        for most in (20, 60):
            keeping = Keeping(most)
            for row in some:
                keeping.add(row, failed=False)
            kept[order, most] = keeping.sample
    assert kept["as logged", 60] == kept["shuffled", 60]
    assert len(kept["as logged", 20]) == 20
    assert {row.id for row in kept["as logged", 20]} < {row.id for row in kept["as logged", 60]}
    chosen = choose(kept["as logged", 60], 20)
    assert chosen.rows == kept["as logged", 20]
    assert (chosen.beyond, chosen.left_out) == (40, {})


def test_the_worst_failed_then_were_rated_badly_then_were_cut_then_were_slow() -> None:
    rows = [
        made(1, seconds=50.0),
        made(2, feedback={"good": 0.0}, seconds=1.0),
        made(3, finish_reason="length", seconds=2.0),
        made(4, answer="", seconds=0.1),
        made(5),  # nothing is known of it
        *(made(number, seconds=3.0 + number / 100) for number in range(10, 10 + WORST)),
    ]
    keeping = Keeping(0)
    for row in rows:
        keeping.add(row, failed=not row.answer)
    assert [row.id for row in keeping.worst][:5] == ["r4", "r2", "r3", "r1", "r29"]
    assert len(keeping.worst) == WORST
    assert keeping.sample == []


def test_what_cannot_be_asked_again_is_counted_by_its_reason() -> None:
    rows = [
        made(1),
        made(2, answer=" "),
        made(3, index="i-1"),
        made(4, hits=["page-2"]),
        made(5, truncated=True),
    ]
    chosen = choose(rows, 10)
    assert [row.id for row in chosen.rows] == ["r1"]
    assert chosen.left_out == {NO_ANSWER: 1, FROM_INDEX: 2, CUT_PROMPT: 1}


def test_a_placeholder_anywhere_in_what_was_asked_is_seen() -> None:
    turns = [
        {"role": "user", "content": "I am <PERSON_1>"},
        {"role": "assistant", "content": "Hello"},
        {"role": "user", "content": "And now?"},
    ]
    talk = made(1, prompt="And now?", messages=turns)
    assert has_placeholders(talk)
    assert conversation(talk) == turns
    hashed = made(2, prompt="To <EMAIL_0123456789abcdef>")
    assert has_placeholders(hashed)
    assert not has_placeholders(made(3, prompt="Is a < b, or <b>?", answer="<EMAIL_1>"))


def test_an_answer_is_asked_for_as_long_as_the_recorded_one_was() -> None:
    assert most_tokens(made(1, answer_tokens=12, finish_reason="length")) == 12
    assert most_tokens(made(2, answer_tokens=12, finish_reason="stop")) == 12 + ROOM
    assert most_tokens(made(3)) == UNKNOWN


def test_an_id_says_all_that_was_asked_and_the_zone_does_not_matter() -> None:
    def asked(**other: Any) -> str:
        given = {"name": "desk", "since": "2026-03-01T10:00:00Z", "until": "2026-03-01T11:00:00Z"}
        given |= {"tenant": "", "most": 5, "names": True} | other
        return Asked.model_validate(given).id

    assert asked() == asked(since="2026-03-01T11:00:00+01:00")
    assert asked().startswith("2026-03-01T1000-")
    others = [{"name": "bells"}, {"tenant": "acme"}, {"most": 6}, {"names": False}]
    assert len({asked(), *(asked(**other) for other in others)}) == 5
