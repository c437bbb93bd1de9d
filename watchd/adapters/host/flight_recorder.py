"""Which files are being read, in a file that outlives the process: one that ends it suddenly is found by it.

What the kernel kills for its memory, or a codec for its bug, cannot say why it ends. What is written here lies in the
kernel's hands at once and needs no sync: it is to survive the process, not the power.
"""

from __future__ import annotations

import hashlib
import logging
import os
import threading
from contextlib import contextmanager, suppress
from typing import TYPE_CHECKING

from watchd.core.text import on_one_line

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path

logger = logging.getLogger(__name__)

LINE_BYTES = 512
LINES = 128
"""So many files may be in hand, or under suspicion, at once; what comes beyond is read all the same."""
MOST_TRIES = 2
PATIENCE_S = 60.0
"""Longest wait until a file under suspicion is read alone, or others are read again."""


class FlightRecorder:
    """Implements `interfaces.InHand`. A line for each file in hand: how often it was tried, its fingerprint, its name.

    Threads: the intake's and every worker's; all that changes is behind `_changed`.
    """

    def __init__(self, path: Path) -> None:
        """Whatever stands in `path` was in hand when the last process ended. Where that cannot be had, none is kept."""
        self._path = path
        self._changed = threading.Condition()
        self._in_hand = 0
        self._alone = False
        self._file: int | None = None
        self._suspects: dict[str, tuple[int, int]] = {}
        """Fingerprint → its line, and how often the process has ended with it in hand."""
        self._free = list(range(LINES))
        with suppress(OSError):
            self._file = os.open(path, os.O_RDWR | os.O_CREAT | os.O_CLOEXEC, 0o600)
            self._find_suspects(self._file)

    def _find_suspects(self, file: int) -> None:
        for line in range(LINES):
            told = os.pread(file, LINE_BYTES, line * LINE_BYTES).rstrip(b"\0 \n").decode("utf-8", "replace")
            tries, _, rest = told.partition(" ")
            fingerprint, _, name = rest.partition(" ")
            if tries.isdigit() and fingerprint and fingerprint not in self._suspects:
                self._suspects[fingerprint] = line, int(tries)
                self._free.remove(line)
                logger.warning(
                    "watchd ended while it read %s (%s time). It is tried again by itself, and set aside after %d.",
                    name, "first" if tries == "1" else "second", MOST_TRIES, extra={"action": "suspected"},
                )  # fmt: skip
            else:
                self._write(line, "")

    @contextmanager
    def reading(self, path: str, mark: str) -> Iterator[bool]:
        """While a file is read; one under suspicion, while no other is."""
        fingerprint = hashlib.sha256(f"{path}\0{mark}".encode("utf-8", "surrogateescape")).hexdigest()[:32]
        with self._changed:
            line, tries = self._suspects.pop(fingerprint, (None, 0))
        if line is not None and tries >= MOST_TRIES:
            self._put_back(line)
            yield False
            return
        is_suspect = line is not None
        self._take(alone=is_suspect)
        try:
            line = self._note(line, f"{tries + 1} {fingerprint} {on_one_line(path)}")
            yield True
        finally:
            self._put_back(line)
            self._give_back()

    def _take(self, *, alone: bool) -> None:
        with self._changed:
            # Bounded: what hangs on a share that does not answer must not hold up who has nothing to do with it.
            self._changed.wait_for(lambda: not (self._alone or (alone and self._in_hand)), PATIENCE_S)
            self._in_hand += 1
            self._alone = alone

    def _give_back(self) -> None:
        with self._changed:
            self._in_hand -= 1
            self._alone = False
            self._changed.notify_all()

    def _note(self, line: int | None, told: str) -> int | None:
        with self._changed:
            if line is None and self._free:
                line = self._free.pop()
        if line is not None:
            self._write(line, told)
        return line

    def _put_back(self, line: int | None) -> None:
        if line is not None:
            self._write(line, "")
            with self._changed:
                self._free.append(line)

    def _write(self, line: int, told: str) -> None:
        """A disk without room keeps nothing here, and that stops nobody."""
        if self._file is not None:
            data = told.encode()[: LINE_BYTES - 1].ljust(LINE_BYTES - 1) + b"\n"
            with suppress(OSError):
                os.pwrite(self._file, data, line * LINE_BYTES)

    def close(self) -> None:
        """A clean end: who is left behind at a share has killed nobody. Suspicions stay, if there are any."""
        if self._file is not None:
            suspected = {line for line, _ in self._suspects.values()}
            for line in set(range(LINES)) - suspected - set(self._free):
                self._write(line, "")
            os.close(self._file)
            self._file = None
            if not suspected:
                with suppress(OSError):  # what stands in it names nobody
                    self._path.unlink()
