"""A text's language is told only where it is sure, and real English is never taken for another."""

from __future__ import annotations

import gzip
import json
from collections.abc import Iterator
from pathlib import Path

import pytest

from tasks.redaction.languages import spoken

DATA = Path(__file__).resolve().parents[4] / "shared/data"


@pytest.mark.parametrize(
    ("language", "text"),
    [
        ("de", "Guten Tag, ich habe meine Karte verloren. Können Sie mir helfen?"),
        ("fr", "Bonjour, je n'ai pas reçu ma commande et le suivi ne dit rien."),
        ("es", "Hola, quisiera devolver un producto que compré la semana pasada."),
        ("it", "Buongiorno, vorrei restituire un prodotto che non funziona."),
        ("nl", "Goedendag, ik wil graag mijn pakket terugsturen naar de winkel."),
        ("pt", "Bom dia, gostaria de devolver um produto que não funciona."),
        ("pl", "Dzień dobry, chciałbym zwrócić produkt, który nie działa."),
        ("sv", "Hej, jag vill lämna tillbaka en vara som inte fungerar."),
        ("da", "Hej, jeg hedder Kirsten Bundgaard, og min pakke er ikke kommet."),
        ("fr", "Où se trouve mon colis ?"),
        ("ja", "注文はどこにありますか"),
    ],
)
def test_a_sentence_in_another_language(language: str, text: str) -> None:
    assert spoken([text]) == [language]


@pytest.mark.parametrize(
    "text",
    [
        "ok",
        "Zdeněk Hřebíček",
        "Please send it to Łukasz Wiśniewski, ul. Długa 5, Kraków.",
        "Please call Grzegorz Brzęczyszczykiewicz from Łękołody about the invoice he wrote",
        "37 Βασιλέως Αλεξάνδρου 195\nSuite 203\nΦΑΡΜΑΚΑΣ\nKazakhstan is where it should go",
        "def groesse(breite: int, hoehe: int) -> int:\n    return breite * hoehe",
    ],
)
def test_a_name_an_address_or_code_makes_no_text_foreign(text: str) -> None:
    assert spoken([text]) == ["en"]


def test_each_text_of_a_record_has_its_own_and_a_short_one_the_records() -> None:
    german = "Wir haben Ihre Bestellung gestern erhalten und schicken sie morgen ab."
    assert spoken(["Please translate: we have received your order.", german]) == ["en", "de"]
    assert spoken([german, "Danke!"]) == ["de", "de"]
    english = "Call John Smith at once, his boss Mary Watkins knows."
    assert spoken([german, english, "Danke!"]) == ["de", "en", "de"]
    assert spoken(["Thank you so much for your help with this.", "ok"]) == ["en", "en"]


def _english() -> Iterator[str]:
    table = json.loads((DATA / "clinc150/data_full.json").read_text("utf-8"))
    yield from (text for part in ("test", "oos_test") for text, _ in table[part])
    with gzip.open(DATA / "chitchat/conversations.jsonl.gz", "rt", encoding="utf-8") as lines:
        for _, line in zip(range(500), lines, strict=False):
            yield from (one["content"] for one in json.loads(line)["messages"])
    passages = json.loads((DATA / "xquad/xquad.en.json").read_text("utf-8"))["data"]
    yield from (part["context"] for one in passages for part in one["paragraphs"])


def test_no_english_text_of_real_sets_is_taken_for_another_language() -> None:
    if not DATA.exists():
        pytest.skip("the shared real data is not here")
    texts = list(_english())
    assert len(texts) > 8000
    foreign = [text for text in texts if spoken([text]) != ["en"]]
    assert len(foreign) <= 2, foreign
