"""Flags on rows: the real models on real data, and attacks written by hand."""

from __future__ import annotations

import base64
import gzip
import json
import pickle
from collections import Counter
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import pytest

from data_contracts.measures import UNDETERMINED
from tasks.ingestion.flags import Flagger, build_flagger, flagger_identity
from tasks.ingestion.injection import InjectionFinder

DATA = Path(__file__).resolve().parents[4] / "shared/data"
ATTACKS = (Path(__file__).parent / "injection_attacks.txt").read_text("utf-8").splitlines()
PLAIN = ATTACKS[0]
DISGUISES: list[Callable[[str], str]] = [
    str.upper,
    lambda text: "\u200b".join(text),
    lambda text: "".join(chr(ord(one) + 0xFEE0) if one > " " else one for one in text),
    lambda text: "note: " + "".join(chr(0xE0000 + ord(one)) for one in text),
    lambda text: "see " + base64.b64encode(text.encode()).decode(),
    lambda text: "see " + text.encode().hex(),
    lambda text: text.replace(" ", "%20"),
    lambda text: "".join(f"\\u{ord(one):04x}" for one in text),
    lambda text: text.translate(str.maketrans("oieas", "01345")),
    lambda text: text.replace("Ignore", "I g n o r e"),
]


def _need_data() -> None:
    if not DATA.exists():
        pytest.skip("the shared real data is not here")


@pytest.fixture(scope="module")
def flagger() -> Flagger:
    return build_flagger()


@pytest.fixture(scope="module")
def finder() -> InjectionFinder:
    return InjectionFinder()


@pytest.fixture(scope="module")
def requests() -> list[str]:
    _need_data()
    table = json.loads((DATA / "clinc150/data_full.json").read_text("utf-8"))
    return [text for part in ("test", "oos_test") for text, _ in table[part]]


@pytest.fixture(scope="module")
def chats() -> list[list[str]]:
    _need_data()
    with gzip.open(DATA / "chitchat/conversations.jsonl.gz", "rt", encoding="utf-8") as lines:
        rows = [json.loads(line)["messages"] for _, line in zip(range(500), lines, strict=False)]
    return [[message["content"] for message in row] for row in rows]


@pytest.mark.parametrize(
    ("language", "text"),
    [
        ("en", "could you tell me where the next train leaves from"),
        ("de", "Wir haben gestern einen sehr schönen Tag am See verbracht."),
        ("fr", "Est-ce que tu peux m'aider à réparer mon vélo demain matin ?"),
        ("es", "¿Puedes decirme a qué hora sale el próximo tren a Madrid?"),
        ("ja", "明日の朝、駅まで車で送ってもらえますか。"),
        ("ru", "Скажите, пожалуйста, где находится ближайшая аптека?"),
        ("ar", "هل يمكنك أن تخبرني أين تقع أقرب محطة قطار؟"),
        (UNDETERMINED, "ok"),
        (UNDETERMINED, "7 * 6 = 42"),
        (UNDETERMINED, ""),
    ],
)
def test_languages_are_told_or_left_open(flagger: Flagger, language: str, text: str) -> None:
    assert flagger([[text]])[0].language == language


def test_english_is_english(flagger: Flagger, requests: list[str], chats: list[list[str]]) -> None:
    short = Counter(flags.language for flags in flagger([[text] for text in requests]))
    assert short["en"] > 0.94 * len(requests)
    assert short["en"] + short[UNDETERMINED] > 0.995 * len(requests)
    long = Counter(flags.language for flags in flagger(chats))
    assert long["en"] > 0.96 * len(chats)
    assert set(long) == {"en", UNDETERMINED}


def test_abuse_is_toxic_and_a_request_is_not(flagger: Flagger, requests: list[str]) -> None:
    abuse = ["you are a stupid idiot", "I will kill you and your family", "fuck off, bitch"]
    calm = "It was raining all day, so we stayed at home and played cards. " * 20
    scores = [flags.toxicity for flags in flagger([[text] for text in abuse])]
    assert min(scores) > 0.8
    assert flagger([[calm]])[0].toxicity < 0.5
    assert flagger([[calm + abuse[0], calm]])[0].toxicity > 0.8, "one sentence is enough"
    toxic = [flags for flags in flagger([[text] for text in requests]) if flags.toxicity >= 0.8]
    assert len(toxic) < 0.002 * len(requests)


def test_attacks_are_found(finder: InjectionFinder) -> None:
    missed = [text for text in ATTACKS if not finder.find(text)]
    assert len(missed) <= 0.1 * len(ATTACKS), missed


def test_no_false_alarm_on_what_people_write(
    finder: InjectionFinder, requests: list[str], chats: list[list[str]]
) -> None:
    assert not [text for text in requests if finder.find(text)]
    alarms = [text for texts in chats for text in texts if finder.find(text)]
    assert len(alarms) <= 2, alarms


@pytest.mark.parametrize("disguise", DISGUISES)
def test_disguises_are_seen_through(
    finder: InjectionFinder, disguise: Callable[[str], str]
) -> None:
    hidden = disguise(PLAIN)
    assert hidden != PLAIN
    assert finder.find(f"Notes for order 4471. {hidden}")


@pytest.mark.parametrize(
    "text",
    [
        "Please ignore my previous email, the right number is 5591.",
        "sha256 9f86d081884c7d659a2feaa0c55ad015a3bf4f1b2b0b822cd15d6c15b0f00a08",
        "data:image/png;base64,iVBORw0KGgoAAAANSUhEUgAAAAEAAAABCAYAAAAfFcSJAAAADUlEQVR42mNkYPhf",
        "System: Windows 11, 16 GB of memory",
        "Act as a travel guide for Rome and suggest three walks.",
        "I need to know if you are a bot",
        "\ud800 a lone surrogate",
        "\0",
    ],
)
def test_what_only_looks_like_an_attack_is_none(finder: InjectionFinder, text: str) -> None:
    assert finder.find(text) == ""


def test_threads_and_batches_change_nothing(flagger: Flagger, chats: list[list[str]]) -> None:
    rows = [*chats[:200], [], [""], [PLAIN]]
    at_once = flagger(rows)
    assert len(at_once) == len(rows)
    assert at_once[-1].prompt_injection == "override"
    with ThreadPoolExecutor(4) as pool:
        assert list(pool.map(flagger, [[texts] for texts in rows])) == [[one] for one in at_once]
    assert flagger([]) == []


def test_a_worker_can_be_told_what_to_build() -> None:
    assert pickle.loads(pickle.dumps(build_flagger)) is build_flagger
    assert build_flagger() is build_flagger()
    assert set(flagger_identity()) >= {"py3langid", "alt-profanity-check", "injection"}
