"""Words to systemd: ready, stopping, still alive. Nothing happens where no service manager listens."""

from __future__ import annotations

import os
import socket
import threading
from contextlib import contextmanager, suppress
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Iterator

TELL_EVERY_S = 5.0
MORE_TIME_S = 60
"""What systemd is asked for each time, from then on: TimeoutStartSec= no longer holds once it was asked."""
LONGEST_START_S = 6 * 3600.0
"""What takes longer than this is taken for a hang all the same."""


def tell(state: str) -> None:
    """Send one sd_notify(3) datagram, such as `READY=1`."""
    address = os.environ.get("NOTIFY_SOCKET")
    if not address:
        return
    if address.startswith("@"):
        address = "\0" + address[1:]
    # A manager that does not listen must neither hold up the daemon nor end it; it draws its own conclusions.
    kind = socket.SOCK_DGRAM | socket.SOCK_CLOEXEC | socket.SOCK_NONBLOCK
    with suppress(OSError), socket.socket(socket.AF_UNIX, kind) as sender:
        sender.sendto(state.encode(), address)


@contextmanager
def long_start(what: str) -> Iterator[None]:
    """Tell the manager every few seconds that a start which takes its time is alive; `what`: the words for its status.

    By a thread, since a check or a migration of millions of files is one call into SQLite.
    """
    over = threading.Event()

    def extend() -> None:
        for _ in range(int(LONGEST_START_S / TELL_EVERY_S)):
            if over.wait(TELL_EVERY_S):
                return
            tell(f"EXTEND_TIMEOUT_USEC={MORE_TIME_S * 1_000_000}\nSTATUS=starting: {what}")

    if not listens():
        yield
        return
    teller = threading.Thread(target=extend, name="long-start")
    teller.start()
    try:
        yield
    finally:
        over.set()
        teller.join()


def listens() -> bool:
    """Whether there is a service manager to be told."""
    return bool(os.environ.get("NOTIFY_SOCKET"))


def ping_every() -> float | None:
    """Seconds between two signs of life, half of what systemd allows; None if it asks for none."""
    allowed = os.environ.get("WATCHDOG_USEC", "")
    if not allowed.isdigit() or os.environ.get("WATCHDOG_PID", str(os.getpid())) != str(os.getpid()):
        return None
    return int(allowed) / 2e6
