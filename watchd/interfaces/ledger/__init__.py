"""Everything that must outlive the process, by roles: a client imports the one that it speaks to, and no other.

Each method is one transaction, and touches nothing but the ledger. It is durable on return, but for what a start takes
back anyway or finds anew (a claim, a name, `sending`, an admission): that is durable with the next one that is. It
raises LedgerError where the ledger cannot be written; nothing may be spent after that. A write for a claimed job names
that claim: where the job has been somebody else's meanwhile it changes nothing, money included, and answers
`ClaimLost`.
"""

from typing import TYPE_CHECKING

from watchd import lazily

if TYPE_CHECKING:
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
    from watchd.interfaces.ledger.views import FigureView, HistoryView, IdentityView, LedgerView, StatusView
    from watchd.interfaces.ledger.whole import Ledger

__all__ = [
    "CallBook", "FigureView", "GateBook", "HistoryView", "IdentityView", "JobQueue", "Ledger", "LedgerHealth",
    "LedgerUpkeep", "LedgerView", "NameBook", "OriginalBook", "OwnerDesk", "Recovery", "ResultBook", "RunProgress",
    "SightingBook", "StatusView", "TargetBook",
]  # fmt: skip

__getattr__ = lazily.names(__name__, {
    "call_book": "CallBook",
    "gate_book": "GateBook",
    "job_queue": "JobQueue",
    "ledger_health": "LedgerHealth",
    "ledger_upkeep": "LedgerUpkeep",
    "name_book": "NameBook",
    "original_book": "OriginalBook",
    "owner_desk": "OwnerDesk",
    "recovery": "Recovery",
    "result_book": "ResultBook",
    "run_progress": "RunProgress",
    "sighting_book": "SightingBook",
    "target_book": "TargetBook",
    "views": "FigureView HistoryView IdentityView LedgerView StatusView",
    "whole": "Ledger",
})  # fmt: skip
