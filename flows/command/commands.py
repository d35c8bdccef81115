"""Every `paddock` command: what it is told, what it does, what it is for. Light to import."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any, NamedTuple

from flows.asking.augment_parameters import AugmentParameters
from flows.asking.batch_parameters import BatchCommandParameters
from flows.asking.canary_parameters import CanaryParameters
from flows.asking.chaos_parameters import ChaosParameters
from flows.asking.cleaning_parameters import CleanParameters
from flows.asking.comparing_parameters import CompareParameters
from flows.asking.cost_parameters import CostParameters
from flows.asking.drift_parameters import DemoLogParameters, DriftParameters, MonitorParameters
from flows.asking.experiment_parameters import ExperimentParameters
from flows.asking.gates import GatesParameters
from flows.asking.incident_parameters import IncidentParameters
from flows.asking.index_parameters import IndexParameters
from flows.asking.ledger_parameters import (
    ExportParameters,
    FetchParameters,
    HistoryParameters,
    ReconcileParameters,
)
from flows.asking.load_parameters import LoadParameters
from flows.asking.log_parameters import LogParameters
from flows.asking.model_parameters import CheckParameters, DeployParameters, InitParameters
from flows.asking.parameters import (
    EvaluateParameters,
    FinetuneParameters,
    IngestParameters,
    NamedParameters,
    Parameters,
    RedactParameters,
    RetrainParameters,
)
from flows.asking.release_parameters import (
    AccountsParameters,
    DecideParameters,
    DossierParameters,
    PreferencesParameters,
    PromoteParameters,
    RetireParameters,
    ReviewParameters,
    RollbackParameters,
)
from flows.asking.report_parameters import BackfillParameters, ReportParameters
from flows.asking.router_parameters import RouterParameters
from flows.asking.row_parameters import ForgetParameters, LineageParameters, QuarantineParameters
from flows.asking.serving_parameters import ServeParameters
from flows.asking.slo_parameters import SloParameters
from flows.asking.variant_parameters import CompressParameters
from flows.command import actions
from flows.command.words import Options, RunOptions


class Command(NamedTuple):
    """What a command is told, what it does and what it is for."""

    fields: type[Parameters]
    action: Callable[[Any, Options], int]
    text: str
    options: type[Options] = Options


COMMANDS = {
    "run": Command(
        RetrainParameters, actions.run, "raw data in, a signed candidate out", RunOptions
    ),
    "init": Command(InitParameters, actions.init, "write a model's file, commented"),
    "check": Command(
        CheckParameters, actions.check, "look at all that a model's file names, at no cost"
    ),
    "deploy": Command(
        DeployParameters, actions.deploy, "put models on their schedules, with forms in Prefect"
    ),
    "ingest": Command(IngestParameters, actions.ingest, "raw data in, a snapshot to train on out"),
    "finetune": Command(
        FinetuneParameters, actions.finetune, "a snapshot in, a trained model out, to try settings"
    ),
    "index": Command(
        IndexParameters,
        actions.of("flows.command.indexing", "index"),
        "documents to search: build an index, ask it, judge what it finds",
    ),
    "batch": Command(
        BatchCommandParameters,
        actions.of("flows.command.batching", "batch"),
        "a file of requests in, one answer to each out: OpenAI's batch format",
    ),
    "augment": Command(
        AugmentParameters,
        actions.start("flows.augmenting", "augment"),
        "questions of rows to train on in other words, by a model: more rows",
    ),
    "show": Command(NamedParameters, actions.show, "the last runs, candidates and the champion"),
    "review": Command(
        ReviewParameters,
        actions.start("flows.review", "review"),
        "ask people about answers, and judge again with what they rated",
    ),
    "preferences": Command(
        PreferencesParameters,
        actions.say("flows.command.preferring", "write"),
        "what reviewers corrected, as rows to train on",
    ),
    "dossier": Command(
        DossierParameters,
        actions.dossier,
        "take a candidate's evidence along, and check it offline",
    ),
    "decide": Command(DecideParameters, actions.decide, "approve or decline a candidate"),
    "accounts": Command(
        AccountsParameters,
        actions.accounts,
        "who may do what on an MLflow server: accounts, roles, seats",
    ),
    "promote": Command(
        PromoteParameters,
        actions.start("flows.promotion", "promote"),
        "promote what people approved",
    ),
    "rollback": Command(
        RollbackParameters,
        actions.start("flows.promotion", "rollback"),
        "put the previous champion back",
    ),
    "retire": Command(
        RetireParameters,
        actions.start("flows.promotion", "retire"),
        "take the champion out of service: nothing serves",
    ),
    "reconcile": Command(
        ReconcileParameters, actions.reconcile, "bring MLflow's aliases to what the ledger says"
    ),
    "history": Command(
        HistoryParameters,
        actions.write("flows.showing.history", "history_of"),
        "what served when, and who approved it",
    ),
    "fetch": Command(FetchParameters, actions.fetch, "load a released model for serving, verified"),
    "export": Command(
        ExportParameters,
        actions.say("flows.command.exporting", "write"),
        "a released model for other programs: safetensors, GGUF, Ollama",
    ),
    "compress": Command(
        CompressParameters,
        actions.of("flows.command.compressing", "compress"),
        "keep a version's weights in fewer bits, and compare it with what people approved",
    ),
    "router": Command(
        RouterParameters,
        actions.of("flows.command.routers", "router"),
        "send requests that a small model answers as well to it: build a router, show it, ask it",
    ),
    "evaluate": Command(
        EvaluateParameters,
        actions.start("flows.evaluation", "evaluate"),
        "ask the champion, or any model, the eval sets",
    ),
    "compare": Command(
        CompareParameters,
        actions.write("flows.showing.side_by_side", "compare"),
        "trained models side by side: parameters, losses, scores, gates",
    ),
    "gates": Command(
        GatesParameters, actions.gates, "what a gate policy can tell, and its own test; no model"
    ),
    "canary": Command(
        CanaryParameters,
        actions.of("flows.command.canary", "canary"),
        "a new version beside the champion on real traffic, judged and promoted or taken back",
    ),
    "experiment": Command(
        ExperimentParameters,
        actions.of("flows.command.experiment", "experiment"),
        "two versions compared on real users, by a test to be looked at at any time; no promotion",
    ),
    "incident": Command(
        IncidentParameters,
        actions.of("flows.command.incidents", "incident"),
        "what is known of a bad hour, redacted; its requests asked again; a page",
    ),
    "monitor": Command(
        MonitorParameters,
        actions.start("flows.drift", "monitor_drift"),
        "look for drift, and retrain if there is",
    ),
    "drift": Command(
        DriftParameters,
        actions.say("flows.command.drifting", "tell"),
        "what drift detection can tell, and why a retraining was started or not",
    ),
    "report": Command(
        ReportParameters,
        actions.start("flows.reporting", "weekly_report"),
        "what a week was like: what served, drift, requests, cost, what failed",
    ),
    "backfill": Command(
        BackfillParameters,
        actions.of("flows.command.backfilling", "backfill"),
        "do late what schedules missed",
    ),
    "demo-log": Command(
        DemoLogParameters, actions.demo_log, "write a window of a demo inference log"
    ),
    "log": Command(
        LogParameters, actions.log, "the inference log: bring rows in, count them, seal days"
    ),
    "cost": Command(
        CostParameters,
        actions.write("flows.command.costing", "tell"),
        "what requests and trainings cost, by version and tenant, and what the days ahead will",
    ),
    "quarantine": Command(
        QuarantineParameters,
        actions.say("flows.command.quarantine", "quarantine"),
        "rows that were held back: list, show or release them",
    ),
    "lineage": Command(
        LineageParameters,
        actions.say("flows.command.forgetting", "trace"),
        "where a row came from and which models used it",
    ),
    "forget": Command(
        ForgetParameters,
        actions.say("flows.command.forgetting", "forget"),
        "use a person's rows no more, and plan the rebuild",
    ),
    "redact": Command(
        RedactParameters, actions.redact, "personal data out of JSON lines, in a pipe"
    ),
    "clean": Command(
        CleanParameters,
        actions.say("flows.cleaning", "tell"),
        "what can go and what it frees; deletes only if told",
    ),
    "doctor": Command(
        Parameters, actions.doctor, "look at machine, home and servers, and say what to do"
    ),
    "serve": Command(
        ServeParameters,
        actions.of("flows.command.serving", "serve"),
        "a champion behind a gateway on this machine: OpenAI's API",
    ),
    "slo": Command(
        SloParameters,
        actions.of("flows.command.promising", "slo"),
        "what serving promised, what is left of each budget; rules for Prometheus",
    ),
    "load": Command(
        LoadParameters,
        actions.of("flows.command.loading", "load"),
        "send a recorded traffic to a server: what comes back in time, where it is full",
    ),
    "chaos": Command(
        ChaosParameters,
        actions.of("flows.command.chaos", "chaos"),
        "make what is served here fail on purpose, for a while: what users get meanwhile",
    ),
    "up": Command(Parameters, actions.up, "start Prefect, MLflow and a worker on this machine"),
    "down": Command(
        Parameters, actions.of("flows.command.ending", "down"), "end the servers of this home"
    ),
}
