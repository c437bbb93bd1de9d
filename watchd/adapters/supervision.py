"""Words to systemd: ready, stopping, still alive. Nothing happens where no service manager listens."""

from __future__ import annotations

import os
import socket


def tell(state: str) -> None:
    """Send one sd_notify(3) datagram, such as `READY=1`."""
    address = os.environ.get("NOTIFY_SOCKET")
    if not address:
        return
    if address.startswith("@"):
        address = "\0" + address[1:]
    with socket.socket(socket.AF_UNIX, socket.SOCK_DGRAM | socket.SOCK_CLOEXEC) as sender:
        sender.sendto(state.encode(), address)


def ping_every() -> float | None:
    """Seconds between two signs of life, half of what systemd allows; None if it asks for none."""
    allowed = os.environ.get("WATCHDOG_USEC", "")
    if not allowed.isdigit() or os.environ.get("WATCHDOG_PID", str(os.getpid())) != str(os.getpid()):
        return None
    return int(allowed) / 2e6
