"""A name with several addresses of which some lead nowhere, over real sockets; only the resolver is played."""

from __future__ import annotations

import select
import socket
import threading
import time
from contextlib import ExitStack, contextmanager
from typing import TYPE_CHECKING, Any

import pytest

from tests.contract.test_http_endpoint import Caller, well
from tests.fakes.raw_server import RawServer
from tests.fakes.tls import AUTHORITY, SERVICE, Proxy, TlsServer, certified, trust
from watchd.core.calls.outcomes import NotSent, Received

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator
    from pathlib import Path

HERE, NOWHERE = "127.0.0.1", "::1"
CONNECT_TIMEOUT = 5.0
SOON = 2.0
"""Seconds: far more than a head start and a call, far less than the time that a connection may take."""

Resolve = Any


@contextmanager
def black_hole(port: int) -> Iterator[Callable[[], int]]:
    """::1 takes no connection on this port and refuses none; answers how many have knocked.

    The kernel leaves a caller without a word where the queue of those not yet accepted is full.
    """
    with socket.socket(socket.AF_INET6) as listener, ExitStack() as stack:
        listener.setsockopt(socket.IPPROTO_IPV6, socket.IPV6_V6ONLY, 1)
        listener.bind((NOWHERE, port))
        listener.listen(0)
        stuck = False
        while not stuck:
            caller = stack.enter_context(socket.socket(socket.AF_INET6))
            caller.setblocking(False)
            caller.connect_ex((NOWHERE, port))
            stuck = not select.select([], [caller], [], 0.1)[1]
        yield lambda: sum(f":{port:04X} 02 " in line for line in _connecting())


def _connecting() -> list[str]:
    """Lines of the kernel's list of connections over IPv6; state 02: nobody has answered yet."""
    with open("/proc/net/tcp6", encoding="ascii") as table:  # noqa: PTH123 -- a list of the kernel's, not a file
        return table.read().splitlines()


@pytest.fixture
def resolve(monkeypatch: pytest.MonkeyPatch) -> Callable[..., list[str]]:
    """Let SERVICE have these addresses, in this order; answers the names that are asked for from then on."""
    original = socket.getaddrinfo

    def have(*addresses: str) -> list[str]:
        asked: list[str] = []

        def resolved(host: str, port: int, *arguments: Any, **named: Any) -> list[Any]:
            if host != SERVICE:
                return original(host, port, *arguments, **named)
            asked.append(host)
            return [found for address in addresses for found in original(address, port, *arguments, **named)]

        monkeypatch.setattr(socket, "getaddrinfo", resolved)
        return asked

    return have


def caller_of(port: int, scheme: str = "http", **api: Any) -> Caller:
    return Caller(f"{scheme}://{SERVICE}:{port}/api/v1", **{"connect_timeout": CONNECT_TIMEOUT, **api})


def timed(caller: Caller) -> tuple[object, float]:
    began = time.monotonic()
    return caller.call(), time.monotonic() - began


def test_a_broken_ipv6_costs_a_head_start_once_and_then_nothing(resolve: Resolve) -> None:
    resolve(NOWHERE, HERE)
    with RawServer(well) as server, black_hole(server.port) as knocked:
        before = knocked()
        caller = caller_of(server.port)
        first, took = timed(caller)
        assert isinstance(first, Received)
        assert 0.25 <= took < SOON
        assert knocked() == before + 1, "the black hole was tried first"
        assert isinstance(caller.call(), Received)
        assert knocked() == before + 1, "and not again"
        caller.endpoint.close()


def test_an_address_that_refuses_costs_no_head_start(resolve: Resolve) -> None:
    resolve(NOWHERE, HERE)  # nobody listens at the first
    took = []
    with RawServer(well) as server:
        for _ in range(3):  # each knows nothing of those before
            caller = caller_of(server.port)
            result, seconds = timed(caller)
            caller.endpoint.close()
            assert isinstance(result, Received)
            took.append(seconds)
    assert min(took) < 0.25


def test_where_every_address_leads_nowhere_the_call_ends_at_connect_timeout(resolve: Resolve) -> None:
    with socket.create_server((HERE, 0)) as taken:
        port = taken.getsockname()[1]
    resolve(NOWHERE, NOWHERE, HERE)
    with black_hole(port):
        caller = caller_of(port, connect_timeout=0.6)
        result, took = timed(caller)
        caller.endpoint.close()
    assert isinstance(result, NotSent)
    assert result.reason == "no connection within 0.6 s"
    assert 0.6 <= took < SOON


def test_where_every_address_refuses_the_words_name_each(resolve: Resolve) -> None:
    with socket.create_server((HERE, 0)) as taken:
        port = taken.getsockname()[1]
    resolve(NOWHERE, HERE)
    caller = caller_of(port)
    result, took = timed(caller)
    caller.endpoint.close()
    assert isinstance(result, NotSent)
    assert result.reason.count("refused") == 2
    assert NOWHERE in result.reason
    assert HERE in result.reason
    assert took < SOON


def test_a_resolver_that_hangs_is_left_within_connect_timeout(monkeypatch: pytest.MonkeyPatch) -> None:
    over = threading.Event()

    def hang(*_: Any, **__: Any) -> list[Any]:
        over.wait(10)
        raise socket.gaierror(socket.EAI_AGAIN, "nobody answers")

    monkeypatch.setattr(socket, "getaddrinfo", hang)
    caller = caller_of(80, connect_timeout=0.5)
    result, took = timed(caller)
    over.set()
    caller.endpoint.close()
    assert isinstance(result, NotSent)
    assert result.reason == "no connection within 0.5 s"
    assert took < SOON


def test_a_name_that_nobody_knows_is_told_as_the_resolver_says_it(monkeypatch: pytest.MonkeyPatch) -> None:
    def unknown(*_: Any, **__: Any) -> list[Any]:
        raise socket.gaierror(socket.EAI_NONAME, "Name or service not known")

    monkeypatch.setattr(socket, "getaddrinfo", unknown)
    caller = caller_of(80)
    result, _ = timed(caller)
    caller.endpoint.close()
    assert isinstance(result, NotSent)
    assert "Name or service not known" in result.reason


def test_tls_is_verified_for_the_name_whichever_address_was_taken(
    resolve: Resolve, monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    trust(AUTHORITY, monkeypatch, tmp_path)
    resolve(NOWHERE, HERE)
    with TlsServer(well, certified(AUTHORITY, SERVICE)) as server, black_hole(server.port):
        caller = caller_of(server.port, "https")
        right, _ = timed(caller)
        caller.endpoint.close()
    with TlsServer(well, certified(AUTHORITY, HERE)) as server, black_hole(server.port):
        caller = caller_of(server.port, "https")
        wrong, _ = timed(caller)
        caller.endpoint.close()
    assert isinstance(right, Received)
    assert isinstance(wrong, NotSent), "a certificate for the address is none for the name"


def test_a_proxy_is_reached_by_the_address_that_answers_and_asked_for_the_service_by_name(resolve: Resolve) -> None:
    asked = resolve(NOWHERE, HERE)
    with RawServer(well) as server, Proxy(server.port) as proxy, black_hole(proxy.port):
        caller = Caller("http://elsewhere.test/api/v1", proxy=f"http://{SERVICE}:{proxy.port}")
        result, took = timed(caller)
        caller.endpoint.close()
        assert proxy.peer().head.startswith(b"POST http://elsewhere.test/api/v1/image/upscale ")
    assert isinstance(result, Received)
    assert asked == [SERVICE]
    assert took < SOON
