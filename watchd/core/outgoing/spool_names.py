"""The names of a job's files in the spool: each begins with the job's number, so that nobody else's are meant.

7.send      the original, as it is sent where it can go out as it is
7.upload    its pixels, or a part of them, in a file that the service takes
7.png       the paid answer; 7.3.png that of its third tile
7.meta      what the output says beside its pixels, as PNG chunks: it outlives the original
7.alpha     how opaque the original's pixels are, as a grey PNG, where any is not
7.out       the output, where it is not the answer itself but made from it
7.earlier   an earlier output of the same picture, copied out to serve this job too
"""

from __future__ import annotations

from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Iterable

    from watchd.model import Job


def snapshot(job: Job) -> str:
    """The original, as it is sent where it can go out as it is."""
    return f"{job.id}.send"


def upload(job: Job) -> str:
    """Its pixels, or a part of them, in a file that the service takes."""
    return f"{job.id}.upload"


def answer(job: Job, number: int | None = None) -> str:
    """The paid answer: of the whole picture, or of one of its tiles."""
    return f"{job.id}.png" if number is None else tile(job.id, number)


def tile(job_id: int, number: int) -> str:
    """The paid answer of one tile, by the number of its job."""
    return f"{job_id}.{number}.png"


def dress(job: Job) -> str:
    """What the output says beside its pixels."""
    return f"{job.id}.meta"


def alpha(job: Job) -> str:
    """How opaque the original's pixels are."""
    return f"{job.id}.alpha"


def rendered(job: Job) -> str:
    """The output, made from the answer."""
    return f"{job.id}.out"


def earlier(job: Job) -> str:
    """An earlier output of the same picture."""
    return f"{job.id}.earlier"


def owner(name: str) -> str:
    """The number of the job that a file belongs to, as text."""
    return name.partition(".")[0]


def passing(job: Job) -> tuple[str, ...]:
    """All that is made anew when the job is taken up again."""
    return snapshot(job), upload(job), dress(job), alpha(job), answer(job), rendered(job), earlier(job)


def beside_answer(job: Job) -> tuple[str, ...]:
    """The same but for the answer."""
    return tuple(name for name in passing(job) if name != answer(job))


def paid(job: Job, tiles: Iterable[int]) -> tuple[str, ...]:
    """Answers that stay as long as the job may be taken up again: they are paid for."""
    return tuple(answer(job, number) for number in tiles)
