"""Processes that begin with the program loaded: forked from one that has imported all of it, and run it as it is.

Loading the program takes most of a second of processor time, and the suite begins more than a thousand processes. One
that is forked is a process of its own all the same, with arguments, environment, descriptors, signals and an end of
its own. Tests that ask about memory, imports or the interpreter itself begin theirs as a shell does, and so does all
with `WATCHD_FAULTS=full`.

This file is both sides: the tests import it, and it is the program that is forked.
"""

from __future__ import annotations

import ctypes
import gc
import importlib
import json
import os
import pkgutil
import runpy
import signal
import socket
import subprocess
import sys
import threading
import time
from contextlib import suppress
from typing import IO, TYPE_CHECKING, Any

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence
    from pathlib import Path

PR_SET_CHILD_SUBREAPER = 36
MOST_BYTES = 1 << 17
LEFT_OUT = {"watchd.__main__"}


class Forked:
    """A process that was forked for us; in what tests ask of it as `subprocess.Popen`."""

    def __init__(self, pid: int, stderr: IO[bytes] | None) -> None:
        self.pid = pid
        self.stderr = stderr
        self.returncode: int | None = None
        self._waiting = threading.Lock()

    def poll(self) -> int | None:
        """Its exit status, negative for a signal; None: it runs."""
        with self._waiting:
            if self.returncode is None:
                pid, status = os.waitpid(self.pid, os.WNOHANG)
                if pid:
                    self.returncode = os.waitstatus_to_exitcode(status)
            return self.returncode

    def wait(self, timeout: float | None = None) -> int:
        """Wait for its end. Raises subprocess.TimeoutExpired."""
        deadline = None if timeout is None else time.monotonic() + timeout
        pause = 0.001
        while (status := self.poll()) is None:
            if deadline is not None and time.monotonic() > deadline:
                raise subprocess.TimeoutExpired(str(self.pid), timeout or 0.0)
            time.sleep(pause)
            pause = min(2 * pause, 0.02)
        return status

    def send_signal(self, number: int, /) -> None:
        """Send it a signal, if it runs."""
        if self.poll() is None:
            os.kill(self.pid, number)

    def kill(self) -> None:
        """End it with no warning."""
        self.send_signal(signal.SIGKILL)


class Nursery:
    """One for each process that runs tests: the loaded program, which forks itself when it is asked to."""

    def __init__(self, environment: Mapping[str, str]) -> None:
        """`environment`: of the interpreter, which those that are forked share as far as it is about Python."""
        # A grandchild whose parent has ended becomes the child of whoever has said this.
        assert ctypes.CDLL(None).prctl(PR_SET_CHILD_SUBREAPER, 1, 0, 0, 0) == 0
        self._about_python = _about_python(environment)
        self._one_at_a_time = threading.Lock()
        self._ours, theirs = socket.socketpair(socket.AF_UNIX, socket.SOCK_SEQPACKET)
        self._program = subprocess.Popen(
            [sys.executable, __file__, str(theirs.fileno())], env=dict(environment), pass_fds=[theirs.fileno()]
        )
        theirs.close()

    def suits(self, environment: Mapping[str, str]) -> bool:
        """Whether a process with this environment can be forked: what the interpreter reads at its start is alike."""
        return _about_python(environment) == self._about_python

    def fork(
        self, program: Sequence[str | bytes], environment: Mapping[str, str], folder: Path, descriptors: Sequence[int]
    ) -> int:
        """The process id. `program`: what stands behind the interpreter; `descriptors`: its 0, 1 and 2."""
        asked = {
            "program": [os.fsdecode(part) for part in program], "environment": dict(environment), "folder": str(folder),
        }  # fmt: skip
        with self._one_at_a_time:
            socket.send_fds(self._ours, [json.dumps(asked).encode()], [*descriptors])
            return int(self._ours.recv(64))

    def close(self) -> None:
        """Let the program end; those that it has forked go on."""
        self._ours.close()
        self._program.wait(10)


def _about_python(environment: Mapping[str, str]) -> dict[str, str]:
    return {name: value for name, value in environment.items() if name.startswith(("PYTHON", "LANG", "LC_"))}


# The other side: what is forked


def load() -> None:
    """Import all of the program that can be had here, before it is asked for."""
    import watchd  # noqa: PLC0415 -- only the program itself loads it

    for found in pkgutil.walk_packages(watchd.__path__, "watchd."):
        if found.name not in LEFT_OUT:
            with suppress(ImportError):
                importlib.import_module(found.name)
    gc.collect()
    gc.freeze()


def serve(asking: socket.socket) -> None:
    """Fork for whoever asks, until nobody can. A process that was forked returns from here as what it is to be."""
    while True:
        data, descriptors, _, _ = socket.recv_fds(asking, MOST_BYTES, 3)
        if not data:
            sys.exit(0)
        heard, telling = os.pipe()
        between = os.fork()
        if between == 0:
            child = os.fork()
            if child == 0:
                asking.close()
                os.close(heard)
                os.close(telling)
                become(json.loads(data), descriptors)
                return
            os.write(telling, str(child).encode())
            os._exit(0)
        os.waitpid(between, 0)  # only then it is an orphan, and has the tests' process for its parent
        asking.send(os.read(heard, 64))
        for descriptor in (heard, telling, *descriptors):
            os.close(descriptor)


def become(asked: dict[str, Any], descriptors: Sequence[int]) -> None:
    """Take over everything that a process is begun with."""
    for number, descriptor in enumerate(descriptors):
        os.dup2(descriptor, number)
        os.close(descriptor)
    os.environ.clear()
    os.environ.update(asked["environment"])
    time.tzset()
    os.chdir(asked["folder"])
    name, *arguments = asked["program"]
    sys.argv = arguments if name == "-m" else asked["program"]


def run() -> None:
    """What the arguments say, as the interpreter does."""
    if sys.argv[0] == "watchd":
        runpy.run_module("watchd", run_name="__main__", alter_sys=True)
    else:
        runpy.run_path(sys.argv[0], run_name="__main__")


if __name__ == "__main__":
    channel = socket.socket(fileno=int(sys.argv[1]))
    load()
    serve(channel)
    run()
