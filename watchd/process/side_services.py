"""What stands beside the work and is not needed for it: the page, notices, a line for systemd."""

from __future__ import annotations

import logging
import secrets
from typing import TYPE_CHECKING, Any

from watchd.adapters.host import logs, supervision
from watchd.adapters.ledgers import choosing
from watchd.config.secrets import read_token
from watchd.core.money import usd
from watchd.errors import ConfigurationError, LedgerError
from watchd.model import MICROS_PER_USD

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping

    from watchd.interfaces import Clock
    from watchd.model import Settings
    from watchd.process.telling import Teller
    from watchd.reports.daemon_view import DaemonView
    from watchd.web.server import WebServer

logger = logging.getLogger(__name__)

HOUR_S = 3600.0


class SideServices:
    """All of them; a reload replaces them. A daemon without `web` and `notify` imports nothing for them.

    Threads: the main one. The page and the notices have their own, which ask the daemon through its view; `page` may be
    read by any.
    """

    def __init__(self, clock: Clock, daemon: DaemonView, failed: Callable[[BaseException], None]) -> None:
        """`failed` hears of an error that must end the process."""
        self._clock = clock
        self._daemon = daemon
        self._failed = failed
        self._settings: Settings | None = None
        self._web: WebServer | None = None
        self._teller: Teller | None = None
        self._said = ""
        self._seen: object = None
        self._own_token = secrets.token_urlsafe(24)
        self.page: str | None = None
        """The address of the page, as a link that opens its buttons where the owner has chosen no token."""

    def start(self, settings: Settings) -> None:
        """Begin, or begin anew under another configuration; notices go on from what was told before."""
        last = None if self._teller is None else self._teller.last
        self.stop()
        self._settings = settings
        self._web = self._new_web(settings)
        if settings.notify is not None:
            from watchd.process.telling import Teller  # noqa: PLC0415 -- a daemon without notices pays nothing for them

            self._teller = Teller(settings, settings.notify, last)

    def stop(self) -> None:
        """End, whoever is connected and whatever still waits to be told."""
        if self._web is not None:
            self._web.stop()
            self._web = None
            self.page = None
        if self._teller is not None:
            self._teller.stop()
            self._teller = None

    def is_alive(self) -> bool:
        """Whether the page is served, where it is to be."""
        return self._web is None or self._web.is_alive()

    def with_page(self, request: Mapping[str, Any], answer: dict[str, Any]) -> dict[str, Any]:
        """The answer to the owner, who alone reaches the control socket: a status has the page's own link."""
        return {**answer, "page": self.page} if request.get("command") == "status" else answer

    def look(self) -> None:
        """Tell what is new."""
        # The hour, since days and months begin whether anything is written or not.
        mark = self._daemon.commits(), int(self._clock.wall() // HOUR_S)
        if self._teller is not None:
            self._teller.look(self._daemon.gates(), self._daemon.offline(), mark)
        if self._settings is not None and supervision.listens():
            self._tell_manager(self._settings.state_dir, mark)

    def _new_web(self, settings: Settings) -> WebServer | None:
        """The server, listening; None where it is not asked for, or cannot be had: without it all else works."""
        web = settings.web
        if web is None:
            return None
        from watchd.web import app, server  # noqa: PLC0415 -- a daemon without the page pays nothing for it

        try:
            token = self._own_token
            if web.token_file is not None:
                token = read_token(web.token_file).reveal()
                logs.hide(token)
            site = app.application(settings.state_dir, self._daemon, web.base_path)
            made = server.WebServer(web, token, site, self._failed)
        except (server.CannotListenError, ConfigurationError) as error:
            logger.error(  # noqa: TRY400 -- the words say it all
                "No health and metrics: %s. All else works; mend it and `watchd reload`.", error,
                extra={"action": "web_failed"},
            )  # fmt: skip
            return None
        made.start()
        self.page = made.address(web, token=token if web.token_file is None else None)
        # As Jupyter does it: whoever may read this log may press the page's buttons.
        logger.info("The page, health and metrics on %s", self.page, extra={"action": "web"})
        return made

    def _tell_manager(self, state_dir: str, mark: tuple[int, int]) -> None:
        """One line for `systemctl status`; said again only when it has changed, and counted only when it may have."""
        closed = "".join(f"; no calls: {gate.reason}" for gate in self._daemon.gates()[:1])
        in_flight = self._daemon.in_flight()
        seen = mark, in_flight, closed
        if seen == self._seen:
            return
        try:
            with choosing.view(state_dir) as view:
                counts, spent = view.counts(), view.spent(self._clock.local())
        except LedgerError:
            return  # it waits for room, say; the gate is told
        self._seen = seen
        today = usd(round(spent["today"] * MICROS_PER_USD))
        line = f"{in_flight} in flight, {counts['queued']} queued, {today} today{closed}"
        if line != self._said:
            self._said = line
            supervision.tell(f"STATUS={line}")
