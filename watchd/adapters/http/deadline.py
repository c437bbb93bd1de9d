"""Holds on to the socket of one request, so that another thread can end it: at its deadline, or when told to stop.

Timeouts of the transport bound single reads and writes; a peer that drips keeps within them for ever.
"""

from __future__ import annotations

import threading
from typing import TYPE_CHECKING, Any, Self

from watchd.adapters.http import sockets

if TYPE_CHECKING:
    from types import TracebackType


class Deadline:
    """Used as a context manager around the request; `trace` goes into the extensions of the request.

    Threads: the worker's that calls; a timer's, or whoever cuts all calls, shuts its stream, which is behind its lock.
    """

    def __init__(self, seconds: float) -> None:
        """`seconds`: for all of it."""
        self._lock = threading.Lock()
        self._stream: Any = None
        self._cut_because: str | None = None
        self.ours = False
        """Whether it was cut because we stop, and not for anything that the service did. Told by who cuts first."""
        self._timer = threading.Timer(seconds, self.cut, [f"no answer within {seconds:g} s"])
        self._timer.daemon = True

    def __enter__(self) -> Self:
        self._timer.start()
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, traceback: TracebackType | None
    ) -> None:
        self._timer.cancel()

    def trace(self, event: str, info: dict[str, Any]) -> None:
        """The transport tells its steps here."""
        # TLS puts a socket of its own in place of the one before; through a proxy that is told under another name.
        if event in {"connection.connect_tcp.complete", "connection.start_tls.complete", "proxy.start_tls.complete"}:
            self._hold(info["return_value"])

    def _hold(self, stream: Any) -> None:
        with self._lock:
            self._stream = stream
            late = self._cut_because is not None
        if late:
            sockets.shut_down(stream)

    def cut(self, reason: str, *, ours: bool = False) -> None:
        """End the request from another thread: its blocked read or write fails at once. `ours`: all of them are cut."""
        with self._lock:
            if self._cut_because is None:
                self._cut_because, self.ours = reason, ours
            stream = self._stream
        if stream is not None:
            sockets.shut_down(stream)

    def cut_because(self) -> str | None:
        """Why it was ended from here; None where it was not."""
        with self._lock:
            return self._cut_because

    def peer_has_left(self) -> bool:
        """Whether the peer has closed or reset the connection."""
        return sockets.peer_has_left(self._stream)
