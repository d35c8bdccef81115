"""People in other languages: what is found, missed and destroyed, by what reads the language.

Reads public sets of labelled sentences that lie in files `LANGUAGE.SET` of the folder that
`NAME_LANGUAGES` names: tokens in lines with their tags, as UNER, GermEval 2014 and WikiANN have
them. Five sentences of a file make a record, so that a line tells its language. Three ways: as it
is by default (`strict`, which holds such rows back), `forms`, and with a model, where one of
`--models` reads the language. False words: those that were taken and are in no name that is
labelled, as a share of all words.

    NAME_LANGUAGES=FOLDER python -m tests.benchmarks.redaction.names_languages [--models MODEL]
"""

from __future__ import annotations

import argparse
import os
import re
import sys
import tempfile
from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import NamedTuple

from tasks.redaction.engine import Redactor, build_redactor
from tasks.redaction.names.by_language import languages_read
from tasks.redaction.names.model import DEFAULT_NAMES_MODEL
from tests.benchmarks.redaction.names_fit import Row
from tests.benchmarks.redaction.names_sets import TAGS, columns

FOLDER = "NAME_LANGUAGES"
TOGETHER = 5  # sentences of a record
BATCH = 64
NAMES = frozenset(kind for kinds in TAGS.values() for kind in kinds)
# Where tokens and tags stand in a line: by the ending of the file.
TOKEN_TAG = {"uner": (1, 2), "germeval": (1, 2), "wikiann": (0, 1)}


class Found(NamedTuple):
    """Of one file, read one way."""

    people: int
    found: int
    words: int
    false: int


def main(arguments: Sequence[str] | None = None) -> int:
    """Print a line for each file and way; 2 if there are no files."""
    parser = argparse.ArgumentParser(prog="names_languages", description=__doc__)
    parser.add_argument("--models", default="", help="names models beside ours: fr_core_news_md")
    parser.add_argument("--sentences", type=int, default=3000, help="of each file (%(default)s)")
    asked = parser.parse_args(arguments)
    files = sorted(Path(os.environ.get(FOLDER) or "/nowhere").glob("*.*"))
    if not files:
        print(f"{FOLDER} names no folder with files LANGUAGE.SET", file=sys.stderr)
        return 2
    ways = {way: build_redactor(unread=way) for way in ("strict", "forms")}
    models = ",".join([DEFAULT_NAMES_MODEL, asked.models]) if asked.models else ""
    read = languages_read(models) if models else frozenset[str]()
    print(f"{'set':16}{'way':8}{'people':>8}{'found':>8}{'words':>10}{'false words':>13}")
    for file in files:
        language, _, kind = file.name.partition(".")
        token, tag = TOKEN_TAG[kind]
        with tempfile.TemporaryDirectory() as scratch:
            plain = _plain(file, Path(scratch) / file.name)
            rows = [row for _, row in columns(plain, language, tag, token)][: asked.sentences]
        told = {name: measure(way, rows) for name, way in ways.items()}
        if language in read:
            told["model"] = measure(build_redactor(names_model=models, unread="forms"), rows)
        for name, one in told.items():
            found, false = one.found / max(one.people, 1), one.false / max(one.words, 1)
            shown = f"{file.name:16}{name:8}{one.people:8}{found:8.2f}{one.words:10}{false:12.2%}"
            print(shown, flush=True)
    return 0


def measure(way: Redactor, rows: Sequence[Row]) -> Found:
    """Return what one redactor finds in labelled sentences."""
    records = [list(rows[start : start + TOGETHER]) for start in range(0, len(rows), TOGETHER)]
    people = found = words = false = 0
    for start in range(0, len(records), BATCH):
        batch = records[start : start + BATCH]
        told = way.find([["\n".join(row["text"] for row in own)] for own in batch])
        for own, ((taken,),) in zip(batch, ((one,) for one in told), strict=True):
            spans = [(one.start, one.end) for one in taken if one.kind in NAMES]
            for row, place in _placed(own):
                labels = [(a + place, b + place, kinds) for a, b, kinds in row["labels"]]
                own_people = [(a, b) for a, b, kinds in labels if "PERSON" in kinds]
                people += len(own_people)
                found += sum(any(x < b and a < y for x, y in spans) for a, b in own_people)
                for word in re.finditer(r"\w[\w'’.-]*", row["text"]):
                    a, b = word.start() + place, word.end() + place
                    words += 1
                    named = any(x < b and a < y for x, y, _ in labels)
                    false += not named and any(x < b and a < y for x, y in spans)
    return Found(people, found, words, false)


def _placed(rows: Sequence[Row]) -> Iterator[tuple[Row, int]]:
    place = 0
    for row in rows:
        yield row, place
        place += len(row["text"]) + 1


def _plain(file: Path, plain: Path) -> Path:
    """Return a file whose lines are as `columns` reads them, written to `plain` where it differs.

    GermEval marks what is derived from names, too, and WikiANN has the language before each token.
    """
    if not file.name.endswith((".germeval", ".wikiann")):
        return file
    text = re.sub(r"^#\t.*$", "", file.read_text("utf-8"), flags=re.M)
    text = re.sub(r"^[a-z]{2}:(?=\S+\t)", "", text, flags=re.M)
    text = re.sub(r"\t[BI]-(?:\w+(?:deriv|part)|OTH)(?=\t)", "\tO", text)
    plain.write_text(text, "utf-8")
    return plain


if __name__ == "__main__":
    sys.exit(main())
