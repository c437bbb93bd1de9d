"""The daemon: takes the ledger, starts an engine, watches over it, reloads it, and stops all of it in order.

The main thread does this; it sleeps on one event that signals, commands and failures set.
"""

from __future__ import annotations

import logging
import os
import queue
import signal
import threading
import time
from contextlib import suppress
from pathlib import Path
from typing import TYPE_CHECKING, Any

from watchd.adapters.filesystem.tree import FileTree
from watchd.adapters.host import logs, supervision
from watchd.adapters.host.control import ControlServer
from watchd.adapters.host.lock import StateLock
from watchd.adapters.host.system_clock import SystemClock
from watchd.config import loading
from watchd.errors import ConfigurationError, FolderOfflineError, LedgerError
from watchd.journey.commands import Operator
from watchd.model import Gate, GateReason
from watchd.process.engine import Engine, open_ledger
from watchd.process.side_services import Answers, SideServices
from watchd.process.wakeup import Wakeup
from watchd.process.watch_supervisor import WatchSupervisor
from watchd.reports import shapes

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping

    from watchd.model import Settings

logger = logging.getLogger(__name__)

LOOK_EVERY = 8.0
"""Seconds between two looks at threads, watches and the key; a mount, a signal or a command makes one at once."""


STOPPING = {"error": "the daemon is stopping; the file is read at its next start"}


class _Reload:
    """One request to reload, and its answer."""

    def __init__(self) -> None:
        self._answer: dict[str, Any] = {}
        self._done = threading.Event()

    def finish(self, answer: dict[str, Any]) -> None:
        self._answer = answer
        self._done.set()

    def wait(self) -> dict[str, Any]:
        self._done.wait()
        return self._answer


