"""The ledger: is it sound, may it be written, does somebody work on it, and does the clock agree with it."""

from __future__ import annotations

import os
import sqlite3
from typing import TYPE_CHECKING

from watchd.adapters.filesystem import mounts
from watchd.adapters.host import control
from watchd.adapters.ledgers import choosing
from watchd.adapters.ledgers.sqlite.opening import look
from watchd.errors import LaterError, UsageError
from watchd.inspection.finding import Finding, Grade, warning, well, wrong

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path


AHEAD_S = 60.0
"""Seconds that the newest entry may lie ahead of the clock."""


def ledger(state: Path, now: float, who: str) -> Iterator[Finding]:
    """All about the ledger in this folder, as the user `who`; `now` in Unix seconds."""
    kind = mounts.type_of(str(state))
    if mounts.is_on_network(kind):
        text = f"state_dir {state} is on {kind}: a ledger is not safe there"
        yield wrong("ledger", text, "put it on a local disk")
    works = _who_works_on(state)
    path = choosing.path_of(state)
    if not path.exists():
        yield well("ledger", f"{path} is not there yet and will be made; {works}")
        return
    if not os.access(state, os.W_OK | os.X_OK) or not os.access(path, os.R_OK | os.W_OK):
        text = f"{path} cannot be written by {who}"
        yield wrong("ledger", text, "mend the permissions, or ask as the user that watchd runs as")
        return
    try:
        flaw = look(path)
    except sqlite3.Error as error:
        flaw = f"it cannot be read ({error}). Put it back from a backup; docs/operating.md tells more."
    if flaw is not None:
        # The flaw names its own way out, in several lines.
        text = f"{path}: {flaw} Until then nothing is sent and nothing is replaced."
        yield Finding(Grade.WRONG, "ledger", text)
        return
    yield well("ledger", f"{path} is sound; {works}")
    long = choosing.long_log(state)
    if long is not None:
        yield warning("ledger", long, f"`fuser {path}` names who has it open")
    yield from _clock(state, now)


def _clock(state: Path, now: float) -> Iterator[Finding]:
    """Whether the ledger has seen later times than it is now."""
    with choosing.view(state) as view:
        newest = view.newest()
    if newest is not None and newest > now + AHEAD_S:
        text = f"the ledger has an entry that is {newest - now:,.0f} s ahead of this machine's clock"
        yield warning("clock", text, "set the clock (timedatectl): the days of budgets and `hours` go by it")


def _who_works_on(state: Path) -> str:
    try:
        running = control.ask(state, {"command": "status"})
    except (LaterError, UsageError) as error:
        return str(error)
    return f"in use by a daemon, process {running['daemon']['pid']}" if running else "no daemon runs"
