"""A picture in Prefect that changes while people look at it: one image artifact, updated in place.

It is kept as a `data:` address, so that it needs no server of files. Trouble with Prefect's server
must not end the work that the picture is about.
"""

from __future__ import annotations

import base64
import logging
from typing import Any

from prefect.artifacts import create_image_artifact
from prefect.client.orchestration import get_client
from prefect.context import FlowRunContext, TaskRunContext

LOGGER = logging.getLogger("paddock")


class LivePicture:
    """One artifact, made by the first picture and changed by the others."""

    def __init__(self, key: str) -> None:
        self._key = key
        self._id: Any = None
        self._told = False

    def __call__(self, png: bytes, description: str) -> None:
        """Show a picture with a line about it; outside a run of Prefect's, do nothing."""
        if FlowRunContext.get() is None and TaskRunContext.get() is None:
            return
        try:
            self._show(image_address(png), description)
        except Exception as error:
            if not self._told:
                self._told = True
                LOGGER.warning("  no live picture: %s from Prefect", type(error).__name__)

    def _show(self, address: str, description: str) -> None:
        if self._id is None:
            self._id = create_image_artifact(address, key=self._key, description=description)
            return
        # Not update_artifact, which also keeps every picture as an event for a week.
        with get_client(sync_client=True) as client:
            client.request(
                "PATCH",
                "/artifacts/{id}",
                path_params={"id": self._id},
                json={"data": address, "description": description},
            )


def image_address(png: bytes) -> str:
    """Return a PNG as an address that holds it."""
    return f"data:image/png;base64,{base64.b64encode(png).decode()}"
