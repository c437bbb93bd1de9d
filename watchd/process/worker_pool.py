"""Worker threads and their draining: they sleep until there may be work, and end after the job in hand."""

from __future__ import annotations

import itertools
import threading
from typing import TYPE_CHECKING, Generic, TypeVar

if TYPE_CHECKING:
    from collections.abc import Callable, Collection, Sequence

Task = TypeVar("Task")
LONGEST_SLEEP_S = 60.0
"""What is waited for may come sooner than was reckoned: threads do not hear of a night's sleep, or of a clock set."""

MOST_RELIEVED = 4
"""Times its size: so many threads may hang somewhere before nobody takes a place any more."""


class WorkerPool(Generic[Task]):
    """`size` threads that take tasks and do them. Nobody polls: a thread without work waits to be woken.

    What `take` or `do` raises ends the pool: it is handed to `failed`, once, and nobody takes another task.

    Threads: its own, and whoever wakes, relieves or stops it; all that changes is behind `_changed`.
    """

    def __init__(
        self,
        size: int,
        take: Callable[[], Task | None],
        do: Callable[[Task], None],
        idle_for: Callable[[], float | None],
        failed: Callable[[BaseException], None],
        did: Callable[[], None] = lambda: None,
    ) -> None:
        """`take` answers None where there is nothing to do, and `idle_for` then how many seconds that holds at most.

        `did` is told after each task.
        """
        self._take = take
        self._do = do
        self._idle_for = idle_for
        self._failed = failed
        self._did = did
        self._changed = threading.Condition()
        self._calls = 0
        self._stopping = False
        self._broken = False
        self._numbers = itertools.count(1)
        self._size = size
        self._threads = [self._new_thread() for _ in range(size)]
        self._relieved: set[threading.Thread] = set()
        """Those whose place another has taken: they end when they come back."""
        self._tasks: dict[int | None, Task] = {}
        """By the ident of the thread that does each."""

    def _new_thread(self) -> threading.Thread:
        # A daemon in Python's sense: what hangs on a share must not keep the process from its end.
        return threading.Thread(target=self._run, name=f"worker-{next(self._numbers)}", daemon=True)

    def start(self) -> None:
        """Start the threads."""
        for thread in self._threads:
            thread.start()

    def relieve(self, stuck: Collection[int]) -> None:
        """Let others take the places of the threads with these idents, as far as they are ours and there is room."""
        with self._changed:
            for thread in [thread for thread in self._threads if thread.ident in stuck]:
                if self._stopping or len(self._relieved) >= MOST_RELIEVED * self._size or thread in self._relieved:
                    continue
                self._relieved.add(thread)
                other = self._new_thread()
                self._threads.append(other)
                other.start()

    def wake(self, count: int = 1) -> None:
        """There may be work for so many threads."""
        with self._changed:
            self._calls += 1
            self._changed.notify(count)

    def wake_all(self) -> None:
        """Something changed that concerns everybody, such as a gate."""
        self.wake(self._size)

    def stop(self) -> None:
        """Take no more tasks; those under way end well."""
        with self._changed:
            self._stopping = True
            self._changed.notify_all()

    def threads(self) -> Sequence[threading.Thread]:
        """Those that have been started and have not ended."""
        with self._changed:
            return [thread for thread in self._threads if thread.is_alive()]

    def task_of(self, thread: threading.Thread) -> Task | None:
        """What a thread is doing."""
        return self._tasks.get(thread.ident)

    def alive(self) -> bool:
        """Whether every thread lives, as the supervisor asks."""
        with self._changed:
            return all(thread.is_alive() for thread in self._threads)

    def _run(self) -> None:
        try:
            while True:
                with self._changed:
                    if self._stopping or self._is_relieved():
                        return
                    seen = self._calls
                if not self._step():
                    self._wait(seen)
        except BaseException as error:
            with self._changed:
                first, self._broken, self._stopping = not self._broken, True, True
                self._changed.notify_all()
            if first:
                self._failed(error)

    def _is_relieved(self) -> bool:
        """Whether another has this thread's place; then it goes, and is counted no longer."""
        me = threading.current_thread()
        if me not in self._relieved:
            return False
        self._relieved.remove(me)
        self._threads.remove(me)
        return True

    def _step(self) -> bool:
        task = self._take()
        if task is None:
            return False
        self.wake()  # where one was found there may be another: threads wake one another as long as that holds
        me = threading.get_ident()
        self._tasks[me] = task
        try:
            self._do(task)
        finally:
            del self._tasks[me]
        self._did()
        return True

    def _wait(self, seen: int) -> None:
        """Sleep, unless someone called since we looked: that call may have been for what we did not see yet."""
        seconds = self._idle_for()
        with self._changed:
            if self._calls == seen and not self._stopping:
                self._changed.wait(None if seconds is None else min(seconds, LONGEST_SLEEP_S))
