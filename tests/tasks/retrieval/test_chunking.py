"""Chunks are read whole by the encoder, keep what belongs together, and lose nothing."""

from __future__ import annotations

import re
from itertools import pairwise

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from tasks.models.encoding import Encoder
from tasks.retrieval.blocks import blocks
from tasks.retrieval.chunking import Chunk, Chunking, chunk_document

_SHARED = Encoder()  # loads nothing until it is asked
GUIDE = """# Stoves

Read this first.

## Fuel
- gas for
  the winter
- alcohol

| stove | hours |
|-------|-------|
| Cinder | 2.5 |

```sh
# no heading
light --now
```

Old style
---------
Below it.

## Nothing below
"""


def cut(text: str, encoder: Encoder, tokens: int = 128, overlap: int = 0) -> list[Chunk]:
    chunking = Chunking(tokens=tokens, overlap=overlap)
    return chunk_document("d", "guide", 1, text, chunking, encoder.count)


def words(text: str) -> list[str]:
    return re.findall(r"\w+", text)


def test_blocks_are_what_markdown_means() -> None:
    found = [(one.kind, one.headings) for one in blocks(GUIDE)]
    assert found == [
        ("paragraph", ("Stoves",)),
        ("list", ("Stoves", "Fuel")),
        ("table", ("Stoves", "Fuel")),
        ("code", ("Stoves", "Fuel")),
        ("paragraph", ("Stoves", "Old style")),
        ("paragraph", ("Stoves",)),  # a heading with nothing below it
    ]


def test_blocks_under_one_heading_share_a_chunk(encoder: Encoder) -> None:
    first, second, *_ = cut(GUIDE, encoder)
    assert (first.headings, first.text) == (("Stoves",), "Read this first.")
    assert second.headings == ("Stoves", "Fuel")
    assert second.text.startswith("- gas for\n  the winter\n- alcohol\n\n| stove")
    assert "# no heading" in second.text


def test_a_cut_table_has_its_head_in_every_part(encoder: Encoder) -> None:
    rows = [f"| thing {number} | {number * 3} euros a day |" for number in range(60)]
    chunks = cut("\n".join(["| thing | price |", "|---|---|", *rows]), encoder)
    assert len(chunks) > 4
    assert all(one.text.startswith("| thing | price |\n|---|---|\n| thing") for one in chunks)
    assert [row for one in chunks for row in one.text.split("\n")[2:]] == rows


def test_one_enormous_document_loses_no_word(encoder: Encoder) -> None:
    text = " ".join(f"Sentence {number} is about ropes." for number in range(8000))
    chunks = cut(text, encoder)
    assert max(one.tokens for one in chunks) <= 128
    assert words(" ".join(one.text for one in chunks)) == words(text)
    assert sum(one.tokens for one in chunks) / len(chunks) > 90  # parts of like size, well filled


def test_a_word_longer_than_the_encoder_is_cut_within(encoder: Encoder) -> None:
    blob = "".join(f"{number:x}" for number in range(2000))
    chunks = cut(f"before {blob} after", encoder)
    assert max(one.tokens for one in chunks) <= 128
    assert "".join("".join(one.text.split()) for one in chunks) == f"before{blob}after"


def test_overlap_repeats_the_end_of_a_part(encoder: Encoder) -> None:
    text = " ".join(f"Sentence {number} is about a rope." for number in range(100))
    chunks = cut(text, encoder, overlap=16)
    assert len(chunks) > 5
    for before, after in pairwise(chunks):
        assert re.findall(r"Sentence \d+", after.text)[0] in before.text
    assert max(one.tokens for one in chunks) <= 128


def test_ids_stay_where_another_part_changes(encoder: Encoder) -> None:
    before = {one.id for one in cut(GUIDE, encoder)}
    after = {one.id for one in cut(GUIDE.replace("Read this first", "Read it last"), encoder)}
    assert len(before - after) == 1
    assert len(after - before) == 1
    twice = cut("# A\nsame\n\n# A\nsame", encoder)
    assert len({one.id for one in twice}) == len(twice)


def test_headings_that_leave_no_room_are_left_out_of_what_is_encoded(encoder: Encoder) -> None:
    long = "very long heading " * 30
    (chunk,) = cut(f"# {long}\n## Short\nText.", encoder)
    assert chunk.headings == ("Short",)


@given(st.text(alphabet=st.characters(exclude_categories=["Cs"]), max_size=1500))
@settings(max_examples=60, deadline=None, suppress_health_check=[HealthCheck.too_slow])
def test_no_text_makes_a_chunk_too_long(text: str) -> None:
    chunks = cut(text, _SHARED, tokens=32)
    sizes = _SHARED.token_ids([one.encoded for one in chunks])
    assert [len(ids) for ids in sizes] == [one.tokens for one in chunks]
    assert all(len(ids) <= 32 for ids in sizes)


@pytest.mark.parametrize("overlap", [9, 32])
def test_too_much_overlap_is_refused(overlap: int) -> None:
    with pytest.raises(ValueError, match="a quarter"):
        Chunking(tokens=32, overlap=overlap)
