"""What the stages of the journey speak to. Behind each stand two implementations: the real one and one of the tests.

Time: `Clock.steady` for every interval and deadline, `Clock.wall` for what is told to people and for days of money.
"""

from watchd.interfaces.clock import Clock
from watchd.interfaces.files import Notes, Originals, Outputs, Spool, SpoolFile, Tree
from watchd.interfaces.ledger import Ledger
from watchd.interfaces.paid_service import Endpoint, Streamed, Upload
from watchd.interfaces.studio import Raster, Studio

__all__ = [
    "Clock", "Endpoint", "Ledger", "Notes", "Originals", "Outputs", "Raster", "Spool", "SpoolFile", "Streamed",
    "Studio", "Tree", "Upload",
]  # fmt: skip
