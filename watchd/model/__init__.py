"""The frozen nouns that every room speaks of. Values only: nothing here acts.

Units: durations are seconds (float), money is whole micro-dollars (int, 1 USD = 1,000,000), sizes are bytes, moments
named `*_at` are Unix time in seconds (float). File names are `str` as the file system gives them, undecodable bytes
carried as surrogates (PEP 383); a `path` of a picture is relative to its folder and uses `/`.
"""

from watchd.model.files import Found, Listing, Place, Sample, Sighting, Writer
from watchd.model.gates import Backlog, BudgetReached, Gate, GateReason, Limit
from watchd.model.jobs import (
    GONE,
    MICROS_PER_USD,
    Admission,
    Asked,
    Call,
    Interrupted,
    Job,
    JobState,
    Outcome,
    Parameters,
    Progress,
    Tile,
)
from watchd.model.settings import (
    READABLE,
    Api,
    Approval,
    BalanceProbe,
    Budget,
    Folder,
    Hours,
    Log,
    Notify,
    OutputFormat,
    Price,
    Profile,
    Settings,
    Web,
)

__all__ = [
    "GONE", "MICROS_PER_USD", "READABLE", "Admission", "Api", "Approval", "Asked", "Backlog", "BalanceProbe",
    "Budget", "BudgetReached", "Call", "Folder", "Found", "Gate", "GateReason", "Hours", "Interrupted", "Job",
    "JobState", "Limit", "Listing", "Log", "Notify", "Outcome", "OutputFormat", "Parameters", "Place", "Price",
    "Profile", "Progress", "Sample", "Settings", "Sighting", "Tile", "Web", "Writer",
]  # fmt: skip
