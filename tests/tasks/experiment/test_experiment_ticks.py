"""An experiment's ticks are a canary's, and lead nowhere else than to its end."""

from __future__ import annotations

from tasks.canary.phases import begin
from tasks.canary.policy import Phase
from tests.tasks.canary.test_canary_phases import NEW, OLD, POLICY, START, Site, share


def experiment() -> Site:
    """Return a site with an experiment at 10 % for 90 minutes."""
    phases = (Phase(share=10, minutes=90), Phase(share=100, minutes=0))
    site = Site(policy=POLICY.model_copy(update={"phases": phases}))
    site.state = begin("desk", NEW, OLD, START, promotes=False)
    return site


def test_an_experiment_is_over_after_its_time_and_never_promoted() -> None:
    site = experiment()
    site.minutes(2, canary=0)
    assert (site.state.weights.baseline, share(site.state)) == (10, 10)
    site.minutes(88, slow=0.07)  # slower, and no stop: it is compared, not judged
    assert (site.state.ended, site.state.verdicts) == (None, ())
    site.minutes(3)
    assert (site.state.ended, share(site.state)) == ("over", 0)
    assert site.minutes(5).ended == "over"


def test_an_experiment_with_a_broken_version_is_taken_back_by_the_stops() -> None:
    site = experiment()
    site.minutes(2)
    state = site.minutes(3, errors=0.5)
    assert state.ended == "rolled back"
    assert "errors" in state.why
