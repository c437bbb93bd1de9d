"""One daemon for each ledger: a lock that the kernel gives back by itself when its holder dies."""

from __future__ import annotations

import fcntl
import os
import time
from contextlib import suppress
from typing import TYPE_CHECKING

from watchd.adapters.filesystem import mounts
from watchd.errors import LedgerError, LedgerInUseError

if TYPE_CHECKING:
    from pathlib import Path


MOMENT_S = 0.05
MOMENTS = 20


class StateLock:
    """Holds `state_dir` and `state_dir/lock` until it is closed.

    The file names its holder for people, and is never removed by us. The folder has no name that could be: whoever
    removes the file, as the words on it may invite, does not let another daemon in.
    """

    def __init__(self, state_dir: Path) -> None:
        """Take the lock.

        Raises:
            LedgerInUseError: another process has it; the message says which.
            LedgerError: `state_dir` cannot be used.
        """
        _usable(state_dir)
        try:
            self._descriptor = os.open(state_dir / "lock", os.O_RDWR | os.O_CREAT | os.O_CLOEXEC, 0o600)
        except OSError as error:
            raise LedgerError(f"{state_dir} cannot be written: {error.strerror}; see `state_dir`") from error
        self._folder = os.open(state_dir, os.O_RDONLY | os.O_DIRECTORY | os.O_CLOEXEC)
        holder = self._taken(self._folder) or self._taken(self._descriptor)
        if holder is not None:
            os.close(self._folder)
            os.close(self._descriptor)
            raise LedgerInUseError(
                f"the ledger in {state_dir} is in use by {holder}; one daemon works on a ledger at a time."
                " `watchd status` asks the one that runs."
            )
        self._name_holder(f"watchd, process {os.getpid()}\n")

    def _taken(self, what: int) -> str | None:
        """None once the lock is ours; else who has it. A holder that has just come needs a moment to say its name."""
        for _ in range(MOMENTS):
            with suppress(BlockingIOError):
                fcntl.flock(what, fcntl.LOCK_EX | fcntl.LOCK_NB)
                return None
            holder = os.pread(self._descriptor, 100, 0).decode(errors="replace").strip()
            if holder:
                return holder
            time.sleep(MOMENT_S)
        return "another process"

    def _name_holder(self, told: str) -> None:
        """For people alone: a disk that does not keep it takes nobody's lock."""
        with suppress(OSError):
            os.ftruncate(self._descriptor, 0)
            os.pwrite(self._descriptor, told.encode(), 0)

    def close(self) -> None:
        """Give the lock back, with no name in it for the next who looks."""
        self._name_holder("")
        os.close(self._descriptor)
        os.close(self._folder)


def _usable(state_dir: Path) -> None:
    file_system = mounts.type_of(str(state_dir))
    if mounts.is_on_network(file_system):
        raise LedgerError(
            f"state_dir {state_dir} is on a network file system ({file_system}), where a ledger is not safe."
            " Put it on a local disk; the hot folders may stay where they are."
        )
    try:
        state_dir.mkdir(mode=0o700, parents=True, exist_ok=True)
    except OSError as error:
        raise LedgerError(f"state_dir {state_dir} cannot be made: {error.strerror}") from error
