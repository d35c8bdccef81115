"""Which models' files are deployed, and deploying them (deploying.py).

Kept in the home, so that `paddock up` and a newer build deploy them again.
"""

from __future__ import annotations

import json
from contextlib import suppress
from pathlib import Path

from data_contracts.errors import ContractError, InputError, PaddockError
from flows.asking.model_file import STEP, read_model_file
from flows.asking.model_parameters import DeployParameters
from flows.showing.notifying import block_names
from flows.workshop.settings import CHECKOUT, Settings

DEMO_FILE = CHECKOUT / "deploy" / "help-desk.toml"
_DEPLOYED = "deployed.json"


def deployed_files(settings: Settings) -> dict[str, Path]:
    """Return the files that were deployed from this home, by model; the demo's on a fresh one."""
    try:
        kept = json.loads((settings.home / _DEPLOYED).read_bytes())
    except FileNotFoundError:
        return {read_model_file(DEMO_FILE).name: DEMO_FILE}
    except (OSError, ValueError) as error:
        raise PaddockError(
            f"the list of deployed files cannot be read ({type(error).__name__})",
            step=STEP,
            where=str(settings.home / _DEPLOYED),
            remedy="delete it, and deploy each model's file again",
        ) from error
    return {name: Path(place) for name, place in kept.items()}


def by_hand_alone(settings: Settings, name: str) -> str:
    """Return what a person should hear of a model that no file was deployed for from this home."""
    if not settings.shared_prefect or name in deployed_files(settings):
        return ""
    return (
        f"No schedule retrains, evaluates or watches {name}: no file of it was deployed from this "
        f"home. `paddock init {name}` writes one, `paddock deploy {name}.toml` deploys it."
    )


def told_by(settings: Settings) -> set[str]:
    """Return the Prefect blocks that people are told by: the machine's, and each model's own.

    A file that cannot be read names none; who deploys hears of it.
    """
    found = set(block_names(settings))
    for place in deployed_files(settings).values():
        with suppress(InputError):
            found |= set(read_model_file(place).notifications.blocks)
    return found


def deploy_files(settings: Settings, parameters: DeployParameters) -> list[str]:
    """Make deployments what files say, of all models or of one; return what changed, in words.

    Without a file: those of every model, and those that take any. A file that is gone or cannot be
    read is said, and its deployments stay.
    """
    from prefect.client.orchestration import get_client

    from flows.servers.automations import make_automations
    from flows.servers.deploying import deploy, remove
    from flows.servers.wanted import model_deployments, plain_deployments

    if not settings.shared_prefect:
        raise ContractError(
            "there is no Prefect server to deploy to",
            step="deploy",
            remedy="start the servers (`paddock up`), or name yours in PREFECT_API_URL",
        )
    known = deployed_files(settings)
    said: list[str] = []
    with get_client(sync_client=True) as client:
        if parameters.file:
            place = Path(parameters.file).expanduser().absolute()
            file = read_model_file(place)
            if parameters.remove:
                said += remove(client, file.name) or [f"{file.name} has no deployments"]
                known.pop(file.name, None)
            else:
                wanted = model_deployments(file)
                said += deploy(client, wanted, overwrite=parameters.overwrite)
                known[file.name] = place
        elif parameters.remove:
            raise InputError("which?", step="deploy", remedy="give a model's file beside --remove")
        else:
            said += deploy(client, plain_deployments(), overwrite=parameters.overwrite)
            for name, place in known.items():
                try:
                    wanted = model_deployments(read_model_file(place))
                except InputError as error:
                    said.append(f"{name}: its deployments stay as they are; {error}")
                else:
                    said += deploy(client, wanted, overwrite=parameters.overwrite)
        _keep(settings, known)
        return said + make_automations(client, told_by(settings))


def _keep(settings: Settings, known: dict[str, Path]) -> None:
    place = settings.home / _DEPLOYED
    scratch = place.with_suffix(".new")
    scratch.write_text(json.dumps({name: str(file) for name, file in known.items()}, indent=1))
    scratch.replace(place)
