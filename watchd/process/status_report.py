"""What a running daemon says of itself, from memory alone: a ledger that waits for room must not make this wait too."""

from __future__ import annotations

import os
from typing import TYPE_CHECKING, Any

from watchd.model import Gate, GateReason
from watchd.reports import shapes

if TYPE_CHECKING:
    from watchd.model import Wall
    from watchd.process.engine import Engine
    from watchd.process.host import Host
    from watchd.process.watch_supervisor import WatchSupervisor


def status(host: Host, engine: Engine, supervisor: WatchSupervisor, since: Wall) -> dict[str, Any]:
    """The parts of `status --json` that the daemon knows. `since`: when it was started (wall time)."""
    waits = {} if host.ledger.trouble is not None else engine.own_waits()
    away = engine.journey.offline()
    folders = []
    for hot in engine.intake.folders():
        name = hot.folder.name
        polled = supervisor.polled_because(name)
        folders.append(
            shapes.folder(
                name, hot.folder.path, hot.folder.profile.name, offline=away.get(name), polled=polled,
                waits=waits.get(name), unread=hot.standing.unread,
            )
        )  # fmt: skip
    daemon = {"running": True, "pid": os.getpid(), "since": shapes.moment(since)}
    return {"daemon": daemon, "folders": folders, "gate": shapes.gate(gates(host))}


def gates(host: Host) -> list[Gate]:
    """What is closed; where the ledger cannot be written, that alone."""
    trouble = host.ledger.trouble
    if trouble is not None:
        return [Gate(GateReason.LEDGER, host.ledger.trouble_since, trouble)]
    return list(host.keeper.gates().values())
