"""The service over HTTP and the one in memory keep the same promises to the sender."""

from __future__ import annotations

import hashlib
from contextlib import contextmanager
from typing import TYPE_CHECKING, Protocol

import pytest

from tests.contract.uploads import GOLD, upload
from tests.fakes.endpoint import CutAfterwards, FakeEndpoint, Unreachable
from watchd.adapters.http.client import HttpEndpoint
from watchd.core.calls.outcomes import Answered, Lost, NotSent
from watchd.core.request.endpoint import Answer
from watchd.formats.containers import Picture, inspect
from watchd.model import Api
from watchd.sandbox.serving import Sandbox, SandboxOptions

if TYPE_CHECKING:
    from collections.abc import Iterator

    from watchd.interfaces import Endpoint


class Service(Protocol):
    """An endpoint, and what is known on the other side of it."""

    endpoint: Endpoint

    def fail(self, how: str) -> None:
        """What becomes of the next call: a status, or `cut`."""

    def charged(self) -> int:
        """Micro-dollars."""

    def seen(self) -> list[str]:
        """SHA-256 of the pictures in complete requests."""

    def leave(self) -> None:
        """Nobody listens any more."""


class InMemory:
    def __init__(self) -> None:
        self._fake = FakeEndpoint()
        self.endpoint: Endpoint = self._fake

    def fail(self, how: str) -> None:
        self._fake.script.append(CutAfterwards() if how == "cut" else Answer(int(how), "as told"))

    def charged(self) -> int:
        return self._fake.charged

    def seen(self) -> list[str]:
        return [seen.sha256 for seen in self._fake.seen]

    def leave(self) -> None:
        self._fake.script = [Unreachable()] * 100


class OverHttp:
    def __init__(self, sandbox: Sandbox, endpoint: HttpEndpoint) -> None:
        self._sandbox = sandbox
        self.endpoint: Endpoint = endpoint

    def fail(self, how: str) -> None:
        self._sandbox.script(fail=[f"{how}:1"])

    def charged(self) -> int:
        return int(self._sandbox.charges().usd * 1_000_000)

    def seen(self) -> list[str]:
        return [call.sha256 for call in self._sandbox.calls() if call.sha256]

    def leave(self) -> None:
        self._sandbox.__exit__(None, None, None)


@contextmanager
def over_http(transfer: str) -> Iterator[Service]:
    with Sandbox(SandboxOptions(engine="fast", key="the key")) as sandbox:
        api = Api(base_url=sandbox.base_url, transfer="json" if transfer == "json" else "multipart", timeout=20.0)
        endpoint = HttpEndpoint(api, lambda: "the key")
        try:
            yield OverHttp(sandbox, endpoint)
        finally:
            endpoint.close()


@pytest.fixture(params=["memory", "multipart", "json"])
def service(request: pytest.FixtureRequest) -> Iterator[Service]:
    if request.param == "memory":
        yield InMemory()
    else:
        with over_http(request.param) as made:
            yield made


class Sink:
    def __init__(self, most: int = 10**9) -> None:
        self.data = b""
        self._most = most

    def write(self, chunk: bytes) -> bool:
        self.data += chunk
        return len(self.data) < self._most


def test_a_picture_comes_back_as_asked_and_is_charged_at_its_price(service: Service) -> None:
    sink, armed = Sink(), []
    sent = upload(GOLD)
    result = service.endpoint.call(sent, lambda: armed.append(service.charged()), sink.write)
    assert not isinstance(result, Answered | NotSent | Lost)
    assert result.content_type == "image/png"
    found = inspect(sink.data)
    assert isinstance(found, Picture)
    assert (found.width, found.height) == (512, 512)
    assert result.traffic.received_bytes == len(sink.data)
    assert result.traffic.sent_bytes >= sent.size
    assert (armed, service.charged()) == ([0], sent.parameters.price)
    assert service.seen() == [hashlib.sha256(sent.data).hexdigest()]


@pytest.mark.parametrize("status", [400, 401, 402, 403, 415, 418, 429, 500, 502, 503, 504, 524])
def test_an_answered_error_is_told_with_its_status_and_costs_nothing(service: Service, status: int) -> None:
    service.fail(str(status))
    armed: list[int] = []
    result = service.endpoint.call(upload(), lambda: armed.append(1), Sink().write)
    assert isinstance(result, Answered)
    assert (result.answer.status, len(armed), service.charged()) == (status, 1, 0)
    assert result.answer.message


def test_a_cut_after_the_request_was_complete_is_lost_and_charged(service: Service) -> None:
    service.fail("cut")
    armed: list[int] = []
    result = service.endpoint.call(upload(), lambda: armed.append(1), Sink().write)
    assert isinstance(result, Lost)
    assert (len(armed), service.charged()) == (1, 20_000)


def test_where_nobody_listens_nothing_is_armed(service: Service) -> None:
    service.leave()
    armed: list[int] = []
    result = service.endpoint.call(upload(), lambda: armed.append(1), Sink().write)
    assert isinstance(result, NotSent)
    assert (result.uploading, armed) == (False, [])


def test_what_arm_raises_ends_the_call_unsent_and_is_raised_on(service: Service) -> None:
    def refuse() -> None:
        raise RuntimeError("the ledger cannot be written")

    with pytest.raises(RuntimeError, match="the ledger"):
        service.endpoint.call(upload(seed=1), refuse, Sink().write)
    service.endpoint.call(upload(seed=2), lambda: None, Sink().write)
    assert service.seen() == [hashlib.sha256(upload(seed=2).data).hexdigest()]
    assert service.charged() == 20_000


def test_a_sink_that_has_enough_ends_the_answer(service: Service) -> None:
    sink = Sink(most=1)
    result = service.endpoint.call(upload(), lambda: None, sink.write)
    assert not isinstance(result, Answered | NotSent | Lost)
    assert 0 < len(sink.data) < 200_000


def test_one_endpoint_serves_many_calls(service: Service) -> None:
    for seed in range(4):
        service.endpoint.call(upload(seed=seed), lambda: None, Sink().write)
    assert len(set(service.seen())) == 4
    assert service.charged() == 80_000
