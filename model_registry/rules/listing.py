"""Every rule that a policy may name. A new one is a module beside this and a line here."""

from __future__ import annotations

from model_registry.rules.ceiling import Ceiling
from model_registry.rules.floor import Floor
from model_registry.rules.improves_by import ImprovesBy
from model_registry.rules.not_worse_than import NotWorseThan
from model_registry.rules.rule import Rule

RULES: dict[str, Rule] = {
    rule.name: rule
    for rule in (
        Floor(),
        Ceiling(),
        ImprovesBy(),
        NotWorseThan(),
    )
}
