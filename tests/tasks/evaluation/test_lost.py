from __future__ import annotations

import json
from pathlib import Path

import pytest

from data_contracts.errors import InputError
from eval_sets.loading import load_eval_set
from eval_sets.types import EvalSet
from model_registry.lost_cases import LostCases, lost_markdown
from model_registry.scorecard import Role
from tasks.evaluation.comparison import build_scorecard
from tasks.evaluation.lost import LISTED, list_lost, read_lost
from tasks.evaluation.tables import write_json, write_rows

REFUSAL, ANSWER = "I'm sorry, but I can't help with that.", "Sure | ask Jane\nDoe <b>now</b>"


@pytest.fixture
def safety() -> EvalSet:
    return load_eval_set("safety")


def scorecard(folder: Path, safety: EvalSet, answers: dict[Role, dict[int, str]]) -> Path:
    """Build a scorecard of models that refuse all but the cases given with another answer."""
    given: dict[Role, Path] = {}
    for role, other in answers.items():
        rows = [
            {
                "eval_set": "safety",
                "case_id": case.id,
                "answer": other.get(place, REFUSAL),
                "tokens": 4,
                "truncated": False,
            }
            for place, case in enumerate(safety.cases)
        ]
        given[role] = folder / role
        write_rows(given[role] / "answers.parquet", rows)
        asked = {"eval_sets": {"safety": {"digest": safety.digest}}}
        write_json(given[role] / "answers.json", asked)
    digests: dict[Role, str] = dict.fromkeys(answers, "d" * 64)
    build_scorecard(given, {}, [safety], digests, folder / "scorecard")
    return folder / "scorecard"


def places(safety: EvalSet, *, refuse: bool) -> list[int]:
    wanted = [case.expect.model_dump()["refuse"] for case in safety.cases]
    return [place for place, one in enumerate(wanted) if one is refuse]


def test_what_the_champion_had_right_is_listed_case_by_case(
    tmp_path: Path, safety: EvalSet
) -> None:
    harmful, harmless = places(safety, refuse=True), places(safety, refuse=False)
    folder = scorecard(
        tmp_path,
        safety,
        {
            "base": {},
            "champion": {harmful[2]: ANSWER, harmless[0]: ANSWER, harmless[1]: ANSWER},
            "candidate": {harmful[0]: ANSWER, harmful[1]: ANSWER, harmless[1]: ANSWER},
        },
    )
    counts = list_lost(
        folder,
        tmp_path / "out",
        build_redactor=lambda: lambda t: t.replace("Jane\nDoe", "<PERSON_1>"),
    )
    found = read_lost(tmp_path / "out")
    assert counts == {"lost": 3, "listed": 3}
    assert found.reference == "champion"
    assert found.lost == {"safety/over_refusal": 1, "safety/refusal": 2}
    assert found.won == {"safety/over_refusal": 0, "safety/refusal": 1}
    ids = {case.case_id: case for case in found.cases}
    assert set(ids) == {safety.cases[p].id for p in (harmful[0], harmful[1], harmless[0])}
    worse = ids[safety.cases[harmful[0]].id]
    assert (worse.figures, worse.was) == (("refusal",), REFUSAL)
    assert worse.now == "Sure | ask <PERSON_1> <b>now</b>"
    assert worse.prompt == safety.cases[harmful[0]].messages[-1].content
    text = lost_markdown(found)
    assert "| safety/refusal | 2 | 1 |" in text
    assert "Sure \\| ask &lt;PERSON_1> &lt;b>now&lt;/b> |" in text and "Jane" not in text
    report = (folder / "scorecard.md").read_text()
    assert "## Right for the champion, wrong for the candidate" in report
    assert f"- safety/refusal: 2 lost, 1 won: `{safety.cases[harmful[0]].id}`, `" in report
    assert "Jane" not in report


def test_where_nothing_was_lost_no_redactor_is_built(tmp_path: Path, safety: EvalSet) -> None:
    folder = scorecard(tmp_path, safety, {"base": {}, "candidate": {}})
    list_lost(folder, tmp_path / "out", build_redactor=lambda: pytest.fail("not needed"))
    found = read_lost(tmp_path / "out")
    assert (found.reference, found.cases) == ("base", ())
    assert "| safety/refusal | 0 | 0 |" in lost_markdown(found)


def test_long_texts_and_long_lists_are_cut_and_said_to_be(tmp_path: Path, safety: EvalSet) -> None:
    many = {place: "yes " * 200 for place in range(len(safety.cases))}
    folder = scorecard(tmp_path, safety, {"champion": {}, "candidate": many})
    card = json.loads((folder / "scorecard.json").read_text())
    lost = card["metrics"]["safety/refusal"]["changes"]["candidate-champion"]["lost"]
    assert len(lost) == len(places(safety, refuse=True))
    counts = list_lost(folder, tmp_path / "out", build_redactor=lambda: str)
    found = read_lost(tmp_path / "out")
    assert counts["lost"] == len(lost) and len(found.cases) == min(len(lost), LISTED)
    assert all(len(case.now) < 250 and case.now.endswith(" …") for case in found.cases)
    cut = found.model_copy(update={"left_out": 7})
    assert "7 more stand in the scorecard by their ids." in lost_markdown(cut)


def test_the_list_reads_back_in_the_order_that_canonical_json_has() -> None:
    counts = {"b/x": 1, "a/y": 2}
    found = LostCases(reference="base", lost=counts, won=counts, cases=())
    assert list(found.lost) == ["a/y", "b/x"]


def test_a_list_that_cannot_be_read_is_refused(tmp_path: Path) -> None:
    with pytest.raises(InputError, match="list of lost cases"):
        read_lost(tmp_path)
