"""`make bench-redaction`: what redaction finds, what it takes wrongly, and how fast, on one core.

Every figure stands beside its limit or beside Presidio, measured in the same run. Needs the shared
data beside the checkout. Exit code 1 if a figure misses its limit.
"""

from __future__ import annotations

import gc
import sys
import time
from collections.abc import Callable, Sequence

from tasks.redaction.engine import Redactor, build_redactor, find_forms
from tasks.redaction.findings import Finding
from tasks.redaction.names.model import DEFAULT_NAMES_MODEL, load_names_model
from tasks.redaction.names.segments import pieces
from tests.benchmarks.limits import Limits
from tests.benchmarks.redaction import (
    evasions,
    labelled,
    names_genres,
    names_speed,
    surrogates_speed,
    technical,
    unseen,
)
from tests.benchmarks.redaction.made import cases
from tests.benchmarks.redaction.peer import Presidio

NAMES = ("PERSON", "LOCATION", "ORGANIZATION")
# The recall of en_core_web_md 3.7.1 alone on the whole set, as published when this goal was set; on
# this half, by this scoring, the table above the limits has it.
ALONE = {"PERSON": 0.83, "LOCATION": 0.52, "ORGANIZATION": 0.56}
# How much more is asked. Of organizations nothing: the weights are fitted to real text, where they
# find 1.6 to 8 times the organizations that hand-set ones did, and fewer in this half's templates.
MORE = {"PERSON": 0.10, "LOCATION": 0.10, "ORGANIZATION": 0.0}
FIXED = ("EMAIL_ADDRESS", "CREDIT_CARD", "IBAN_CODE", "US_SSN", "IP_ADDRESS")
FORMS_PEER = (*FIXED, "PHONE_NUMBER", "US_DRIVER_LICENSE")
BATCH = 64
WRONG = 20  # examples of what went wrong
EVERY = 4  # conversation whose sentences that are left out are read
Find = Callable[[Sequence[str]], Sequence[Sequence[Finding]]]


def main() -> int:
    """Run every part; return the exit code."""
    limits = Limits()
    redactor = build_redactor()
    forms = build_redactor(names=False)
    presidio, presidio_forms = Presidio(names=True), Presidio(names=False)
    find = finder(redactor)
    labels(limits, find, presidio.find)
    tuned = labelled.score(labelled.read_sentences("tuning"), find)
    print(f"\nTuning half, for comparison\n{labelled.table(tuned)}")
    names_genres.report(find, model_alone)
    forms_beside_presidio(limits, finder(forms), presidio_forms.find)
    fixed_forms(limits, find)
    disguises(limits, find)
    unseen_texts(limits, find)
    clean_text(limits, redactor)
    speed_of_forms(limits, presidio_forms.find)
    speed_with_names(limits, find, presidio.find)
    surrogates_speed.report(limits)
    return limits.exit_code()


def finder(redactor: Redactor) -> Find:
    """Return a redactor as a function over single texts, worked in batches as ingestion does."""

    def find(texts: Sequence[str]) -> list[list[Finding]]:
        found: list[list[Finding]] = []
        for start in range(0, len(texts), BATCH):
            records = [[text] for text in texts[start : start + BATCH]]
            found += [record[0] for record in redactor.find(records)]
        return found

    return find


def labels(limits: Limits, find: Find, peer: Find) -> None:
    """Score the reporting half, ours and Presidio's with the same names model."""
    sentences = labelled.read_sentences("reporting")
    ours, theirs = labelled.score(sentences, find), labelled.score(sentences, peer)
    alone = labelled.score(sentences, model_alone)
    print(f"Labelled sentences, reporting half: Paddock\n{labelled.table(ours)}")
    print(f"\nPresidio, the same names model\n{labelled.table(theirs)}")
    print(f"\nThe names model alone\n{labelled.table({k: alone[k] for k in (*NAMES, 'all')})}\n")
    for name in FIXED:
        limits.at_least(f"{name} recall", ours[name].recall, 0.99)
        limits.at_least(f"{name} precision", ours[name].precision, 0.98)
    limits.at_least("PHONE_NUMBER recall", ours["PHONE_NUMBER"].recall, 0.92)
    for name in ("DATE_OF_BIRTH", "US_DRIVER_LICENSE", "ADDRESS"):
        limits.at_least(f"{name} recall", ours[name].recall, 0.80)
    for name, published in ALONE.items():
        limits.at_least(f"{name} recall", ours[name].recall, published + MORE[name])
        limits.at_least(f"{name} precision", ours[name].precision, alone[name].precision)
    limits.at_least("all recall", ours["all"].recall, 0.90)
    limits.at_least("all precision", ours["all"].precision, 0.80)
    limits.at_least("all F2", ours["all"].f2, 0.87)


def forms_beside_presidio(limits: Limits, find: Find, peer: Find) -> None:
    """Compare what has a form, in both halves, with Presidio's patterns."""
    sentences = labelled.read_sentences("both")
    ours, theirs = labelled.score(sentences, find), labelled.score(sentences, peer)
    print("\nForms alone beside Presidio's patterns, both halves (recall and precision)")
    for name in FORMS_PEER:
        limits.at_least(f"{name} recall", ours[name].recall, theirs[name].recall)
        limits.at_least(f"{name} precision", ours[name].precision, theirs[name].precision)


def fixed_forms(limits: Limits, find: Find) -> None:
    """Score fresh values of the forms that the labelled sentences lack, near misses among them."""
    scores, wrong = cases.measure(find, [*cases.generated(), *cases.near_misses()])
    print(f"\nFixed forms, generated\n{cases.HEAD}")
    for name, score in scores.items():
        if score.labels:
            print(cases.row(name, score))
    for one in wrong[:WRONG]:
        print(f"        {one[:160]!r}")
    for group in cases.KINDS:
        limits.at_least(f"{group} recall", scores[group].recall, 0.99)
        limits.at_least(f"{group} precision", scores[group].precision, 0.98)


