"""Transactions of several threads that become durable together: who waits for a commit under way shares the next one.

A commit costs the same for one change as for eight: a sync, and the pages that most of them touch. So each thread puts
its transaction down and waits for the lock; whoever gets it carries out all that have been put down by then, and
commits once. Each is still all or nothing by itself: one that raises is taken back, and the others go on.
"""

from __future__ import annotations

import sqlite3
import threading
from typing import TYPE_CHECKING, Any, Protocol

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator, Sequence


class Attempt(Protocol):
    """A body carried out as one transaction of the database."""

    def __call__(self, body: Callable[[], Any], *, durable: bool) -> Any:
        """What it answers. Raises sqlite3.Error, and what it raises."""
        ...


class Turn:
    """One transaction that a thread has put down. `durable`: it is to outlive a power cut when its thread goes on."""

    def __init__(self, body: Callable[[], Any], *, durable: bool) -> None:
        self.body = body
        self.durable = durable
        self.is_over = False
        self._answer: Any = None
        self._error: BaseException | None = None

    def end(self, answer: Any = None, error: BaseException | None = None) -> None:
        """It has been committed, or is lost."""
        self._answer, self._error, self.is_over = answer, error, True

    def result(self) -> Any:
        """What its thread gets. Raises what it raised."""
        if self._error is not None:
            raise self._error
        return self._answer


class Groups:
    """Carries transactions out, those of threads that wait meanwhile with them.

    Threads: any. What has been put down and is not over is behind `_putting`; one leads at a time, within `lock`.
    """

    def __init__(
        self, connection: sqlite3.Connection, lock: threading.RLock, attempt: Attempt, alone: Callable[[Turn], None]
    ) -> None:
        """`attempt` makes a body one transaction of the database; `alone` brings one turn to its end."""
        self._connection = connection
        self._lock = lock
        self._attempt = attempt
        self._alone = alone
        self._putting = threading.Lock()
        self._turns: list[Turn] = []

    def carry_out(self, turn: Turn) -> Any:
        """What the turn's body answers, once that is committed. Raises what it raised."""
        with self._putting:
            self._turns.append(turn)
        try:
            with self._lock:
                if not turn.is_over:
                    self._lead()
        finally:
            with self._putting:  # also where its thread was broken off: nobody is to carry it out behind its back
                self._turns.remove(turn)
        return turn.result()

    def _lead(self) -> None:
        with self._putting:
            turns = [turn for turn in self._turns if not turn.is_over]
        if len(turns) == 1 or not self._together(turns):
            for turn in turns:
                self._alone(turn)

    def _together(self, turns: Sequence[Turn]) -> bool:
        """All of them in one commit; False where the database would not, and each is to be tried by itself."""
        came: list[tuple[Turn, Any, Exception | None]] = []
        try:
            self._attempt(lambda: came.extend(self._each(turns)), durable=any(turn.durable for turn in turns))
        except sqlite3.Error:
            return False
        for turn, answer, error in came:
            turn.end(answer, error)
        return True

    def _each(self, turns: Sequence[Turn]) -> Iterator[tuple[Turn, Any, Exception | None]]:
        """Carry out each of them so that it can be taken back alone."""
        for turn in turns:
            self._connection.execute("SAVEPOINT turn")
            try:
                answer, failure = turn.body(), None
            except sqlite3.Error:
                raise
            except Exception as error:
                self._connection.execute("ROLLBACK TO turn")
                answer, failure = None, error
            self._connection.execute("RELEASE turn")
            yield turn, answer, failure
