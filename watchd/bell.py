"""What the main thread sleeps on: anybody may ring it, a signal handler too."""

from __future__ import annotations

import queue
from contextlib import suppress


class Bell:
    """Rings are not counted: the one who waits looks at everything when it wakes.

    An Event would not do: its lock is not reentrant, and a signal that lands while the main thread holds it would stop
    that thread for ever. `SimpleQueue.put` is made to be called from there.
    """

    def __init__(self) -> None:
        self._rings: queue.SimpleQueue[None] = queue.SimpleQueue()

    def ring(self) -> None:
        """Wake whoever waits, or the next one to wait."""
        self._rings.put(None)

    def wait(self, seconds: float | None) -> None:
        """Return at a ring, or after so many seconds."""
        with suppress(queue.Empty):
            self._rings.get(timeout=seconds)
            while True:
                self._rings.get_nowait()
