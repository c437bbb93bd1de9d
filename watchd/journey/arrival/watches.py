"""What the intake asks of whoever keeps the folders' watches alive; and nothing, where nothing is watched."""

from __future__ import annotations

from typing import TYPE_CHECKING, Protocol

if TYPE_CHECKING:
    from watchd.journey.arrival.hot_folder import HotFolder


class Watches(Protocol):
    """The watches of all folders."""

    def begin_round(self) -> None:
        """Before a look at all folders."""
        ...

    def watch_first(self, hot: HotFolder) -> None:
        """Before a folder's very first scan: what comes in between is seen by the one or the other."""
        ...

    def tend(self, hot: HotFolder) -> None:
        """Look after one folder's watch."""
        ...


class NoWatches:
    """Of a single run."""

    def begin_round(self) -> None:
        """Nothing."""

    def watch_first(self, hot: HotFolder) -> None:
        """Nothing."""

    def tend(self, hot: HotFolder) -> None:
        """Nothing."""
