"""Failpoints: the system calls of a watchd that change something are told one by one, and each may be refused.

A filter of the kernel's (seccomp) holds each such call of the process back, whichever thread makes it and in whatever
language, and tells of it at a descriptor. Whoever holds that lets it pass, or has it fail without anything done.

This file is both sides: tests import it, and it is the program that becomes watchd. As that, it cuts pictures that are
small already, and what failed for a reason of the machine's own is tried again soon.
"""

from __future__ import annotations

import ctypes
import fcntl
import importlib
import os
import platform
import select
import socket
import struct
import sys
import threading
from contextlib import suppress
from dataclasses import dataclass
from enum import IntEnum
from itertools import count
from pathlib import Path
from typing import TYPE_CHECKING, Self

if TYPE_CHECKING:
    from collections.abc import Callable, Collection, Sequence
    from types import TracebackType


class Call(IntEnum):
    """What is held back, as x86-64 numbers it."""

    write = 1
    pwrite64 = 18
    writev = 20
    sendfile = 40
    fsync = 74
    fdatasync = 75
    truncate = 76
    ftruncate = 77
    rename = 82
    mkdir = 83
    rmdir = 84
    link = 86
    unlink = 87
    symlink = 88
    chmod = 90
    fchmod = 91
    fchown = 93
    fsetxattr = 190
    openat = 257
    mkdirat = 258
    fchownat = 260
    unlinkat = 263
    renameat = 264
    linkat = 265
    symlinkat = 266
    fchmodat = 268
    utimensat = 280
    fallocate = 285
    renameat2 = 316
    copy_file_range = 326


BY_PATH = {Call.truncate, Call.mkdir, Call.rmdir, Call.unlink, Call.chmod}
BY_SECOND_PATH = {Call.rename, Call.link, Call.symlink}
IN_FOLDER = {Call.openat, Call.mkdirat, Call.fchownat, Call.unlinkat, Call.fchmodat, Call.utimensat}
IN_SECOND_FOLDER = {Call.renameat, Call.linkat, Call.renameat2}

MOST_PIXELS = 400_000
"""Of one answer: a picture of 400 x 400 at scale 2 is cut."""
SOON = 0.3
WAITS = {
    "watchd.journey.work.job_runner": "LATER_S", "watchd.journey.work.targets": "FIRST_WAIT_S",
    "watchd.journey.work.archiving": "AGAIN_AFTER_S", "watchd.adapters.ledgers.sqlite.transactions":
    "LOOK_FOR_ROOM_EVERY_S",
}  # fmt: skip
"""How long it takes until something is tried again that failed for a reason of the machine's own."""
LIBC = ctypes.CDLL(None, use_errno=True)
AT_FDCWD = -100
PAGE = 4096


def why_not() -> str | None:
    """Why nothing can be held back here."""
    if sys.platform != "linux" or platform.machine() != "x86_64":
        return f"the filter is written for x86-64, and this is {platform.machine()}"
    user_notif = struct.pack("I", ASK)
    if LIBC.syscall(SECCOMP, GET_ACTION_AVAIL, 0, user_notif) != 0:
        return "this kernel hands no system call to another process"
    return None


@dataclass(frozen=True, slots=True)
class Met:
    """A call that was held back, and what it is about."""

    call: Call
    path: Path
    is_folder: bool

    def __str__(self) -> str:
        return f"{self.call.name} {self.path}"


