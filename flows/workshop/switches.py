"""The switches of other libraries, set before their import: they are quiet and call nobody."""

from __future__ import annotations

from tasks.models.hardware import BRIEF_SPIN

QUIET = {
    "DO_NOT_TRACK": "1",
    "GX_ANALYTICS_ENABLED": "false",
    "GOMP_SPINCOUNT": BRIEF_SPIN,
    "HF_HUB_DISABLE_TELEMETRY": "1",
    "MLFLOW_DISABLE_TELEMETRY": "true",
    "PREFECT_LOGGING_EXTRA_LOGGERS": "paddock",
    "PREFECT_SERVER_ANALYTICS_ENABLED": "false",
    "PREFECT_SERVER_UI_SHOW_PROMOTIONAL_CONTENT": "false",
    "RAY_USAGE_STATS_ENABLED": "0",
    "TOKENIZERS_PARALLELISM": "false",
    # A run whose heartbeats stop can be told from one that works for long.
    "PREFECT_FLOWS_HEARTBEAT_FREQUENCY": "30",
}
