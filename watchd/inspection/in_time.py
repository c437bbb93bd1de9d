"""Looking at what may never answer: in a process of its own, which is left behind where it does not come back."""

from __future__ import annotations

import os
import pickle
import select
import signal
import time
from contextlib import suppress
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable

    from watchd.inspection.finding import Finding

PATIENCE_S = 10.0
PIECE_BYTES = 65_536


def found_in_time(look: Callable[[], Iterable[Finding]], seconds: float = PATIENCE_S) -> list[Finding] | None:
    """What `look` finds; None: it did not answer in time. For a process with one thread, which `check` is.

    No thread would do: who is stuck in a system call cannot take over another user's rights, and all wait for it.

    Raises:
        PermissionError: as `look` did.
    """
    ours, theirs = os.pipe()
    child = os.fork()
    if child == 0:
        _tell(look, theirs)
    os.close(theirs)
    try:
        told = _read(ours, time.monotonic() + seconds)
    finally:
        os.close(ours)
        with suppress(ProcessLookupError):
            os.kill(child, signal.SIGKILL)
    if told is None:
        return None  # it ends when the share answers, or with the machine
    os.waitpid(child, 0)
    answer: list[Finding] | PermissionError = pickle.loads(told)  # noqa: S301 -- our own child's
    if isinstance(answer, PermissionError):
        raise answer
    return answer


def _tell(look: Callable[[], Iterable[Finding]], where: int) -> None:
    """In the child: say what is found, and end without any of the parent's farewells."""
    status = 1
    try:
        try:
            answer: object = list(look())
        except PermissionError as error:
            answer = error
        data = memoryview(pickle.dumps(answer))
        while data:
            data = data[os.write(where, data) :]
        status = 0
    finally:
        os._exit(status)


def _read(pipe: int, until: float) -> bytes | None:
    data = b""
    while True:
        ready, _, _ = select.select([pipe], [], [], max(0.0, until - time.monotonic()))
        if not ready:
            return None
        piece = os.read(pipe, PIECE_BYTES)
        if not piece:
            return data
        data += piece
