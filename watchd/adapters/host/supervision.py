"""Words to systemd: ready, stopping, still alive. Nothing happens where no service manager listens."""

from __future__ import annotations

import os
import socket
from contextlib import suppress

_sender = socket.socket(socket.AF_UNIX, socket.SOCK_DGRAM | socket.SOCK_CLOEXEC | socket.SOCK_NONBLOCK)


def tell(state: str) -> None:
    """Send one sd_notify(3) datagram, such as `READY=1`."""
    address = os.environ.get("NOTIFY_SOCKET")
    if not address:
        return
    if address.startswith("@"):
        address = "\0" + address[1:]
    # A manager that does not listen must neither hold up the daemon nor end it; it draws its own conclusions.
    with suppress(OSError):
        _sender.sendto(state.encode(), address)


def listens() -> bool:
    """Whether there is a service manager to be told."""
    return bool(os.environ.get("NOTIFY_SOCKET"))


def ping_every() -> float | None:
    """Seconds between two signs of life, half of what systemd allows; None if it asks for none."""
    allowed = os.environ.get("WATCHDOG_USEC", "")
    if not allowed.isdigit() or os.environ.get("WATCHDOG_PID", str(os.getpid())) != str(os.getpid()):
        return None
    return int(allowed) / 2e6
