"""Sightings and admissions, in memory."""

from __future__ import annotations

from typing import TYPE_CHECKING

from watchd.adapters.ledgers.memory.memory_role import MemoryRole, locked
from watchd.adapters.ledgers.memory.memory_store import UNDER_WAY, JobRow
from watchd.errors import LedgerError
from watchd.model import Asked, FailureKind, Job, JobState, Sighting

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator, Sequence

    from watchd.model import Admission, Place


class MemoryArrivals(MemoryRole):
    """Implements `interfaces.SightingBook`."""

    def sightings(self, folder: str) -> Iterator[Sighting]:
        """All that is remembered of a folder's paths."""
        with self.store.lock:
            found = [seen for (where, _), seen in self.store.sightings.items() if where == folder]
        yield from sorted(found, key=lambda seen: seen.path)

    def place(self, folder: str) -> Place | None:
        """Which folder a hot folder was when it was last noted."""
        return self.store.places.get(folder)

    @locked
    def targets(self) -> dict[str, str]:
        """Root of a folder that files go to → the mount point that served it."""
        return dict(self.store.targets)

    @locked
    def note_target(self, root: str, mount: str) -> None:
        """A root is served by this mount from now on."""
        self.store.targets[root] = mount

    @locked
    def note_place(self, folder: str, place: Place) -> None:
        """Remember which folder a hot folder is."""
        self.store.places[folder] = place

    @locked
    def has_work(self, folder: str) -> bool:
        """Whether jobs of a folder are under way, or files of it were seen and are no jobs yet."""
        busy = any(
            row.now.folder == folder and row.now.state in UNDER_WAY and row.now.state is not JobState.UNKNOWN
            for row in self.store.jobs.values()
        )
        waiting = any(seen.job is None and not seen.own for seen in self.sightings(folder))
        return busy or waiting

    @locked
    def note_waiting(self, folder: str, waiting: Iterable[Sighting], gone: Iterable[str]) -> None:
        """Files seen that are not yet jobs, and those of them that went again."""
        for path in gone:
            seen = self.store.sightings.get((folder, path))
            if seen is not None and seen.job is None:
                del self.store.sightings[folder, path]
        for sighting in waiting:
            self.store.sightings[folder, sighting.path] = sighting

    @locked
    def admit(self, admissions: Sequence[Admission]) -> list[int | None]:
        """Record settled files; answers each one's job, an earlier one where these bytes were known here."""
        if any(not admission.profile for admission in admissions):
            raise LedgerError("an admission has no profile")
        return [self._admit(admission) for admission in admissions]

    def _admit(self, admission: Admission) -> int | None:
        place = admission.folder, admission.path
        known = [
            row.now.id for row in self.store.jobs.values()
            if (row.now.folder, row.now.path, row.now.sha256) == (*place, admission.sha256)
            and not (row.now.state is JobState.FAILED and row.now.failure is FailureKind.GONE)
        ]  # fmt: skip
        if not known and not admission.chain:
            for row in self.store.jobs.values():
                if row.now.output_sha256 == admission.sha256:
                    reason = (
                        f"watchd published it itself, as the output of job {row.now.id}; `chain: true` would take it"
                    )
                    self.store.sightings[place] = Sighting(admission.path, admission.sample, None, reason, own=True)
                    return None
        job = max(known) if known else self._new_job(admission)
        self.store.sightings[place] = Sighting(admission.path, admission.sample, job)
        return job

    def unidentified(self, folder: str) -> Job | None:  # noqa: ARG002 -- as in a ledger of years
        """None: no earlier version has finished anything here."""
        return None

    @locked
    def identify(self, job: Job, picture: str | None) -> None:
        """Files of its bytes are known by this SHA-256 (hex) of what is sent of them; None: as they were."""
        for row in self.store.jobs.values():
            if picture is not None and row.now.sha256 == job.sha256 and row.now.picture is None:
                row.change(picture=None if picture == job.sha256 else picture)

    def _known_by(self, admission: Admission) -> str | None:
        same = next((row.now for row in self.store.jobs.values() if row.now.sha256 == admission.sha256), None)
        if same is not None:
            return same.picture
        known_by = (admission.asked.picture if admission.asked is not None else "") or admission.sha256
        return None if known_by == admission.sha256 else known_by

    def _new_job(self, admission: Admission) -> int:
        asked, refusal, now = admission.asked or Asked("", 0, 0, 0), admission.refusal, self.clock.wall()
        number = len(self.store.jobs) + 1
        job = Job(
            number, admission.folder, admission.path, admission.sha256, admission.sample.mtime_ns, asked.parameters,
            admission.profile, JobState.QUEUED if refusal is None else JobState.FAILED, price=asked.price,
            width=asked.width, height=asked.height, error=None if refusal is None else refusal.words,
            failure=None if refusal is None else refusal.kind, finished_at=None if refusal is None else now,
            due=admission.due, picture=self._known_by(admission), besides=admission.besides,
        )  # fmt: skip
        row = self.store.jobs[number] = JobRow(job, admission.sample.size, admission.priority, now)
        first = [other.now.id for other in self.store.twins(job) if other.now.state in UNDER_WAY]
        row.change(behind=min(first, default=None))
        self.store.event(number, "admitted", admission.sha256)
        return number
