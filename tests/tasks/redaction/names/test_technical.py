"""Code and log lines hold no names but clear ones; data and prose beside them keep theirs."""

from __future__ import annotations

import pytest

from tasks.redaction.names.finder import NameFinder, Reading, build_name_finder
from tasks.redaction.names.technical import Place, read_code


def technical_lines(text: str) -> list[tuple[int, int]]:
    """Return where the lines stand that are code or log, in order; nothing for most texts."""
    code = read_code(text)
    ends = [*(start - 1 for start in code.starts[1:]), len(text)]
    return [
        (start, end)
        for start, end, place in zip(code.starts, ends, code.places, strict=False)
        if place is Place.CODE
    ]


@pytest.fixture(scope="module")
def finder() -> NameFinder:
    return build_name_finder()


def values(finder: NameFinder, text: str) -> list[str]:
    return [text[one.start : one.end] for one in finder.find([text])[0]]


@pytest.mark.parametrize(
    "text",
    [
        'GET /api/v2/items/7?page=2 HTTP/1.1 200 1532 "-" "Mozilla/5.0 (X11; Linux x86_64)"',
        "2024-01-15 10:30:45,123 INFO Decimal worker: InnoDB took 15 ms",
        "java.lang.IllegalStateException: Tomcat\n\tat org.apache.Catalina.start(Catalina.java:7)",
        "class MandatoryRelease(FeatureName):\n    def Open(self, File):\n        return Decimal",
        "from asyncio import Taskgroup\nraise ValueError\nfut.done()",
        "if julian is None and weekday is not None:\n    julian = strptime(weekday)",
        "let Klaus = new Pointer<Karl>(Emin);",
        "ISO/IEC 7064:2003, ISBN-10 0-306-40615-2 and 100 nF",
        "'UserDict', 'UserList', 'UserString',",
        "from numpy import (\n    Int32,\n    Float64Array,\n    FileReader, ZipReader,\n)",
        "    ops = (\n        'aaa', 'aad', 'jae', 'lea', 'popa',\n    )",
        'class Dialect(Enum):\n    TRINO = "trino"\n    CASSANDRA = "cassandra"',
        "sudo zypper pchk && setopt localoptions\nalias kd='sudo dpkg -i ./*.deb'",
        'case "$OSTYPE" in\n  darwin*)\n    cordova run\n    aws sso login -p $1\n  ;;\nesac',
        "17/06/09 20:10:41 INFO storage.MemoryStore: MemoryStore started on Bismarck",
        "2016-09-28 04:30:31, Info                  CBS    Ending TrustedInstaller initialization.",
        "03-17 16:13:38.859  2227  2227 D TextView: KeyguardViewMediator is Visible",
        "- 1117984130 2005.06.05 R37-M1-NE-C:J13-U01 2005-06-05-08.08.50.547117 R37-M1-NE-C RAS",
        '\tchild := &Command{\n\t\tUse: "firstChild",\n\t}\n\tflags.String("subFlag", "")',
        "export interface Chart {\n  fontSize: number;\n  barWidth?: number;\n  anchor: string;\n}",
        "timeouts:\n  connect: 30s\n  tcp: 30s\nmin-version: 1.2\nnvml: True\nsplit-shuffle: 1us",
        "class Tables:\n    ActionText: Table\n    RemoveFile: Table\n    JALAL: Final = 2",
        "No LoRA weights for a ViT of this rank were found.",
        "query {\n    artifactUri\n    lifecycleStage\n}",
    ],
)
def test_code_and_logs_hold_no_names(finder: NameFinder, text: str) -> None:
    assert values(finder, text) == []


# Real code of its kind, from no file that a rule was made on.
_CODE = """import mlflow
from jax import jit
class Matmul(Base):
    def fuse(self, graph: Hashable, *args, **kwargs):
        if matmul(graph) is None:
            {line}
        return self.fused[graph]
    def flush(self) -> None:
        Emin = self.context.Emin
        return Matmul(Emin)
"""


@pytest.mark.parametrize(
    "line",
    [
        'log("no producer matmul found for the reduce scatter in this graph")',
        'warn("The flush in MLflow and the AppendOnly store is now done "',
        "# Emin is what the reader of the CFLAGS and the SSLContext gives us here",
        'raise RuntimeError("It seems that the Visual Studio of this machine is too old")',
        '"write(\\nKeyboardInterrupt)"',
        "text = '<b>Name.Builtin of the TokenStream</b> and the len of it'",
    ],
)
def test_beside_code_terms_and_what_it_calls_things_by_are_no_names(
    finder: NameFinder, line: str
) -> None:
    assert values(finder, _CODE.format(line=line)) == []


