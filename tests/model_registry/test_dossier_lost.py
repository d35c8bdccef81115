"""What the champion had right is part of the signed dossier, and of no older one."""

from __future__ import annotations

from collections.abc import Callable

from model_registry.candidates import Candidate
from model_registry.dossier import Dossier, dossier_markdown, read_dossier
from model_registry.lost_cases import LostCase, LostCases
from model_registry.signing import SigningKeys
from model_registry.tracking import Registry

LOST = LostCases(
    reference="base",
    lost={"desk_facts/accuracy": 1},
    won={"desk_facts/accuracy": 3},
    cases=(
        LostCase(
            eval_set="desk_facts",
            case_id="price/tarn",
            figures=("accuracy",),
            prompt="What does the Tarn cost?",
            was="89 euros, says <PERSON_1>.",
            now="I do not know.",
        ),
    ),
)


def test_lost_cases_are_signed_with_the_dossier_and_shown_in_it(
    registry: Registry,
    register: Callable[..., Candidate],
    publish: Callable[..., Dossier],
    keys: SigningKeys,
) -> None:
    candidate = register(registry, "lost")
    before = publish(registry, candidate)
    assert before.lost is None and b'"lost"' not in before.canonical
    published = publish(registry, candidate, lost=LOST)
    assert published.identity != before.identity
    read = read_dossier(registry, candidate, keys)
    assert read == published and read.lost == LOST
    text = dossier_markdown(read)
    assert "| `desk_facts/price/tarn` | accuracy | What does the Tarn cost? |" in text
    assert "| desk_facts/accuracy | 1 | 3 |" in text and "says &lt;PERSON_1>." in text
    assert dossier_markdown(published) == text
