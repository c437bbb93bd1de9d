"""What httpx cannot do with its own socket: see that the peer has left, and end a blocked call from another thread."""

from __future__ import annotations

import select
import socket
import ssl
from contextlib import suppress
from typing import Any


def peer_has_left(stream: Any) -> bool:
    """Whether the peer has closed or reset the connection. `stream`: a network stream of httpcore, or None.

    Bytes that wait to be read say nothing of it: they may be an early answer, or a session ticket of TLS.
    """
    held = _socket_of(stream)
    if held is None:
        return False
    try:
        # A socket with a timeout waits for that long before it reads, MSG_DONTWAIT or not: so it is asked first.
        poller = select.poll()
        poller.register(held, select.POLLIN | select.POLLRDHUP)
        told = poller.poll(0)
        if not told:
            return False
        if isinstance(held, ssl.SSLSocket):
            # Nobody reads its tickets before the answer, so a peek would see them and never the end behind them.
            return bool(told[0][1] & (select.POLLRDHUP | select.POLLHUP | select.POLLERR))
        return held.recv(1, socket.MSG_PEEK) == b""
    except (OSError, ValueError):  # reset, or closed meanwhile
        return True


def shut_down(stream: Any) -> None:
    """Make every blocked read and write on the stream fail at once."""
    held = _socket_of(stream)
    if held is not None:
        with suppress(OSError):  # it has been closed meanwhile, which is what was wanted
            socket.socket.shutdown(held, socket.SHUT_RDWR)


def _socket_of(stream: Any) -> socket.socket | None:
    held = stream.get_extra_info("socket") if stream is not None else None
    return held if isinstance(held, socket.socket) else None
