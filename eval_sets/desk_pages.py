"""Pages of a shop like the demo's in which things are otherwise: what an answer is read from.

A model that knows the shop by heart must answer from the page that it is given, so that the values
of a page are drawn anew. Needs the facts (desk.py) and pages.toml in demo_desk/; wordings come from
whoever draws, those of training and of evaluation being different ones. Writes nothing.
"""

from __future__ import annotations

import random
import re
import tomllib
from collections.abc import Mapping, Sequence
from functools import cache
from importlib.resources import files
from typing import NamedTuple

from data_contracts.records import Frozen
from eval_sets.desk import Fact, load_facts

_NUMBER = re.compile(r"\d+")
_HOURS = "hours"
_YEARS = range(1890, 2020)  # in which a shop may have been founded
LEAST_FACTOR, MOST_FACTOR = 0.4, 2.5  # a figure changes within these
TABLE_ROWS = 3
Wordings = Mapping[str, Sequence[str]]


class Pages(Frozen):
    """What pages.toml holds, by attribute and by kind of thing."""

    labels: dict[str, str]
    titles: dict[str, tuple[str, ...]]
    values: dict[str, tuple[str, ...]]


class Page(NamedTuple):
    """A page's text, and the facts that it states."""

    text: str
    facts: tuple[Fact, ...]


class Drawn(NamedTuple):
    """A question's fact, drawn values by a fact's id, and the pages."""

    fact: Fact
    values: dict[str, str]
    pages: tuple[Page, ...]

    @property
    def value(self) -> str:
        """Return the drawn value of what is asked."""
        return self.values[self.fact.id]

    @property
    def passages(self) -> tuple[str, ...]:
        """Return the pages' texts."""
        return tuple(page.text for page in self.pages)

    def where(self, fact: Fact) -> tuple[int, ...]:
        """Return the numbers of the pages that state a fact."""
        return tuple(n for n, page in enumerate(self.pages, 1) if fact in page.facts)


class Drawing:
    """Draws pages in given wordings ({e} the thing, {v} the value); `held` for evaluation."""

    def __init__(self, rng: random.Random, told: Wordings, *, held: bool) -> None:
        self._rng = rng
        self._told = told
        self._side = int(held)
        self._facts = load_facts()

    def draw(self, fact: Fact, *, answerable: bool, passages: int) -> Drawn:
        """Return pages of which one or none answers what is asked of `fact`."""
        world = {one.id: self.value(one) for one in self._facts}
        same = [one for one in self._facts if one.entity == fact.entity and one.id != fact.id]
        near = [
            one
            for one in self._facts
            if one.attribute == fact.attribute and one.entity != fact.entity
        ]
        given = [self._page([fact, *self._some(same, 2)], near, world)] if answerable else []
        if same and len(given) < passages and (not given or self._rng.random() < 0.5):
            given.append(self._page(self._some(same, 3, least=1), [], world))
        entities = list(
            dict.fromkeys(one.entity for one in near or self._facts if one.entity != fact.entity)
        )
        for entity in self._rng.sample(entities, min(passages - len(given), len(entities))):
            facts = self._of(entity, fact.attribute)
            rest = [one for one in near if one.entity != entity and facts[0] in near]
            given.append(self._page(facts, rest, world))
        return Drawn(fact, world, tuple(self._rng.sample(given, len(given))))

    def shop(self, facts: Sequence[Fact]) -> tuple[dict[str, str], dict[str, str]]:
        """Return a whole shop: a page a thing by its name, and the value of each fact by its id."""
        world = {one.id: self.value(one) for one in facts}
        of: dict[str, list[Fact]] = {}
        for one in facts:
            of.setdefault(one.names[0], []).append(one)
        return {name: self._page(of[name], [], world).text for name in of}, world

    def value(self, fact: Fact) -> str:
        """Return another value than the true one, of the same form."""
        pool = [one for one in pages().values.get(fact.attribute, ()) if one != fact.value]
        if pool:
            return self._rng.choice(pool[self._side :: 2])
        if fact.attribute == _HOURS:
            return f"{self._rng.randint(6, 11)} am to {self._rng.randint(1, 10)} pm"
        number = int(_NUMBER.findall(fact.value)[0])
        if number in _YEARS and fact.value == str(number):
            return str(self._rng.choice([one for one in _YEARS if one != number]))
        least, most = max(2, int(number * LEAST_FACTOR)), max(6, int(number * MOST_FACTOR))
        drawn = self._rng.choice([one for one in range(least, most + 1) if one != number])
        return _NUMBER.sub(str(drawn), fact.value, count=1)

    def _of(self, entity: str, attribute: str) -> list[Fact]:
        """Return some facts of a thing: the attribute that is asked for, if it has it."""
        facts = [one for one in self._facts if one.entity == entity]
        first = [one for one in facts if one.attribute == attribute]
        return [*first, *self._some([one for one in facts if one not in first], 2)] or facts[:1]

    def _some(self, facts: Sequence[Fact], most: int, *, least: int = 0) -> list[Fact]:
        count = self._rng.randint(min(least, len(facts)), min(most, len(facts)))
        return self._rng.sample(list(facts), count)

    def _page(self, facts: Sequence[Fact], near: Sequence[Fact], world: Mapping[str, str]) -> Page:
        """Return a page on one thing as sentences or a list, or a table of several things."""
        title = self._rng.choice(pages().titles[facts[0].kind][self._side :: 2])
        form = self._rng.choice(("sentences", "sentences", "list", "table"))
        if form == "table" and near:
            rows = self._rows(facts[0], near)
            return Page(_table(title, facts[0].attribute, rows, world), tuple(rows))
        if form == "list":
            return Page(_list(title, facts, world), tuple(facts))
        sentences = [self._sentence(one, world[one.id]) for one in facts]
        order = self._rng.sample(sentences, len(sentences))
        return Page(f"{title}\n{' '.join(order)}", tuple(facts))

    def _rows(self, fact: Fact, near: Sequence[Fact]) -> list[Fact]:
        rows = [fact, *self._some(near, TABLE_ROWS, least=1)]
        return self._rng.sample(rows, len(rows))

    def _sentence(self, fact: Fact, value: str) -> str:
        wording = self._rng.choice(self._told[fact.attribute])
        said = wording.replace("{e}", fact.names[0]).replace("{v}", value)
        return said[:1].upper() + said[1:]


@cache
def pages() -> Pages:
    """Return what pages.toml holds."""
    path = files("eval_sets").joinpath("demo_desk", "pages.toml")
    return Pages.model_validate(tomllib.loads(path.read_text("utf-8")))


def _list(title: str, facts: Sequence[Fact], world: Mapping[str, str]) -> str:
    head = f"{title}: {facts[0].names[0]}"
    return "\n".join(
        [head, *(f"- {pages().labels[one.attribute]}: {world[one.id]}" for one in facts)]
    )


def _table(title: str, attribute: str, facts: Sequence[Fact], world: Mapping[str, str]) -> str:
    rows = [f"| {one.names[0]} | {world[one.id]} |" for one in facts]
    return "\n".join([title, f"| | {pages().labels[attribute]} |", "|---|---|", *rows])
