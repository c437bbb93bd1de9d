"""What the stages of the journey speak to: a Protocol for each role, small enough to be imported alone.

Time: `Clock.steady` for every interval and deadline, `Clock.wall` for what is told to people and for days of money.
"""

from typing import TYPE_CHECKING

from watchd import lazily

if TYPE_CHECKING:
    from watchd.interfaces.clock import Clock
    from watchd.interfaces.files import Notes, Originals, Outputs, Spool, SpoolFile, Tree
    from watchd.interfaces.in_hand import InHand
    from watchd.interfaces.ledger import (
        CallBook,
        FigureView,
        GateBook,
        HistoryView,
        IdentityView,
        JobQueue,
        Ledger,
        LedgerHealth,
        LedgerUpkeep,
        LedgerView,
        NameBook,
        OriginalBook,
        OwnerDesk,
        Recovery,
        ResultBook,
        RunProgress,
        SightingBook,
        StatusView,
        TargetBook,
    )
    from watchd.interfaces.paid_service import Endpoint, Streamed, Upload
    from watchd.interfaces.share_presence import Presence
    from watchd.interfaces.studio import Developed, Studio

__all__ = [
    "CallBook", "Clock", "Developed", "Endpoint", "FigureView", "GateBook", "HistoryView", "IdentityView", "InHand",
    "JobQueue", "Ledger", "LedgerHealth", "LedgerUpkeep", "LedgerView", "NameBook", "Notes", "OriginalBook",
    "Originals", "Outputs", "OwnerDesk", "Presence", "Recovery", "ResultBook", "RunProgress", "SightingBook", "Spool",
    "SpoolFile", "StatusView", "Streamed", "Studio", "TargetBook", "Tree", "Upload",
]  # fmt: skip

__getattr__ = lazily.names(__name__, {
    "clock": "Clock",
    "files": "Notes Originals Outputs Spool SpoolFile Tree",
    "in_hand": "InHand",
    "ledger": "CallBook FigureView GateBook HistoryView IdentityView JobQueue Ledger LedgerHealth LedgerUpkeep"
    " LedgerView NameBook OriginalBook OwnerDesk Recovery ResultBook RunProgress SightingBook StatusView TargetBook",
    "paid_service": "Endpoint Streamed Upload",
    "share_presence": "Presence",
    "studio": "Developed Studio",
})  # fmt: skip
