"""Converts public labelled sets to one form, in which the names in them can be measured.

    python -m tests.benchmarks.redaction.names_sets SOURCES OUT

SOURCES holds the files of the public repositories (`docs/redaction.md` names them, their licences
and commits), a folder each; those that are not there are left out. OUT gets one JSONL file for each
set and half, `SET.tuning.jsonl` and `SET.held.jsonl`: `text`, `genre`, and `labels` as [start, end,
kinds]. A label with several kinds may be any of them (an artist is a person or a band, a hotel a
place or a firm); one without any is neither right nor wrong when it is found (a handle, what a set
labels without regard to its sense). Halves are the sets' own where they have some; whole sets are
held back too, so that whole genres are unseen.
"""

from __future__ import annotations

import csv
import hashlib
import json
import re
import sys
from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import Any

from tests.benchmarks.redaction.names_kinds import ANY, GUM, SLOTS, TAGS

Label = tuple[int, int, list[str]]
Row = dict[str, Any]
_GLUED_LEFT = re.compile(r"[.,!?;:)\]}%…]+|['’](?:s|re|ve|ll|d|m|S)|n['’]t|''")
_GLUED_RIGHT = frozenset("([{$#@")
_SLOT = re.compile(r"\[(\w+) : ([^\]]*)\]")
_OPENS = re.compile(r"\((\d+)-(\w+)-")
_SPOKEN = ("conversation", "court", "interview", "podcast", "speech", "vlog")


def half_of(key: str) -> str:
    """Return the half that a document belongs to, by its name."""
    return "tuning" if hashlib.sha256(key.encode()).digest()[0] % 2 else "held"


def row(genre: str, text: str, labels: Sequence[Label]) -> Row:
    """Return a row of the common form."""
    return {"genre": genre, "text": text, "labels": [list(one) for one in labels]}


def joined(tokens: Sequence[str], tags: Sequence[str]) -> tuple[str, list[Label]]:
    """Return tokens as a sentence, with blanks where English writes them, and its labels."""
    text, labels, quoted = "", list[Label](), False
    last, glue = "O", True
    for token, tag in zip(tokens, tags, strict=True):
        closes = token in ('"', "''") and quoted
        if not glue and not closes and not _GLUED_LEFT.fullmatch(token):
            text += " "
        start = len(text)
        text += token
        glue = token in _GLUED_RIGHT or (token in ('"', "``") and not quoted)
        quoted = quoted ^ (token in ('"', "``", "''"))
        kind = tag[2:]
        if kind in TAGS and (tag[0] == "B" or last[2:] != kind):
            labels.append((start, len(text), TAGS[kind]))
        elif kind in TAGS:
            labels[-1] = (labels[-1][0], len(text), labels[-1][2])
        last = tag
    # A handle names an account.
    return text, [(s, e, ANY if "@" in text[max(0, s - 1) : e] else k) for s, e, k in labels]


def columns(path: Path, genre: str, tag: int, token: int = 0) -> Iterator[tuple[str, Row]]:
    """Read a file of tokens in lines; yield each sentence with its document's name."""
    document, tokens, tags, own = f"{path.stem}-0", list[str](), list[str](), ""
    for number, line in enumerate([*path.read_text("utf-8", "replace").splitlines(), ""]):
        if line.startswith(("# newdoc", "-DOCSTART-")):
            document = f"{path.stem}-{number}"
        elif line.startswith("# text = "):
            own = line.removeprefix("# text = ")
        cells = re.split(r"\t| (?=[BIO](?:-|\\?$))", line.rstrip("\\"))
        if len(cells) > tag and not line.startswith(("# ", "-DOCSTART-")):
            tokens.append(cells[token].strip())
            tags.append(cells[tag].strip())
        elif not line.strip(" \\") and tokens:
            text, labels = placed(own, tokens, tags) if own else joined(tokens, tags)
            yield document, row(genre, text, labels)
            tokens, tags, own = [], [], ""


def placed(text: str, tokens: Sequence[str], tags: Sequence[str]) -> tuple[str, list[Label]]:
    """Return the labels of a sentence whose text is known."""
    labels, end, last = list[Label](), 0, "O"
    for token, tag in zip(tokens, tags, strict=True):
        start = text.index(token, end) if token in text[end:] else end
        end = start + len(token)
        kind = tag[2:]
        if kind in TAGS and (tag[0] == "B" or last[2:] != kind):
            labels.append((start, end, TAGS[kind]))
        elif kind in TAGS:
            labels[-1] = (labels[-1][0], end, labels[-1][2])
        last = tag
    return text, labels