class Failpoints:
    """Hears of all calls below some folders. Use it as a context manager around the processes.

    Threads: its own asks `refuse`; `met` and `fired` only grow.
    """

    _numbers = count()

    def __init__(
        self, roots: Sequence[Path], refuse: Callable[[Met], int] = lambda _: 0, calls: Collection[Call] = tuple(Call)
    ) -> None:
        """`refuse` answers the errno that a call is to end with, or 0; only `calls` are asked about."""
        self._calls = calls
        self.met: list[Met] = []
        self.fired: list[Met] = []
        self._roots = [*roots]
        self._refuse = refuse
        self._name = f"\0watchd-failpoints-{os.getpid()}-{next(self._numbers)}"
        self._door = socket.socket(socket.AF_UNIX, socket.SOCK_STREAM)
        self._thread = threading.Thread(target=self._serve, name="failpoints")

    @property
    def environment(self) -> dict[str, str]:
        """What the process finds its way here by."""
        calls = " ".join(call.name for call in self._calls)
        return {"WATCHD_FAILPOINTS": self._name.removeprefix("\0"), CALLS: calls}

    def __enter__(self) -> Self:
        self._door.bind(self._name)
        self._door.listen()
        self._thread.start()
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, traceback: TracebackType | None
    ) -> None:
        self._door.shutdown(socket.SHUT_RDWR)  # whoever polls it is told
        self._thread.join()
        self._door.close()

    def _serve(self) -> None:
        poll = select.poll()
        poll.register(self._door, select.POLLIN)
        listeners: set[int] = set()
        try:
            while True:
                for descriptor, event in poll.poll():
                    if descriptor == self._door.fileno():
                        if event & select.POLLHUP:
                            return
                        came = self._welcome()
                        listeners.add(came)
                        poll.register(came, select.POLLIN)
                    elif event & select.POLLIN:
                        self._decide(descriptor)
                    else:  # nobody is left who could be held back
                        poll.unregister(descriptor)
                        listeners.remove(descriptor)
                        os.close(descriptor)
        finally:
            for descriptor in listeners:
                os.close(descriptor)  # what is held back then fails

    def _welcome(self) -> int:
        connection, _ = self._door.accept()
        with connection:
            _, (descriptor,), _, _ = socket.recv_fds(connection, 1, 1)
            connection.send(b"!")
        return descriptor

    def _decide(self, descriptor: int) -> None:
        """Hear of one call, and let it pass or fail. A process may be killed meanwhile, or a signal come first."""
        told = bytearray(NOTICE.size)
        with suppress(FileNotFoundError):
            fcntl.ioctl(descriptor, RECEIVE, told)
            identity, thread, _, number, _, _, *arguments = NOTICE.unpack(told)
            met = looked_at(Call(number), thread, arguments)
            ours = met is not None and any(met.path.is_relative_to(root) for root in self._roots)
            error = self._refuse(met) if met is not None and ours else 0
            fcntl.ioctl(descriptor, SEND, VERDICT.pack(identity, 0, -error, 0 if error else CONTINUE))
            if met is not None and ours:
                self.met.append(met)
                if error:
                    self.fired.append(met)


def looked_at(call: Call, thread: int, arguments: Sequence[int]) -> Met | None:
    """What a call of a thread is about; None: neither a file nor a folder, or it is gone."""
    with suppress(OSError, UnicodeError):
        if call in BY_PATH | BY_SECOND_PATH:
            path = place_of(thread, AT_FDCWD, arguments[call in BY_SECOND_PATH])
        elif call == Call.symlinkat:
            path = place_of(thread, arguments[1], arguments[2])
        elif call in IN_FOLDER:
            path = place_of(thread, arguments[0], arguments[1])
        elif call in IN_SECOND_FOLDER:
            path = place_of(thread, arguments[2], arguments[3])
        elif call == Call.copy_file_range:
            path = place_of(thread, arguments[2], 0)
        else:
            path = place_of(thread, arguments[0], 0)
        return Met(call, path, path.is_dir())
    return None


def place_of(thread: int, folder: int, pointer: int) -> Path:
    """The path that a thread means by a folder's descriptor and a name in it; by a null pointer, the descriptor's."""
    number = ctypes.c_int(folder).value
    base = Path(f"/proc/{thread}/cwd" if number == AT_FDCWD else f"/proc/{thread}/fd/{number}").readlink()
    return base / os.fsdecode(text_at(thread, pointer)) if pointer else base


def text_at(thread: int, pointer: int) -> bytes:
    """A text in the memory of a process, which ends with a zero."""
    memory = os.open(f"/proc/{thread}/mem", os.O_RDONLY | os.O_CLOEXEC)
    try:
        found = b""
        while b"\0" not in found:  # page by page: behind a page there may be nothing
            found += os.pread(memory, PAGE - (pointer + len(found)) % PAGE, pointer + len(found))
    finally:
        os.close(memory)
    return found.partition(b"\0")[0]


