"""Names that a label, a title, a set phrase or a sign-off announces in nine languages."""

from __future__ import annotations

import pytest

from tasks.redaction.names.labelled import labelled


def _values(text: str) -> set[tuple[str, str]]:
    return {(one.kind, text[one.start : one.end]) for one in labelled(text)}


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
    ],
)
def test_words_with_a_capital_that_nothing_announces_stay(text: str) -> None:
    assert _values(text) == set()