def disguises(limits: Limits, find: Find) -> None:
    """Count disguised values found, generated and by hand."""

    def one(text: str) -> Sequence[Finding]:
        return find([text])[0]

    for title, disguised in (
        ("generated", evasions.generated()),
        ("written by hand", evasions.handwritten()),
    ):
        scores = evasions.measure(one, disguised)
        print(f"\nDisguised values, {title}: {len(disguised)} cases")
        for trick, (found, total) in sorted(scores.items()):
            print(f"        {trick:62} {found:5d} of {total}")
        found = sum(found for found, _ in scores.values())
        limits.at_least(f"found, {title}", found / len(disguised), 0.95)


def unseen_texts(limits: Limits, find: Find) -> None:
    """Count what is found in texts that were written without sight of the rules."""
    for name in unseen.SETS:
        seen = unseen.measure(find, name)
        print(f"\nTexts written without sight of the rules, {name} set (which guided them since)")
        for kind, total in sorted(seen.total.items()):
            print(f"        {kind:62} {seen.found[kind]:5d} of {total}")
        print(f"        alarms: {seen.alarms} in {seen.words:,} words", end="")
        print(f", of them {seen.clean_alarms} in {seen.clean_words:,} of texts that hold nothing")
        forms = sum(seen.total[kind] for kind in unseen.FORMS)
        found = sum(seen.found[kind] for kind in unseen.FORMS)
        limits.at_least(f"found, with a form, {name} set", found / forms, 0.97)
        limits.at_least(f"found, {name} set", seen.found.total() / seen.total.total(), 0.92)


def model_alone(texts: Sequence[str]) -> list[list[Finding]]:
    """Return what the names model marks, as it marks it, sentence by sentence."""
    model = load_names_model(DEFAULT_NAMES_MODEL)
    places = [(n, span) for n, text in enumerate(texts) for span in pieces(text)]
    read = model.read([texts[n][start:end] for n, (start, end) in places])
    found: list[list[Finding]] = [[] for _ in texts]
    for (number, (start, _)), entities in zip(places, read, strict=True):
        found[number] += [
            Finding(one.kind, start + one.start, start + one.end, 0.85, "model")
            for one in entities
            if one.kind in NAMES
        ]
    return found


def clean_text(limits: Limits, redactor: Redactor) -> None:
    """Count false alarms, names included, on text that holds nothing personal."""

    def find(text: str) -> Sequence[Finding]:
        return redactor.find([[text]])[0][0]

    print("\nFalse alarms in clean text")
    measured = technical.measure(find)
    for source, one in measured.items():
        print(f"        technical, {source}: {one.by_detector.total()} in {one.words:,} words")
    every = measured["all"]
    limits.at_most("technical text, alarms in 10,000 words", every.rate, 1.0)
    alarms, words = evasions.false_alarms(find, evasions.clean())
    print(f"        look-alikes of disguises: {alarms} in {words:,} words")


def speed_of_forms(limits: Limits, peer: Find) -> None:
    """Compare patterns and decoding with Presidio's patterns, in characters a second."""
    find_forms(["a@example.org"])
    print("\nForms and decoding alone, against Presidio's patterns")
    for title, texts, sample in corpora():
        ours = theirs = 0.0
        for _ in range(3):  # by turns, so that both have the same machine
            ours = max(ours, rate(find_forms, texts, times=3))
            theirs = max(theirs, rate(peer, texts[:sample], times=1))
        print(f"        {title}: {ours:,.0f} characters/s, Presidio {theirs:,.0f}")
        limits.at_least(f"times Presidio, {title}", ours / theirs, 30)


def speed_with_names(limits: Limits, find: Find, peer: Find) -> None:
    """Compare the whole engine with Presidio and the same model, and with that model's limit."""
    print("\nWith names, against Presidio with the same model")
    lost = names_speed.lost_labels(labelled.read_sentences("both"))
    limits.at_most("labelled names in sentences left out", len(lost), 0)
    lost = names_speed.lost_names(names_speed.chat_texts()[::EVERY])
    limits.at_most("listed names in sentences of chats left out", len(lost), 0)
    if lost:
        print(f"        {', '.join(lost[:WRONG])}")
    for (title, texts, sample), wanted in zip(corpora(), (3.5, 6.0), strict=True):
        part = texts if title.startswith("labelled") else texts[: 4 * sample]
        ours, theirs = rate(find, part), rate(peer, texts[:sample])
        limit = rate(model_alone, texts[:sample])
        print(
            f"        {title}: {ours:,.0f} characters/s, Presidio {theirs:,.0f}, "
            f"the model alone over every sentence {limit:,.0f}"
        )
        limits.at_least(f"times Presidio with names, {title}", ours / theirs, wanted)


def corpora() -> list[tuple[str, list[str], int]]:
    """Return (title, texts, how many of them Presidio reads) of both corpora."""
    sentences = [one.text for one in labelled.read_sentences("both")]
    chats = names_speed.chat_texts()
    return [("labelled sentences", sentences, len(sentences)), ("chitchat", chats, 100)]


def rate(find: Find, texts: Sequence[str], times: int = 2) -> float:
    """Return characters a second of a core's time, the best of some times: a machine is shared."""
    find(texts[:BATCH])  # what is loaded with the first call is not speed
    gc.collect()
    gc.freeze()  # nor is the other's memory, walked through again and again
    best = 0.0
    for _ in range(times):
        start = time.process_time()
        find(texts)
        best = max(best, sum(map(len, texts)) / (time.process_time() - start))
    return best


if __name__ == "__main__":
    sys.exit(main())
