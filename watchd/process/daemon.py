"""The daemon: takes the ledger, starts an engine, watches over it, reloads it, and stops all of it in order.

The main thread does this; it sleeps on a self-pipe that signals, commands and failures ring.
"""

from __future__ import annotations

import logging
import os
import signal
import threading
import time
from typing import TYPE_CHECKING, Any

from watchd.adapters.host import logs, supervision
from watchd.adapters.host.control import ControlServer
from watchd.errors import ConfigurationError, LedgerError
from watchd.journey.answering import ILL_AFTER_S
from watchd.journey.commands import Operator
from watchd.process import status_report
from watchd.process.engine import Engine
from watchd.process.host import Host
from watchd.process.reloading import STOPPING, Reloads, loaded_again, refused
from watchd.process.side_services import SideServices
from watchd.process.watch_supervisor import WatchSupervisor
from watchd.reports.daemon_view import DaemonView

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping

    from watchd.model import Settings

logger = logging.getLogger(__name__)

LOOK_EVERY_S = 8.0
"""Seconds between two looks at threads, watches and the key; a mount, a signal or a command makes one at once."""


class Daemon:
    """`watchd run`.

    Threads: the main one owns it, and builds and replaces engine and supervisor. The control and web threads come in
    by `_answer`, one command at a time behind `_one_command`; what they read of the engine is made to be read.
    """

    def __init__(self, settings: Settings, environ: Mapping[str, str]) -> None:
        """Takes the lock and the ledger. Raises LedgerError where either cannot be had."""
        self._environ = environ
        self._settings = settings
        self._host = Host(settings)
        self._ledger = self._host.ledger
        self._since = self._host.clock.wall()
        self._one_command = threading.Lock()
        self._reloads = Reloads(self._host.wakeup.ring)
        self._engine = Engine(settings, self._host, self._environ, once=False)
        self._supervisor = self._new_supervisor()
        self._operator = Operator(
            self._ledger, self._host.clock, self._host.keeper.apply, self._names, lambda: self._running().refresh()
        )
        self._control = ControlServer(
            self._host.state, lambda request: self._services.with_page(request, self._answer(request))
        )
        view = DaemonView(
            self._ailments, lambda: self._works and not self._host.ends(),
            lambda: self._engine.journey.silent(),  # noqa: PLW0108 -- of the engine that runs when it is asked for
            lambda: self._engine.journey.offline(),  # noqa: PLW0108 -- as above
            self._host.keeper.in_flight, self._status, lambda: status_report.gates(self._host), self._answer,
            lambda: self._ledger.commits, lambda: self._settings,
        )  # fmt: skip
        self._services = SideServices(self._host.clock, view, self._host.fail)
        self._works = False
        """Whether an engine is at work: not while watchd starts, stops, or waits for calls before a reload."""

    def _new_supervisor(self) -> WatchSupervisor:
        engine = self._engine
        made = WatchSupervisor(engine.intake, engine.journey.hints, self._host.clock, engine.presence)
        engine.intake.watched_by(made)
        return made

    def run(self) -> int:
        """Work until told to stop; the exit status."""
        signal.signal(signal.SIGHUP, lambda *_: self._reloads.signal())
        self._host.stop_at_signals(lambda: self._running().abort())
        self._control.start()  # first, so that `status` tells of a start that has to wait
        with supervision.long_start("what was under way is taken up again"):
            self._start_engine()
        self._services.start(self._settings)
        self._works = True
        supervision.tell("READY=1")
        self._host.look_after_the_ledger()
        self._services.look()
        logger.info(
            "watchd %d runs with %d folders; state in %s", os.getpid(), len(self._settings.folders), self._host.state,
            extra={"action": "started"},
        )  # fmt: skip
        try:
            self._supervise()
        finally:
            self._end()
        return self._exit_status()

    def _running(self) -> Engine:
        """The engine that runs when it is asked for: a reload puts another in its place."""
        return self._engine

    def _exit_status(self) -> int:
        failure = self._host.failure
        if failure is None or (self._host.stops and isinstance(failure, LedgerError)):
            return 0  # what a full disk kept from being written at the end is found again at the next start
        logger.critical("watchd ends: %s. Start it again; it goes on where it was.", failure, extra={"action": "fatal"})
        return 4 if isinstance(failure, LedgerError) else 70

    def _supervise(self) -> None:
        ping = supervision.ping_every()
        while not self._host.ends():
            self._host.wakeup.wait(min(LOOK_EVERY_S, ping or LOOK_EVERY_S))
            if self._host.ends():
                return
            if self._reloads.waiting():
                self._reloads.serve(self._reload)
            if any(self._troubles().values()):
                self._host.fail(RuntimeError("a thread ended that should not"))
                return
            self._tend()
            supervision.tell("WATCHDOG=1")

    def _troubles(self) -> dict[str, str | None]:
        """Part by part, why it does not do its work; nothing but a new start mends what is told here.

        Who ends to make room for a new configuration is well: the calls that it waits for have their time limit.
        """
        parts = {
            "intake and workers": not self._works or self._engine.alive(),
            "watches": not self._works or self._supervisor.is_alive(),
            "commands": self._control.is_alive(),
            "web": self._services.is_alive(),
        }
        return {name: None if well else "a thread ended that should not" for name, well in parts.items()}

    def _ailments(self) -> dict[str, str | None]:
        """Part by part, what keeps it from its work, whatever might mend that."""
        hangs = self._engine.journey.resting(ILL_AFTER_S)
        shares = {f"folder {name}": reason for name, reason in hangs.items()}
        return {**self._troubles(), **shares, "ledger": self._ledger.trouble}

    def _start_engine(self, *, as_they_are: bool = False) -> None:
        self._engine.adopt(as_they_are=as_they_are)
        self._supervisor.start()
        self._engine.start()

    def _tend(self) -> None:
        """Ask after the key, look at the clock, and tell what is new."""
        if self._ledger.trouble is None:  # whoever changes a gate while the ledger waits for room waits with it
            self._engine.keys.tend()
            if self._host.look_at_clock():
                self._engine.refresh()
        self._services.look()
        logs.sum_up()

    def _alive_during(self, step: Callable[[], None]) -> None:
        """Do what may take as long as a call, and let systemd have its heartbeat all the while: this is no hang."""
        every = min(LOOK_EVERY_S, supervision.ping_every() or LOOK_EVERY_S)
        self._host.wakeup.listen_during(step, every, lambda: supervision.tell("WATCHDOG=1"))

    # Reloading

    def _reload(self) -> dict[str, Any]:
        """Take over the file as it is now, or keep what runs; the calls in flight end well before the change."""
        supervision.tell("RELOADING=1\nMONOTONIC_USEC=" + str(time.monotonic_ns() // 1000))
        try:
            settings = loaded_again(self._settings, self._environ)
        except ConfigurationError as error:
            answer = refused(error)
        else:
            if self._take_over(settings):
                answer = {"reloaded": settings.source}
                logger.info("Configuration taken over from %s", settings.source, extra={"action": "reloaded"})
            else:
                answer = STOPPING
        supervision.tell("READY=1")
        return answer

    def _take_over(self, settings: Settings) -> bool:
        """One engine ends and another begins, at the same gate: what a command says to that at any moment holds.

        False: the process was told to end meanwhile, or has to, and no other begins.
        """
        self._works = False
        self._alive_during(self._engine.stop)
        if self._host.ends():
            return False
        self._supervisor.stop()
        with self._one_command:  # which looks at the engine once, and finds the one or the other whole
            self._settings = settings
            self._engine = Engine(settings, self._host, self._environ, once=False)
            self._supervisor = self._new_supervisor()
        self._start_engine(as_they_are=True)
        self._works = True
        self._services.start(settings)
        self._services.look()
        return True

    # The end

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
        flying = self._host.keeper.in_flight()
        logger.info(
            "Stopping; %d calls in flight end first. A second signal cuts them.", flying, extra={"action": "stopping"}
        )
        self._supervisor.stop()
        self._alive_during(self._engine.stop)
        self._reloads.end()
        self._control.stop()
        self._services.stop()  # before the ledger: whoever has the page open reads it
        self._host.close()
        logs.sum_up(at_once=True)
        logger.info("Stopped", extra={"action": "stopped"})

    # Commands

    def _answer(self, request: dict[str, Any]) -> dict[str, Any]:
        """One request on the control socket, or from the page."""
        match request.get("command"):
            case "status":
                return self._status()
            case "reload":
                return STOPPING if self._host.ends() else self._reloads.ask()
            case command if self._operator.knows(command) and self._ledger.trouble is not None:
                return {"error": f"{self._ledger.trouble}; say it again when there is"}
            case command if self._operator.knows(command):
                with self._one_command:
                    return self._operator.answer(request)
            case other:
                return {"error": f"this daemon knows no command {other!r}; is it older than the program that asks?"}

    def _names(self) -> frozenset[str]:
        return self._settings.names()

    def _status(self) -> dict[str, Any]:
        return status_report.status(self._host, self._engine, self._supervisor, self._since)
