"""Values whose label stands elsewhere: at the head of their column, or in the question before them.

A column's label is put before each of its cells, and an answer behind its question's label, so that
what reads labels reads them there. Texts pulled apart in code (`"a" + "b"`) are put together. Pure
functions.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence

from tasks.redaction.disguises.rewriting import Edit, View, rewrite
from tasks.redaction.patterns import compiled

_MARKS = ",;\t|"
_HEAD = compiled(r"\s*[\"']?[^\W\d_][\w.#/()-]{0,30}(?: [\w.#/()-]{1,20}){0,2}(?<![.])[\"']?\s*")
_CAMEL = compiled(r"(?<=[a-z])(?=[A-Z])|_")
_NAME = "name: "
# What a column is called, and the label its cells get; the first that fits.
_COLUMNS = tuple(
    (compiled(rf"(?i)\b(?:{words})\b"), label)
    for words, label in (
        (r"passports?(?: number| no| num)?|passport id", "passport number: "),
        (r"routing(?: number| no)?|aba|sort ?code|bsb", "routing number: "),
        (r"(?:bank )?(?:account|acct)(?: number| no| num)?", "account number: "),
        (r"ssn|social security(?: number)?|social", "SSN: "),
        (r"national (?:id|number)|nid|id(?:entity)? (?:number|no|card)|personnummer|personnr|pesel"
         r"|cpf|dni|nif|bsn|nric|aadhaar|rrn|hetu|curp|citizen id", "national id: "),
        (r"tax (?:id|number|no)|tin|itin|tfn|ein|steuer ?id", "tax id: "),
        (r"nhs(?: number| no)?|medicare(?: number| no)?|mrn|(?:patient|member) (?:id|number|no)",
         "patient id: "),
        (r"driv(?:er'?s?|ing) licen[cs]e(?: number| no)?|dl(?: number| no)?", "driver licence: "),
        (r"dob|(?:date of )?birth ?(?:date|day)?|born", "date of birth: "),
        (r"phone(?: number| no)?|mobile(?: number| no)?|tel(?:ephone)?|cell|fax", "phone: "),
        (r"card(?: number| no)?|credit card|pan", "card number: "),
        (r"passw(?:or)?d|pwd", "password: "),
        (r"(?:first|last|given|family|full|middle|customer|patient|client|employee|contact|guest"
         r"|holder|account) ?name|surname|forename|(?:^(?:first|last|given|family)$)", _NAME),
    )
)  # fmt: skip
_NINE = compiled(r"\D*(?:\d\D?){9}\s*")
_LABELS = (
    r"passport|account|routing|sort code|licen[cs]e|social security|ssn|date of birth|dob|birthday"
    r"|phone|mobile|card number|tax id|member|policy number|national id|id number"
)
_ASKED = rf"\b(?:{_LABELS})(?: number| no)?"
_PLEASE = r"\s?(?:\?|pls|please|plz)[.!?]{0,2}[ \t]*\n"
_ANSWER = compiled(
    rf"(?i){_ASKED}(?P<break>{_PLEASE}"
    r"\s{0,3}(?:\[[\d:. -]{4,20}\]\s?)?(?:[^\W\d][\w .'-]{0,23}[:>]\s{1,2})?"
    r"(?:(?:yes|sure|ok|okay|it['’]?s|it is|that['’]?s)[,: ]{1,2}){0,3})(?=[A-Za-z]{0,4}[-+( ]?\d)"
)
_JOINT = compiled(r"(?<=[\w@.-])([\"'])\s{0,3}\+\s{0,3}[\"'](?=[\w@.-])")
_FORMS = frozenset(
    {"PASSPORT", "ACCOUNT", "SSN", "NATIONAL_ID", "TAX_ID", "HEALTH_ID", "LICENSE", "PHONE", "CARD"}
    | {"DATE_OF_BIRTH"}
)
_JOINED = frozenset({"EMAIL", "URL", "SECRET", "CARD", "IBAN", "SSN"})
_COLUMN = (
    r"(?:passport|routing|sort.?code|account|acct|ssn|social|national.?id|personn|pesel|tax.?id|tfn"
    r"|patient|member|licen[cs]e|birth|dob|phone|mobile|card|passw|name)[a-z_ ]{0,16}[\"']?"
)
TABLE = (
    rf"{_COLUMN}[,;|\t]|[,;|\t][\"']?[a-z_]{{0,16}}{_COLUMN}\r?\n"
    r"|\b(?:first|last|given|family)[,;|\t][a-z\"]"
)
QUESTION = _ASKED + _PLEASE
JOINED = r"[a-z0-9@.-][\"']\s{0,3}\+\s{0,3}[\"'][a-z0-9@.-]"


def table_views(text: str) -> Iterator[View]:
    """Yield readings of the tables in `text` with each column's label before its cells."""
    edits: list[Edit] = []
    labels: list[str] = []  # of the table that goes on
    mark, start = "", 0
    for line in text.splitlines(keepends=True):
        if labels and line.count(mark) == len(labels) - 1:
            edits += _labelled(line, start, mark, labels)
        else:
            mark, labels = _header(line)
        start += len(line)
    yield from rewrite(text, edits)


def _header(line: str) -> tuple[str, list[str]]:
    """Return what parts a header's cells, and each column's label; no labels if it is none."""
    mark = max(_MARKS, key=line.count)
    cells = line.split(mark)
    if len(cells) < 2 or not all(map(_HEAD.fullmatch, cells)):
        return mark, []
    labels = [_label(cell) for cell in cells]
    return mark, labels if any(labels) else []


def _label(cell: str) -> str:
    name = _CAMEL.sub(" ", cell.strip(" \t\r\n\"'"))
    return next((label for words, label in _COLUMNS if words.search(name)), "")


def _labelled(line: str, start: int, mark: str, labels: Sequence[str]) -> Iterator[Edit]:
    for cell, label in zip(line.split(mark), labels, strict=True):
        place = start + len(cell) - len(cell.lstrip(" \t\"'"))
        told = any(map(str.isdigit, cell)) or label == _NAME
        if label and told and label not in cell:  # as it is in a reading of this one
            if label == "SSN: " and not _NINE.fullmatch(cell):
                label = "personal id number: "
            yield Edit(place, place, label, "table")
        start += len(cell) + len(mark)


def answer_views(text: str) -> Iterator[View]:
    """Yield readings of `text` with answers behind what was asked for: "passport number is ..."."""
    edits = [Edit(*match.span("break"), " is ", "answer") for match in _ANSWER.finditer(text)]
    yield from rewrite(text, edits, _FORMS)


def joined_views(text: str) -> Iterator[View]:
    """Yield readings of `text` with literals that code adds together in one piece."""
    edits = [Edit(*match.span(), "", "added literals") for match in _JOINT.finditer(text)]
    yield from rewrite(text, edits, _JOINED)
