"""Tells the owner what has happened: the main thread lets it look now and then, and a thread of its own delivers."""

from __future__ import annotations

import logging
from dataclasses import replace
from datetime import UTC, datetime
from typing import TYPE_CHECKING

from watchd.adapters.http.notifying import Notifier
from watchd.adapters.ledgers import choosing
from watchd.config.secrets import read_addresses
from watchd.core import notices
from watchd.core.notices import Look
from watchd.errors import ConfigurationError, LedgerError
from watchd.model import MICROS_PER_USD

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

    from watchd.model import Gate, Notify, Settings

logger = logging.getLogger(__name__)


class Teller:
    """One for each configuration that has `notify`."""

    def __init__(self, settings: Settings, notify: Notify, last: Look | None) -> None:
        """`last`: what an earlier one had seen, so that a reload tells nothing twice."""
        self._settings = settings
        self._on = notify.on
        self.last = last
        self._seen: object = None
        urls = [*notify.urls]
        if notify.urls_file is not None:
            try:
                urls += read_addresses(notify.urls_file)
            except ConfigurationError as error:
                logger.error(  # noqa: TRY400 -- the words say it all
                    "%s: these addresses are told nothing until it is mended and `watchd reload`ed.", error,
                    extra={"action": "notice_failed"},
                )  # fmt: skip
        self._notifier = Notifier(urls)
        self._notifier.start()

    def look(self, gates: Sequence[Gate], offline: Mapping[str, str], mark: object) -> None:
        """Compare with the last look, and tell what is new; a ledger that cannot be read is looked at the next time.

        `mark` is another one whenever the ledger's figures may be others.
        """
        try:
            found = self._found(gates, offline, mark)
        except LedgerError:
            return
        if self.last is not None:
            for notice in notices.between(self.last, found):
                if notice.is_wanted(self._on):
                    self._notifier.tell(notice)
        self.last = found

    def _found(self, gates: Sequence[Gate], offline: Mapping[str, str], mark: object) -> Look:
        told = {gate.reason.value: gate.detail for gate in gates}
        if self.last is not None and mark == self._seen:
            return replace(self.last, gates=told, offline=dict(offline))
        now = datetime.now(UTC).astimezone()
        with choosing.view(self._settings.state_dir) as view:
            counts, spent = view.counts(), view.spent(now)
        self._seen = mark
        budget = self._settings.budget
        return Look(
            day=now.date().isoformat(), gates=told, offline=dict(offline),
            done=counts["done"], failed=counts["failed"], unknown=counts["unknown"],
            spent_today=round(spent["today"] * MICROS_PER_USD), spent_month=round(spent["month"] * MICROS_PER_USD),
            budget_day=budget.day, budget_month=budget.month,
        )  # fmt: skip

    def stop(self) -> None:
        """End, whatever still waits to be told."""
        self._notifier.stop()
