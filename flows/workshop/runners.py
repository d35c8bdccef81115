"""Where shards are worked on: threads or processes here, a Dask cluster, or Ray; by setting.

The libraries of the last two are imported only when they are asked for.
"""

from __future__ import annotations

from collections.abc import Generator
from contextlib import contextmanager
from typing import Any

from data_contracts.errors import InputError
from flows.workshop.settings import Settings


def shard_runner(settings: Settings) -> Any:
    """Return Prefect's task runner for the fan-out; InputError if its package is missing."""
    workers = settings.shard_workers
    if settings.shard_runner == "dask":
        return _dask(settings.dask_address, workers)
    if settings.shard_runner == "ray":
        return _ray(settings.ray_address, workers)
    from prefect.task_runners import ProcessPoolTaskRunner, ThreadPoolTaskRunner

    if settings.shard_runner == "processes":
        return ProcessPoolTaskRunner(max_workers=workers)
    return ThreadPoolTaskRunner(max_workers=workers)


@contextmanager
def same_server() -> Generator[None]:
    """Let workers report to the server that this run reports to.

    Without one configured, Prefect starts a server for the run; each worker would start its own,
    which takes it ten seconds.
    """
    from prefect.client.orchestration import get_client
    from prefect.settings import PREFECT_API_URL, temporary_settings

    with get_client(sync_client=True) as client:
        url = str(client.api_url).rstrip("/")
    with temporary_settings({PREFECT_API_URL: url}):
        yield


def _dask(address: str, workers: int) -> Any:
    try:
        from prefect_dask.task_runners import DaskTaskRunner
    except ImportError as error:
        raise _missing("dask", "prefect-dask") from error
    if address:
        return DaskTaskRunner(address=address)
    local = {"n_workers": workers, "threads_per_worker": 1, "dashboard_address": None}
    return DaskTaskRunner(cluster_kwargs=local)


def _ray(address: str, workers: int) -> Any:
    try:
        from prefect_ray.task_runners import RayTaskRunner
    except ImportError as error:
        raise _missing("ray", "prefect-ray") from error
    if address:
        return RayTaskRunner(address=address)
    local = {"num_cpus": workers, "include_dashboard": False, "log_to_driver": False}
    return RayTaskRunner(init_kwargs=local)


def _missing(runner: str, package: str) -> InputError:
    return InputError(
        f"shards cannot be worked on with {runner}: its package is not installed",
        step="settings",
        where="PADDOCK_SHARD_RUNNER",
        remedy=f"pip install {package}, or set it to threads or processes",
    )
