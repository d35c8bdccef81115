"""Which account registered a candidate, as the server knows it.

The user of an MLflow run is what the client says. Who made a review queue is what the server says:
so whoever registers a candidate first makes an empty queue with its digest in the experiment
`<name>-candidates`, and the server writes down who that was. Only who manages the experiment (the
promoter) could change it. Needs a Registry; writes such queues.
"""

from __future__ import annotations

from model_registry.accounts.seats import read_seated
from model_registry.tracking import Registry, error_code
from model_registry.versions import find_version


def seal_name(digest: str) -> str:
    """Return the name of the queue that says who registered a digest."""
    return f"Registered {digest[:32]}"


def seal(registry: Registry, name: str, digest: str) -> None:
    """Have the server write down who registers a digest, before that is done.

    Nothing is written for one that is registered already, or on a server without accounts.
    """
    seated = read_seated(registry, name)
    if seated is None or find_version(registry, f"{name}-candidate", digest) is not None:
        return
    experiment = registry.experiment(f"{name}-candidates")
    try:
        registry.store.create_review_queue(
            experiment,
            name=seal_name(digest),
            queue_type="custom",
            users=sorted(seated.names),  # or they could not read it
            schema_ids=[],
        )
    except Exception as error:
        if error_code(error) != "RESOURCE_ALREADY_EXISTS":
            raise


def author_of(registry: Registry, name: str, digest: str) -> str:
    """Return the account that registered a digest; empty where the server does not say."""
    experiment = registry.find_experiment(f"{name}-candidates") if registry.account else None
    token, wanted = None, seal_name(digest).casefold()
    while experiment is not None:
        page = registry.store.list_review_queues(experiment, max_results=200, page_token=token)
        for queue in page:
            if queue.name.casefold() == wanted:
                return str(queue.created_by or "")
        token = page.token
        if not token:
            break
    return ""
