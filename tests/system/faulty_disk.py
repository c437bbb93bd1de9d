"""watchd as a process on a disk that fails, or that is told apart: what it did there is kept, line by line.

`$WATCHD_DISK` is JSON: `below` (a folder; nothing outside of it is touched), `journal` (a file for what happened), and
perhaps a fault: of the calls `call` in the folder `where` (`fsync folder`: of that very folder), number `first` and the
`count - 1` after it raise `error`.
`$WATCHD_MOUNTS` names a file to be read in the place of mountinfo. What this file is given as arguments is the command
line of watchd; a step that failed for a reason of the machine's own is tried again soon.
"""

from __future__ import annotations

import errno
import functools
import importlib
import json
import os
import stat
import threading
from contextlib import nullcontext
from pathlib import Path
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from collections.abc import Callable

SOON = 0.5
WAITS = {
    "watchd.journey.work.job_runner": "LATER_S", "watchd.journey.work.targets": "FIRST_WAIT_S",
    "watchd.journey.arrival.intake": "VISIT_EVERY_S",
}  # fmt: skip
"""How long it takes until something is tried again that failed for a reason of the machine's own."""
BY_DESCRIPTOR = ("fsync", "write", "posix_fallocate")


class Disk:
    """The calls below one folder: each is counted, perhaps refused, and written down."""

    def __init__(self, told: dict[str, Any]) -> None:
        self._below = Path(told["below"])
        self._fault = told.get("fault")
        self._journal = os.open(told["journal"], os.O_CREAT | os.O_APPEND | os.O_WRONLY | os.O_CLOEXEC, 0o600)
        self._write = os.write
        self._lock = threading.Lock()
        self._order = threading.Lock()
        """Held from a name's making, or a folder's sync, until it is written down: no other may come between."""
        self._met = 0

    def keep(self, call: str, path: Path | str, inode: int, error: str | None) -> None:
        """Write a line; `error` is the name of an errno, `fired` in it marks one of ours."""
        line = {"call": call, "path": str(path), "inode": inode, "error": error}
        self._write(self._journal, json.dumps(line).encode() + b"\n")

    def _refused(self, call: str, path: Path) -> str | None:
        fault = self._fault
        if fault is None or call != fault["call"]:
            return None
        if path != Path(fault["where"]) if call == "fsync folder" else not path.is_relative_to(fault["where"]):
            return None
        if not path.name.endswith(fault.get("ending", "")):
            return None
        with self._lock:
            self._met += 1
            ours = fault["first"] <= self._met < fault["first"] + fault["count"]
        return str(fault["error"]) if ours else None

    def through(self, call: str, path: Path, inode: Callable[[], int], act: Callable[[], Any]) -> Any:
        """Let a call happen, or not."""
        if not path.is_relative_to(self._below):
            return act()
        refused = self._refused(call, path)
        if refused is not None:
            self.keep(call, path, inode(), f"fired {refused}")
            number = getattr(errno, refused)
            raise OSError(number, os.strerror(number), str(path))
        with nullcontext() if call in {"write", "fsync"} else self._order:
            try:
                answer = act()
            except OSError as error:
                self.keep(call, path, 0, errno.errorcode[error.errno or 0])
                raise
            self.keep(call, path, inode(), None)
            return answer

    def by_descriptor(self, name: str) -> None:
        """Stand before a function of `os` whose first argument is a descriptor."""
        original = getattr(os, name)

        @functools.wraps(original)
        def stood_before(descriptor: int, *rest: Any) -> Any:
            found = os.fstat(descriptor)
            path = Path(f"/proc/self/fd/{descriptor}").readlink()
            call = f"{name} folder" if stat.S_ISDIR(found.st_mode) else name
            return self.through(call, path, lambda: found.st_ino, lambda: original(descriptor, *rest))

        setattr(os, name, stood_before)

    def by_name(self, name: str, position: int, folder: str) -> None:
        """Stand before a function of `os` that makes a name: argument `position`, below the descriptor `folder`."""
        original = getattr(os, name)

        @functools.wraps(original)
        def stood_before(*given: Any, **named: Any) -> Any:
            descriptor = named.get(folder)
            place = Path.cwd() if descriptor is None else Path(f"/proc/self/fd/{descriptor}").readlink()
            path = place / os.fsdecode(given[position])

            def inode() -> int:
                return path.lstat().st_ino if os.path.lexists(path) else 0

            return self.through(name, path, inode, lambda: original(*given, **named))

        setattr(os, name, stood_before)

    def acknowledgements(self) -> None:
        """Write down what the ledger is about to be told: what it then says must have been true on disk before."""
        ledger = importlib.import_module("watchd.adapters.ledgers.sqlite.sqlite_ledger").SqliteLedger
        receive, finish = ledger.receive, ledger.finish

        def received(its: Any, call: Any, *rest: Any) -> Any:
            path = Path(its._path.parent, "spool", call.answer)
            self.keep("received", path, path.stat().st_ino, None)
            return receive(its, call, *rest)

        def finished(its: Any, job: Any, output: str | None, sha256: str | None, **named: Any) -> Any:
            assert output is not None, "nothing here is skipped"
            self.keep("finished", output, Path(output).stat().st_ino, None)
            return finish(its, job, output, sha256, **named)

        ledger.receive, ledger.finish = received, finished


def main() -> None:
    """Set it up and become watchd."""
    if "WATCHD_DISK" in os.environ:
        disk = Disk(json.loads(os.environ["WATCHD_DISK"]))
        disk.acknowledgements()
        for name in BY_DESCRIPTOR:
            disk.by_descriptor(name)
        disk.by_name("link", 1, "dst_dir_fd")
        disk.by_name("rename", 1, "dst_dir_fd")
        disk.by_name("mkdir", 0, "dir_fd")
    if "WATCHD_MOUNTS" in os.environ:
        vars(importlib.import_module("watchd.adapters.filesystem.mounts"))["MOUNTS"] = Path(os.environ["WATCHD_MOUNTS"])
    for module, constant in WAITS.items():
        found = vars(importlib.import_module(module))
        assert constant in found, f"{constant} has another name by now"
        found[constant] = SOON
    importlib.import_module("watchd.cli.main").main()


if __name__ == "__main__":
    main()
