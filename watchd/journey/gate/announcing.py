"""What the gate's keeper says in the log: each effect once, in words for people."""

from __future__ import annotations

import logging
from datetime import UTC, datetime
from typing import TYPE_CHECKING, assert_never

from watchd.core.calls.pacing import LONGEST_HOLD_S
from watchd.core.calls.state import FolderWaits, FullPace, KeyWorked, LimitUsedUp, Opened, Shut, Slowed, Wake
from watchd.model import GateReason

if TYPE_CHECKING:
    from watchd.core.calls.state import Effect
    from watchd.model import Gate

logger = logging.getLogger(__name__)


def announce(effect: Effect) -> None:
    """Say what has happened, where somebody is to hear of it."""
    match effect:
        case Shut():
            _shut(effect)
        case Opened(reason, why) if why is not None:
            level = logging.DEBUG if reason is GateReason.RATE else logging.INFO
            extra = {"action": "gate_open", "gate": reason.value}
            logger.log(level, "Gate %s open again: %s", reason, why, extra=extra)
        case Slowed(None, places):
            logger.info(
                "Going slower: uploads are slow and share one line. At most %d calls at once for now, more with each"
                " picture that goes up within a minute.", places, extra={"action": "slower"},
            )  # fmt: skip
        case Slowed(status, places):
            logger.info(
                "Going slower: the service answered %d. At most %d calls at once for now, more with each picture.",
                status, places, extra={"action": "slower"},
            )  # fmt: skip
        case FullPace():
            logger.info("At full pace again", extra={"action": "full_pace"})
        case LimitUsedUp(seconds):
            logger.warning(
                "The service says that its limit is used up for %.0f s. No call is made until then, for %.0f s at most;"
                " `watchd resume` tries at once.", seconds, LONGEST_HOLD_S, extra={"action": "limit_used_up"},
            )  # fmt: skip
        case FolderWaits(folder, reason):
            logger.warning(
                "Folder %s waits: %s. The others go on, and nothing is lost or paid twice.", folder, reason,
                extra={"action": "folder_waits"},
            )  # fmt: skip
        case Opened() | KeyWorked() | Wake():
            pass
        case _:
            assert_never(effect)


def _shut(effect: Shut) -> None:
    gate, before = effect.gate, effect.before
    if effect.why is None:
        return
    if before is None:
        logger.warning(
            "No calls: gate %s closed, %s. Files wait and lose no attempt; %s.", gate.reason, gate.detail, _when(gate),
            extra={"action": "gate_closed", "gate": gate.reason.value},
        )  # fmt: skip
    elif gate.retry_at != before.retry_at:
        told = effect.why, _when(gate)
        logger.info("Gate %s stays closed: %s; %s", gate.reason, *told, extra={"action": "gate_closed"})


def closed_since_before(gate: Gate) -> None:
    """Say at the start what is closed from before: a daemon that does nothing has to tell why."""
    logger.warning(
        "No calls: gate %s is closed since before this start, %s. Files wait and lose no attempt; %s.",
        gate.reason, gate.detail, _when(gate), extra={"action": "closed_at_start", "gate": gate.reason.value},
    )  # fmt: skip


def probing(reason: GateReason) -> None:
    """One call is about to try a gate."""
    logger.info("Gate %s: one call is made as a probe", reason, extra={"action": "probe"})


def _when(gate: Gate) -> str:
    """When it is tried again, or what lets it go on."""
    if gate.retry_at is not None:
        return f"the next try is at {_clock_time(gate.retry_at)}"
    return "`watchd approve`" if gate.reason is GateReason.APPROVAL else "`watchd resume`"


def _clock_time(moment: float) -> str:
    return datetime.fromtimestamp(moment, UTC).astimezone().strftime("%H:%M:%S")
