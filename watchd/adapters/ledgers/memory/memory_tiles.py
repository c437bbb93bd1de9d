"""Tiles of pictures that are paid for, in memory."""

from __future__ import annotations

from functools import partial
from typing import TYPE_CHECKING

from watchd.adapters.ledgers.memory.memory_role import MemoryRole, locked
from watchd.adapters.ledgers.memory.memory_store import keeps_tiles
from watchd.model import ClaimLost, JobState

if TYPE_CHECKING:
    from collections.abc import Collection, Mapping, Sequence

    from watchd.model import Job, Rect


class MemoryTiles(MemoryRole):
    """The part of `interfaces.CallBook` that is about tiles."""

    @locked
    def complete_tiles(self, job: Job) -> ClaimLost | None:
        """All tiles of a claimed job are safe: it is received."""
        row = self.store.standing(job, self.owner, JobState.QUEUED, where=lambda now: now.tiles > 0)
        if isinstance(row, ClaimLost):
            return row
        row.change(state=JobState.RECEIVED, result=None)
        return None

    @locked
    def tiles(self, job: Job) -> Mapping[int, Rect]:
        """The tiles of a job that are safe in the spool, by number."""
        mine = sorted((key[1], tile) for key, tile in self.store.tiles.items() if key[0] == job.id and tile.safe)
        return {number: tile.rect for number, tile in mine}

    @locked
    def lose_tiles(self, job: Job, numbers: Collection[int]) -> ClaimLost | None:
        """Tiles that were safe are nowhere: they are to be paid again, and the others are not."""
        for number in numbers:
            is_safe = partial(self._is_safe, number)
            row = self.store.standing(job, self.owner, JobState.QUEUED, JobState.RECEIVED, where=is_safe)
            if isinstance(row, ClaimLost):
                return row
            tile, now = self.store.tiles.pop((job.id, number)), row.now
            row.change(
                state=JobState.QUEUED, tiles=now.tiles - 1, price=now.price + self.store.attempts[tile.attempt].booked
            )
            self.store.event(job.id, "tile", f"tile {number} is no longer in the spool")
        return None

    def _is_safe(self, number: int, job: Job) -> bool:
        tile = self.store.tiles.get((job.id, number))
        return tile is not None and tile.safe

    @locked
    def kept_tiles(self) -> Sequence[tuple[int, int]]:
        """Job and number of each paid tile of pictures that ended without the others, what ended long ago first."""
        ended = [
            (row.now.finished_at or 0.0, *key)
            for key, tile in self.store.tiles.items()
            if tile.safe and keeps_tiles((row := self.store.jobs[key[0]]).now)
        ]
        return [(job, number) for _, job, number in sorted(ended)]

    @locked
    def give_up_tiles(self, job_id: int) -> bool:
        """Of such a picture nothing is kept any more; False where somebody has taken it up meanwhile."""
        row = self.store.jobs[job_id]
        mine = [key for key in self.store.tiles if key[0] == job_id]
        if row.owner is not None or not keeps_tiles(row.now):
            return False
        paid = sum(
            self.store.attempts[self.store.tiles[key].attempt].booked for key in mine if self.store.tiles[key].safe
        )
        row.change(tiles=0, price=row.now.price + paid)
        for key in mine:
            del self.store.tiles[key]
        self.store.event(job_id, "tile", "its paid tiles were given up")
        return True
