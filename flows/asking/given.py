"""What a person gave, as far as a look at it costs nothing: no server, no store, no model.

The commands look before they load anything heavy, so that a mistyped path is said in a second; the
flows look again, and at the rest, in inputs.py.
"""

from __future__ import annotations

from collections.abc import Collection, Sequence
from pathlib import Path

from data_contracts.contract_files import default_contract, load_contract
from data_contracts.contracts import DatasetContract
from data_contracts.errors import InputError
from data_contracts.kinds.chat import ChatRecord
from eval_sets.loading import list_eval_sets, load_eval_set, load_eval_set_folder
from eval_sets.retrieval.loading import load_retrieval_set
from eval_sets.types import GENERAL, EvalSet, Scope
from flows.asking.batch_parameters import BatchParameters
from flows.asking.batch_places import places
from flows.asking.index_parameters import BuildIndexParameters, EvaluateIndexParameters
from flows.asking.naming import is_set_folder
from flows.asking.parameters import (
    EvaluateParameters,
    IngestParameters,
    Parameters,
    RetrainParameters,
)
from model_registry.policy import load_policy
from tasks.evaluation.metrics.registry import expectations
from tasks.finetuning.base_model import require_folder
from tasks.ingestion.mapping import load_mapping, parse_mapping, require_known_fields
from tasks.ingestion.sources import look


def require_given(parameters: Parameters) -> None:
    """Return if every file and folder that was named is there; InputError names the first."""
    if isinstance(parameters, BuildIndexParameters) and parameters.source:
        require_given(parameters.ingestion())
    if isinstance(parameters, BatchParameters):
        places(parameters)
    if isinstance(parameters, EvaluateIndexParameters):
        load_retrieval_set(parameters.retrieval_set)
        load_policy(parameters.policy)
    if isinstance(parameters, IngestParameters):
        chosen_mapping(parameters, chosen_contract(parameters))
        if not parameters.is_demo and "://" not in parameters.source:
            look(parameters.source)
    if isinstance(parameters, IngestParameters | EvaluateParameters) and parameters.eval_sets:
        choose_eval_sets(parameters.eval_sets)
    for model in parameters.named_models:
        require_folder(model)
    if isinstance(parameters, RetrainParameters):
        load_policy(parameters.gate_policy)


def chosen_contract(parameters: IngestParameters) -> DatasetContract:
    """Return the contract that a source is held to; InputError if it cannot be one."""
    if not parameters.contract:
        return default_contract(parameters.kind or ChatRecord.KIND)
    contract = load_contract(parameters.contract)
    if parameters.kind not in (None, contract.kind):
        raise InputError(
            f"the contract is for records of kind {contract.kind}, not {parameters.kind}",
            step="ingest",
            where=parameters.contract,
            remedy="leave the kind to the contract, or give another one",
        )
    return contract


def chosen_mapping(parameters: IngestParameters, contract: DatasetContract) -> dict[str, str]:
    """Return the mapping from columns to the kind's fields; InputError if it names another."""
    mapping = _mapping(parameters.mapping)
    require_known_fields(contract.kind, mapping)
    return mapping


def choose_eval_sets(names: Sequence[str], scopes: Collection[Scope] = GENERAL) -> list[EvalSet]:
    """Return the eval sets to ask: those named, else those that ship with one of these scopes."""
    known = expectations()
    if names:
        return [
            load_eval_set_folder(Path(name), known)
            if is_set_folder(name)
            else load_eval_set(name, known)
            for name in names
        ]
    every = [load_eval_set(name, known) for name in list_eval_sets()]
    return [entry for entry in every if entry.card.scope in scopes]


def _mapping(text: str) -> dict[str, str]:
    if not text:
        return {}
    return load_mapping(Path(text)) if text.endswith(".toml") else parse_mapping(text)
