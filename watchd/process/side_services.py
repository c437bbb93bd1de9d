"""What stands beside the work and is not needed for it: the page, notices, a line for systemd."""

from __future__ import annotations

import logging
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any

from watchd.adapters.host import logs, supervision
from watchd.adapters.ledgers.sqlite.reader import LedgerReader
from watchd.config.secrets import read_token
from watchd.core.money import usd
from watchd.errors import ConfigurationError, LedgerError
from watchd.model import MICROS_PER_USD

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping, Sequence

    from watchd.interfaces import Clock
    from watchd.model import Gate, Settings
    from watchd.process.telling import Teller
    from watchd.web.app import Health
    from watchd.web.server import WebServer

logger = logging.getLogger(__name__)

HOUR = 3600.0


@dataclass(frozen=True, slots=True)
class Answers:
    """What the daemon answers, from memory and from any thread.

    `troubles`: part by part, None where it is well. `commits`: another number whenever the ledger was written.
    """

    troubles: Callable[[], Mapping[str, str | None]]
    is_ready: Callable[[], bool]
    status: Callable[[], dict[str, Any]]
    gates: Callable[[], Sequence[Gate]]
    act: Callable[[dict[str, Any]], dict[str, Any]]
    commits: Callable[[], int]


class SideServices:
    """All of them; a reload replaces them. A daemon without `web` and `notify` imports nothing for them."""

    def __init__(self, clock: Clock, answers: Answers, failed: Callable[[BaseException], None]) -> None:
        """`failed` hears of an error that must end the process."""
        self._clock = clock
        self._answers = answers
        self._failed = failed
        self._settings: Settings | None = None
        self._web: WebServer | None = None
        self._teller: Teller | None = None
        self._said = ""
        self._seen: object = None

    def start(self, settings: Settings) -> None:
        """Begin, or begin anew under another configuration; notices go on from what was told before."""
        last = None if self._teller is None else self._teller.last
        self.stop()
        self._settings = settings
        ledger = Path(settings.state_dir, "ledger.db")
        self._web = self._new_web(settings, ledger)
        if settings.notify is not None:
            from watchd.process.telling import Teller  # noqa: PLC0415 -- a daemon without notices pays nothing for them

            self._teller = Teller(settings, settings.notify, ledger, last)

    def stop(self) -> None:
        """End, whoever is connected and whatever still waits to be told."""
        if self._web is not None:
            self._web.stop()
            self._web = None
        if self._teller is not None:
            self._teller.stop()
            self._teller = None

    def is_alive(self) -> bool:
        """Whether the page is served, where it is to be."""
        return self._web is None or self._web.is_alive()

    def look(self, offline: Mapping[str, str], in_flight: int) -> None:
        """Tell what is new; `offline`: folder → why."""
        # The hour, since days and months begin whether anything is written or not.
        mark = self._answers.commits(), int(self._clock.wall() // HOUR)
        if self._teller is not None:
            self._teller.look(self._answers.gates(), offline, mark)
        if self._settings is not None and supervision.listens():
            self._tell_manager(Path(self._settings.state_dir, "ledger.db"), in_flight, mark)

    def _new_web(self, settings: Settings, ledger: Path) -> WebServer | None:
        """The server, listening; None where it is not asked for, or cannot be had: without it all else works."""
        web = settings.web
        if web is None:
            return None
        from watchd.web import app, server  # noqa: PLC0415 -- a daemon without the page pays nothing for it

        ask = app.Questions(
            self._health, self._answers.status, lambda: [gate.reason for gate in self._answers.gates()],
            self._answers.act, lambda: settings,
        )  # fmt: skip
        try:
            token = None
            if web.token_file is not None:
                token = read_token(web.token_file).reveal()
                logs.hide(token)
            made = server.WebServer(web, token, app.application(ledger, ask), self._failed)
        except (server.CannotListenError, ConfigurationError) as error:
            logger.error(  # noqa: TRY400 -- the words say it all
                "No health and metrics: %s. All else works; mend it and `watchd reload`.", error,
                extra={"action": "web_failed"},
            )  # fmt: skip
            return None
        made.start()
        logger.info("Health and metrics on %s port %d", web.host, made.port, extra={"action": "web"})
        return made

    def _health(self) -> Health:
        """Asked by the web room's thread."""
        from watchd.web.app import Health  # noqa: PLC0415 -- imported long since, as the web room asks

        return Health(self._answers.troubles(), ready=self._answers.is_ready())

    def _tell_manager(self, ledger: Path, in_flight: int, mark: tuple[int, int]) -> None:
        """One line for `systemctl status`; said again only when it has changed, and counted only when it may have."""
        closed = "".join(f"; no calls: {gate.reason}" for gate in self._answers.gates()[:1])
        seen = mark, in_flight, closed
        if seen == self._seen:
            return
        try:
            reader = LedgerReader(ledger)
            try:
                counts, spent = reader.counts(), reader.spent(self._clock.local())
            finally:
                reader.close()
        except LedgerError:
            return  # it waits for room, say; the gate is told
        self._seen = seen
        today = usd(round(spent["today"] * MICROS_PER_USD))
        line = f"{in_flight} in flight, {counts['queued']} queued, {today} today{closed}"
        if line != self._said:
            self._said = line
            supervision.tell(f"STATUS={line}")
