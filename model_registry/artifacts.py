"""Where a registry's files lie, and how they are read and written there.

Files of runs below a folder of this machine are kept under addresses that do not hold the folder
(`mlflow-artifacts:/EXPERIMENT/…`, which a server over the same folder understands too), so the
folder may be moved. Addresses of before, `file://OLD/PLACE/…`, are read from where it is now.
Writes files below the folder or wherever MLflow keeps them, never to where a moved folder was.
"""

from __future__ import annotations

import re
import shutil
import tempfile
from collections.abc import Generator
from contextlib import contextmanager
from pathlib import Path, PurePosixPath
from typing import Any
from urllib.parse import unquote, urlsplit

from data_contracts.errors import ContractError, IntegrityError, PaddockError

STEP = "registry"
_SCHEME = "mlflow-artifacts:/"
# What MLflow puts below an experiment's place: the run, and then its artifacts.
_OF_A_RUN = re.compile(r"(?P<root>.*)/(?P<rest>[^/]+/[0-9a-f]{32}/artifacts(?:/.*)?)")


class Artifacts:
    """Files of one tracking server or database. `root` is `file:///…`, `s3://…` or None.

    None leaves everything to the server.
    """

    def __init__(self, tracking_uri: str, root: str | None) -> None:
        self._tracking_uri, self._root = tracking_uri, root.rstrip("/") if root else None
        self._folder = _local(self._root) if self._root else None

    def place_for(self, experiment: str) -> str | None:
        """Return the address that a new experiment keeps its files at; None: the server says."""
        if self._root is None:
            return None
        return f"{_SCHEME if self._folder else f'{self._root}/'}{experiment}"

    def upload(self, uri: str, source: Path, place: str | None) -> None:
        """Store a file, or the content of a folder, at an address.

        ContractError if that is a folder of a machine or a time that is not this one's.
        """
        if self.lost(uri):
            raise elsewhere(uri)
        repository = self._repository(self._here(uri))
        if source.is_dir():
            repository.log_artifacts(str(source), place)
        else:
            repository.log_artifact(str(source), place)

    def folder(self, uri: str) -> Path | None:
        """Return the folder of this machine that an address is, if it lies on this machine."""
        path = _local(self._found(uri))
        return path if path and path.is_dir() else None

    def folder_to_write(self, uri: str) -> Path | None:
        """Return the same of an address where nothing lies yet; ContractError as `upload` does."""
        if self.lost(uri):
            raise elsewhere(uri)
        return _local(self._here(uri))

    def names(self, uri: str) -> list[str]:
        """Return the names directly below an address, sorted; none where there is nothing.

        PaddockError if the store does not answer.
        """
        found = self._found(uri)
        try:
            entries = self._repository(found).list_artifacts()
        except Exception as error:
            raise PaddockError(
                f"the artifact store does not answer ({type(error).__name__})",
                step=STEP,
                where=found,
                remedy="check that it runs, and the credentials and addresses in the settings",
            ) from error
        return sorted(PurePosixPath(entry.path).name for entry in entries)

    def lost(self, uri: str) -> bool:
        """Tell whether an address of a run is in a folder that was somewhere else once.

        Writing there would make the folder anew, beside the one with everything in it.
        """
        path = _local(self._here(uri))
        if path is None or (self._folder and path.is_relative_to(self._folder)):
            return False
        match = _OF_A_RUN.fullmatch(path.as_posix())
        return match is not None and not Path(match["root"]).exists()

    def lost_experiment(self, location: str) -> bool:
        """Tell the same of an experiment, by where it keeps its files."""
        return self.lost(f"{location.rstrip('/')}/{'0' * 32}/artifacts")

    @contextmanager
    def downloaded(self, uri: str, beside: Path | None = None) -> Generator[Path]:
        """Give a private copy of what lies at an address, gone afterwards unless it was moved.

        It is a copy even where the store lies on this machine, so that what was verified is what
        is used. IntegrityError if it cannot be read.
        """
        from mlflow.artifacts import download_artifacts

        found = self._found(uri)
        place = None if beside is None else beside.parent
        scratch = Path(
            tempfile.mkdtemp(prefix="paddock-" if place is None else ".paddock-", dir=place)
        )
        try:
            try:
                path = download_artifacts(
                    artifact_uri=found, dst_path=str(scratch), tracking_uri=self._tracking_uri
                )
            except Exception as error:
                raise IntegrityError(
                    "the files of a version cannot be read",
                    step=STEP,
                    where=found if found == uri else f"{found} (of {uri})",
                    remedy="see that the artifact store is where the settings say and answers; "
                    "what is gone from it, restore from a backup",
                ) from error
            yield Path(path)
        finally:
            shutil.rmtree(scratch, ignore_errors=True)

    def _repository(self, uri: str) -> Any:
        from mlflow.store.artifact.artifact_repository_registry import get_artifact_repository

        return get_artifact_repository(uri, tracking_uri=self._tracking_uri)

    def _found(self, uri: str) -> str:
        """Return the address to read from: the folder's own, unless only the other has it."""
        here = self._here(uri)
        if here == uri or _exists(here):
            return here
        by_server = uri.startswith(_SCHEME) and self._tracking_uri.startswith("http")
        return uri if by_server or (not uri.startswith(_SCHEME) and _exists(uri)) else here

    def _here(self, uri: str) -> str:
        """Return where an address is below the folder, or the address itself if it is elsewhere."""
        if self._folder is None:
            return uri
        rest = self._below(uri)
        if rest is None:
            return uri
        path = self._folder / rest
        if ".." in path.parts:
            raise IntegrityError(
                "an address leaves the artifact store",
                step=STEP,
                where=uri,
                remedy="ask who changed the registry",
            )
        return path.as_uri()

    def _below(self, uri: str) -> str | None:
        parts = urlsplit(uri)
        if uri.startswith(_SCHEME) and not parts.netloc:
            return unquote(parts.path).lstrip("/")
        match = _OF_A_RUN.fullmatch(unquote(parts.path)) if parts.scheme == "file" else None
        # A folder of the same name that holds an experiment's run is this one, before it moved.
        if match and self._folder and PurePosixPath(match["root"]).name == self._folder.name:
            return match["rest"]
        return None


def elsewhere(uri: str) -> ContractError:
    """Return the error for files that are, by their address, not on this machine."""
    return ContractError(
        "the registry's files point elsewhere, to a folder that is not there",
        step=STEP,
        where=uri,
        remedy="put the folder back there, or give PADDOCK_MLFLOW_ARTIFACTS its new place (a"
        " folder of the same name is taken for the one that moved)",
    )


def _local(uri: str) -> Path | None:
    parts = urlsplit(uri)
    return Path(unquote(parts.path)) if parts.scheme in ("", "file") else None


def _exists(uri: str) -> bool:
    path = _local(uri)
    return path is None or path.exists()
