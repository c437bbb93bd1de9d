"""The frozen nouns that every room speaks of. Values only: nothing here acts.

Units: durations are seconds (float), money is whole micro-dollars (int, 1 USD = 1,000,000), sizes are bytes, moments
named `*_at` are Unix time in seconds (float). File names are `str` as the file system gives them, undecodable bytes
carried as surrogates (PEP 383); a `path` of a picture is relative to its folder and uses `/`.
"""

from typing import TYPE_CHECKING

from watchd import lazily

if TYPE_CHECKING:
    from watchd.model.calls import Call, ClaimLost, EndedCall, Interrupted, Outcome, Permit
    from watchd.model.failures import Delay, DelayKind, Failure, FailureKind
    from watchd.model.gates import MICROS_PER_USD, Backlog, BudgetReached, Gate, GateReason, Limit, Span
    from watchd.model.geometry import Rect
    from watchd.model.job import (
        SHOWN_STATES,
        Admission,
        Asked,
        Job,
        JobState,
        KnownFile,
        Parameters,
        Progress,
        Published,
        Tile,
    )
    from watchd.model.seen import Found, Listing, Place, Sample, Sighting, Stay, Writer
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
    from watchd.model.times import AT_ONCE, NEVER, Steady, Wall, after

__all__ = [
    "AT_ONCE",
    "MICROS_PER_USD",
    "NEVER",
    "READABLE",
    "SHOWN_STATES",
    "Admission",
    "Api",
    "Approval",
    "Asked",
    "Backlog",
    "BalanceProbe",
    "Budget",
    "BudgetReached",
    "Call",
    "ClaimLost",
    "Delay",
    "DelayKind",
    "EndedCall",
    "Failure",
    "FailureKind",
    "Folder",
    "Found",
    "Gate",
    "GateReason",
    "Hours",
    "Interrupted",
    "Job",
    "JobState",
    "KnownFile",
    "Limit",
    "Listing",
    "Log",
    "Notify",
    "Outcome",
    "OutputFormat",
    "Parameters",
    "Permit",
    "Place",
    "Price",
    "Profile",
    "Progress",
    "Published",
    "Rect",
    "Sample",
    "Settings",
    "Sighting",
    "Span",
    "Stay",
    "Steady",
    "Tile",
    "Wall",
    "Web",
    "Writer",
    "after",
]  # fmt: skip

__getattr__ = lazily.names(__name__, {
    "calls": "Call ClaimLost EndedCall Interrupted Outcome Permit",
    "failures": "Delay DelayKind Failure FailureKind",
    "gates": "MICROS_PER_USD Backlog BudgetReached Gate GateReason Limit Span",
    "geometry": "Rect",
    "job": "SHOWN_STATES Admission Asked Job JobState KnownFile Parameters Progress Published Tile",
    "seen": "Found Listing Place Sample Sighting Stay Writer",
    "settings": "READABLE Api Approval BalanceProbe Budget Folder Hours Log Notify OutputFormat Price Profile Settings"
    " Web",
    "times": "AT_ONCE NEVER Steady Wall after",
})  # fmt: skip
