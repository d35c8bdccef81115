"""What cannot be written in another form, and why. Needs nothing; writes nothing."""

from __future__ import annotations

from data_contracts.errors import InputError

STEP = "export"


def cannot(what: str, remedy: str, where: str = "") -> InputError:
    """Return the error for a model that cannot be said in another form."""
    return InputError(what, step=STEP, where=where or "the model", remedy=remedy)


AS_IT_IS = "export it as it is with --format safetensors; vLLM and transformers load that"