def gum(path: Path) -> Row:
    """Read a document of GUM: an entity is named where its head is a proper noun.

    The name is what of it stands together: proper nouns, and small words between them.
    """
    genre = path.stem.split("_")[1]
    text, labels = "", list[Label]()
    tokens = list[tuple[int, int, str]]()
    opened = list[tuple[str, str, int]]()
    for line in path.read_text("utf-8").splitlines():
        if line.startswith(("# newpar", "# newdoc")):
            text = text.rstrip() + "\n" if text else ""
        cells = line.split("\t")
        if len(cells) != 10 or not cells[0].isdigit():
            continue
        tokens.append((len(text), len(text) + len(cells[1]), cells[3]))
        text += cells[1] + ("" if "SpaceAfter=No" in cells[9] else " ")
        marks = re.search(r"Entity=([^|]+)", cells[9])
        for mark in re.findall(r"\(\d+-\w+[^()]*\)?|\d+\)", marks[1]) if marks else ():
            if head := _OPENS.match(mark):
                opened.append((head[1], head[2], len(tokens) - 1))
            if mark.endswith(")"):
                number = re.match(r"\(?(\d+)", mark)
                assert number
                place = next(n for n in reversed(range(len(opened))) if opened[n][0] == number[1])
                _, kind, first = opened.pop(place)
                name = _name(tokens, first)
                if kind in GUM and name:
                    labels.append((*name, GUM[kind]))
    spoken = "transcripts" if genre in _SPOKEN else "prose of many genres"
    return row(spoken if path.stem.startswith("GUM") else "genres unseen", text, outermost(labels))


def _name(tokens: Sequence[tuple[int, int, str]], first: int) -> tuple[int, int] | None:
    own = list(tokens[first:])
    while own and own[0][2] in ("DET", "ADJ", "NOUN", "PUNCT", "NUM", "PRON"):
        own = own[1:]
    name = list[tuple[int, int, str]]()
    for token in own:
        if token[2] not in ("PROPN", "ADP", "DET", "CCONJ", "NUM"):
            break
        name.append(token)
    while name and name[-1][2] != "PROPN":
        name.pop()
    return (name[0][0], name[-1][1]) if name and name[0][2] == "PROPN" else None


def outermost(labels: Sequence[Label]) -> list[Label]:
    """Return labels without those that lie in another."""
    kept = list[Label]()
    for one in sorted(labels, key=lambda label: (label[0], -label[1])):
        if not kept or one[0] >= kept[-1][1]:
            kept.append(one)
    return kept


def dialogues(path: Path) -> Iterator[Row]:
    """Read dialogues of SGD, every second one in small letters."""
    for number, dialogue in enumerate(json.loads(path.read_text("utf-8"))):
        text, labels = "", list[Label]()
        for turn in dialogue["turns"]:
            text += "\n\n" if text else ""
            for frame in turn["frames"]:
                for slot in frame["slots"]:
                    hotel = slot["slot"] == "place_name"
                    kinds = SLOTS.get("place_name_" if hotel else slot["slot"])
                    if kinds is not None:
                        start = len(text) + slot["start"]
                        labels.append((start, len(text) + slot["exclusive_end"], kinds))
            text += turn["utterance"]
        small = number % 2 == 1
        genre = "chat, lower case" if small else "chat"
        yield row(genre, text.lower() if small else text, outermost(labels))


def commands(path: Path) -> Iterator[Row]:
    """Read voice commands of NLU-Evaluation-Data."""
    with path.open(encoding="utf-8") as file:
        for line in csv.DictReader(file, delimiter=";"):
            text, labels, end = "", list[Label](), 0
            marked = line["answer_annotation"] or ""
            for match in _SLOT.finditer(marked):
                text += marked[end : match.start()]
                if match[1] in SLOTS:
                    labels.append((len(text), len(text) + len(match[2]), SLOTS[match[1]]))
                text, end = text + match[2], match.end()
            yield row("voice commands", text + marked[end:], labels)


def requests(path: Path) -> Iterator[Row]:
    """Read requests of SNIPS."""
    for rows in json.loads(path.read_text("utf-8", "replace")).values():
        for one in rows:
            text, labels = "", list[Label]()
            for part in one["data"]:
                kinds = SLOTS.get(part.get("entity", ""))
                if kinds is not None:
                    labels.append((len(text), len(text) + len(part["text"]), kinds))
                text += part["text"]
            yield row("requests", text, labels)


def questions(path: Path) -> Iterator[Row]:
    """Read questions to a bank or a hotel, of NLU++."""
    for one in json.loads(path.read_text("utf-8")):
        slots = one.get("slots", {}).items()
        labels = [(*value["span"], SLOTS[name]) for name, value in slots if name in SLOTS]
        yield row("banking and hotel chat", one["text"], labels)


