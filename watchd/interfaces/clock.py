"""Time."""

from __future__ import annotations

from typing import TYPE_CHECKING, Protocol

if TYPE_CHECKING:
    from datetime import datetime

    from watchd.model import Steady, Wall


class Clock(Protocol):
    """Two clocks in one."""

    def wall(self) -> Wall:
        """Unix seconds as the host believes them now; may jump."""
        ...

    def steady(self) -> Steady:
        """Unix seconds as believed at the start plus the time that passed since, sleep included; never jumps."""
        ...

    def work(self) -> float:
        """CPU seconds that the calling thread has used so far."""
        ...

    def local(self, moment: Wall | None = None) -> datetime:
        """The host's local time, now or at a moment in Unix seconds, with its zone, for days, hours and dates."""
        ...

    def day_of(self, moment: Wall) -> str:
        """The host's own day (ISO) that a moment in Unix seconds fell on."""
        ...
