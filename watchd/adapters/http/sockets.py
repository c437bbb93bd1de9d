"""What httpx cannot do with its own socket: see that the peer has left, and end a blocked call from another thread."""

from __future__ import annotations

import select
import socket
import struct
from contextlib import suppress
from dataclasses import dataclass
from typing import Any

_UNACKNOWLEDGED = struct.Struct("=I"), 24
_ACKNOWLEDGED = struct.Struct("=Q"), 120
_NOT_SENT = struct.Struct("=I"), 144
_INFO_BYTES = 148
"""Where these stand in `struct tcp_info` of <linux/tcp.h>, which only ever grows at its end."""


@dataclass(frozen=True, slots=True)
class Flow:
    """What of the bytes that a socket has taken has arrived; `on_its_way`: not all of them have."""

    acknowledged: int
    on_its_way: bool


def flow(stream: Any) -> Flow | None:
    """How far the bytes have come that were written; None where the system does not tell, as an emulated one may not.

    The socket itself takes megabytes at once and then nothing for minutes, on a slow line: that tells nothing.
    """
    held = _socket_of(stream)
    if held is None:
        return None
    try:
        told = held.getsockopt(socket.IPPROTO_TCP, socket.TCP_INFO, _INFO_BYTES)
    except (OSError, ValueError):  # closed meanwhile
        return None
    if len(told) < _INFO_BYTES:
        return None
    acknowledged, segments, unsent = (
        fields.unpack_from(told, at)[0] for fields, at in (_ACKNOWLEDGED, _UNACKNOWLEDGED, _NOT_SENT)
    )
    # The opening of the connection is counted as one: where nothing is, nobody counts.
    return Flow(acknowledged, bool(segments or unsent)) if acknowledged else None


def peer_has_left(stream: Any) -> bool:
    """Whether the peer has closed or reset the connection. `stream`: a network stream of httpcore, or None.

    Bytes that wait to be read say nothing of it: they may be an early answer, or a session ticket of TLS.
    """
    held = _socket_of(stream)
    if held is None:
        return False
    try:
        poller = select.poll()
        poller.register(held, select.POLLRDHUP)
        return bool(poller.poll(0))
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
