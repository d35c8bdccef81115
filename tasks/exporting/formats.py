"""What each format of an export adds to the folder of a verified model, and the line that runs it.

Needs the folder `model/` of a released version. Writes beside it, and for GGUF in its place.
"""

from __future__ import annotations

import shlex
import shutil
from collections.abc import Callable, Mapping
from importlib.metadata import version
from importlib.resources import files
from pathlib import Path
from typing import Literal, NamedTuple

from tasks.exporting.gguf_file import Planned, plan_gguf, write_gguf
from tasks.exporting.modelfile import modelfile
from tasks.exporting.turns import read_turns
from tasks.exporting.weights import ENDS, FEW_BITS, Quantize
from tasks.models.loading import load_outline

Format = Literal["safetensors", "gguf", "ollama", "edge"]
MODEL, MODELFILE = "model", "Modelfile"
HANDLER, REQUIREMENTS = "handler.py", "requirements.txt"
ENGINE = "xllamacpp"
_ADAPTER = "adapter"  # merged into the model's weights already


class Written(NamedTuple):
    """What runs an export, given where it lies, and what a person should know of it."""

    run: str
    notes: list[str]


def write_safetensors(folder: Path, name: str, _: Quantize, place: Path) -> Written:
    """Leave the verified files as they are."""
    ask = (
        "import sys; from transformers import pipeline; "
        "chat = [{'role': 'user', 'content': sys.argv[2]}]; "
        "print(pipeline('text-generation', sys.argv[1])(chat, max_new_tokens=200)"
        "[0]['generated_text'][-1]['content'])"
    )
    line = f"python -c {shlex.quote(ask)} {shlex.quote(str(place / MODEL))} 'Hello'"
    return Written(line, [f"`vllm serve {shlex.quote(str(place / MODEL))}` serves it, too."])


def write_llama_cpp(folder: Path, name: str, quantize: Quantize, place: Path) -> Written:
    """Write one GGUF file in the place of the model's folder."""
    planned = plan_gguf(folder / MODEL, quantize)
    file = _one_file(planned, folder, name)
    line = f"llama-server --jinja --model {shlex.quote(str(place / file))} --port 8080"
    return Written(line, [*_said(planned), "`--jinja` runs the model's own chat template."])


def write_ollama(folder: Path, name: str, quantize: Quantize, place: Path) -> Written:
    """Write a GGUF file and the Modelfile over it."""
    planned = plan_gguf(folder / MODEL, quantize)
    _, tokenizer = load_outline(folder / MODEL)
    turns = read_turns(tokenizer, without_bos=planned.vocabulary.add_bos)
    stops = [planned.vocabulary.tokens[number] for number in planned.vocabulary.ends]
    text = modelfile(_file_name(name, planned), turns, stops)
    _one_file(planned, folder, name)
    (folder / MODELFILE).write_text(text, encoding="utf-8")
    notes = _said(planned)
    if turns.strips:
        notes.append(
            "The chat template takes away spaces and lines around what somebody says; Ollama's "
            "passes them on."
        )
    if turns.system is None:
        notes.append("The chat template takes no system message; Ollama leaves one out.")
    create = f"ollama create {shlex.quote(name)} -f {shlex.quote(str(place / MODELFILE))}"
    return Written(f"{create} && ollama run {shlex.quote(name)} 'Hello'", notes)


def write_edge(folder: Path, name: str, quantize: Quantize, place: Path) -> Written:
    """Write a GGUF file, the one function that answers from it, and what that needs."""
    planned = plan_gguf(folder / MODEL, quantize)
    _one_file(planned, folder, name)
    code = files("tasks.exporting").joinpath("edge_handler.py").read_text("utf-8")
    (folder / HANDLER).write_text(code, encoding="utf-8")
    (folder / REQUIREMENTS).write_text(f"{ENGINE}=={version(ENGINE)}\n", encoding="utf-8")
    line = f"python {shlex.quote(str(place / HANDLER))} 'Hello'"
    notes = [
        *_said(planned),
        f"It needs {ENGINE} of {REQUIREMENTS} and nothing else; nothing is asked of a network.",
        f"`handle(event)` of {HANDLER} is for a serverless platform; `--measure` says seconds and "
        "memory; THREADS in it is how many threads it computes with.",
    ]
    return Written(line, notes)


Writer = Callable[[Path, str, Quantize, Path], Written]
FORMATS: Mapping[Format, Writer] = {
    "safetensors": write_safetensors,
    "gguf": write_llama_cpp,
    "ollama": write_ollama,
    "edge": write_edge,
}


def _file_name(name: str, planned: Planned) -> str:
    return f"{name}-{planned.quantize}.gguf"


def _one_file(planned: Planned, folder: Path, name: str) -> str:
    file = _file_name(name, planned)
    write_gguf(planned, folder / file, name)
    shutil.rmtree(folder / MODEL)
    shutil.rmtree(folder / _ADAPTER, ignore_errors=True)
    return file


def _said(planned: Planned) -> list[str]:
    """Return what is different from the model that was released."""
    vocabulary = planned.vocabulary
    notes = [f"Weights are {planned.quantize}, vectors float32; it reads {planned.context} tokens."]
    if half := sum(t.kind == "f16" for t in planned.tensors if planned.quantize != "f16"):
        notes.append(f"{half} weights are f16: their rows do not fill blocks of 32.")
    if planned.quantize in FEW_BITS:
        ends = sum(t.kind == "q8_0" and t.name in ENDS for t in planned.tensors)
        others = sum(t.kind == "q8_0" for t in planned.tensors) - ends
        notes.append("Embeddings and the output keep 8 bits.")
        if others:
            notes.append(f"{others} weights keep 8 bits: their rows do not fill blocks of 256.")
    if vocabulary.add_space_prefix:
        notes.append(
            "llama.cpp puts a space behind each special token, also where one stands there already."
        )
    elif vocabulary.model == "llama":
        notes.append(
            "A text that begins with no special token has no space put before it; a chat is exact."
        )
    return notes
