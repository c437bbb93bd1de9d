"""A server below HTTP: it can cut, lie, drip and flood, and it knows at each moment how many bytes have reached it."""

from __future__ import annotations

import socket
import struct
import threading
from contextlib import suppress
from typing import TYPE_CHECKING, Self

if TYPE_CHECKING:
    from collections.abc import Callable

PATIENCE = 10.0
"""Seconds that nothing here should ever take."""


class Peer:
    """One connection, seen from the server."""

    def __init__(self, connection: socket.socket) -> None:
        self._connection = connection
        self._changed = threading.Condition()
        self._body = b""
        self._length = 0
        self.head = b""
        self.gone = threading.Event()
        """Set once the client has left or this side has ended the connection."""

    @property
    def body(self) -> bytes:
        """What came of the body so far."""
        with self._changed:
            return self._body

    @property
    def length(self) -> int:
        """As the client announced it."""
        return self._length

    @property
    def complete(self) -> bool:
        """Whether the whole body is there."""
        return bool(self.head) and len(self.body) == self._length

    def wait_for_body(self, count: int) -> bool:
        """Wait, from another thread, until so many bytes of the body have come."""
        with self._changed:
            return self._changed.wait_for(lambda: len(self._body) >= count, PATIENCE)

    def header(self, name: str) -> str | None:
        """One header of the request."""
        for line in self.head.decode("latin-1").split("\r\n")[1:]:
            if line.lower().startswith(f"{name.lower()}:"):
                return line.partition(":")[2].strip()
        return None

    def read_head(self) -> None:
        """Up to the empty line."""
        data = b""
        while b"\r\n\r\n" not in data:
            data += self._receive()
        self.head, _, rest = data.partition(b"\r\n\r\n")
        self._length = int(self.header("content-length") or 0)
        self._take(rest)

    def read_body(self, fraction: float = 1.0) -> None:
        """The body, or a part of it."""
        while len(self.body) < self._length * fraction:
            self._take(self._receive())

    def _receive(self) -> bytes:
        data = self._connection.recv(65_536)
        if not data:
            raise ConnectionError("the client has left")
        return data

    def _take(self, data: bytes) -> None:
        with self._changed:
            self._body += data
            self._changed.notify_all()

    def send(self, data: bytes) -> None:
        """Bytes as they are."""
        self._connection.sendall(data)

    def answer(self, status: str, body: bytes = b"", *headers: str) -> None:
        """A whole answer."""
        lines = [f"HTTP/1.1 {status}", f"Content-Length: {len(body)}", *headers, "", ""]
        self.send("\r\n".join(lines).encode() + body)

    def close(self) -> None:
        """An orderly end."""
        with suppress(OSError):
            self._connection.shutdown(socket.SHUT_RDWR)
        self._connection.close()

    def reset(self) -> None:
        """An end without a word."""
        self._connection.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, struct.pack("ii", 1, 0))
        self._connection.close()


class Listening:
    """Whatever listens on a loopback port."""

    _listener: socket.socket

    @property
    def port(self) -> int:
        """Where it listens."""
        return int(self._listener.getsockname()[1])

    @property
    def base_url(self) -> str:
        """As a client's configuration has it."""
        return f"http://127.0.0.1:{self.port}/api/v1"


class RawServer(Listening):
    """Lets every connection be treated by one function in a thread of its own, on a loopback port."""

    def __init__(self, treat: Callable[[Peer], None]) -> None:
        """`treat` may return at any time; the connection ends then. A client that leaves ends it too."""
        self._treat = treat
        self._listener = socket.create_server(("127.0.0.1", 0))
        self._listener.settimeout(PATIENCE)
        self._threads: list[threading.Thread] = []
        self._changed = threading.Condition()
        self._peers: list[Peer] = []
        self.over = threading.Event()
        """Set when the test has ended: who waits for nothing in particular waits for this."""

    @property
    def peers(self) -> list[Peer]:
        """The connections so far."""
        with self._changed:
            return list(self._peers)

    def peer(self) -> Peer:
        """The first connection, once it is there."""
        with self._changed:
            assert self._changed.wait_for(lambda: self._peers, PATIENCE)
            return self._peers[0]

    def __enter__(self) -> Self:
        self._start(self._accept)
        return self

    def __exit__(self, *_: object) -> None:
        self.over.set()
        with suppress(OSError):
            self._listener.shutdown(socket.SHUT_RDWR)
        self._listener.close()
        for peer in self.peers:
            peer.close()
        for thread in self._threads:
            thread.join(PATIENCE)

    def _start(self, target: Callable[..., None], *arguments: object) -> None:
        thread = threading.Thread(target=target, args=arguments)
        self._threads.append(thread)
        thread.start()

    def _accept(self) -> None:
        while not self.over.is_set():
            try:
                connection, _ = self._listener.accept()
            except OSError:
                return
            connection.settimeout(PATIENCE)
            peer = Peer(connection)
            with self._changed:
                self._peers.append(peer)
                self._changed.notify_all()
            self._start(self._serve, peer)

    def _serve(self, peer: Peer) -> None:
        with suppress(OSError):
            self._treat(peer)
        peer.close()
        peer.gone.set()
