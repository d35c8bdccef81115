"""What a training shows in Prefect while it runs: two artifacts that are changed in place.

`loss-curve` is the picture itself; `training` is a page with the picture, the newest figures and,
at the end, how to train the same again. Pictures are `data:` addresses, so that they need no server
of files. Trouble with Prefect's server must not end the work that they are about.
"""

from __future__ import annotations

import base64
import logging
from collections.abc import Callable
from typing import Any

from prefect.artifacts import create_image_artifact, create_markdown_artifact
from prefect.client.orchestration import get_client
from prefect.context import FlowRunContext, TaskRunContext

LOGGER = logging.getLogger("paddock")


class LiveArtifact:
    """One artifact, made when it is first shown and changed from then on."""

    def __init__(self, create: Callable[[str, str], Any]) -> None:
        self._create = create
        self._id: Any = None
        self._told = False

    def show(self, data: str, description: str) -> None:
        """Show something; outside a run of Prefect's, do nothing."""
        if FlowRunContext.get() is None and TaskRunContext.get() is None:
            return
        try:
            if self._id is None:
                self._id = self._create(data, description)
            else:
                self._change({"data": data, "description": description})
        except Exception as error:
            if not self._told:
                self._told = True
                LOGGER.warning("  Prefect shows no news: %s", type(error).__name__)

    def _change(self, changed: dict[str, str]) -> None:
        # Not update_artifact, which also keeps every picture as an event for a week.
        with get_client(sync_client=True) as client:
            path = {"id": self._id}
            client.request("PATCH", "/artifacts/{id}", path_params=path, json=changed)


class LiveTraining:
    """The two artifacts of one training. Call it with a PNG of the loss curve and a line."""

    def __init__(self) -> None:
        self._picture = LiveArtifact(
            lambda data, line: create_image_artifact(data, key="loss-curve", description=line)
        )
        self._page = LiveArtifact(
            lambda data, line: create_markdown_artifact(data, key="training", description=line)
        )

    def __call__(self, png: bytes, line: str, more: str = "") -> None:
        """Show the curve as it is now; `more` is Markdown for the end of the page."""
        self._picture.show(image_address(png), line)
        page = f"{line}\n\n![training loss]({image_address(png)})\n\n{more}"
        self._page.show(page, "Training: loss, figures, and how to do it again")


def image_address(png: bytes) -> str:
    """Return a PNG as an address that holds it."""
    return f"data:image/png;base64,{base64.b64encode(png).decode()}"
