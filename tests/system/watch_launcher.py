"""watchd as a process whose watches meet a fault, and whose waits may be short.

`$WATCHD_FAULT` names the fault; most of them wait for SIGUSR1. `$WATCHD_CONSTANTS` is a JSON object: a constant's full
name to its value. Each fault that fires, and each canary that is made, is told in the log as `fault` and `probed`. What
this file is given as arguments is the command line of watchd.
"""

from __future__ import annotations

import functools
import importlib
import json
import logging
import os
import signal
import sys
import threading
import time
from typing import TYPE_CHECKING, Any

from watchdog.observers.inotify_c import InotifyFD

from watchd.adapters.filesystem import watching
from watchd.adapters.filesystem.pruned import PrunedEmitter, PrunedGroup
from watchd.adapters.filesystem.watching import CANARY, Watcher
from watchd.journey.arrival.hints import Hints

if TYPE_CHECKING:
    from collections.abc import Callable

Path = str | bytes | os.PathLike[str] | os.PathLike[bytes]
logger = logging.getLogger("tests.watch_launcher")


class Trigger:
    """SIGUSR1 lets a fault happen, once for each signal; `armed` in the log says that it came."""

    def __init__(self) -> None:
        self._left = 0
        self._lock = threading.Lock()
        signal.signal(signal.SIGUSR1, self._pulled)

    def _pulled(self, _number: int, _frame: object) -> None:
        self._left += 1  # no lock: the thread that is interrupted may hold it, or that of the log
        os.write(sys.stderr.fileno(), b'{"action": "armed"}\n')

    def take(self, what: str) -> bool:
        """Whether it is time; true once for each signal."""
        with self._lock:
            if self._left == 0:
                return False
            self._left -= 1
        tell(what)
        return True


def tell(what: str) -> None:
    """The fault has fired."""
    logger.warning("Fault: %s", what, extra={"action": "fault"})


def wrap(owner: Any, method: str, around: Callable[..., Any]) -> None:
    """Have a method called through `around`, which gets the original first."""
    setattr(owner, method, functools.partialmethod(around, getattr(owner, method)))


def hint_raises(trigger: Trigger) -> None:
    """The handler of an event meets an error that nobody foresaw."""

    def file(self: Hints, original: Callable[..., None], folder: str, path: str, *, proven: bool) -> None:
        if trigger.take("a hint raises"):
            raise RuntimeError("a fault that nobody foresaw")
        original(self, folder, path, proven=proven)

    wrap(Hints, "file", file)


def emitter_ends(trigger: Trigger) -> None:
    """The thread of one folder's events ends after the next of them."""

    def queue_events(self: PrunedEmitter, original: Callable[..., None], *given: Any, **named: Any) -> None:
        original(self, *given, **named)
        if str(self.watch.path).endswith("/hot") and trigger.take("an emitter ends"):
            raise SystemExit

    wrap(PrunedEmitter, "queue_events", queue_events)


def reader_ends(trigger: Trigger) -> None:
    """The thread that reads the kernel's queue ends."""

    def handle_event(self: InotifyFD, original: Callable[..., None], event: Any) -> None:
        if trigger.take("the reading thread ends"):
            raise SystemExit
        original(self, event)

    wrap(InotifyFD, "handle_event", handle_event)


def deaf(_trigger: Trigger) -> None:
    """No event is ever heard of, a canary neither."""
    ignored = threading.Event()

    def dispatch(_self: object, _original: Callable[..., None], _event: Any) -> None:
        if not ignored.is_set():
            tell("the handler ignores everything")
        ignored.set()

    wrap(watching._Handler, "dispatch", dispatch)


def goes_deaf(trigger: Trigger) -> None:
    """The watch of `hot` that stands when the signal comes hears nothing from then on; the next one does."""
    struck: list[object] = []

    def dispatch(self: Any, original: Callable[..., None], event: Any) -> None:
        if self._name == "hot" and trigger.take("a watch goes deaf"):
            struck.append(self)
        if self not in struck:
            original(self, event)

    wrap(watching._Handler, "dispatch", dispatch)


def slow_rebuild(trigger: Trigger) -> None:
    """After an overflow the watches of `hot` are put up again when the signal comes, and not before."""

    def add_all(self: PrunedGroup, original: Callable[..., None], path: bytes) -> None:
        if self.is_active and path == self.path and path.endswith(b"/hot"):
            tell("watches are away")
            while not trigger.take("watches are put up again"):
                time.sleep(0.01)
        original(self, path)

    wrap(PrunedGroup, "_add_all_callbacks", add_all)


def killed_while_singing(_trigger: Trigger) -> None:
    """The process is killed while its canary lies in the folder."""
    unlink = os.unlink

    def deadly(path: Path, *, dir_fd: int | None = None) -> None:
        if os.fsdecode(path).endswith(f"/{CANARY}-{os.getpid()}") and os.path.lexists(path):
            os.kill(os.getpid(), signal.SIGKILL)
        unlink(path, dir_fd=dir_fd)

    os.unlink = deadly


FAULTS = {
    "": lambda _trigger: None,
    "hint raises": hint_raises,
    "emitter ends": emitter_ends,
    "reader ends": reader_ends,
    "deaf": deaf,
    "goes deaf": goes_deaf,
    "slow rebuild": slow_rebuild,
    "killed while singing": killed_while_singing,
}


def send_probe(self: Watcher, original: Callable[..., bool], name: str) -> bool:
    """Tell of each canary, and whether it could be made."""
    made = original(self, name)
    logger.warning("A canary in %s", name, extra={"action": "probed", "folder": name, "made": made})
    return made


def watch(self: Watcher, original: Callable[..., None], name: str, *given: Any, **named: Any) -> None:
    """Tell of each try to watch a folder."""
    logger.warning("Watching %s", name, extra={"action": "tried", "folder": name})
    original(self, name, *given, **named)


def main() -> None:
    """Set the constants and the fault, and become watchd."""
    for name, value in json.loads(os.environ["WATCHD_CONSTANTS"]).items():
        module, _, constant = name.rpartition(".")
        owner = importlib.import_module(module)
        assert hasattr(owner, constant), f"{name} is no constant of watchd's"
        setattr(owner, constant, value)
    FAULTS[os.environ["WATCHD_FAULT"]](Trigger())
    wrap(Watcher, "send_probe", send_probe)
    wrap(Watcher, "watch", watch)
    importlib.import_module("watchd.cli.main").main()


if __name__ == "__main__":
    main()
