"""How redactors are built from the settings: a value that can be sent to another process."""

from __future__ import annotations

import os
import secrets
from collections.abc import Mapping, Sequence
from contextlib import suppress
from dataclasses import dataclass, field
from typing import Any

from flows.workshop.settings import Settings


@dataclass(frozen=True, slots=True)
class RedactorRecipe:
    """All that decides a redactor's results; equal recipes make equal redactors.

    Calling it loads the redactor, which takes seconds.
    """

    names: bool
    names_model: str
    keep: tuple[str, ...]
    policies: tuple[tuple[str, str], ...] = ()
    key: bytes = field(default=b"", repr=False)
    unread: str = "strict"
    consistent: bool = False

    @classmethod
    def of(
        cls,
        settings: Settings,
        names: bool,
        keep: tuple[str, ...],
        policies: Mapping[str, str],
        unread: str,
        consistent: bool = False,
    ) -> RedactorRecipe:
        """Return the recipe; a key is read, or made, only where something is drawn by it."""
        chosen = tuple(sorted(policies.items()))
        keyed = consistent or not {"hash", "surrogate"}.isdisjoint(policies.values())
        key = redaction_key(settings) if keyed else b""
        return cls(names, settings.names_model, keep, chosen, key, unread, consistent)

    def __call__(self) -> Any:
        """Load the redactor; the process that works with it keeps its logs clean from now on."""
        from tasks.redaction.engine import build_redactor
        from tasks.redaction.logs import redact_logs

        redact_logs()  # a worker of Dask's or Ray's is started by them, not by us
        return build_redactor(**self._options())

    def identity(self) -> dict[str, Any]:
        """Return what decides its results, for a stage's fingerprint; loads nothing heavy."""
        from tasks.redaction.engine import redactor_identity

        return redactor_identity(**self._options())

    def unread_language(self, texts: Sequence[str]) -> str:
        """Return the language in a record in which names would not be looked for; loads little."""
        from tasks.redaction.languages import spoken
        from tasks.redaction.names.by_language import first_unread, languages_read, lines_of

        if not self.names:
            return ""
        return first_unread(spoken(lines_of(texts)), languages_read(self.names_model))

    def _options(self) -> dict[str, Any]:
        return {
            "names": self.names,
            "names_model": self.names_model,
            "keep": self.keep,
            "policies": dict(self.policies),
            "consistent": self.consistent,
            "key": self.key,
            "unread": self.unread,
        }


def redaction_key(settings: Settings) -> bytes:
    """Return the key of keyed hashes; the embedded default makes its own once (0600).

    Machines that share work must share it: set PADDOCK_REDACTION_KEY there.
    """
    given = settings.redaction_key.get_secret_value()
    if given:
        return given.encode()
    path = settings.keys_folder / "redaction.key"
    path.parent.mkdir(parents=True, exist_ok=True, mode=0o700)
    if not path.exists():
        made = path.with_name(f".{path.name}.{secrets.token_hex(8)}")
        with os.fdopen(os.open(made, os.O_CREAT | os.O_EXCL | os.O_WRONLY, 0o600), "wb") as file:
            file.write(secrets.token_bytes(32))
        # A link, not a rename: of two that make a key at once, the first one's stays.
        with suppress(FileExistsError):
            os.link(made, path)
        made.unlink()
    return path.read_bytes()