@pytest.mark.parametrize(
    ("line", "value"),
    [
        ("# Marjorie Hughes from Nairobi asked for this", "Marjorie Hughes"),
        ("# Thanks to Wiebke Oltmanns for the patch that made this work", "Wiebke Oltmanns"),
        ("# Author: Steven J. Bethard", "Steven J. Bethard"),
        ('raise ValueError("ask Mr. Oltmanns about it, he knows the graph")', "Oltmanns"),
        ('user = User(name="Marjorie", city="Nairobi")', "Marjorie"),
        ('user = User(name="Marjorie", city="Nairobi")', "Nairobi"),
    ],
)
def test_beside_code_clear_names_are_found(finder: NameFinder, line: str, value: str) -> None:
    assert value in values(finder, _CODE.format(line=line))


def test_a_plainer_reading_of_code_is_code(finder: NameFinder) -> None:
    text = _CODE.format(line='self.write("\\nTaskgroup was SuspendedBy Emin\\n")')
    plain = "\nTaskgroup was SuspendedBy Emin\n"
    start = text.index("Taskgroup")
    (found,) = finder.find([text], [Reading(0, plain, start.__add__)])[1:]
    assert found == []
    assert finder.find(["We met."], [Reading(0, "Wiebke lives in Oslo.", int)])[1]


@pytest.mark.parametrize(
    ("text", "value"),
    [
        ("2024-01-15 10:30:45 INFO auth: user=Ann Lee logged in", "Ann Lee"),
        ("2024-01-15 10:30:45 INFO auth: Marjorie Hughes logged in", "Marjorie Hughes"),
        ("ERROR: customer lives in Oslo, not found", "Oslo"),
        ('author = "Ann Lee"', "Ann Lee"),
        ('{"name": "Anna", "city": "Nairobi"}', "Anna"),
        ('{"messages": [{"content": "Hi, I am Wiebke from Oslo"}]}', "Wiebke"),
        ("x = f(1)\ny = g(x)\nz = h(y)\n\nBest regards,\nWiebke Oltmanns", "Wiebke Oltmanns"),
        ("# I asked Marjorie Hughes about it\nx = f(y)", "Marjorie Hughes"),
        ("<p>Anna lives in Nairobi</p>", "Nairobi"),
        ("if you meet Marjorie (my sister), say hi:", "Marjorie"),
        ("DeShawn and McDonald met LaToya.", "DeShawn"),
        ("const order = {\n  customerName: 'Anna',\n  shipTo: x.y,\n};", "Anna"),
        ("2016-09-28 04:30:31, Info  CBS  user=Ann Lee logged in", "Ann Lee"),
        ("export OWNER=x\ngit config user.name 'Marjorie Hughes'", "Marjorie Hughes"),
        ("We flew to Turku with easyJet last year.", "easyJet"),
    ],
)
def test_clear_names_and_those_in_data_and_prose_are_found(
    finder: NameFinder, text: str, value: str
) -> None:
    assert value in values(finder, text)


@pytest.mark.parametrize(
    "text",
    [
        "[2024-01-15, 10:30:45] Anna: are you coming (or not)?",
        "my mom(: she said hi :)))",
        "let's see, well, I applied (not by choice)",
        "- Anna: bring salad; Bert: bring bread",
        "name,city\nAnna,Oslo\nBert,Turku",
        "find anna and tell her, then go home",
        "12/05/24, 10:30 - Anna: make tea or cat food?",
        "local time in oslo, set by anna",
        "go get $5 from anna & find her dog",
        "exit 12 is near anna",
        "  anna: 30\n  bert: 20",
        "  McDonald: Manager",
        "[ Anna Lee ]",
        "[2024-01-02 10:11:12] Anna: it costs 1.234 Euro.",
        "[00:01:02.345] Anna: hello",
    ],
)
def test_chats_lists_and_tables_are_no_code(text: str) -> None:
    assert technical_lines(text) == []


def test_a_line_of_code_in_a_chat_costs_no_listed_name_in_its_prose(finder: NameFinder) -> None:
    text = "if (Maya < limit){\n\nI told Maya that she can stay with us in Oslo."
    assert {"Maya", "Oslo"} <= set(values(finder, text))
