"""Who goes round, who is in which folder, and what is to be done in each: leader and followers.

A thread that does not come back from a folder loses the lead to another, and keeps that folder until it does.
"""

from __future__ import annotations

import threading
from contextlib import contextmanager
from dataclasses import dataclass
from typing import TYPE_CHECKING

from watchd.journey.arrival.hints import Marks

if TYPE_CHECKING:
    from collections.abc import Collection, Iterator, Mapping


@dataclass(frozen=True, slots=True)
class Owed:
    """What is to be done in a folder; `visit`: it is to be looked at itself, `asked`: somebody has asked for that."""

    marks: Marks
    visit: bool = False
    asked: bool = False


class Relay:
    """The lead, the folders that somebody is in, and what each is owed.

    Threads: whoever goes round; all of it is behind one lock.
    """

    def __init__(self) -> None:
        self._lock = threading.Lock()
        self._leader: int | None = None
        self._occupied: set[str] = set()
        self._marks: dict[str, Marks] = {}
        self._visits: dict[str, bool] = {}

    def take_the_lead(self) -> None:
        """This thread goes round from now on, and the one before it no longer."""
        with self._lock:
            self._leader = threading.get_ident()

    def leads(self) -> bool:
        """Whether this thread does."""
        return self._leader in {None, threading.get_ident()}

    def owe(self, marks: Mapping[str, Marks], visits: Collection[str], *, asked: bool) -> None:
        """Put down what is to be done, for whoever comes to do it."""
        with self._lock:
            for name, later in marks.items():
                before = self._marks.get(name)
                self._marks[name] = later if before is None else before.joined(later)
            for name in visits:
                self._visits[name] = asked or self._visits.get(name, False)

    @contextmanager
    def within(self, name: str) -> Iterator[Owed | None]:
        """Be in a folder, alone, and have what it is owed; None: somebody is in it still."""
        with self._lock:
            is_free = name not in self._occupied
            owed = None
            if is_free:
                self._occupied.add(name)
                asked = self._visits.pop(name, None)
                owed = Owed(self._marks.pop(name, Marks()), asked is not None, bool(asked))
        try:
            yield owed
        finally:
            if is_free:
                with self._lock:
                    self._occupied.discard(name)

    def is_free(self, name: str) -> bool:
        """Whether nobody is in a folder."""
        return name not in self._occupied
