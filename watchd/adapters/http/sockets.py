"""What httpx cannot do with its own socket: see that the peer has left, and end a blocked call from another thread."""

from __future__ import annotations

import select
import socket
from contextlib import suppress
from typing import Any


def peer_has_left(stream: Any) -> bool:
    """Whether the peer has closed or reset the connection. `stream`: a network stream of httpcore, or None.

    Bytes that wait to be read say nothing: they may be an early answer, or a session ticket of TLS.
    """
    held = _socket_of(stream)
    if held is None:
        return False
    try:
        # A socket with a timeout waits for that long before it reads, MSG_DONTWAIT or not: so it is asked first.
        poller = select.poll()
        poller.register(held, select.POLLIN)
        if not poller.poll(0):
            return False
        # Past SSLSocket, whose own recv refuses flags: only the raw stream shows its end.
        return socket.socket.recv(held, 1, socket.MSG_PEEK) == b""
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