# What the kernel wants of both sides

NOTICE, VERDICT = struct.Struct("QIIiIQ6Q"), struct.Struct("QqiI")
RECEIVE, SEND, CONTINUE = 0xC0502100, 0xC0182101, 1
PR_SET_NO_NEW_PRIVS = 38
SECCOMP, SET_MODE_FILTER, GET_ACTION_AVAIL, NEW_LISTENER = 317, 1, 2, 8
X86_64 = 0xC000003E
LOAD, EQUAL, ABOVE, ANY_BIT, RETURN = 0x20, 0x15, 0x25, 0x45, 0x06
ALLOW, ASK = 0x7FFF0000, 0x7FC00000
NUMBER, ARCHITECTURE, FIRST, THIRD = 0, 4, 16, 32
"""Where a filter finds a call's number and its arguments."""
STANDARD_ERROR = 2
NO_CALL = 0xFFFFFFFF
CALLS = "WATCHD_FAILPOINT_CALLS"


def filter_program(calls: Collection[Call]) -> list[tuple[int, int, int, int]]:
    """Ask about `calls`: of `openat` those that make a file, of `write` those beyond standard error."""
    others = [call for call in calls if call not in {Call.openat, Call.write}]
    openat, write = (int(call) if call in calls else NO_CALL for call in (Call.openat, Call.write))
    here = len(others) + 3
    ask, allow = here + 6, here + 7
    return [
        (LOAD, 0, 0, ARCHITECTURE),
        (EQUAL, 0, allow - 2, X86_64),
        (LOAD, 0, 0, NUMBER),
        *((EQUAL, ask - at - 1, 0, int(call)) for at, call in enumerate(others, 3)),
        (EQUAL, 1, 0, openat),
        (EQUAL, 2, allow - here - 2, write),
        (LOAD, 0, 0, THIRD),
        (ANY_BIT, 2, 3, os.O_CREAT | (os.O_TMPFILE & ~os.O_DIRECTORY)),
        (LOAD, 0, 0, FIRST),
        (ABOVE, 0, 1, STANDARD_ERROR),
        (RETURN, 0, 0, ASK),
        (RETURN, 0, 0, ALLOW),
    ]


def be_held_back(name: str, calls: Collection[Call]) -> None:
    """Put up the filter for this process, and hand its descriptor over."""
    lines = filter_program(calls)
    code = ctypes.create_string_buffer(b"".join(struct.pack("HBBI", *line) for line in lines))
    program = ctypes.create_string_buffer(struct.pack("HxxxxxxQ", len(lines), ctypes.addressof(code)))
    with socket.socket(socket.AF_UNIX, socket.SOCK_STREAM) as connection:
        connection.connect(f"\0{name}")
        assert LIBC.prctl(PR_SET_NO_NEW_PRIVS, 1, 0, 0, 0) == 0
        descriptor = LIBC.syscall(SECCOMP, SET_MODE_FILTER, NEW_LISTENER, program)
        assert descriptor >= 0, os.strerror(ctypes.get_errno())
        socket.send_fds(connection, [b"?"], [descriptor])
        assert connection.recv(1) == b"!"
        os.close(descriptor)


def main() -> None:
    """Set all of it up and become watchd."""
    vars(importlib.import_module("watchd.core.request.endpoint"))["MAX_PIXELS"] = MOST_PIXELS
    for module, constant in WAITS.items():
        found = vars(importlib.import_module(module))
        assert constant in found, f"{constant} has another name by now"
        found[constant] = SOON
    program = importlib.import_module("watchd.cli.main")
    if "WATCHD_FAILPOINTS" in os.environ:
        be_held_back(os.environ["WATCHD_FAILPOINTS"], [Call[name] for name in os.environ[CALLS].split()])
    program.main()


if __name__ == "__main__":
    main()
