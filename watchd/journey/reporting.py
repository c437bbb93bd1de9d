"""Stage 8: what became of a file is told where people look: the log, and a note for each file that failed."""

from __future__ import annotations

import logging
from typing import TYPE_CHECKING

from watchd.core.money import usd
from watchd.core.text import display, on_one_line
from watchd.model import JobState

if TYPE_CHECKING:
    from watchd.core.calls.retrying import Conclusion
    from watchd.interfaces import Clock, Notes
    from watchd.model import EndedCall, Job, Published

logger = logging.getLogger(__name__)


class Recorder:
    """Speaks to people; the ledger has been told already when it does.

    Threads: any; it holds nothing that changes, and a note is of one job.
    """

    def __init__(self, notes: Notes, clock: Clock) -> None:
        self._notes = notes
        self._clock = clock

    def published(self, job: Job, published: Published, served_by: Job | None) -> None:
        """A picture came out, bought or `served_by` the result of an earlier job."""
        paid = f"from job {served_by.id}, nothing paid" if served_by is not None else f"paid {usd(job.booked)}"
        logger.info(
            "Published %s/%s as %s (%s)", job.folder, on_one_line(job.path), on_one_line(published.output), paid,
            extra={"action": "published", "job": job.id},
        )  # fmt: skip
        self._notes.remove(job.folder, job.path)
        if published.instead_of is not None:
            logger.warning(
                "%s/%s is published as %s, and not under the name that its folder wants: %s", job.folder,
                on_one_line(job.path), on_one_line(published.output), published.instead_of,
                extra={"action": "other_name", "job": job.id},
            )  # fmt: skip

    def waits(self, job: Job, reason: str, seconds: float) -> None:
        """A job cannot go on at present; the others do."""
        logger.warning(
            "%s/%s waits: %s. It is tried again in %d s, then less often; the others go on, and nothing is paid twice.",
            job.folder, on_one_line(job.path), reason, seconds, extra={"action": "later", "job": job.id},
        )  # fmt: skip

    def loses(self, job: Job, words: str) -> None:
        """Something that the original says cannot be said in its output."""
        logger.warning(
            "The output of %s/%s loses %s: its format cannot keep it, or it could not be read. The original has it"
            " still.", job.folder, on_one_line(job.path), words, extra={"action": "metadata_lost", "job": job.id},
        )  # fmt: skip

    def part(self, job: Job, number: int, count: int) -> None:
        """One tile of a picture is safe."""
        logger.info(
            "Tile %d of %d of %s/%s is safe", number, count, job.folder, on_one_line(job.path),
            extra={"action": "tile", "job": job.id},
        )  # fmt: skip

    def skipped(self, job: Job) -> None:
        """The output's name is taken, and the folder says to leave it."""
        logger.info(
            "Skipped %s/%s: its output is there already and this folder has `on_collision: skip`",
            job.folder, on_one_line(job.path), extra={"action": "skipped", "job": job.id},
        )  # fmt: skip

    def refused(self, folder: str, path: str, sha256: str, reason: str) -> None:
        """A file that cannot be processed: nothing was sent."""
        logger.warning(
            "Failed %s/%s: %s. Nothing was sent or paid.",
            folder, on_one_line(path), reason,
            extra={"action": "failed"},
        )  # fmt: skip
        self._note(folder, path, sha256, reason)

    def concluded(self, job: Job, conclusion: Conclusion) -> None:
        """A call brought no picture."""
        name = on_one_line(job.path)
        extra = {"action": conclusion.state.value, "job": job.id, "outcome": conclusion.outcome.value}
        match conclusion.state:
            case JobState.FAILED:
                logger.warning(
                    "Failed %s/%s: %s. `watchd retry %d` tries it again.",
                    job.folder, name, conclusion.error, job.id, extra=extra,
                )  # fmt: skip
                self._note(job.folder, job.path, job.sha256, conclusion.error)
            case JobState.UNKNOWN:
                logger.error(
                    "Unknown %s/%s: %s. `watchd retry %d` sends it again and may pay twice; `watchd dismiss %d` lets it"
                    " be.",
                    job.folder, name, conclusion.error, job.id, job.id, extra=extra,
                )  # fmt: skip
            case _:
                logger.info("Back in the queue: %s/%s, %s", job.folder, name, conclusion.error, extra=extra)

    def ended(self, job: Job, reason: str) -> None:
        """A job ended without a call."""
        self.refused(job.folder, job.path, job.sha256, reason)

    def failed_and_moved(self, job: Job, moved: str, call: EndedCall | None) -> tuple[str, str] | None:
        """The original of a failed job lies elsewhere now, and its note beside it: where, and its SHA-256 (hex)."""
        facts = self._facts(job.folder, job.path, job.sha256, job.error or "")
        facts |= {
            "job": job.id,
            "attempts": job.attempts,
            "answer": None if call is None else {"status": call.status, "outcome": call.outcome, "cf_ray": call.cf_ray},
            "moved_to": display(moved),
            "next": f"`watchd retry {job.id}` brings it back to its folder and tries it again; or mend it and drop it"
            " there anew",
        }
        written = self._notes.write_beside(moved, facts)
        self._notes.remove(job.folder, job.path)
        return written

    def brought_back(self, job: Job, moved: str) -> None:
        """An original lies in its folder again."""
        logger.info(
            "Brought %s/%s back from %s", job.folder, on_one_line(job.path), on_one_line(moved),
            extra={"action": "brought_back", "job": job.id},
        )  # fmt: skip
        if job.note is not None and job.note_sha256 is not None:
            self._notes.remove_beside(job.note, job.note_sha256)

    def _note(self, folder: str, path: str, sha256: str, reason: str) -> None:
        self._notes.write(folder, path, self._facts(folder, path, sha256, reason))

    def _facts(self, folder: str, path: str, sha256: str, reason: str) -> dict[str, object]:
        return {
            "folder": folder,
            "path": display(path),
            "sha256": sha256,
            "error": reason,
            "at": self._clock.local().isoformat(timespec="seconds"),
            "next": "mend or replace the file; or `watchd retry --failed` to try it as it is",
        }
