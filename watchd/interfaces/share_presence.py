"""Who is at a share and has not come back: what hangs there is to take its own folder alone."""

from __future__ import annotations

from typing import TYPE_CHECKING, Protocol

if TYPE_CHECKING:
    from collections.abc import Collection

    from watchd.model import Stay


class Presence(Protocol):
    """Each thread says what it is doing at which share, by itself, whatever it does there."""

    def stays(self, seconds: float) -> Collection[Stay]:
        """Those who have come no further for so long."""
        ...
