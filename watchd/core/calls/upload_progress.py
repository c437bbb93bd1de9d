"""Does an upload move? And has it been slow, so that fewer at once would each be quicker?

How long an upload may take nobody can say: many may share one line, and what is cut goes up again from its beginning.
So it has no deadline but a floor: it is given up where nothing arrives any more, or less than any line moves.
"""

from __future__ import annotations

from dataclasses import dataclass, replace

STALL_S = 30.0
"""Nothing has arrived for so long: the same bytes have been sent again some seven times by then, for nothing."""
FLOOR_S = 60.0
FLOOR_BYTES = 64 * 1024
"""The least that arrives in `FLOOR_S`: 9 kbit/s, as over a modem. 64 uploads that share 1 Mbit/s move twice as much."""
SLOW_UPLOAD_S = 60.0
"""An upload that takes longer is slow: three to six times what the service takes for its answer as a rule."""


@dataclass(frozen=True, slots=True)
class Stalled:
    """It is to be given up. `reason`: in words."""

    reason: str


@dataclass(frozen=True, slots=True)
class UploadProgress:
    """How far an upload has come. Times are seconds of one clock, whichever.

    `patience`: how long nothing may arrive; `arrived`: bytes that the peer has acknowledged, counted from anywhere;
    `at`: when it was last seen to have moved; `floor_from`, `floor_at`: where and when the present minute began.
    """

    patience: float
    arrived: int
    at: float
    floor_from: int
    floor_at: float

    def seen(self, arrived: int, now: float) -> UploadProgress | Stalled:
        """Another look."""
        if arrived <= self.arrived and now - self.at >= self.patience:
            return Stalled(f"nothing of the upload arrived any more for {self.patience:g} s")
        moved = replace(self, arrived=arrived, at=now) if arrived > self.arrived else self
        if now - self.floor_at < FLOOR_S:
            return moved
        if arrived - self.floor_from < FLOOR_BYTES:
            bytes_moved = arrived - self.floor_from
            return Stalled(f"{bytes_moved:,} bytes of the upload arrived in {now - self.floor_at:.0f} s")
        return replace(moved, floor_from=arrived, floor_at=now)


def beginning(arrived: int, now: float, longest_stall: float) -> UploadProgress:
    """An upload that begins. `longest_stall`: nobody is to wait for a stalled one longer than for an answer."""
    return UploadProgress(min(STALL_S, longest_stall), arrived, now, arrived, now)