def small(rows: Sequence[Row], genre: str, *, capitals: bool) -> list[Row]:
    """Return rows in small letters, or in capitals, where that keeps every place."""
    return [
        {**one, "genre": genre, "text": text}
        for one in rows
        if len(text := one["text"].upper() if capitals else one["text"].lower()) == len(one["text"])
    ]


def sets(root: Path) -> Iterator[tuple[str, str, list[Row]]]:
    """Yield each set's name, half and rows."""
    for half, name in (("tuning", "dev"), ("held", "test")):
        yield "ewt", half, [
            one for path in (root / "uner_ewt").glob(f"*-{name}.iob2")
            for _, one in columns(path, "mail and web", 2, 1)
        ]  # fmt: skip
    pud = [r for p in (root / "uner_pud").glob("*.iob2") for _, r in columns(p, "news", 2, 1)]
    yield "pud", "held", pud
    for half in ("tuning", "held"):
        yield "wikigold", half, [
            one for path in (root / "wikigold").glob("*.txt")
            for document, one in columns(path, "encyclopaedia", 1) if half_of(document) == half
        ]  # fmt: skip
    for half, topics in (("tuning", ("politics", "science")), ("held", ("music", "literature"))):
        yield "crossner", half, [
            one for topic in topics
            for path in sorted((root / "crossner/ner_data" / topic).glob("*.txt"))
            for _, one in columns(path, "encyclopaedia", 1)
        ]  # fmt: skip
    for half, parts in (("tuning", "abeh"), ("held", "fg")):
        yield "btc", half, [
            one for part in parts for path in (root / "btc").glob(f"{part}.conll")
            for _, one in columns(path, "short messages", 1)
        ]  # fmt: skip
    wnut = (root / "wnut17").glob("emerging.test.annotated")
    yield "wnut17", "held", [r for p in wnut for _, r in columns(p, "short messages", 1)]
    split = root / "gum/splits.md"
    held = re.split(r"## train", split.read_text())[0] if split.exists() else ""
    documents = sorted((root / "gum/dep").glob("*.conllu"))
    for half in ("tuning", "held"):
        yield "gum", half, [
            gum(path) for path in documents if "_reddit_" not in path.stem
            and ((path.stem in held or path.stem.startswith("GENTLE")) == (half == "held"))
        ]  # fmt: skip
    for half, part in (("tuning", "dev"), ("held", "test")):
        paths = sorted((root / "sgd" / part).glob("dialogues_*.json"))
        yield "sgd", half, [one for path in paths for one in list(dialogues(path))[1::3]]
    for half, part in (("tuning", "trainset"), ("held", "testset/csv")):
        paths = sorted((root / "nlueval" / part).glob("*.csv"))
        yield "nlueval", half, [one for path in paths for one in commands(path)]
    for half, part in (("tuning", "train_*[a-z].json"), ("held", "validate_*.json")):
        paths = [p for p in sorted((root / "snips").rglob(part)) if "_full" not in p.stem]
        yield "snips", half, [one for path in paths for one in requests(path)]
    folds = sorted((root / "polyai/nlupp/data").glob("*/fold*.json"))
    yield "nlupp", "held", [one for path in folds for one in questions(path)]
    for half, part in (("tuning", "train"), ("held", "test")):
        yield "banking77", half, [
            row("banking questions, no names", line["text"], ())
            for path in (root / "polyai/banking_data").glob(f"{part}.csv")
            for line in csv.DictReader(path.open(encoding="utf-8"))
        ]  # fmt: skip


def main() -> None:
    """Write every set, and small-letter and capital copies of prose."""
    root, out = Path(sys.argv[1]), Path(sys.argv[2])
    out.mkdir(parents=True, exist_ok=True)
    for name, half, rows in sets(root):
        every = [(name, rows)]
        if name in ("ewt", "pud", "wikigold"):
            every.append((f"{name}-small", small(rows, "prose, lower case", capitals=False)))
            every.append((f"{name}-capitals", small(rows[::4], "prose, capitals", capitals=True)))
        for title, own in every:
            if own:
                lines = [json.dumps(one, ensure_ascii=False) for one in own]
                (out / f"{title}.{half}.jsonl").write_text("\n".join(lines) + "\n", "utf-8")
                labels = sum(len(one["labels"]) for one in own)
                print(f"{title:18} {half:7} {len(own):6} texts {labels:6} labels")


if __name__ == "__main__":
    main()
