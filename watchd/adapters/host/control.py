"""The control socket in `state_dir`: one JSON object in a line asks, one answers.

Only the daemon's own connection may write the ledger, so a command that changes something asks the daemon here.
"""

from __future__ import annotations

import json
import logging
import os
import socket
import threading
from contextlib import contextmanager, suppress
from typing import TYPE_CHECKING, Any

from watchd.errors import LaterError, LedgerError, UsageError

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator
    from pathlib import Path

logger = logging.getLogger(__name__)

NAME = "control.sock"
PATIENCE_S = 30.0
MOST_BYTES = 1_000_000


@contextmanager
def _address(state_dir: Path) -> Iterator[str]:
    """The socket's path by way of a descriptor: a socket address holds 107 bytes only, a state_dir may be longer."""
    descriptor = os.open(state_dir, os.O_PATH | os.O_DIRECTORY | os.O_CLOEXEC)
    try:
        yield f"/proc/self/fd/{descriptor}/{NAME}"
    finally:
        os.close(descriptor)


def ask(state_dir: Path, request: dict[str, Any], timeout: float | None = PATIENCE_S) -> dict[str, Any] | None:
    """The daemon's answer, within `timeout` seconds; None if no daemon runs.

    Raises:
        UsageError: it is another user's daemon.
        LaterError: it does not answer in time.
    """
    with socket.socket(socket.AF_UNIX, socket.SOCK_STREAM | socket.SOCK_CLOEXEC) as caller:
        caller.settimeout(timeout)
        try:
            with _address(state_dir) as address:
                caller.connect(address)
            caller.sendall(json.dumps(request).encode() + b"\n")
            with caller.makefile("rb") as answers:
                line = answers.readline()
        except TimeoutError as error:
            raise LaterError(
                f"the daemon on {state_dir} did not answer within {timeout:g} s; it may be waiting"
            ) from error
        except PermissionError as error:
            raise UsageError(f"{state_dir} belongs to another user: run this as the one that watchd runs as") from error
        except (FileNotFoundError, ConnectionError, NotADirectoryError):
            return None
    answer = json.loads(line) if line else None
    return answer if isinstance(answer, dict) else None


class ControlServer:
    """Answers on the socket, each caller in a thread of its own. Who makes it holds the daemon's lock.

    Threads: `control` accepts; one for each caller runs `answer`, which has to be safe there; main starts and stops it.
    """

    def __init__(self, state_dir: Path, answer: Callable[[dict[str, Any]], dict[str, Any]]) -> None:
        """`answer` turns a request into its answer; what it raises is logged and told to the caller as an error.

        Raises:
            LedgerError: `state_dir` cannot hold the socket.
        """
        self._path = state_dir / NAME
        self._answer = answer
        self._socket = socket.socket(socket.AF_UNIX, socket.SOCK_STREAM | socket.SOCK_CLOEXEC)
        try:
            self._path.unlink(missing_ok=True)  # left by a daemon that was killed: the lock proves that it is no more
            with _address(state_dir) as address:
                self._socket.bind(address)
            self._path.chmod(0o600)
            self._socket.listen(16)
        except OSError as error:
            self._socket.close()
            raise LedgerError(f"{self._path} cannot be made: {error.strerror}; see `state_dir`") from error
        self._thread = threading.Thread(target=self._run, name="control", daemon=True)

    def start(self) -> None:
        """Begin to answer."""
        self._thread.start()

    def stop(self) -> None:
        """End; a blocked accept is woken by the shutdown."""
        with suppress(OSError):
            self._socket.shutdown(socket.SHUT_RDWR)
        self._socket.close()
        with suppress(OSError):  # one that is left behind answers nobody, and the next start removes it
            self._path.unlink()
        if self._thread.is_alive():
            self._thread.join()

    def is_alive(self) -> bool:
        """Whether it still answers."""
        return self._thread.is_alive()

    def _run(self) -> None:
        while True:
            try:
                caller, _ = self._socket.accept()
            except OSError:
                return  # closed by `stop`
            # A thread for each: a reload waits for calls in flight, and nobody else has to wait with it.
            threading.Thread(target=self._attend, args=(caller,), name="control-answer", daemon=True).start()

    def _attend(self, caller: socket.socket) -> None:
        with caller, suppress(OSError):  # the caller went away: nobody is left to tell
            caller.settimeout(PATIENCE_S)
            self._serve(caller)

    def _serve(self, caller: socket.socket) -> None:
        with caller.makefile("rb") as lines:
            line = lines.readline(MOST_BYTES)
        try:
            request = json.loads(line)
            answer = self._answer(request if isinstance(request, dict) else {})
        except Exception as error:
            logger.exception("A command could not be answered; the daemon goes on", extra={"action": "control_failed"})
            answer = {"error": f"the daemon could not answer: {error}"}
        caller.sendall(json.dumps(answer).encode() + b"\n")
