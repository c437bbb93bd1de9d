"""The whole ledger, as whoever opens it hands its roles around."""

from __future__ import annotations

from typing import Protocol

from watchd.interfaces.ledger.call_book import CallBook
from watchd.interfaces.ledger.gate_book import GateBook
from watchd.interfaces.ledger.job_queue import JobQueue
from watchd.interfaces.ledger.ledger_health import LedgerHealth
from watchd.interfaces.ledger.ledger_upkeep import LedgerUpkeep
from watchd.interfaces.ledger.name_book import NameBook
from watchd.interfaces.ledger.original_book import OriginalBook
from watchd.interfaces.ledger.owner_desk import OwnerDesk
from watchd.interfaces.ledger.recovery import Recovery
from watchd.interfaces.ledger.result_book import ResultBook
from watchd.interfaces.ledger.run_progress import RunProgress
from watchd.interfaces.ledger.sighting_book import SightingBook
from watchd.interfaces.ledger.target_book import TargetBook


class Ledger(
    SightingBook, JobQueue, ResultBook, CallBook, NameBook, GateBook, OriginalBook, TargetBook, OwnerDesk, Recovery,
    RunProgress, LedgerHealth, LedgerUpkeep, Protocol,
):  # fmt: skip
    """The record of files, calls and money."""
