"""`watchd once`: what lies in the folders now, then an end, as soon as nothing can go on by itself."""

from __future__ import annotations

import logging
from dataclasses import dataclass
from typing import TYPE_CHECKING, Protocol

from watchd.adapters.host import logs
from watchd.core.calls import gating
from watchd.errors import LedgerError
from watchd.journey.commands import Operator
from watchd.model import GateReason
from watchd.process.engine import Engine
from watchd.process.host import Host

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping

    from watchd.model import Gate, Progress, Settings

logger = logging.getLogger(__name__)

SERVICE_PATIENCE_S = 300.0
"""Seconds that a run waits for a service that cannot be reached."""
REDRAW_S = 0.2
PATIENT = frozenset({GateReason.RATE, GateReason.SERVICE})


class Display(Protocol):
    """Shows how far the run has come."""

    @property
    def live(self) -> bool:
        """Whether it wants to be redrawn now and then."""
        ...

    def show(self, progress: Progress) -> None:
        """Draw."""
        ...


@dataclass(frozen=True, slots=True)
class Result:
    """How the run ended. `held_by`: the gate that work is left behind."""

    progress: Progress
    held_by: Gate | None
    offline: tuple[str, ...]
    unreadable: int
    stopped: bool

    @property
    def status(self) -> int:
        """The exit status."""
        if self.progress.left or self.progress.unknown or self.offline or self.unreadable:
            return 3
        return 1 if self.progress.failed else 0


class Once:
    """One run over what is there. Raises LedgerError where the ledger cannot be had.

    Threads: the main one; the engine's only ring.
    """

    def __init__(
        self, settings: Settings, environ: Mapping[str, str], display: Display, allow: Callable[[str], bool]
    ) -> None:
        """`allow` asks the owner about a backlog that `approval` holds; it is asked once."""
        self._host = Host(settings)
        self._host.ledger.give_up()  # a single run does not wait for a full disk
        self._clock = self._host.clock
        self._keeper = self._host.keeper
        self._display = display
        self._allow = allow
        self._asked = False
        self._since = self._clock.wall()
        self._attempt = self._host.ledger.last_attempt()
        self._engine = Engine(settings, self._host, environ, once=True, changed=self._host.wakeup.ring)

    def run(self) -> Result:
        """Work until nothing can go on without the operator, a window or a folder that returns."""
        self._host.stop_at_signals(self._engine.abort)
        self._engine.adopt()
        self._engine.start()
        self._host.look_after_the_ledger()
        try:
            while not self._finished() or self._is_allowed():
                self._host.wakeup.wait(REDRAW_S if self._display.live else self._patience())
                logs.sum_up()
                if self._display.live:
                    self._display.show(self._progress())
        finally:
            result = self._end()
        if self._host.failure is not None:
            raise self._host.failure
        return result

    def _end(self) -> Result:
        if self._host.stops:
            logger.warning(
                "Stopping; %d calls in flight end first. A second signal cuts them.", self._keeper.in_flight(),
                extra={"action": "stopping"},
            )  # fmt: skip
        self._host.wakeup.listen_during(self._engine.stop)
        result = self._result()
        self._host.close()
        logs.sum_up(at_once=True)
        return result

    def _is_allowed(self) -> bool:
        """Whether the owner lets go what only `approval` holds; asked when everything that came is known."""
        gate = self._keeper.gates().get(GateReason.APPROVAL)
        if gate is None or self._asked or self._host.ends():
            return False
        self._asked = True
        if not self._allow(gate.detail):
            return False
        operator = Operator(
            self._host.ledger, self._clock, self._keeper.apply, self._engine.settings.names, self._engine.refresh
        )
        operator.answer({"command": "approve"})
        return True

    def _progress(self) -> Progress:
        return self._host.ledger.progress(self._since, self._attempt)

    def _patience(self) -> float | None:
        """Seconds until the wait for the service is over; every other change sets the event."""
        gate = self._keeper.gates().get(GateReason.SERVICE)
        return None if gate is None else max(0.1, gate.since + SERVICE_PATIENCE_S - self._clock.steady())

    def _finished(self) -> bool:
        if self._host.ends():
            return True
        if self._engine.intake.pending():
            return False
        if not self._engine.is_busy():
            return True
        # The gates first: a probe that begins after this look has its job in hand by the next.
        final = any(self._is_final(gate) for gate in self._keeper.gates().values())
        return final and not self._keeper.is_probe_due() and not self._engine.is_claimed()

    def _is_final(self, gate: Gate) -> bool:
        if gate.reason is GateReason.SERVICE:
            return self._clock.steady() - gate.since >= SERVICE_PATIENCE_S
        return gate.reason not in PATIENT

    def _result(self) -> Result:
        folders = self._engine.intake.folders()
        gates = self._keeper.gates().values()
        try:
            progress = self._progress()
        except LedgerError as error:
            raise self._host.failure or error from error
        return Result(
            progress,
            held_by=gating.foremost(gates) if progress.left else None,
            offline=tuple(self._engine.journey.offline()),
            unreadable=sum(hot.making.unreadable() for hot in folders),
            stopped=self._host.stops > 0,
        )
