"""Names that a label, a title, a set phrase or a sign-off announces in nine languages."""

from __future__ import annotations

from unicodedata import normalize

import pytest

from tasks.redaction.names.labelled import labelled


def _values(text: str, language: str = "") -> set[tuple[str, str]]:
    languages = [language] if language else ["de", "fr", "es", "it", "nl", "pt", "pl", "sv", "da"]
    found = [one for code in languages for one in labelled(text, code)]
    return {(one.kind, text[one.start : one.end]) for one in found}


@pytest.mark.parametrize(
    ("text", "wanted"),
    [
        ("Kunde: Lukas Brandt, Ort: Köln", {("PERSON", "Lukas Brandt"), ("LOCATION", "Köln")}),
        ("Sehr geehrte Frau Dr. Meier-Lüttich, danke", {("PERSON", "Meier-Lüttich")}),
        ("Mme Lefèvre a appelé ce matin.", {("PERSON", "Lefèvre")}),
        ("Prénom : Hélène", {("PERSON", "Hélène")}),
        (
            "me llamo Carmen Ruiz y vivo en Sevilla.",
            {("PERSON", "Carmen Ruiz"), ("LOCATION", "Sevilla")},
        ),
        ("Nombre: José de la Cruz", {("PERSON", "José de la Cruz")}),
        ("Intestatario: Giulia Conti", {("PERSON", "Giulia Conti")}),
        ("Met vriendelijke groet,\n\nJan van der Berg", {("PERSON", "Jan van der Berg")}),
        ("O meu nome é João P. Silva.", {("PERSON", "João P. Silva")}),
        ("Z poważaniem,\nAnna Kowalska-Nowak", {("PERSON", "Anna Kowalska-Nowak")}),
        ("Hej, jag heter Astrid Lindqvist.", {("PERSON", "Astrid Lindqvist")}),
        ("Virksomhed: Nordhavn Smede", {("ORGANIZATION", "Nordhavn Smede")}),
        ("Hallo Lukas, wo ist die Karte?", {("PERSON", "Lukas")}),
        ("Liebe Grüße, Kathrin", {("PERSON", "Kathrin")}),
        ("Cordiali saluti\r\nElvezio Carugati", {("PERSON", "Elvezio Carugati")}),
        ("> Mit freundlichen Grüßen\n> Ulf Petersen", {("PERSON", "Ulf Petersen")}),
        ("Nom\u00a0: Delcroix", {("PERSON", "Delcroix")}),
        ("De heer Zwanenburg belde.", {("PERSON", "Zwanenburg")}),
        ("Pozdrawiam serdecznie,\nGrażyna Nowak", {("PERSON", "Grażyna Nowak")}),
    ],
)
def test_what_is_announced_is_found(text: str, wanted: set[tuple[str, str]]) -> None:
    assert _values(text) == wanted


@pytest.mark.parametrize(
    "text",
    [
        "Der Kunde hat die Rechnung nicht bezahlt.",
        "Hallo Team, wo ist die Karte?",
        "Liebe Kunden, wir sind wieder da.",
        "Guten Tag, ich möchte mein Geld zurück.",
        "Können Sie mir helfen? Die Bestellung fehlt seit Montag.",
        "Sehr geehrte Damen und Herren, die Lieferung fehlt.",
        "Le client a payé la facture.",
        "El cliente quiere devolver el Producto.",
        "Kunde: Wo ist mein Paket?",
        "Kunde: Ich wohne nicht mehr dort.",
        "Client : Bonjour\nConseiller : Bonjour, que puis-je faire ?",
        "Vielen Dank!\nDie Lieferung kam gestern.",
        "Grazie!\n\nOrdine 4471",
        "Es sind 15 m. Danach links.",
        "Herr Ober, zahlen bitte!",
        "Hallo Support, nichts geht mehr.",
    ],
)
def test_words_with_a_capital_that_nothing_announces_stay(text: str) -> None:
    assert _values(text) == set()


@pytest.mark.parametrize("text", ["Empfänger: Jörg Höß", "Viele Grüße\nBärbel Müller"])
def test_accents_that_stand_behind_their_letters(text: str) -> None:
    apart = normalize("NFD", text)
    (found,) = labelled(apart, "de")
    assert apart[found.start : found.end] == normalize("NFD", text.split(": ")[-1].split("\n")[-1])


def test_the_words_of_one_language_announce_nothing_in_another() -> None:
    assert _values("Kunde: Lukas Brandt", "de") and not _values("Kunde: Lukas Brandt", "fr")
    assert _values("Navn: Kirsten Holm", "sv"), "which is hard to tell from Danish"
    assert not _values("Kunde: Lukas Brandt", "ja")
