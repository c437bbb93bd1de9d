"""What `/metrics` tells: the ledger's own figures, counted anew at each question, so that they can never differ."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from watchd import __version__
from watchd.model import GateReason, Outcome
from watchd.web.prometheus import Family, family, histogram

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence
    from datetime import datetime

    from watchd.interfaces import LedgerView

CALL_BOUNDS = (1.0, 2.5, 5.0, 10.0, 15.0, 20.0, 30.0, 60.0, 120.0, 300.0)
QUEUE_BOUNDS = (1.0, 10.0, 60.0, 300.0, 1800.0, 3600.0, 14400.0, 86400.0)


def families(view: LedgerView, status: Mapping[str, Any], gates: Sequence[GateReason], now: datetime) -> list[Family]:
    """All families. `status`: as `watchd status --json` has it; `now`: by the host's own clock and zone."""
    return [
        family("watchd_info", "gauge", "The version that runs.", [({"version": __version__}, 1)]),
        family(
            "watchd_files", "gauge", "Files by state: each file seen is in exactly one.",
            [({"state": state}, number) for state, number in view.counts().items()],
        ),
        *_calls(view),
        *_money(view.spent(now)),
        family(
            "watchd_gate_closed", "gauge", "Whether no calls are made for this reason.",
            [({"reason": reason.value}, reason in gates) for reason in GateReason],
        ),
        *_folders(status["folders"]),
        family(
            "watchd_oldest_waiting_seconds", "gauge", "Age of the oldest file that is not done with; 0: none.",
            [({}, max(0.0, now.timestamp() - (view.oldest_waiting() or now.timestamp())))],
        ),
    ]  # fmt: skip


def _calls(view: LedgerView) -> list[Family]:
    counted = dict.fromkeys([outcome.value for outcome in Outcome], 0) | view.calls_by_outcome()
    statuses = view.calls_by_status()
    return [
        family(
            "watchd_calls_total", "counter", "Calls that have ended, by how.",
            [({"outcome": outcome}, number) for outcome, number in counted.items()],
        ),
        family(
            "watchd_answers_total", "counter", "Answers of the service, by HTTP status.",
            [({"status": str(status)}, number) for status, number in statuses.items()],
        ),
        histogram(
            "watchd_call_seconds", "How long calls took that brought a picture.", CALL_BOUNDS,
            *view.seconds_of_calls(CALL_BOUNDS),
        ),
        histogram(
            "watchd_queue_seconds", "How long jobs waited for their first call.", QUEUE_BOUNDS,
            *view.seconds_in_queue(QUEUE_BOUNDS),
        ),
    ]  # fmt: skip


def _money(spent: Mapping[str, float]) -> list[Family]:
    """Gauges, since a call that is answered with an error is unbooked again."""
    return [
        family("watchd_spent_usd", "gauge", "Booked in all, what is in doubt included.", [({}, spent["total"])]),
        family("watchd_spent_today_usd", "gauge", "Booked today, by the host's own day.", [({}, spent["today"])]),
        family(
            "watchd_in_doubt_usd", "gauge", "Booked for calls whose answer was lost or is awaited.",
            [({}, spent["in_doubt"])],
        ),
    ]  # fmt: skip


def _folders(folders: Sequence[Mapping[str, Any]]) -> list[Family]:
    return [
        family(
            "watchd_folder_online", "gauge", "Whether a hot folder is there.",
            [({"folder": folder["name"]}, folder["state"] == "online") for folder in folders],
        ),
        family(
            "watchd_folder_polled", "gauge", "Whether a hot folder is scanned because it gets no events.",
            [({"folder": folder["name"]}, folder["watch"] == "poll") for folder in folders],
        ),
    ]  # fmt: skip
