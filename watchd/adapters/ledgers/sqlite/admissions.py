"""The ledger's side of stages 1 to 3: what was seen, and what became a job."""

from __future__ import annotations

import os
from typing import TYPE_CHECKING

from watchd.adapters.ledgers.sqlite.rows import job_of, sample_of, text_of
from watchd.adapters.ledgers.sqlite.transactions import Transactions, passing, transaction
from watchd.model import Asked, JobState, Place, Sighting

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator, Sequence

    from watchd.model import Admission, Job


PAGE = 5000
"""Rows read at a time."""


class Admissions(Transactions):
    """Sightings, and the rules of identity at the door."""

    def sightings(self, folder: str) -> Iterator[Sighting]:
        """All that is remembered of a folder's paths, a page at a time: there may be a million."""
        after = b""
        while rows := self.rows("sightings", folder=folder, after=after, most=PAGE):
            for row in rows:
                path = os.fsdecode(row["path"])
                yield Sighting(path, sample_of(row), row["job_id"], row["reason"], bool(row["own"]))
            after = rows[-1]["path"]

    def place(self, folder: str) -> Place | None:
        """Which folder a hot folder was when it was last noted; None: never."""
        rows = self.rows("place", folder=folder)
        return next(
            (
                Place(os.fsdecode(row["root"]), int(row["device"]), int(row["inode"]), os.fsdecode(row["mount"]))
                for row in rows
            ),
            None,
        )

    @transaction
    def note_place(self, folder: str, place: Place) -> None:
        """Remember which folder a hot folder is."""
        self.run(
            "note_place", folder=folder, root=os.fsencode(place.root), device=str(place.device),
            inode=str(place.inode), mount=os.fsencode(place.mount),
        )  # fmt: skip

    def has_work(self, folder: str) -> bool:
        """Whether jobs of a folder are under way, or files of it were seen and are no jobs yet."""
        (row,) = self.rows("has_work", folder=folder)
        return bool(row["yes"])

    @transaction
    def note_waiting(self, folder: str, waiting: Iterable[Sighting], gone: Iterable[str]) -> None:
        """Files seen that are not yet jobs, and those of them that went again."""
        for path in gone:
            self.run("forget_waiting", folder=folder, path=os.fsencode(path))
        for sighting in waiting:
            self._sight(folder, sighting)

    def _sight(self, folder: str, sighting: Sighting) -> None:
        sample = sighting.sample
        self.run(
            "sight", folder=folder, path=os.fsencode(sighting.path), size=sample.size, mtime_ns=sample.mtime_ns,
            ctime_ns=sample.ctime_ns, inode=sample.inode, job_id=sighting.job, reason=sighting.reason, own=sighting.own,
            at=self.clock.wall(),
        )  # fmt: skip

    @passing
    def admit(self, admissions: Sequence[Admission]) -> list[int | None]:
        """Record settled files; answers each one's job, an earlier one where these bytes were known here.

        None: the bytes are an output of ours and the folder takes none, so it is no input. What a power cut takes back
        is seen anew by the first look of the next start.
        """
        return [self._admit(admission) for admission in admissions]

    def _admit(self, admission: Admission) -> int | None:
        path = os.fsencode(admission.path)
        known = self.run("same_file", folder=admission.folder, path=path, sha256=admission.sha256).fetchone()
        if known is None and not admission.chain and self._is_own(admission):
            return None
        job_id = int(known["id"]) if known else self._new_job(admission, path)
        self._sight(admission.folder, Sighting(admission.path, admission.sample, job_id))
        return job_id

    def unidentified(self, folder: str) -> Job | None:
        """A file that an earlier version has finished without saying what was sent of it; None: there is none."""
        return next((job_of(row) for row in self.rows("unidentified", folder=folder)), None)

    @passing
    def identify(self, job: Job, picture: str | None) -> None:
        """Files of its bytes are known by this SHA-256 (hex) of what is sent of them; None: as they were."""
        if picture is not None:
            self.run("identify", sha256=job.sha256, picture=picture)
        self.run("drop_unidentified", folder=job.folder, id=job.id)

    def _is_own(self, admission: Admission) -> bool:
        own = self.run("own_output", sha256=admission.sha256).fetchone()
        if own is None:
            return False
        reason = f"watchd published it itself, as the output of job {own['id']}; `chain: true` would take it"
        self._sight(admission.folder, Sighting(admission.path, admission.sample, None, reason, own=True))
        return True

    def _known_by(self, admission: Admission) -> str:
        """What its payment is known by: all files of the same bytes by the same, whatever is sent of each."""
        same = self.run("picture_of_bytes", sha256=admission.sha256).fetchone()
        if same is not None:
            return str(same["picture"] or admission.sha256)
        return (admission.asked.picture if admission.asked is not None else "") or admission.sha256

    def _new_job(self, admission: Admission, path: bytes) -> int:
        asked = admission.asked or Asked("", 0, 0, 0)
        now = self.clock.wall()
        refusal = admission.refusal
        row = self.run(
            "insert_job", sha256=admission.sha256, parameters=asked.parameters, folder=admission.folder, path=path,
            path_text=text_of(admission.path), picture=self._known_by(admission), besides=admission.besides,
            size=admission.sample.size,
            mtime_ns=admission.sample.mtime_ns, profile=admission.profile, priority=admission.priority,
            price=asked.price, width=asked.width, height=asked.height, approved=False,
            state=JobState.QUEUED if refusal is None else JobState.FAILED,
            error=None if refusal is None else refusal.words, failure=None if refusal is None else refusal.kind,
            due=admission.due, at=now, finished_at=None if refusal is None else now,
        ).fetchone()  # fmt: skip
        job_id = int(row["id"])
        first = self.run("under_way", id=job_id).fetchone()["id"]
        if first is not None:
            self.run("put_behind", id=job_id, behind=first)
        self.event(job_id, "admitted", admitted(admission))
        if refusal is not None:
            self.event(job_id, "failed", refusal.words)
        elif first is not None:
            self.event(job_id, "queued", f"the same picture is under way as job {first}; waits behind it")
        return job_id


def admitted(admission: Admission) -> str:
    """What is told of a file that has become a job."""
    words = [f"{admission.sample.size:,} bytes, SHA-256 {admission.sha256}"]
    if admission.asked is not None and admission.asked.picture not in {"", admission.sha256}:
        words.append(f"paid for as what is sent of it, SHA-256 {admission.asked.picture}")
    if admission.asked is not None and admission.asked.words:
        words.append(f"asked for: {admission.asked.words}")
    if admission.besides is not None:
        words.append(f"beside its picture it holds {admission.besides}")
    return "; ".join(words)
