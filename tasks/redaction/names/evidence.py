"""What speaks for and against a candidate being a name, and of which kind, as weights.

The evidence: what the model marked, word lists, forms of names, context and layout. No one of them
is enough to be sure; their sum is. The weights were set by hand on the tuning half of the labelled
set and on chats without labels. Pure functions.
"""

from __future__ import annotations

from collections.abc import Sequence

from tasks.redaction.names.candidates import Candidate
from tasks.redaction.names.context import context_of
from tasks.redaction.names.entities import OTHER, Entity
from tasks.redaction.names.layout import heads_letter, placed
from tasks.redaction.names.organizations import form_weight, is_compound
from tasks.redaction.names.word_lists import WordLists
from tasks.redaction.names.words import Word
from tasks.redaction.patterns import compiled

KINDS = ("PERSON", "LOCATION", "ORGANIZATION")
Weights = dict[str, float]
_MODEL = {"PERSON": 1.1, "LOCATION": 1.1, "ORGANIZATION": 0.9}
_ALONE, _AT_ODDS = 0.15, 0.4  # less for one word by itself, and for one that the lists contradict
_STRANGE = 0.3  # for a word that English does not have, with a capital amid a sentence
_ACRONYM = compiled(r"[A-Z]{2,5}s?")
_SURNAME = compiled(
    r"\w{2,}(?:sson|sen|son|ović|ovic|ević|evic|ić|ič|ová|ova|eva|enko|escu|ski|ska|sky|skaya|czyk"
    r"|wicz|dóttir|dottir|oğlu|oglu|yan|ian|shvili|dze|opoulos|akis|idis|ez|es|berg|mann|stein"
    r"|quist|ström)"
)


def name_of(
    text: str, candidate: Candidate, entities: Sequence[Entity], lists: WordLists
) -> tuple[Word, ...]:
    """Return the words of the name: with the common word before it if that is part of it."""
    opening, words = candidate.opening, candidate.words
    if opening is None:
        return words
    marked = any(
        e.kind != OTHER and e.start <= opening.start and opening.end <= e.end for e in entities
    )
    formed = form_weight([w.text for w in (opening, *words)], lists.endings) > 1.0
    if marked or formed or heads_letter(text, opening.start, words[-1].end):
        return (opening, *words)
    return words


def evidence(
    text: str,
    candidate: Candidate,
    words: Sequence[Word],
    entities: Sequence[Entity],
    lists: WordLists,
) -> list[tuple[str, Weights]]:
    """Return every source of evidence with what it says for each kind."""
    start, end = words[0].start, words[-1].end
    return [
        ("context", context_of(text, start, end)),
        ("layout", placed(text, start, end)),
        ("name list", {"PERSON": _person(words, lists), "LOCATION": _place(words, lists)}),
        ("form", _forms(words, lists)),
        ("names model", _modelled(candidate, words, entities, lists)),
        ("title", {"PERSON": 2.0} if candidate.titled else {}),
        ("unknown word", _strange(text, candidate, words, lists)),
        ("acronym", _acronym(candidate, words, lists)),
    ]


def against(
    text: str,
    candidate: Candidate,
    words: Sequence[Word],
    entities: Sequence[Entity],
    lists: WordLists,
) -> float:
    """Return what speaks against a name of any kind."""
    weight = 0.2 if candidate.guessed else 0.0
    if all(w.known for w in words):
        heading = len(words) > 1 and heads_letter(text, words[0].start, words[-1].end)
        weight += 0.1 if heading else 0.6
    if all(w.folded in lists.proper or w.folded in lists.never for w in words):
        weight += 0.3
    if any(e.kind == OTHER for e in entities):
        weight += 0.4
    return weight


def _person(words: Sequence[Word], lists: WordLists) -> float:
    first, last = words[0], words[-1]
    weight = 0.0
    if first.folded in lists.first_names:
        weight = 0.7 if first.known or first.folded in lists.places else 1.1
    elif first.folded in lists.surnames:
        weight = 0.4 if first.known else 0.6
    if len(words) > 1 and weight:
        listed = last.folded in lists.surnames or last.folded in lists.first_names
        return weight + (0.6 if listed else 0.0 if last.known else 0.5)
    if not last.known and _SURNAME.fullmatch(last.text.lower()):
        weight += 0.4
    return weight


def _place(words: Sequence[Word], lists: WordLists) -> float:
    whole = " ".join(word.folded for word in words)
    if whole in lists.places:
        return 0.6 if words[0].known and len(words) == 1 else 1.2
    if whole in lists.villages or whole.replace("-", " ") in lists.villages:
        return 0.6 if len(words) == 1 else 0.9
    return 0.4 if len(words) > 1 and words[-1].folded in lists.places else 0.0


def _forms(words: Sequence[Word], lists: WordLists) -> Weights:
    """Return what the form of a name says; "High School" and the like alone say nothing."""
    weight = form_weight([w.text for w in words], lists.endings)
    plain = all(w.known for w in words)
    if any(w.folded in lists.streets for w in words) and not plain:
        return {"LOCATION": 1.5, "ORGANIZATION": weight, "PERSON": -0.8}
    if len(words) > 1 and words[-1].folded in lists.venues:
        return {} if plain else {"LOCATION": 0.9, "ORGANIZATION": 0.7}
    alone = len(words) == 1 and not plain and not lists.names(words[0].folded)
    if alone and is_compound(words[0].folded, lists):
        return {"ORGANIZATION": 0.6 + weight, "PERSON": -0.4}
    return {"ORGANIZATION": weight / 2 if plain and weight < 2 else weight}


def _modelled(
    candidate: Candidate, words: Sequence[Word], entities: Sequence[Entity], lists: WordLists
) -> Weights:
    """Return what the model says; about one strange word by itself it guesses."""
    marked = {e.kind for e in entities if e.kind != OTHER}
    if len(words) > 1 or not marked:
        return {kind: _MODEL[kind] for kind in marked}
    name, sure = words[0].folded, not candidate.guessed
    place = name in lists.places or (name in lists.villages and sure)
    person = name in lists.first_names or name in lists.surnames
    agreeing = {
        "PERSON": person or (sure and not place),
        "LOCATION": place,
        "ORGANIZATION": sure and not (place or person),
    }
    return {k: _MODEL[k] - _ALONE - (0.0 if agreeing[k] else _AT_ODDS) for k in marked}


def _strange(text: str, candidate: Candidate, words: Sequence[Word], lists: WordLists) -> Weights:
    """Say something for every kind where a capital marks a word that English does not have."""
    if candidate.guessed or all(w.known or w.folded in lists.proper for w in words):
        return {}
    start = words[0].start
    amid = start == 0 or text[max(0, start - 4) : start].rstrip(" ")[-1:].isalnum()
    return dict.fromkeys(KINDS, _STRANGE) if len(words) > 1 or amid else {}


def _acronym(candidate: Candidate, words: Sequence[Word], lists: WordLists) -> Weights:
    """Speak against persons, and places that no list has, in "NASA" and the like."""
    if len(words) > 1 or candidate.guessed or not _ACRONYM.fullmatch(words[0].text):
        return {}
    return {"PERSON": -0.7, "LOCATION": 0.0 if words[0].folded in lists.places else -0.7}
