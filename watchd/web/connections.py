"""How many may be connected to the page, and for how long: whoever keeps sockets open must not stop the work.

uvicorn bounds the requests that it answers at once, and has no time limit for one that never comes whole.
"""

from __future__ import annotations

import math
from typing import TYPE_CHECKING

from starlette.responses import PlainTextResponse
from uvicorn.protocols.http.h11_impl import H11Protocol

if TYPE_CHECKING:
    import asyncio
    from collections.abc import Collection

    from starlette.types import ASGIApp, Receive, Scope, Send

MOST_CONNECTIONS = 64
"""Descriptors that visitors may hold, whatever they do."""
KEPT_FOR_HEALTH = 8
"""So many of them are never taken by answers that last, so that health is told however many look at the page."""
AT_ONE_GO = 32
"""Connections that asyncio accepts before it does anything else. Half of what may be open at most: two goes come
before the first one's requests are read, and nobody is to be sent away before that."""
BACKLOG = 256
"""Connections that wait to be accepted. One too many is not told: it tries again after a second, and health with it."""
REQUEST_WITHIN_S = 10.0
"""For the headers of a request and its body; for the next one, too."""
READ_WITHIN_S = 60.0
"""For a reader who takes nothing of an answer, or the last of it."""


class BoundedProtocol(H11Protocol):
    """One connection, which has its time limits and knows of all others.

    Where one too many comes, the one goes that has kept a request waited for the longest: so whoever asks at once, as a
    health check does, is answered through any number that say nothing.

    Threads: the page's loop alone.
    """

    waits_since: float = math.inf
    """Since when (the loop's seconds) a whole request is waited for; inf: one is being answered, or it is over."""
    _limit: asyncio.TimerHandle | None = None
    _reading: asyncio.TimerHandle | None = None

    def connection_made(self, transport: asyncio.Transport) -> None:  # type: ignore[override]  # as uvicorn has it
        """Begin to wait for a request, and make room for it."""
        super().connection_made(transport)
        self._look()
        if len(self.connections) > MOST_CONNECTIONS:
            # There is always one that waits: this one.
            all_of_them = (one for one in self.connections if isinstance(one, BoundedProtocol))
            min(all_of_them, key=lambda one: one.waits_since).leave()

    def data_received(self, data: bytes) -> None:
        """Go on with the request."""
        super().data_received(data)
        self._look()

    def on_response_complete(self) -> None:
        """Wait for the next request."""
        super().on_response_complete()
        self._look()

    def connection_lost(self, exc: Exception | None) -> None:
        """Forget it."""
        self._forget()
        self._forget_reader()
        super().connection_lost(exc)

    def pause_writing(self) -> None:
        """The reader is slow: it has its time."""
        super().pause_writing()
        self._reading = self.loop.call_later(READ_WITHIN_S, self.transport.abort)

    def resume_writing(self) -> None:
        """It goes on reading."""
        super().resume_writing()
        self._forget_reader()

    def leave(self) -> None:
        """Close it now, whatever is still on its way, and count it no more."""
        self._forget()
        self.connections.discard(self)
        self.transport.abort()

    def _look(self) -> None:
        """Begin the time limit, end it, or let it run: bytes that come one by one make no request later."""
        answers = self.cycle is not None and not self.cycle.response_complete and not self.cycle.more_body
        if answers:
            self._forget()
        elif self.waits_since == math.inf:
            self.waits_since = self.loop.time()
            self._limit = self.loop.call_later(REQUEST_WITHIN_S, self._overdue)

    def _forget(self) -> None:
        self.waits_since = math.inf
        if self._limit is not None:
            self._limit.cancel()
            self._limit = None

    def _forget_reader(self) -> None:
        if self._reading is not None:
            self._reading.cancel()
            self._reading = None

    def _overdue(self) -> None:
        """No whole request came. What was answered before is perhaps still being read."""
        over = self.waits_since + READ_WITHIN_S
        if self.transport.get_write_buffer_size() and self.loop.time() < over:
            self._limit = self.loop.call_at(over, self._overdue)
        else:
            self.leave()


class Places:
    """Answers so many at once, and says to others that they come again; `free`: paths that need no place.

    Threads: the page's loop alone.
    """

    def __init__(self, inner: ASGIApp, most: int, free: Collection[str]) -> None:
        self._inner = inner
        self._most = most
        self._free = free
        self._taken = 0

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Answer, or say why not."""
        if scope["type"] != "http" or scope["path"] in self._free:
            await self._inner(scope, receive, send)
        elif self._taken >= self._most:
            headers = {"retry-after": "2", "connection": "close"}
            await PlainTextResponse("too many ask at once\n", 503, headers)(scope, receive, send)
        else:
            self._taken += 1
            try:
                await self._inner(scope, receive, send)
            finally:
                self._taken -= 1
