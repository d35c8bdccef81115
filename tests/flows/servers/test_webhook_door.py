"""Who knocks at the door of the registry's webhooks: over sockets, with MLflow's own signature."""

from __future__ import annotations

import base64
import http.client
import socket
import threading
import time
from collections.abc import Generator

import pytest
from mlflow.webhooks.constants import (
    WEBHOOK_DELIVERY_ID_HEADER,
    WEBHOOK_SIGNATURE_HEADER,
    WEBHOOK_TIMESTAMP_HEADER,
)
from mlflow.webhooks.delivery import (
    _generate_hmac_signature,  # pyright: ignore[reportPrivateUsage]
)
from pydantic import SecretStr

from data_contracts.errors import ContractError
from flows.servers.webhook_door import MOST_BYTES, PLACE, Door, open_door, secret_for
from flows.servers.webhooks import Looks
from model_registry.accounts.passwords import Passwords

SECRET, BODY = "s3cret", '{"entity": "model_version_alias", "action": "created"}'


def signed(
    name: str = "one", *, age: float = 0, secret: str = SECRET, body: str = BODY
) -> dict[str, str]:
    """Return the headers that MLflow sends with a delivery of this age."""
    stamp = str(int(time.time() - age))
    return {
        WEBHOOK_DELIVERY_ID_HEADER: name,
        WEBHOOK_TIMESTAMP_HEADER: stamp,
        WEBHOOK_SIGNATURE_HEADER: _generate_hmac_signature(secret, name, stamp, body),
    }


class Visitor:
    """Knocks, and counts what was heard."""

    def __init__(self) -> None:
        self.heard = 0
        self.server = open_door(SECRET, self._hear)
        self.port = int(self.server.server_address[1])
        threading.Thread(target=self.server.serve_forever, daemon=True).start()

    def _hear(self) -> None:
        self.heard += 1

    def knock(
        self, headers: dict[str, str], body: str = BODY, method: str = "POST", place: str = PLACE
    ) -> int:
        connection = http.client.HTTPConnection("127.0.0.1", self.port, timeout=20)
        connection.request(method, place, body.encode(), headers)
        answer = connection.getresponse()
        assert answer.read() == b""  # whoever it is learns nothing but the number
        return answer.status


@pytest.fixture
def visitor() -> Generator[Visitor]:
    one = Visitor()
    yield one
    one.server.shutdown()
    one.server.server_close()


def test_what_mlflow_signed_is_heard_once_however_often_it_comes(visitor: Visitor) -> None:
    headers = signed()
    assert [visitor.knock(headers) for _ in range(3)] == [200, 200, 200]
    assert visitor.heard == 1
    assert visitor.knock({name.upper(): text for name, text in signed("two").items()}) == 200
    assert visitor.heard == 2


@pytest.mark.parametrize(
    ("change", "status"),
    [
        ({WEBHOOK_SIGNATURE_HEADER: "v1," + base64.b64encode(b"0" * 32).decode()}, 401),
        ({WEBHOOK_SIGNATURE_HEADER: ""}, 401),
        ({WEBHOOK_SIGNATURE_HEADER: None}, 401),
        ({WEBHOOK_TIMESTAMP_HEADER: None}, 401),
        ({WEBHOOK_TIMESTAMP_HEADER: "soon"}, 401),
        ({WEBHOOK_TIMESTAMP_HEADER: str(int(time.time()) - 60)}, 401),  # another than was signed
        ({WEBHOOK_DELIVERY_ID_HEADER: None}, 401),
        ({WEBHOOK_DELIVERY_ID_HEADER: "another"}, 401),
        ({WEBHOOK_DELIVERY_ID_HEADER: "x" * 101}, 401),
    ],
)
def test_a_delivery_that_was_not_signed_as_it_came_is_not_heard(
    visitor: Visitor, change: dict[str, str | None], status: int
) -> None:
    headers = {name: text for name, text in {**signed(), **change}.items() if text is not None}
    assert visitor.knock(headers) == status and visitor.heard == 0


@pytest.mark.parametrize("age", [301, 86_400, -310])
def test_an_old_delivery_and_one_from_the_future_are_not_heard(visitor: Visitor, age: int) -> None:
    assert visitor.knock(signed(age=age)) == 401
    assert visitor.knock(signed(secret="another")) == 401
    assert visitor.knock(signed(), body=BODY.replace("created", "deleted")) == 401
    assert visitor.heard == 0


@pytest.mark.parametrize("method", ["GET", "PUT", "DELETE", "OPTIONS", "BREW"])
def test_nothing_but_a_post_to_its_one_place_is_read(visitor: Visitor, method: str) -> None:
    assert visitor.knock(signed(), method=method) == 405
    assert visitor.knock(signed(), place="/") == 404
    assert visitor.knock(signed(), place=f"{PLACE}/../registry") == 404
    assert visitor.heard == 0


def test_a_huge_body_is_not_read_and_an_unknown_length_neither(visitor: Visitor) -> None:
    for line, status in (
        (f"Content-Length: {MOST_BYTES + 1}", 413),
        ("Content-Length: 99999999999", 411),
        ("Content-Length: -1", 411),
        ("Transfer-Encoding: chunked", 411),
    ):
        with socket.create_connection(("127.0.0.1", visitor.port), 20) as knocking:
            lines = [f"POST {PLACE} HTTP/1.1", "Host: h", line, "", "never ends"]
            knocking.sendall("\r\n".join(lines).encode())
            assert knocking.recv(100).split()[1] == str(status).encode()
    assert visitor.heard == 0


def test_an_id_is_known_for_as_long_as_its_timestamp_is_taken() -> None:
    now = time.time()
    door = Door(SECRET, lambda: now)
    headers = {name.lower(): text for name, text in signed(age=-200).items()}
    assert door.judge(headers, BODY.encode()) == (200, True)
    now += 490
    assert door.judge(headers, BODY.encode()) == (200, False)
    now += 20  # and then it is too old
    assert door.judge(headers, BODY.encode()) == (401, False)


def test_a_burst_is_one_look_and_what_comes_meanwhile_another() -> None:
    started: list[str] = []
    moments: list[float] = []
    going, stop = threading.Event(), threading.Event()

    def start(deployment: str) -> None:
        started.append(deployment)
        moments.append(time.monotonic())
        if len(started) == 1:
            raise OSError  # Prefect is away: the schedule looks, and this goes on
        if len(started) == 2:
            looks.hear()  # as its own writes will
        if len(started) == 4:
            stop.set()
            going.set()

    looks = Looks(start, ("reconcile", "promote"), quiet=0.1, burst=2.0, rest=0.7)
    for _ in range(50):
        looks.hear()
    threading.Thread(target=looks.run, args=(stop,), daemon=True).start()
    assert going.wait(20)
    assert started == ["reconcile", "promote", "reconcile", "promote"]
    assert moments[2] - moments[1] > 0.7


def test_each_purpose_has_its_secret_and_none_comes_of_no_key() -> None:
    known = Passwords(secret_key=SecretStr("k" * 43))
    one, other = secret_for(known, "signature"), secret_for(known, "encryption")
    assert one != other and len(base64.urlsafe_b64decode(one)) == 32
    assert one == secret_for(known, "signature")
    with pytest.raises(ContractError, match="no secret key"):
        secret_for(Passwords(), "signature")
