"""What is known of words that may be a name, each as the name of a row of the fitted weights.

The model's mark, the word lists, form, casing, the words and signs around, the rules of context and
the layout of the page. Nothing is weighed here. English only. Pure functions.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence

from tasks.redaction.names.code_words import is_labelled
from tasks.redaction.names.context import lists_companies, rules_around
from tasks.redaction.names.entities import OTHER
from tasks.redaction.names.layout import placed
from tasks.redaction.names.organizations import PARTNERS, form_of, is_compound
from tasks.redaction.names.technical import Place
from tasks.redaction.names.units import Unit
from tasks.redaction.names.word_lists import WordLists
from tasks.redaction.names.words import Word
from tasks.redaction.patterns import compiled

_LABELS = {"PERSON": "PERSON", "LOCATION": "GPE", "ORGANIZATION": "ORG", OTHER: "NORP"}
_ACRONYM = compiled(r"[A-Z]{2,5}s?")
_SURNAME = compiled(
    r"\w{2,}(?:sson|sen|son|ović|ovic|ević|evic|ić|ič|ová|ova|eva|enko|escu|ski|ska|sky|skaya|czyk"
    r"|wicz|dóttir|dottir|oğlu|oglu|yan|ian|shvili|dze|opoulos|akis|idis|ez|es|berg|mann|stein"
    r"|quist|ström)"
)
_HEADLINE, _LONG_WORD = 0.7, 4
_MANY = 4
_PARTNERS = 3


def features(text: str, unit: Unit, lists: WordLists) -> list[str]:
    """Return what is known of a unit."""
    words = unit.words
    pattern = _pattern(words, lists)
    shape = _shape(words)
    found = ["any", f"n{min(len(words), _MANY)}", f"w:{pattern}", f"s:{shape}"]
    found += _marked(unit, pattern, shape)
    found += _listed(words, lists)
    found += _formed(words, lists)
    if len(words) >= _PARTNERS and PARTNERS.fullmatch(text, unit.start, unit.end):
        found.append("form: partners")
    found += _around(text, unit, lists)
    found += [rule.name for rule in rules_around(text, unit.start, unit.end)]
    if lists_companies(text, unit.start):
        found.append("companies listed")
    found += [f"layout: {what}" for what in placed(text, unit.start, unit.end)]
    found += _stands(text, unit)
    return found


def _marked(unit: Unit, pattern: str, shape: str) -> Iterator[str]:
    """Say what the model marked, and how well the mark fits what the lists and the form say."""
    if not unit.marks:
        yield "m:none"
        yield f"m:none:{pattern}"
        yield f"m:none:{shape}"
        return
    best = max(unit.marks, key=lambda mark: min(mark[2], unit.last) - max(mark[1], unit.first))
    label = best[0].label or _LABELS[best[0].kind]
    cover = f"{_sign(best[1] - unit.first)}{_sign(best[2] - unit.last)}"
    yield f"m:{label}"
    yield f"m:{label}:{cover}"
    yield f"m:{label}:n{min(unit.last - unit.first + 1, _MANY)}"
    yield f"m:{label}:{pattern}"
    yield f"m:{label}:{shape}"
    for other in unit.marks:
        if other is not best:
            yield f"also:{other[0].label or _LABELS[other[0].kind]}"


def _sign(number: int) -> str:
    return "<" if number < 0 else ">" if number > 0 else "="


def _code(word: Word, lists: WordLists) -> str:
    folded = word.folded
    code = "f" if folded in lists.first_names else ""
    code += "s" if folded in lists.surnames else ""
    code += "p" if folded in lists.places else "v" if folded in lists.villages else ""
    code += "r" if folded in lists.proper else "t" if folded in lists.never else ""
    code += "k" if word.known else ""
    return code or "u"


def _pattern(words: Sequence[Word], lists: WordLists) -> str:
    if len(words) == 1:
        return _code(words[0], lists)
    return f"{_code(words[0], lists)}_{_code(words[-1], lists)}"


def _shape(words: Sequence[Word]) -> str:
    if len(words) > 1:
        capitals = all(word.text.isupper() for word in words)
        return "CAPS" if capitals else "small" if words[0].text.islower() else "many"
    text = words[0].text
    if text.islower():
        return "small"
    if _ACRONYM.fullmatch(text):
        return f"acronym{min(len(text), _MANY)}"
    if text.isupper():
        return "CAPS" if text.isalpha() else "CAPS."
    if any(char.isdigit() for char in text):
        return "digit"
    if not text[1:].islower():
        return "Mixed"
    return "Short" if len(text) < _MANY else "Title"


def _listed(words: Sequence[Word], lists: WordLists) -> Iterator[str]:
    whole = " ".join(word.folded for word in words)
    if whole in lists.places:
        yield "whole:place"
    elif whole in lists.villages or whole.replace("-", " ") in lists.villages:
        yield "whole:village"
    known = sum(word.known for word in words)
    yield "known:all" if known == len(words) else "known:some" if known else "known:none"
    for sign in _code(words[0], lists):
        yield f"first:{sign}"
    if len(words) > 1:
        for sign in _code(words[-1], lists):
            yield f"last:{sign}"


def _formed(words: Sequence[Word], lists: WordLists) -> Iterator[str]:
    yield from (f"form: {what}" for what in form_of([word.text for word in words], lists.endings))
    if words[-1].known:
        yield f"ends={words[-1].folded}"
    if words[0].known and len(words) > 1:
        yield f"begins={words[0].folded}"
    yield from _made_of(words, [word.folded for word in words], lists)


def _made_of(words: Sequence[Word], folded: Sequence[str], lists: WordLists) -> Iterator[str]:
    if any(word in lists.streets for word in folded):
        yield "street"
    if len(words) > 1 and folded[-1] in lists.venues:
        yield "venue"
    if "of" in folded:
        yield f"{folded[0] if words[0].known else 'x'} of"
    elif any(word.islower() for word in (one.text for one in words[1:-1])):
        yield "joined"
    if not words[-1].known and _SURNAME.fullmatch(words[-1].text.lower()):
        yield "form:surname"
    if len(words) == 1:
        yield from _alone(words[0], lists)


def _alone(word: Word, lists: WordLists) -> Iterator[str]:
    if word.folded in lists.short_places:
        yield "short place:" + ("CAPS" if word.text.isupper() else "other")
    if not word.known and not lists.names(word.folded):
        if is_compound(word.folded, lists):
            yield "form:compound"
        yield f"tail:{word.folded[-2:]}"


def _around(text: str, unit: Unit, lists: WordLists) -> Iterator[str]:
    """Say which words and signs stand before and behind: common words as they are."""
    words, first, last = unit.sentence.words, unit.first, unit.last
    before = (
        text[words[first - 1].end : unit.start]
        if first
        else text[max(0, unit.start - 2) : unit.start]
    )
    behind = text[unit.end : words[last + 1].start] if last + 1 < len(words) else ""
    if first:
        yield f"gap<{before.strip()[:3]}"
        yield f"before={_said(words[first - 1], lists)}"
        if not before.strip() and first > 1:
            yield f"before2={_said(words[first - 2], lists)}"
    else:
        yield f"gap<^{before.strip()[-1:]}"
    if last + 1 < len(words):
        yield f"gap>{behind.strip()[:3]}"
        yield f"behind={_said(words[last + 1], lists)}"
        if not behind.strip() and last + 2 < len(words):
            yield f"behind2={_said(words[last + 2], lists)}"
    else:
        end = unit.sentence.start + len(unit.sentence.text)
        yield f"gap>${text[unit.end : end].strip()[:2]}"


def _said(word: Word, lists: WordLists) -> str:
    """Return a common word as it is, and of another what the lists say."""
    if word.known or word.folded in lists.titles:
        return f"{word.folded}" if not word.capital else f"{word.folded}^"
    if word.text[0].isdigit():
        return "#"
    return f"@{_code(word, lists)}{'^' if word.capital else ''}"


def _stands(text: str, unit: Unit) -> Iterator[str]:
    sentence = unit.sentence
    if unit.opening:
        yield "opening"
    if unit.titled:
        yield "titled"
    if unit.marked_only:
        yield "marked only"
    if sentence.place is Place.CODE:
        yield "in code"  # where only what is clear is weighed
    elif sentence.place is not Place.PROSE:
        yield "beside code"
    if is_labelled(text, unit.start):
        yield "labelled"
    others = [
        word
        for number, word in enumerate(sentence.words)
        if len(word.text) >= _LONG_WORD and not unit.first <= number <= unit.last
    ]
    if len(unit.words) == len(sentence.words):
        yield "all there is"
    elif sum(word.capital for word in others) > _HEADLINE * len(others):
        yield "headline"
    if sentence.guessed and any(
        word.text.isupper() and len(word.text) > 1 for word in sentence.words
    ):
        yield "shouted"
