"""A clock that stands still until a test moves it."""

from __future__ import annotations

from datetime import UTC, datetime

from watchd.model import Steady, Wall

START = 1_800_000_000.0
"""2027-01-15 08:00 UTC."""


class ManualClock:
    """Implements `interfaces.Clock`; the host's own zone is UTC here."""

    def __init__(self, now: float = START) -> None:
        """Both clocks begin at `now` (Unix seconds)."""
        self._steady = now
        self._ahead = 0.0

    def advance(self, seconds: float) -> None:
        """Time passes."""
        self._steady += seconds

    def jump_wall(self, seconds: float) -> None:
        """Somebody sets the host's clock; no time passes."""
        self._ahead += seconds

    def wall(self) -> Wall:
        """As the host believes it now."""
        return Wall(self._steady + self._ahead)

    def steady(self) -> Steady:
        """Never jumps."""
        return Steady(self._steady)

    def work(self) -> float:
        """Nothing here takes time by itself."""
        return 0.0

    def local(self, moment: Wall | None = None) -> datetime:
        """UTC."""
        return datetime.fromtimestamp(self.wall() if moment is None else moment, UTC)

    def day_of(self, moment: Wall) -> str:
        """The day in UTC."""
        return datetime.fromtimestamp(moment, UTC).date().isoformat()
