"""Holds on to the socket of one request, so that another thread can end it: when it is late, or when told to stop.

Timeouts of the transport bound single reads and writes; a peer that drips keeps within them for ever.
"""

from __future__ import annotations

import math
import threading
import time
from typing import TYPE_CHECKING, Any, Self

from watchd.adapters.http import sockets
from watchd.core.calls import upload_progress
from watchd.core.calls.upload_progress import UploadProgress

if TYPE_CHECKING:
    from collections.abc import Callable
    from types import TracebackType

LOOK_S = 0.25
"""How often an upload is looked at."""
STOPPING = "watchd stops, and the picture was not complete"


class Timekeeper:
    """One thread for all deadlines: it sleeps until the first of them is to be looked at. Ended by `close`.

    Threads: its own, begun with the first deadline; any other. What changes is behind `_changed`; deadlines are looked
    at outside it.
    """

    def __init__(self) -> None:
        self._changed = threading.Condition()
        self._kept: set[Deadline] = set()
        self._wakes = math.inf
        self._over = False
        self._thread: threading.Thread | None = None

    def keep(self, deadline: Deadline, by: float) -> None:
        """Look at a deadline from now on, and first at `by` (monotonic seconds)."""
        with self._changed:
            self._kept.add(deadline)
            if self._thread is None:
                self._thread = threading.Thread(target=self._run, name="deadlines", daemon=True)
                self._thread.start()
        self.look(by)

    def look(self, by: float) -> None:
        """Look at all of them at `by` at the latest: most have a look sooner than that ahead, and nobody is woken."""
        with self._changed:
            if by < self._wakes:
                self._wakes = by
                self._changed.notify()

    def leave(self, deadline: Deadline) -> None:
        """Look at a deadline no more."""
        with self._changed:
            self._kept.discard(deadline)

    def close(self) -> None:
        """End the thread; deadlines that are still kept do no more."""
        with self._changed:
            self._over = True
            self._changed.notify()

    def _run(self) -> None:
        while True:
            with self._changed:
                while not self._over and (wait := self._wakes - time.monotonic()) > 0:
                    self._changed.wait(min(wait, threading.TIMEOUT_MAX) if wait < math.inf else None)
                if self._over:
                    return
                kept, self._wakes = [*self._kept], math.inf
            self.look(min((deadline.look() for deadline in kept), default=math.inf))


class Deadline:
    """Used as a context manager around the request; `hold` is to be shown its stream.

    Threads: the worker's that calls; the timekeeper's, or whoever cuts all calls, shuts its stream. All that changes is
    behind `_lock`, and so is a cut: whoever goes on after asking `cut_because` is not cut for what was before, and once
    the request is over its line, which may be another's by then, is left alone.
    """

    def __init__(self, seconds: float, timekeeper: Timekeeper) -> None:
        """`seconds`: for all of it."""
        self._seconds = seconds
        self._timekeeper = timekeeper
        self._ends = time.monotonic() + seconds
        self._lock = threading.RLock()
        self._over = False
        self._stream: Any = None
        self._cut_because: str | None = None
        self.ours = False
        """Whether it was cut because we stop, and not for anything that the service did. Told by who cuts first."""

    def __enter__(self) -> Self:
        self._timekeeper.keep(self, self._ends)
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, traceback: TracebackType | None
    ) -> None:
        self.let_go()
        self._timekeeper.leave(self)

    def let_go(self) -> None:
        """The request is over, and nothing is cut from here on: its descriptor may be another's at once."""
        with self._lock:
            self._over, self._stream = True, None

    def look(self) -> float:
        """Cut it if it is late; when to look again (monotonic seconds)."""
        with self._lock:
            return math.inf if self._over or self._cut_because is not None else self._look(time.monotonic())

    def _look(self, now: float) -> float:
        if now >= self._ends:
            self.cut(f"no answer within {self._seconds:g} s")
            return math.inf
        return self._ends

    def trace(self, event: str, info: dict[str, Any]) -> None:
        """The transport tells its steps here."""
        # TLS puts a socket of its own in place of the one before; through a proxy that is told under another name.
        if event in {"connection.connect_tcp.complete", "connection.start_tls.complete", "proxy.start_tls.complete"}:
            self.hold(info["return_value"])

    def hold(self, stream: Any) -> None:
        """This is the stream that a cut ends from here on."""
        with self._lock:
            self._stream = stream
            if self._cut_because is not None:
                sockets.shut_down(stream)

    def peer_has_left(self) -> bool:
        """Whether the peer has closed or reset the connection."""
        return sockets.peer_has_left(self._stream)

    def cut(self, reason: str, *, ours: bool = False) -> None:
        """End the request from another thread: its blocked read or write fails at once. `ours`: all of them are cut."""
        with self._lock:
            if self._over:
                return
            if self._cut_because is None:
                self._cut_because, self.ours = reason, ours
            if self._stream is not None:
                sockets.shut_down(self._stream)

    def cut_because(self) -> str | None:
        """Why it was ended from here; None where it was not."""
        with self._lock:
            return self._cut_because


