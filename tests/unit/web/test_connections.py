"""A connection's time limits, with limits of the test's own, and answers by which nobody is sent elsewhere."""

from __future__ import annotations

import queue
import socket
import threading
from typing import TYPE_CHECKING

import httpx
import pytest

from watchd.model import Web
from watchd.web import connections
from watchd.web.server import WebServer

if TYPE_CHECKING:
    from collections.abc import Iterator

    from starlette.types import Receive, Scope, Send

PATIENCE_S = 20.0
MUCH = bytes(1_000_000)
ASK = b"GET / HTTP/1.1\r\nHost: 127.0.0.1\r\n\r\n"
TOKEN = "a-token-that-was-made-up-here"  # noqa: S105 -- made up here


class Answering:
    """A page of many megabytes, in one piece or in many; tells when nobody is left to read it."""

    def __init__(self, pieces: int) -> None:
        self.over = threading.Event()
        self._pieces = pieces

    async def __call__(self, _scope: Scope, _receive: Receive, send: Send) -> None:
        try:
            await send({"type": "http.response.start", "status": 200, "headers": []})
            for number in range(self._pieces):
                body, more = MUCH * (30 // self._pieces), number + 1 < self._pieces
                await send({"type": "http.response.body", "body": body, "more_body": more})
        finally:
            self.over.set()


@pytest.fixture(params=[1, 30])
def answering(request: pytest.FixtureRequest) -> Answering:
    return Answering(request.param)


@pytest.fixture
def served(answering: Answering, monkeypatch: pytest.MonkeyPatch) -> Iterator[WebServer]:
    monkeypatch.setattr(connections, "REQUEST_WITHIN_S", 0.1)
    monkeypatch.setattr(connections, "READ_WITHIN_S", 1.0)
    server = WebServer(Web(port=0), TOKEN, answering, lambda error: pytest.fail(str(error)))
    server.start()
    yield server
    server.stop()


def come(served: WebServer) -> socket.socket:
    # A small window, or the kernel would take all of it for a reader who takes nothing.
    visitor = socket.socket()
    visitor.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, 4_096)
    visitor.settimeout(PATIENCE_S)
    visitor.connect(("127.0.0.1", served.port))
    return visitor


def test_a_reader_who_takes_nothing_is_cut(
    served: WebServer, answering: Answering, monkeypatch: pytest.MonkeyPatch
) -> None:
    lost: queue.Queue[int] = queue.Queue()
    ended = connections.BoundedProtocol.connection_lost

    def connection_lost(protocol: connections.BoundedProtocol, error: Exception | None) -> None:
        ended(protocol, error)
        lost.put(protocol.client[1] if protocol.client else 0)

    monkeypatch.setattr(connections.BoundedProtocol, "connection_lost", connection_lost)
    with come(served) as reader, come(served) as silent:
        reader.sendall(ASK)
        assert lost.get(timeout=PATIENCE_S) == silent.getsockname()[1]
        assert lost.get(timeout=PATIENCE_S) == reader.getsockname()[1]
    assert answering.over.wait(PATIENCE_S)


def test_a_reader_who_reads_gets_all_of_it(served: WebServer) -> None:
    with httpx.Client(trust_env=False, timeout=PATIENCE_S) as client:
        assert len(client.get(f"http://127.0.0.1:{served.port}/").content) == 30 * len(MUCH)


def test_the_link_leads_to_no_other_machine(served: WebServer) -> None:
    with come(served) as visitor:
        visitor.sendall(f"GET //evil.example/x?token={TOKEN} HTTP/1.1\r\nHost: 127.0.0.1\r\n\r\n".encode())
        head = visitor.recv(4_096).decode()
    assert "location: /evil.example/x\r\n" in head