class Daemon:
    """`watchd run`."""

    def __init__(self, settings: Settings, environ: Mapping[str, str]) -> None:
        """Takes the lock and the ledger. Raises LedgerError where either cannot be had."""
        self._environ = environ
        self._settings = settings
        self._state = Path(settings.state_dir)
        self._lock = StateLock(self._state)
        self._clock = SystemClock()
        self._tree = FileTree()
        self._ledger = open_ledger(settings, self._clock)
        self._since = self._clock.wall()
        self._bell = Wakeup()
        self._stops = 0
        self._stopped = threading.Event()
        self._one_command = threading.Lock()
        self._reloads: queue.SimpleQueue[_Reload] = queue.SimpleQueue()
        self._failure: BaseException | None = None
        self._engine = self._new_engine(settings)
        self._lookout = self._new_lookout()
        self._operator = Operator(self._ledger, self._clock, self._refresh)
        self._control = ControlServer(self._state, self._answer)
        answers = Answers(
            lambda: {**self._troubles(), "ledger": self._ledger.trouble}, lambda: self._works and not self._ends(),
            self._status, self._gates, self._answer, lambda: self._ledger.commits,
        )  # fmt: skip
        self._attendants = SideServices(self._clock, answers, self._fail)
        self._works = False
        """Whether an engine is at work: not while watchd starts, stops, or waits for calls before a reload."""

    def _new_engine(self, settings: Settings) -> Engine:
        return Engine(settings, self._ledger, self._clock, self._environ, once=False, failed=self._fail)

    def _new_lookout(self) -> WatchSupervisor:
        return WatchSupervisor(self._engine.intake, self._engine.hints, self._clock, self._bell.ring)

    def _fail(self, error: BaseException) -> None:
        self._failure = self._failure or error
        self._bell.ring()

    def run(self) -> int:
        """Work until told to stop; the exit status."""
        for number, handler in ((signal.SIGTERM, self._stop), (signal.SIGINT, self._stop), (signal.SIGHUP, self._hup)):
            signal.signal(number, handler)
        self._bell.ring_at_signals()
        self._control.start()  # first, so that `status` tells of a start that has to wait
        self._start_engine()
        self._attendants.start(self._settings)
        self._works = True
        supervision.tell("READY=1")
        self._look()
        logger.info(
            "watchd %d runs with %d folders; state in %s", os.getpid(), len(self._settings.folders), self._state,
            extra={"action": "started"},
        )  # fmt: skip
        try:
            self._supervise()
        finally:
            self._end()
        if self._failure is None or (self._stops and isinstance(self._failure, LedgerError)):
            return 0  # what a full disk kept from being written at the end is found again at the next start
        logger.critical(
            "watchd ends: %s. Start it again; it goes on where it was.", self._failure, extra={"action": "fatal"}
        )
        return 4 if isinstance(self._failure, LedgerError) else 70

    def _stop(self, _number: int, _frame: object) -> None:
        self._stops += 1
        if self._ledger.trouble is not None:
            self._ledger.give_up()
        if self._stops > 1:
            # In a thread: the main thread may hold the very lock that cutting a call needs.
            threading.Thread(target=self._engine.abort, name="abort", daemon=True).start()
        self._bell.ring()

    def _hup(self, _number: int, _frame: object) -> None:
        self._reloads.put(_Reload())
        self._bell.ring()

    def _supervise(self) -> None:
        ping = supervision.ping_every()
        while not self._ends():
            self._bell.wait(min(LOOK_EVERY, ping or LOOK_EVERY))
            if self._ends():
                return
            if not self._reloads.empty():
                self._reload()
            if any(self._troubles().values()):
                self._fail(RuntimeError("a thread ended that should not"))
                return
            self._tend()
            supervision.tell("WATCHDOG=1")

    def _troubles(self) -> dict[str, str | None]:
        """Part by part, why it does not do its work; nothing but a new start mends what is told here.

        Who ends to make room for a new configuration is well: the calls that it waits for have their time limit.
        """
        parts = {
            "intake and workers": not self._works or self._engine.alive(),
            "watches": not self._works or self._lookout.is_alive(),
            "commands": self._control.is_alive(),
            "web": self._attendants.is_alive(),
        }
        return {name: None if well else "a thread ended that should not" for name, well in parts.items()}

    def _look(self) -> None:
        """Let the attendants tell what is new."""
        offline = {hot.folder.name: hot.reason or "" for hot in self._engine.intake.folders() if not hot.online}
        self._attendants.look(offline, self._engine.keeper.in_flight())

    def _ends(self) -> bool:
        return self._stops > 0 or self._failure is not None

    def _start_engine(self, *, as_they_are: bool = False) -> None:
        """Watch first and scan then, so that what comes in between is seen by the one or the other."""
        self._engine.adopt(as_they_are=as_they_are)
        self._lookout.start()
        for hot in self._engine.intake.folders():
            with suppress(FolderOfflineError):  # the intake tells of it, and the lookout watches it when it is back
                self._lookout.watch_first(hot, self._tree.locate(hot.folder.path, hot.folder.mount_marker))
        self._engine.start()

    def _tend(self) -> None:
        """Ask after the key, and let every folder that is online have a living watch, or be scanned."""
        if self._ledger.trouble is None:  # whoever changes a gate while the ledger waits for room waits with it
            self._engine.look_at_key()
        self._lookout.tend()
        self._look()
        logs.sum_up()

    def _alive_during(self, step: Callable[[], None]) -> None:
        """Do what may take as long as a call, and let systemd know all the while that this is no hang."""
        every = min(LOOK_EVERY, supervision.ping_every() or LOOK_EVERY)
        self._bell.listen_during(step, every, lambda: supervision.tell("WATCHDOG=1"))

    def _load(self) -> Settings:
        settings = loading.load(self._settings.source, self._environ)
        if settings.state_dir != self._settings.state_dir:
            raise ConfigurationError([f"{settings.source}: state_dir: a running daemon keeps its own; restart it"])
        return settings

    def _reload(self) -> None:
        """Take over the file as it is now, or keep what runs; the calls in flight end well before the change."""
        asked = self._asked_reloads()
        supervision.tell("RELOADING=1\nMONOTONIC_USEC=" + str(time.monotonic_ns() // 1000))
        try:
            settings = self._load()
        except ConfigurationError as error:
            logger.error(  # noqa: TRY400 -- the problems say it all; a traceback says nothing to an operator
                "The configuration was not taken over, the old one stays: %s", error, extra={"action": "reload_refused"}
            )
            answer = {"error": "not taken over, the old configuration stays", "problems": error.problems}
        else:
            self._take_over(settings)
            answer = {"reloaded": settings.source}
            logger.info("Configuration taken over from %s", settings.source, extra={"action": "reloaded"})
        supervision.tell("READY=1")
        for reload in asked:
            reload.finish(answer)

    def _asked_reloads(self) -> list[_Reload]:
        asked = []
        with suppress(queue.Empty):
            while True:
                asked.append(self._reloads.get_nowait())
        return asked

    def _take_over(self, settings: Settings) -> None:
        self._works = False
        self._alive_during(self._engine.stop)
        self._lookout.stop()
        self._settings = settings
        with self._one_command:
            # A new engine begins with the gates as the ledger has them: what a command changes between that and its
            # being the engine that commands are told to would be told to the old one, and lost.
            self._engine = self._new_engine(settings)
        self._lookout = self._new_lookout()
        self._start_engine(as_they_are=True)
        self._works = True
        self._attendants.start(settings)
        self._look()

    def _end(self) -> None:
        """Shut down; a fault of ours in the midst of it must not leave a process that nothing ends but a kill."""
        try:
            self._shut_down()
        except Exception:
            logger.critical(
                "Internal error while stopping, please report this; the next start carries on from the ledger.",
                exc_info=True, extra={"action": "internal_error"},
            )  # fmt: skip
            os._exit(70)

    def _shut_down(self) -> None:
        """Stop in order: events and intake, workers, ledger, the rest; then tell systemd."""
        supervision.tell("STOPPING=1")
        self._ledger.give_up()  # first: somebody who waits for room may hold what is asked for below
        flying = self._engine.keeper.in_flight()
        logger.info(
            "Stopping; %d calls in flight end first. A second signal cuts them.", flying, extra={"action": "stopping"}
        )
        self._lookout.stop()
        self._alive_during(self._engine.stop)
        self._stopped.set()
        for reload in self._asked_reloads():
            reload.finish(STOPPING)
        self._control.stop()
        self._ledger.close()
        self._attendants.stop()
        self._lock.close()
        logs.sum_up(at_once=True)
        logger.info("Stopped", extra={"action": "stopped"})

    def _answer(self, request: dict[str, Any]) -> dict[str, Any]:
        """One request on the control socket."""
        match request.get("command"):
            case "status":
                return self._status()
            case "reload":
                return self._ask_reload()
            case command if self._operator.knows(command) and self._ledger.trouble is not None:
                return {"error": f"{self._ledger.trouble}; say it again when there is"}
            case command if self._operator.knows(command):
                with self._one_command:
                    return self._operator.answer(request)
            case other:
                return {"error": f"this daemon knows no command {other!r}; is it older than the program that asks?"}

    def _ask_reload(self) -> dict[str, Any]:
        """Let the main thread reload, and wait for what comes of it; a daemon that stops has none to give."""
        if self._ends():
            return STOPPING
        reload = _Reload()
        self._reloads.put(reload)
        self._bell.ring()
        if self._stopped.is_set():  # it stopped between the two, and may have looked before this was asked
            return STOPPING
        return reload.wait()

    def _refresh(self) -> None:
        """A command changed something: the engine that runs now takes it over."""
        self._engine.refresh()

    def _status(self) -> dict[str, Any]:
        """From memory alone: a ledger that waits for room must not make this wait too."""
        folders = []
        waits = {} if self._ledger.trouble is not None else self._engine.own_waits()
        for hot in self._engine.intake.folders():
            name = hot.folder.name
            polled = self._lookout.polled_because(name)
            offline = None if hot.online else hot.reason
            folders.append(shapes.folder(hot.folder, offline=offline, polled=polled, waits=waits.get(name)))
        daemon = {"running": True, "pid": os.getpid(), "since": shapes.moment(self._since)}
        return {"daemon": daemon, "folders": folders, "gate": shapes.gate(self._gates())}

    def _gates(self) -> list[Gate]:
        trouble = self._ledger.trouble
        if trouble is not None:
            return [Gate(GateReason.LEDGER, self._ledger.trouble_since, trouble)]
        return list(self._engine.keeper.gates().values())
