"""The daemon as whatever stands beside it sees it: one value, for the page, for notices, for a line to systemd."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping, Sequence

    from watchd.model import Gate, Settings


@dataclass(frozen=True, slots=True)
class DaemonView:
    """What the daemon answers, from memory, at once, and to any thread.

    `troubles`: part by part, None where it is well, else why nothing but a new start mends it. `is_ready`: whether it
    works on files by now; `silent`: folders whose shares do not answer, and what to tell of each; `offline`: those that
    cannot be worked on, and why; `in_flight`: calls. `commits`: another number whenever the ledger was written. `act`:
    a command of the owner's.
    """

    troubles: Callable[[], Mapping[str, str | None]]
    is_ready: Callable[[], bool]
    silent: Callable[[], Mapping[str, str]]
    offline: Callable[[], Mapping[str, str]]
    in_flight: Callable[[], int]
    status: Callable[[], dict[str, Any]]
    gates: Callable[[], Sequence[Gate]]
    act: Callable[[dict[str, Any]], dict[str, Any]]
    commits: Callable[[], int]
    settings: Callable[[], Settings]
