"""Every metric there is: its name, what it says, and its labels. Nothing else is ever exposed.

A new one is a line here and a `figure(…)` in the module of its source. Labels are of few values by
their kind (models, versions, seats, gates, states): never an id, a text, or a digest of a row.
Names end in their unit; `_total` only grows. Needs nothing; writes nothing.
"""

from __future__ import annotations

from typing import NamedTuple


class Kind(NamedTuple):
    """What a metric says, and the names of its labels."""

    about: str
    labels: tuple[str, ...] = ()


class Figure(NamedTuple):
    """A value of a metric; `labels` are in the order of its kind's."""

    name: str
    value: float
    labels: tuple[str, ...] = ()


KINDS: dict[str, Kind] = {
    # The exporter itself, and what it asks.
    "paddock_source_up": Kind(
        "1 where a source was read; its metrics are missing at 0", ("source",)
    ),
    "paddock_source_read_seconds": Kind("How long the last reading of a source took", ("source",)),
    "paddock_source_errors_total": Kind(
        "Readings of a source that failed or took too long", ("source",)
    ),
    "paddock_server_up": Kind("1 where a server answers that it is well", ("server",)),
    "paddock_server_answer_seconds": Kind("How long it took a server to answer", ("server",)),
    # The machine.
    "paddock_home_free_bytes": Kind("Free space of the disk on which the home lies"),
    "paddock_home_size_bytes": Kind("Size of the disk on which the home lies"),
    "paddock_gpus": Kind("GPUs of this machine"),
    "paddock_gpu_busy_ratio": Kind("Share of the last moments in which a GPU computed", ("gpu",)),
    "paddock_gpu_memory_used_bytes": Kind("Memory of a GPU that is taken", ("gpu",)),
    "paddock_gpu_memory_size_bytes": Kind("Memory of a GPU", ("gpu",)),
    # Prefect: flows, runs, workers.
    "paddock_worker_heartbeat_timestamp_seconds": Kind(
        "When a worker of a pool was heard last", ("pool",)
    ),
    "paddock_flow_runs": Kind(
        "Flow runs that have not ended, by state", ("flow", "model", "state")
    ),
    "paddock_flow_run_late_seconds": Kind(
        "How late the run is that waits longest for a worker", ("flow", "model")
    ),
    "paddock_flow_run_age_seconds": Kind(
        "How long ago the oldest run that goes on began", ("flow", "model")
    ),
    "paddock_flow_last_run_failed": Kind(
        "1 where the newest run that ended failed or crashed", ("flow", "model")
    ),
    "paddock_flow_last_run_seconds": Kind(
        "How long the newest run that ended took", ("flow", "model")
    ),
    "paddock_flow_last_run_timestamp_seconds": Kind(
        "When the newest run that ended did", ("flow", "model")
    ),
    "paddock_flow_last_success_timestamp_seconds": Kind(
        "When a run last ended well", ("flow", "model")
    ),
    # Retrainings, by the record that each keeps of itself.
    "paddock_retrainings_total": Kind("Retrainings that came to a verdict", ("model", "verdict")),
    "paddock_training_seconds_total": Kind("Time that trainings took, each model once", ("model",)),
    "paddock_training_cost_total": Kind(
        "What trainings cost, in the price's currency, where a price is set", ("model",)
    ),
    "paddock_training_tokens_total": Kind(
        "Tokens that trainings read, each model once", ("model",)
    ),
    "paddock_week_spent": Kind(
        "What trainings took in the last seven days of a budget that is set", ("model", "budget")
    ),
    "paddock_week_allowed": Kind(
        "That budget: gpu_hours, or cost in the price's currency", ("model", "budget")
    ),
    "paddock_retraining_timestamp_seconds": Kind(
        "When the newest retraining came to its verdict", ("model",)
    ),
    "paddock_retraining_rows": Kind(
        "Rows of the newest retraining, by what became of them", ("model", "fate")
    ),
    "paddock_retraining_redactions": Kind(
        "Personal values redacted in the newest retraining", ("model", "kind")
    ),
    "paddock_gate_passed": Kind(
        "1 where a gate let the newest candidate pass", ("model", "version", "gate")
    ),
    "paddock_candidate_score": Kind(
        "The newest candidate's score, in the metric's own unit", ("model", "version", "metric")
    ),
    # What is served here, by the promises in its specification.
    "paddock_slo_requests_total": Kind(
        "Requests that an objective counts, since its gateway or this exporter began",
        ("model", "slo"),
    ),
    "paddock_slo_bad_total": Kind("Those that are bad", ("model", "slo")),
    # What routers decide while they serve, in the last seven days.
    "paddock_router_requests": Kind(
        "Requests by what a router said of them: small, large, unread, late", ("model", "fate")
    ),
    "paddock_router_small_ratio": Kind("Share of decisions for the small model", ("model",)),
    "paddock_router_judged_small_ratio": Kind("That share when the router was judged", ("model",)),
    "paddock_router_margin": Kind("Mean score above a router's threshold", ("model",)),
    "paddock_router_drifted": Kind("1 where the intervals of both shares lie apart", ("model",)),
    "paddock_slo_looked_timestamp_seconds": Kind(
        "When what is looked at once a day was last looked at; 0 where it never was",
        ("model", "slo"),
    ),
    # The index that serves, by each night's look at its documents.
    "paddock_index_current_timestamp_seconds": Kind(
        "When the index that serves was last seen to hold what its documents hold", ("model",)
    ),
    # Releases, by the ledger.
    "paddock_stage_info": Kind(
        "1 for each version that serves, or to which a rollback goes", ("model", "version", "stage")
    ),
    "paddock_serving_version": Kind("The version that serves; 0 where nothing does", ("model",)),
    "paddock_serving_since_timestamp_seconds": Kind("Since when it serves", ("model", "version")),
    "paddock_releases_total": Kind("Moves of the champion, by kind", ("model", "action")),
    # The registry, by the last look of `reconcile`.
    "paddock_registry_looked_timestamp_seconds": Kind(
        "When reconcile last looked at a model", ("model",)
    ),
    "paddock_registry_trouble": Kind(
        "1 where reconcile found what it cannot put right", ("model",)
    ),
    "paddock_registry_moves": Kind(
        "Aliases that somebody moved and the last look put back", ("model",)
    ),
    # People.
    "paddock_approval_waits_since_timestamp_seconds": Kind(
        "Since when a seat is asked and has not answered", ("model", "version", "seat")
    ),
    "paddock_review_items": Kind("Answers before reviewers, by state", ("model", "state")),
    # Drift, by the last look of `monitor_drift`.
    "paddock_drift_looked_timestamp_seconds": Kind(
        "When the log was last compared", ("model", "version")
    ),
    "paddock_drift_windows": Kind(
        "Of the last three windows: how many had this verdict", ("model", "version", "status")
    ),
    "paddock_drift_signal_ratio": Kind(
        "A signal of the newest window; from 1 on it has drifted", ("model", "version", "signal")
    ),
    "paddock_drift_unanswered": Kind(
        "1 where there is drift and nothing answers it", ("model", "version")
    ),
    "paddock_drift_retrainings_total": Kind(
        "Retrainings that drift started, by how they ended", ("model", "outcome")
    ),
    # The inference log.
    "paddock_log_rows_total": Kind(
        "Rows of sealed days, by what became of them", ("model", "fate")
    ),
    "paddock_log_day_rows": Kind("Rows of the newest sealed day", ("model", "fate")),
    "paddock_log_day_tokens": Kind(
        "Tokens of the newest sealed day, where rows say them", ("model", "kind")
    ),
    "paddock_log_newest_window_timestamp_seconds": Kind(
        "When the newest window of the log ends", ("model",)
    ),
    "paddock_log_sealed_until_timestamp_seconds": Kind(
        "When the newest sealed day ended", ("model",)
    ),
    "paddock_log_unsealed_since_timestamp_seconds": Kind(
        "When the oldest day ended that is not sealed", ("model",)
    ),
}


def figure(name: str, value: float, **labels: object) -> Figure:
    """Return a value of a metric; KeyError, TypeError where there is no such metric or label."""
    kind = KINDS[name]
    if tuple(sorted(labels)) != tuple(sorted(kind.labels)):
        raise TypeError(f"{name} has the labels {kind.labels}")
    return Figure(name, float(value), tuple(str(labels[label]) for label in kind.labels))
