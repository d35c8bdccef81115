"""What each role may do on an MLflow server, beside what everybody may: to read.

Needs nothing, writes nothing. MLflow's levels: READ, EDIT (create and change within), MANAGE (also
delete, alias, and decide who may). A grant on a kind of thing with `*` is on all of that kind.
"""

from __future__ import annotations

from typing import NamedTuple

from model_registry.accounts.people import Role

# Of each registered model; the first, without an ending, keeps the trainings.
PROMOTIONS = "-promotions"  # the experiment in which people decide on candidates
REVIEW = "-review"  # that in which they rate answers
EXPERIMENTS = ("", "-candidates", REVIEW, PROMOTIONS, "-releases")
REVIEWED = (REVIEW, PROMOTIONS)  # people look at these in the Review tab
CANDIDATE = "-candidate"
MODELS = ("", CANDIDATE)
EXPERIMENT, MODEL = "experiment", "registered_model"


class Grant(NamedTuple):
    """A level on one thing, or on all of a kind."""

    kind: str
    what: str
    level: str


# Of a registered model, by ending. Nobody but the promoter writes what serves, and who trains does
# not write what people are asked about it. Questions for reviewers are an experiment's own, and
# only who manages it may write those.
OF_A_MODEL: dict[Role, tuple[Grant, ...]] = {
    "promoter": (
        *(Grant(EXPERIMENT, ending, "MANAGE") for ending in EXPERIMENTS),
        *(Grant(MODEL, ending, "MANAGE") for ending in MODELS),
    ),
    "pipeline": (
        Grant(EXPERIMENT, "", "EDIT"),
        Grant(EXPERIMENT, "-candidates", "EDIT"),
        Grant(EXPERIMENT, REVIEW, "MANAGE"),
        Grant(MODEL, CANDIDATE, "EDIT"),
    ),
    # To complete items of the queues that one sits in. The server would be content with EDIT on
    # review queues, but MLflow's pages let nobody answer who may not edit the experiment.
    "approver": (Grant(EXPERIMENT, "-promotions", "EDIT"),),
    "reviewer": (Grant(EXPERIMENT, REVIEW, "EDIT"),),
}


def role_name(role: Role) -> str:
    """Return what a role is called on the server."""
    return f"paddock-{role}"
