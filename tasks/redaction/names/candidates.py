"""Picks the words of a sentence that may together be a name. Pure functions."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass

from tasks.redaction.names.code_words import (
    is_called,
    is_clear,
    is_identifier,
    is_labelled,
    is_used,
)
from tasks.redaction.names.layout import heads_letter, is_address
from tasks.redaction.names.technical import Code, Place
from tasks.redaction.names.word_lists import WordLists
from tasks.redaction.names.words import Word, is_guessed, read_words, shown, starts_place
from tasks.redaction.patterns import compiled

_GAP = compiled(r"[ \t]|-| - |\.[ \t]?| ?& ?|, (?=(?i:inc|llc|ltd|l\.l\.c|co|corp|plc|jr|sr)\b)")
_LABEL = 3  # words of a line in capitals that may be a place in an address
_LOOSE = 3  # small words that may stand between two capitals
_JOINERS = ("of", "and", "the", "for")
_OPENERS = "\"“‘'([{>*•:–—-"  # what a sentence may start behind
_STATE = compiled(r"[A-Z]{2,3}")  # behind a place: "Calgary AB"
_CODE = compiled(
    r"\d.*\d.*\d.*\d|^www\."
    r"|\.(?:java|py|js|jsx|ts|tsx|c|cc|cpp|h|hpp|cs|go|rs|rb|php|kt|swift|txt|csv|json|xml|html|css"
    r"|md|rst|pdf|docx?|xlsx?|png|jpe?g|gif|svg|sh|ps1|bat|ya?ml|sql|log|exe|dll|jar|cfg|ini|toml"
    r"|lock|zip|gz|tar|ipynb|proto|mp3|mp4)$"
    r"|^[A-Za-z]{1,3}/[a-z]{1,4}$"  # a unit: B/op
)
_ENUMERATED = compiled(r"(?: and|,) [A-Z]")
_QUOTES = ("'", '"')
_SIGN_OFF = 40  # characters
_SIGNED = compiled(r"[A-Za-z],[ \t]*\n[ \t\n]*\Z")  # "Cheers,", and below it the name
_LINE_ENDS = compiled(r"[ \t.]*(?:\n|\Z)")
_KEY = compiled(r"[a-z][A-Z]\w*[\"'] ?:")  # "FirstName": the key of a value
_NOT_PROSE = ("@", "://", "/", "_")


@dataclass(frozen=True, slots=True)
class Candidate:
    """Words that may be a name.

    `opening`: a common word before them, whose capital may come from starting the sentence.
    `guessed`: the capitals are ours, not the writer's. `titled`: "Mr" or the like stands before.
    """

    words: tuple[Word, ...]
    opening: Word | None
    guessed: bool
    titled: bool

    @property
    def start(self) -> int:
        """Return where it starts in its text."""
        return self.words[0].start

    @property
    def end(self) -> int:
        """Return where it ends in its text."""
        return self.words[-1].end


@dataclass(frozen=True, slots=True)
class Sentence:
    """One sentence as it is read: `text` has the capitals that a careful writer would have put.

    `guessed`: its case says nothing, all small or all capitals.
    """

    start: int
    text: str
    words: Sequence[Word]
    candidates: tuple[Candidate, ...]
    place: Place
    guessed: bool


def read_sentence(text: str, start: int, end: int, lists: WordLists, code: Code) -> Sentence | None:
    """Return what could be names in `text[start:end]`; None if nothing could.

    In code or log (`code` says what is), only what is clearly a name could be one; beside code, no
    word could that is written as an identifier or used as one.
    """
    piece, place = text[start:end], code.place(start)
    guessed = is_guessed(piece)
    words = read_words(text, start, end, guessed, lists)
    label = guessed and piece.isupper() and 0 < len(words) <= _LABEL
    if label and is_address(text, words[0].start, words[-1].end):
        words = [word._replace(capital=not word.folded[0].isdigit()) for word in words]
    words = [
        word._replace(capital=False)
        if word.capital
        and not _CODE.search(word.text)  # which takes what stands beside it along
        and (
            is_identifier(word, lists, technical=place is not Place.PROSE) or is_called(text, word)
        )
        else word
        for word in words
    ]
    runs = [run for run in _runs(text, words, lists) if run and is_prose(text, run)]
    read = (_candidate(text, run, words[0], guessed, lists) for run in runs)
    candidates = tuple(
        one for one in read if one is not None and _may_stand(text, one, place, lists, code)
    )
    if not candidates:
        return None
    return Sentence(start, shown(piece, start, words, guessed), words, candidates, place, guessed)


def _may_stand(text: str, one: Candidate, place: Place, lists: WordLists, code: Code) -> bool:
    if place is Place.CODE:
        return is_clear(text, one.words, lists)
    if place is Place.PROSE and not code.identifiers:
        return True
    small = place is Place.BESIDE_CODE and len(one.words) == 1 and one.words[0].text.islower()
    if not small and not is_used(one.words, lists, code, place):
        return True
    return one.titled or is_labelled(text, one.start)


def _runs(text: str, words: Sequence[Word], lists: WordLists) -> Iterator[list[Word]]:
    """Yield words with capitals that stand together, and the small words between them."""
    run: list[Word] = []
    loose: list[Word] = []  # small words, drawn in if a capital follows
    for number, word in enumerate(words):
        if run and (
            not _GAP.fullmatch(text, (loose or run)[-1].end, word.start)
            or _goes_on(run[-1], word, lists)
        ):
            yield run
            run, loose = [], []
        if word.capital and _may_name(words, number, lists):
            if loose and not _binds(run[-1], loose, word, lists):
                yield run
                run, loose = [], []
            run += [*loose, word]
            loose = []
        elif run and len(loose) < _LOOSE and _may_bind(word, lists):
            loose.append(word)
        elif run:
            yield run
            run, loose = [], []
    yield run


def _goes_on(last: Word, word: Word, lists: WordLists) -> bool:
    """Tell whether the next thing said begins: "i saw tom So what?" """
    return last.text.islower() and not word.text.islower() and word.text.lower() in lists.alone


def _may_name(words: Sequence[Word], number: int, lists: WordLists) -> bool:
    word = words[number].folded
    if word not in lists.never or word in lists.titles or starts_place(words, number, lists):
        return True
    before = words[number - 1] if number else None
    if before is not None and before.folded in lists.titles and before.folded != word:
        return words[number].text.istitle()  # "Ms. Ma"
    return _is_given(before, words[number : number + 2], lists)


def _is_given(before: Word | None, two: Sequence[Word], lists: WordLists) -> bool:
    """Tell a month that is a first name: "April Rivers", not "in April Paris"."""
    if len(two) < 2 or two[0].folded not in lists.months_given:
        return False
    surname = two[1].folded in lists.surnames or not two[1].known
    named = surname and two[1].capital and two[1].folded not in lists.never
    return named and (before is None or before.folded not in lists.dating)


def _may_bind(word: Word, lists: WordLists) -> bool:
    return not word.capital and (word.folded in lists.particles or word.folded in _JOINERS)


def _binds(left: Word, loose: list[Word], right: Word, lists: WordLists) -> bool:
    """Tell whether small words between two capitals are part of a name: "Anna van der Berg"."""
    if all(word.folded in lists.particles for word in loose):
        return True
    if loose[0].folded == "and":
        return len(loose) == 1 and right.folded in lists.houses
    return loose[0].folded in ("of", "for") and left.folded.rstrip("s") in lists.heads


def is_prose(text: str, run: Sequence[Word]) -> bool:
    """Tell words in prose from parts of an e-mail or web address, and from long codes."""
    before = text[max(0, run[0].start - 3) : run[0].start]
    behind, next_ = text[run[-1].end : run[-1].end + 1], text[run[-1].end + 1 : run[-1].end + 2]
    glued = bool(behind) and (behind in "_=" or (behind == "@" and next_.isalnum()))
    if before.endswith(_NOT_PROSE) or glued:
        return False
    if before.endswith("=") and not is_labelled(text, run[0].start):
        return False
    if behind in _QUOTES and len(run) == 1 and _KEY.search(text[run[0].start : run[0].end + 3]):
        return False
    return not any(_CODE.search(word.text) for word in run)


def _candidate(
    text: str, run: list[Word], first: Word, guessed: bool, lists: WordLists
) -> Candidate | None:
    titled = False
    while run and run[0].folded in lists.titles:
        run, titled = run[1:], True
    opening = None
    if run and not titled and not guessed and _only_opens(text, run, first, lists):
        opening, run = run[0], run[1:]
    while run and run[0].folded in lists.particles and not run[0].capital:
        run = run[1:]
    if len(run) > 1 and not guessed and _STATE.fullmatch(run[-1].text):
        run = run[:-1]
    alone = len(run) == 1 and not titled
    if not run or (alone and (run[0].text.lower() in lists.alone or _is_letter(run[0].text))):
        return None
    return Candidate(tuple(run), opening, guessed or run[0].text.islower(), titled)


def _is_letter(word: str) -> bool:
    """Tell a letter by itself, which names nobody, from a sign that is a word, as in Chinese."""
    return len(word) == 1 and word < "\u2e80"


def _only_opens(text: str, run: Sequence[Word], first: Word, lists: WordLists) -> bool:
    """Tell whether a common word has its capital only for opening a sentence."""
    word = run[0]
    if not word.known or word.folded in lists.first_names:
        return False
    if _SIGNED.search(text, max(0, word.start - _SIGN_OFF), word.start) and _LINE_ENDS.match(
        text, run[-1].end
    ):
        return False
    if (
        word is not first
        and text[max(0, word.start - 4) : word.start].rstrip(" ")[-1:] not in _OPENERS
    ):
        return False
    if len(run) > 1 and " ".join(one.folded for one in run) in lists.places:
        return False
    if word.folded in lists.surnames and _ENUMERATED.match(text, word.end):
        return False
    if heads_letter(text, word.start, run[-1].end):
        return False
    return not is_address(text, word.start, word.end)