class CallDeadline(Deadline):
    """A paid call's: time to connect, then an upload that takes as long as it moves, then time for the answer.

    The answer is waited for from the moment at which nothing is on its way any more: what the kernel still holds when
    the last bytes are handed to it puts the end off as long as it moves.
    """

    def __init__(self, seconds: float, timekeeper: Timekeeper) -> None:
        """`seconds`: for connecting, and then for the answer."""
        super().__init__(seconds, timekeeper)
        self._handed: Callable[[], int] = lambda: 0
        self._progress: UploadProgress | None = None
        self._is_complete = False
        self._complete_by: float | None = None
        self.stalled = False
        """Whether it was cut because its upload came no further."""

    def begin_upload(self, handed: Callable[[], int]) -> None:
        """The body begins to leave. `handed`: how many bytes of it the socket has taken."""
        with self._lock:
            self._handed = handed
            now = time.monotonic()
            self._progress = upload_progress.beginning(self._arrived(), now, self._seconds)
            self._ends = math.inf
        self._timekeeper.look(now + LOOK_S)

    def await_answer(self) -> None:
        """All has been handed to the socket, or all but the last bytes: from here on the answer is waited for."""
        with self._lock:
            self._is_complete = True
            ends = self._ends = time.monotonic() + self._seconds
        self._timekeeper.look(ends)

    def hurry(self, seconds: float) -> None:
        """We stop: what is not complete in so many seconds is given up, which costs nothing."""
        with self._lock:
            by = self._complete_by = time.monotonic() + seconds
        self._timekeeper.look(by)

    def _arrived(self) -> int:
        flow = sockets.flow(self._stream)
        return self._handed() if flow is None else flow.acknowledged

    def _look(self, now: float) -> float:
        if self._is_complete:
            self._watch_the_rest(now)
        elif self._complete_by is not None and now >= self._complete_by:
            self.cut(STOPPING, ours=True)
        elif self._progress is not None:
            self._watch_the_upload(self._progress, now)
        again = super()._look(now)
        if self._progress is not None:
            again = min(again, now + LOOK_S)
        if self._complete_by is not None and not self._is_complete:
            again = min(again, self._complete_by)
        return again

    def _watch_the_upload(self, progress: UploadProgress, now: float) -> None:
        found = progress.seen(self._arrived(), now)
        if isinstance(found, UploadProgress):
            self._progress = found
            return
        self.stalled = self._cut_because is None
        self.cut(found.reason)

    def _watch_the_rest(self, now: float) -> None:
        """Put the end off while what the kernel holds moves; a stop waits for no more than the answer's own time."""
        progress, flow = self._progress, sockets.flow(self._stream)
        self._progress = None
        if progress is None or flow is None or not flow.on_its_way or self._complete_by is not None:
            return
        found = progress.seen(flow.acknowledged, now)
        if isinstance(found, UploadProgress):
            self._progress = found
            if found.at == now:
                self._ends = now + self._seconds
