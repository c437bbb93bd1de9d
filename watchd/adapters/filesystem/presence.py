"""Each thread's word on what it does at which share, since a share that hangs takes whoever is there with it.

No system call on a mount can be broken off: whoever looks from outside knows who is stuck by this, and works round it.
"""

from __future__ import annotations

import hashlib
import os
import threading
import time
from contextlib import contextmanager
from typing import TYPE_CHECKING

from watchd.errors import LaterError
from watchd.model import Stay

if TYPE_CHECKING:
    from collections.abc import Collection, Iterable, Iterator

PIECE_BYTES = 4 << 20
"""Read at a time, so that a slow share is seen to go on."""
SILENT_S = 2.0
"""Where nobody has come further for so long, nobody else begins anything that can wait."""


class ThreadPresence:
    """Implements `interfaces.Presence`. Time is the processor's: a suspended machine hangs at no share.

    Threads: any; each writes its own entry alone, and readers copy. `begun` wakes whoever watches over all.
    """

    def __init__(self) -> None:
        self._stays: dict[int, tuple[tuple[str, ...], str, float]] = {}
        self.begun = threading.Event()
        """Somebody is at a share; cleared by the one who waits for it."""

    @contextmanager
    def at(self, doing: str, *roots: str) -> Iterator[None]:
        """While this thread does something below these roots: `doing`, in words that go before a path."""
        me = threading.get_ident()
        before = self._stays.get(me)
        self._stays[me] = roots, doing, time.monotonic()
        if not self.begun.is_set():
            self.begun.set()
        try:
            yield
        finally:
            if before is None:
                self._stays.pop(me, None)
            else:
                self._stays[me] = before[0], before[1], time.monotonic()

    def goes_on(self) -> None:
        """This thread has come further with what it does: another folder, another piece."""
        me = threading.get_ident()
        now = self._stays.get(me)
        if now is not None:
            self._stays[me] = now[0], now[1], time.monotonic()

    def pieces(self, file: int, most: int | None = None) -> Iterator[bytes]:
        """The bytes of an open file from where it stands, at most so many; each piece is a step further.

        Raises OSError.
        """
        while most is None or most > 0:
            piece = os.read(file, PIECE_BYTES if most is None else min(most, PIECE_BYTES))
            if not piece:
                return
            self.goes_on()
            yield piece
            most = None if most is None else most - len(piece)

    def stays(self, seconds: float) -> Collection[Stay]:
        """Those who have come no further for so long, the longest first."""
        now = time.monotonic()
        found = [
            Stay(thread, roots, doing, now - since)
            for thread, (roots, doing, since) in list(self._stays.items())
            if now - since >= seconds
        ]
        return sorted(found, key=lambda stay: -stay.seconds)

    def require_answer(self, root: str) -> None:
        """Raise LaterError where somebody hangs below a root: for what is no folder's own, and can wait."""
        for stay in self.stays(SILENT_S):
            if root in stay.roots:
                raise LaterError(f"{root} does not answer")


def sha256_of(pieces: Iterable[bytes]) -> str:
    """Of all of them together, in hex."""
    digest = hashlib.sha256()
    for piece in pieces:
        digest.update(piece)
    return digest.hexdigest()
