"""What people see of a candidate that waits for their yes or no: the question and the evidence.

Needs a dossier; writes nothing. The text follows from the dossier alone, so that it can be told
whether people were shown what the dossier says.
"""

from __future__ import annotations

from model_registry.dossier import Dossier, EarlierNo, dossier_markdown, rated_text
from model_registry.review_queues import Question
from model_registry.review_traces import Item

# The Review tab has no Decline button: its Submit completes an item whatever was answered. So a
# question carries the yes or no, and the item's `completed_by` says who it was.
PROMOTE = Question(
    name="Promote this candidate?",
    kind="yes_no",
    instruction="Submit with Promote to let it serve, with Do not promote to turn it down.",
    yes="Promote",
    no="Do not promote",
    comment=True,
)


# On a server with accounts answers are no proof: who wrote what stands on a trace is what a client
# says. Who completed an item is one. So there completing is the yes, there is no
# other answer that could be turned into it, and a no is given by `paddock decide`.
APPROVE = Question(
    name="Let this candidate serve",
    kind="choice",
    instruction="Choose Promote and submit: the server records that it was you. To turn it down, do"
    " not submit: run `paddock decide --no-approve`, which keeps your reason, or let it expire.",
    options=(PROMOTE.yes,),
    comment=True,
)


_UNRATED = "none yet"  # as builds of before said it


def question(*, accounts: bool) -> Question:
    """Return what people are asked."""
    return APPROVE if accounts else PROMOTE


def subject(dossier: Dossier) -> str:
    """Return the candidate in words, as its items name it."""
    return f"{dossier.candidate} version {dossier.version}"


def item_key(dossier: str) -> str:
    """Return the key of the item that asks about a dossier, by its identity."""
    return f"dossier {dossier}"


def items_of(dossier: Dossier) -> tuple[Item, ...]:
    """Return what people may have been shown of a dossier: today's item, and an earlier build's.

    Those said less of a dossier without ratings.
    """
    return (item_of(dossier), item_of(dossier, _UNRATED))


def item_of(dossier: Dossier, unrated: str = "") -> Item:
    """Return the item that asks about a dossier; another dossier is another item."""
    passed = sum(result.passed for result in dossier.verdict.gates)
    reference = dossier.champion
    compared = f"champion version {reference.version}" if reference else "the base model"
    return Item(
        key=item_key(dossier.identity),
        title=f"Promote {subject(dossier)}?",
        request=f"May {subject(dossier)} serve as champion? It passed {passed} of"
        f" {len(dossier.verdict.gates)} gates against {compared}."
        f" Expires {dossier.expires}. Dossier {dossier.identity[:16]}.",
        response=dossier_markdown(dossier, unrated),
        summary=_summary(dossier, unrated),
        facts={"dossier": dossier.identity, "candidate": subject(dossier)},
    )


def _summary(dossier: Dossier, unrated: str) -> str:
    # What somebody said no to comes first: the Review tab cuts a long text at its end.
    rows = [f"- **declined before** {_said(no)}" for no in dossier.declined_before]
    rows += [
        f"- {result.gate.id}: {figure.value:.3f} [{figure.low:.3f}, {figure.high:.3f}]"
        for result in dossier.verdict.gates
        if (figure := result.figure) and None not in (figure.value, figure.low, figure.high)
    ]
    rated = dossier.human_review or {"human review": unrated or rated_text(dossier)}
    rows += [f"- {key}: {value}" for key, value in rated.items()]
    return "\n".join([*rows, "", "Gates, reasons and digests: **View full trace**."])


def _said(no: EarlierNo) -> str:
    return f"by {no.person} on {no.at[:10]}: {no.reason or 'no reason given'}"
