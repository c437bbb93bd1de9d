"""A self-pipe, which the main thread sleeps on: anybody may ring it, a signal handler and the kernel too."""

from __future__ import annotations

import os
import select
import signal
import threading
from contextlib import suppress
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Callable

_ENOUGH = 4096


class Wakeup:
    """Rings are not counted: the one who waits looks at everything when it wakes.

    An Event would not do: its lock is not reentrant, and a signal that lands while the main thread holds it would stop
    that thread for ever. Nor would a queue: the kernel may hand a signal to any thread, and Python runs its handler in
    the main one, which a queue would let sleep on.

    Threads: the main one waits; any may ring, and signal handlers.
    """

    def __init__(self) -> None:
        self._heard, self._ringing = os.pipe2(os.O_NONBLOCK | os.O_CLOEXEC)
        self._poll = select.poll()
        self._poll.register(self._heard, select.POLLIN)

    def ring(self) -> None:
        """Wake whoever waits, or the next one to wait."""
        with suppress(BlockingIOError):  # it has rung often enough
            os.write(self._ringing, b"\0")

    def ring_at_signals(self) -> None:
        """Let every signal that Python handles ring too, whichever thread the kernel gave it to; main thread only."""
        signal.set_wakeup_fd(self._ringing, warn_on_full_buffer=False)

    def wait(self, seconds: float | None) -> None:
        """Return at a ring, or after so many seconds; handlers of signals have run by then."""
        if self._poll.poll(None if seconds is None else seconds * 1000):
            with suppress(BlockingIOError):
                while len(os.read(self._heard, _ENOUGH)) == _ENOUGH:
                    pass

    def listen_during(
        self, step: Callable[[], None], every: float | None = None, beat: Callable[[], None] = lambda: None
    ) -> None:
        """Have another thread do what takes long: whoever joins it hears no signal that came to a third.

        `beat` is called after each so many seconds.
        """
        over = threading.Event()

        def take() -> None:
            try:
                step()
            finally:
                over.set()
                self.ring()

        thread = threading.Thread(target=take, name="draining")
        thread.start()
        while not over.is_set():
            self.wait(every)
            beat()
        thread.join()
        self.ring()  # for what else was asked for meanwhile
