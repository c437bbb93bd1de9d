"""A slow line that everybody shares: what goes up over all connections together keeps to one rate; down it is quick."""

from __future__ import annotations

import socket
import threading
import time
from contextlib import suppress
from typing import TYPE_CHECKING, Self

from tests.fakes.raw_server import PATIENCE, Listening

if TYPE_CHECKING:
    from collections.abc import Callable

PIECE = 4096


class Uplink(Listening):
    """Leads to one port of this machine. `rate`: bytes a second in all; nothing at all where it is 0."""

    def __init__(self, port: int, rate: float) -> None:
        self.rate = rate
        self.most_at_once = 0
        """How many connections there were at the same time."""
        self._port = port
        self._listener = socket.socket()
        # Small, or the kernel of this machine would take whole pictures in, line or no line.
        self._listener.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, 2 * PIECE)
        self._listener.bind(("127.0.0.1", 0))
        self._listener.listen(64)
        self._changed = threading.Condition()
        self._free_at = time.monotonic()
        self._open: list[socket.socket] = []
        self._threads: list[threading.Thread] = []
        self._over = threading.Event()

    def __enter__(self) -> Self:
        self._start(self._accept)
        return self

    def __exit__(self, *_: object) -> None:
        self._over.set()
        with suppress(OSError):
            self._listener.shutdown(socket.SHUT_RDWR)
        self._listener.close()
        with self._changed:
            held = [*self._open]
        for end in held:
            self._shut(end)
        for thread in self._threads:
            thread.join(PATIENCE)

    def _start(self, target: Callable[..., None], *arguments: object) -> None:
        thread = threading.Thread(target=target, args=arguments)
        self._threads.append(thread)
        thread.start()

    @staticmethod
    def _shut(end: socket.socket) -> None:
        with suppress(OSError):
            end.shutdown(socket.SHUT_RDWR)

    def _accept(self) -> None:
        while not self._over.is_set():
            try:
                near, _ = self._listener.accept()
            except OSError:
                return
            self._start(self._lead, near)

    def _lead(self, near: socket.socket) -> None:
        with near, socket.create_connection(("127.0.0.1", self._port), PATIENCE) as far:
            far.settimeout(None)
            with self._changed:
                self._open += [near, far]
                self.most_at_once = max(self.most_at_once, len(self._open) // 2)
            down = threading.Thread(target=self._carry_down, args=(far, near))
            down.start()
            with suppress(OSError):
                while self._may_carry() and (data := near.recv(PIECE)):
                    far.sendall(data)
            self._shut(far)
            down.join(PATIENCE)
            with self._changed:
                self._open.remove(near)
                self._open.remove(far)

    def _carry_down(self, far: socket.socket, near: socket.socket) -> None:
        with suppress(OSError):
            while data := far.recv(65_536):
                near.sendall(data)
        self._shut(near)

    def _may_carry(self) -> bool:
        """Wait for one piece's turn, first come, first served; False: all is over."""
        while self.rate <= 0:
            if self._over.wait(0.05):
                return False
        with self._changed:
            turn = max(self._free_at, time.monotonic())
            self._free_at = turn + PIECE / self.rate
        return not self._over.wait(max(0.0, turn - time.monotonic()))
