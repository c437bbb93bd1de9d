"""Whether anything is other than it was, told to everybody who has the page open and looked at once for all of them."""

from __future__ import annotations

import asyncio
import json
import time
from contextlib import ExitStack
from typing import TYPE_CHECKING, Any

from watchd.adapters.ledgers import choosing

if TYPE_CHECKING:
    from collections.abc import AsyncGenerator, Callable

    from watchd.interfaces import LedgerView

LOOK_EVERY_S = 0.1
"""Seconds between two looks whether anything has changed, while somebody has the page open."""
KEEP_ALIVE_S = 15.0
"""Seconds after which a word is sent all the same, so that a lost connection is noticed."""


class Changes:
    """Looks at the ledger and at the daemon's own words (`status`) while anybody listens, however many they are.

    Threads: the page's loop alone.
    """

    def __init__(self, state_dir: str, status: Callable[[], dict[str, Any]]) -> None:
        self._state_dir = state_dir
        self._status = status
        self._listening = 0
        self._open = ExitStack()
        self._view: LedgerView | None = None
        self._looked = 0.0
        self._seen: object = None
        self._number = 0

    async def words(self) -> AsyncGenerator[str, None]:
        """Server-sent events: one whenever the ledger or a folder is other than it was, from now on."""
        self._listening += 1
        try:
            told = self._look()
            quiet = 0.0
            yield "retry: 1000\n\n"
            while True:
                await asyncio.sleep(LOOK_EVERY_S)
                quiet += LOOK_EVERY_S
                number = self._look()
                if number != told:
                    yield "event: changed\ndata: now\n\n"
                    told, quiet = number, 0.0
                elif quiet >= KEEP_ALIVE_S:
                    yield ": here\n\n"
                    quiet = 0.0
        finally:
            self._listening -= 1
            if not self._listening:
                self._view = None
                self._open.close()

    def _look(self) -> int:
        """Another number whenever something has changed; a look that another has just taken is good enough."""
        now = time.monotonic()
        if self._view is None:
            self._view = self._open.enter_context(choosing.view(self._state_dir))
        elif now - self._looked < LOOK_EVERY_S / 2:
            return self._number
        self._looked = now
        found = self._view.version(), json.dumps(self._status(), sort_keys=True)
        if found != self._seen:
            self._seen = found
            self._number += 1
        return self._number
