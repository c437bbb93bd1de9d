"""The API key as a running engine asks for it: anew for each call, told apart without being told."""

from __future__ import annotations

import hashlib
from dataclasses import dataclass
from typing import TYPE_CHECKING

from watchd.adapters.host import logs
from watchd.config.secrets import KeyFound, KeyTrouble, api_key, mark_of_key
from watchd.errors import LaterError
from watchd.model import Gate, GateReason

if TYPE_CHECKING:
    from collections.abc import Mapping

    from watchd.interfaces import Clock
    from watchd.journey.gate.keeper import GateKeeper
    from watchd.model import Api


@dataclass(frozen=True, slots=True)
class _KeyAsRead:
    mark: tuple[object, ...]
    found: KeyFound | KeyTrouble
    fingerprint: str


class KeyRing:
    """Where the key of one configuration comes from.

    Threads: `key` and `fingerprint` are asked by workers; `tend` by the main thread, which alone has `_mark`. `_held`
    is one value that is replaced whole: a key, and the mark that its file had before it was read.
    """

    def __init__(self, api: Api, environ: Mapping[str, str], keeper: GateKeeper, clock: Clock) -> None:
        self._api = api
        self._environ = environ
        self._keeper = keeper
        self._clock = clock
        self._mark: tuple[object, ...] | None = None
        self._held: _KeyAsRead | None = None

    def key(self) -> str:
        """The key as it is now. Raises LaterError where there is none to be had."""
        found = self._look().found
        if isinstance(found, KeyTrouble):
            raise LaterError(found.problem)
        return found.key.reveal()

    def fingerprint(self) -> str:
        """Tells one key from another without telling the key."""
        return self._look().fingerprint

    def _look(self) -> _KeyAsRead:
        """The key as it is now; read and hashed again only where its file, or a variable, is other than it was."""
        mark = mark_of_key(self._api, self._environ)
        held = self._held
        if held is None or held.mark != mark or isinstance(held.found, KeyTrouble):
            found = api_key(self._api, self._environ)
            if isinstance(found, KeyFound):
                logs.hide(found.key.reveal())
            held = self._held = _KeyAsRead(mark, found, _fingerprint(found))
        return held

    def tend(self) -> None:
        """Close the gate while there is no key at all, and open it when the key is another than was refused."""
        mark = mark_of_key(self._api, self._environ)
        if mark == self._mark and GateReason.KEY not in self._keeper.gates():
            return  # while that is closed it is looked at each time: a call with the key before may have closed it
        found = api_key(self._api, self._environ)
        if isinstance(found, KeyTrouble):  # looked at each time, as the owner's `resume` may have opened the gate
            self._keeper.close(Gate(GateReason.KEY, self._clock.steady(), found.problem, mark=_fingerprint(found)))
            return
        self._keeper.look_at_key(_fingerprint(found))
        self._mark = mark  # as it was before the file was read: what came since is looked at the next time


def _fingerprint(found: KeyFound | KeyTrouble) -> str:
    text = found.key.reveal() if isinstance(found, KeyFound) else ""
    return hashlib.sha256(f"watchd key {text}".encode()).hexdigest()[:16]
