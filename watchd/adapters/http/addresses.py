"""A name stands for several addresses, and not all of them lead there: the first that answers is taken (RFC 8305).

A host with a broken IPv6 is told of IPv6 addresses all the same. Tried one after the other, each would cost every call
all the time that a connection may take. So the next one begins where the one before is slow, which is not given up.
"""

from __future__ import annotations

import socket
import threading
import time
from dataclasses import dataclass
from functools import partial
from ipaddress import ip_address
from itertools import zip_longest
from typing import TYPE_CHECKING, Any, Generic, Self, TypeVar

import httpcore

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable, Sequence

T = TypeVar("T")

HEAD_START_S = 0.25
"""How long an address has to itself before the next is tried beside it: what RFC 8305 recommends."""
_FAILED = (OSError, UnicodeError, httpcore.ConnectError, httpcore.ConnectTimeout)
"""How an attempt fails; UnicodeError: a name that no resolver can be asked for."""


@dataclass(frozen=True, slots=True)
class Address:
    """One address of a name, as text."""

    family: int
    host: str


def by_turns(addresses: Sequence[Address], first: int | None) -> list[Address]:
    """The addresses with their families by turns, beginning with the family `first`; None: with the resolver's."""
    if all(address.family != first for address in addresses):
        first = addresses[0].family if addresses else None
    mine = [address for address in addresses if address.family == first]
    others = [address for address in addresses if address.family != first]
    return [address for pair in zip_longest(mine, others) for address in pair if address is not None]


class Race(Generic[T]):
    """Several attempts at one thing, each in a thread of its own; the first that comes to it has won.

    Neither a resolver nor a connection under way can be called back: whoever comes after the end discards what it
    brought. Used as a context manager that ends it.

    Threads: the one that waits, and one for each attempt; all that changes is behind `_changed`.
    """

    def __init__(self, discard: Callable[[T], None]) -> None:
        self._discard = discard
        self._changed = threading.Condition()
        self._won: list[T] = []
        self._over = False
        self._running = 0
        self._errors: list[tuple[str, Exception]] = []

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        with self._changed:
            self._over = True

    def enter(self, name: str, attempt: Callable[[], T]) -> None:
        """One more attempt."""
        with self._changed:
            self._running += 1
        # A daemon in Python's sense: an attempt that nobody waits for any more keeps no process from its end.
        threading.Thread(target=self._run, args=(name, attempt), name="connecting", daemon=True).start()

    def _run(self, name: str, attempt: Callable[[], T]) -> None:
        try:
            came = attempt()
        except _FAILED as error:
            with self._changed:
                self._errors.append((name, error))
                self._end_one()
            return
        with self._changed:
            is_late = self._over or bool(self._won)
            if not is_late:
                self._won.append(came)
            self._end_one()
        if is_late:
            self._discard(came)

    def _end_one(self) -> None:
        self._running -= 1
        self._changed.notify_all()

    def wait(self, seconds: float | None) -> T | None:
        """Who has won, as soon as there is one; None: all have failed, or nobody has come in so many seconds."""
        with self._changed:
            self._changed.wait_for(lambda: self._won or not self._running, seconds)
            return self._won[0] if self._won else None

    def failure(self) -> httpcore.ConnectError | httpcore.ConnectTimeout:
        """Why nobody has come to it, in httpcore's terms; where there was a choice, the words name each of them."""
        with self._changed:
            is_undecided, errors = self._running > 0, [*self._errors]
        if is_undecided or any(isinstance(error, httpcore.ConnectTimeout) for _, error in errors):
            return httpcore.ConnectTimeout("timed out")
        if len(errors) == 1:
            return httpcore.ConnectError(str(errors[0][1]))
        return httpcore.ConnectError("; ".join(f"{name}: {error}" for name, error in errors) or "there is no address")


class RacingBackend(httpcore.NetworkBackend):
    """How httpcore gets its connections: all of them from its own backend, for one address each.

    Threads: any; each call has a race of its own, and what is remembered is one entry, replaced whole.
    """

    def __init__(self) -> None:
        self._plain = httpcore.SyncBackend()
        self._worked: dict[str, int] = {}
        """By name, the family that came through last: the next call begins with it."""

    def connect_tcp(
        self,
        host: str,
        port: int,
        timeout: float | None = None,
        local_address: str | None = None,
        socket_options: Iterable[Any] | None = None,
    ) -> httpcore.NetworkStream:
        """A connection to whichever address of `host` answers first, within `timeout` seconds, the resolver's included.

        Raises:
            httpcore.ConnectTimeout: none did.
            httpcore.ConnectError: all refused, or the name has no address.
        """
        ends = None if timeout is None else time.monotonic() + timeout
        options = [*(socket_options or ())]

        def connect(address: Address) -> tuple[Address, httpcore.NetworkStream]:
            stream = self._plain.connect_tcp(address.host, port, _left(ends), local_address, options)
            return address, stream

        if _is_literal(host):
            return connect(Address(0, host))[1]
        addresses = by_turns(_resolved(host, port, ends), self._worked.get(host))
        with Race[tuple[Address, httpcore.NetworkStream]](lambda came: came[1].close()) as race:
            for address in addresses:
                race.enter(address.host, partial(connect, address))
                if race.wait(_left(ends, HEAD_START_S)) is not None or _left(ends) == 0:
                    break
            won = race.wait(_left(ends))
            if won is None:
                raise race.failure()
        self._worked[host] = won[0].family
        return won[1]


def _is_literal(host: str) -> bool:
    try:
        ip_address(host)
    except ValueError:
        return False
    return True


def _left(ends: float | None, most: float | None = None) -> float | None:
    """Seconds left, at most `most`; None: without an end."""
    if ends is None:
        return most
    left = max(0.0, ends - time.monotonic())
    return left if most is None else min(left, most)


def _resolved(host: str, port: int, ends: float | None) -> list[Address]:
    """What the resolver says, in its order. It heeds no deadline, so nobody but a thread of its own waits for it."""
    with Race[list[Address]](lambda _: None) as race:
        race.enter(host, partial(_resolve, host, port))
        addresses = race.wait(_left(ends))
        if addresses is None:
            raise race.failure()
    return addresses


def _resolve(host: str, port: int) -> list[Address]:
    found = socket.getaddrinfo(host, port, type=socket.SOCK_STREAM)
    return [*dict.fromkeys(Address(family, str(at[0])) for family, _, _, _, at in found)]
