"""The ledger's role for stages 1 to 3: what was seen, and what became a job."""

from __future__ import annotations

from typing import TYPE_CHECKING, Protocol

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator, Sequence

    from watchd.model import Admission, Job, Place, Sighting


class SightingBook(Protocol):
    """What is remembered of folders and their paths."""

    def sightings(self, folder: str) -> Iterator[Sighting]:
        """All that is remembered of a folder's paths, a page at a time: there may be a million."""
        ...

    def place(self, folder: str) -> Place | None:
        """Which folder a hot folder was when it was last noted; None: never."""
        ...

    def note_place(self, folder: str, place: Place) -> None:
        """Remember which folder a hot folder is."""
        ...

    def has_work(self, folder: str) -> bool:
        """Whether jobs of a folder are under way, or files of it were seen and are no jobs yet."""
        ...

    def note_waiting(self, folder: str, waiting: Iterable[Sighting], gone: Iterable[str]) -> None:
        """Files seen that are not yet jobs, and those of them that went again."""
        ...

    def admit(self, admissions: Sequence[Admission]) -> list[int | None]:
        """Record settled files; answers each one's job, an earlier one where these bytes were known here.

        None: the bytes are an output of ours and the folder takes none, so it is no input.
        """
        ...

    def unidentified(self, folder: str) -> Job | None:
        """A file that an earlier version has finished without saying what was sent of it; None: there is none."""
        ...

    def identify(self, job: Job, picture: str | None) -> None:
        """Files of its bytes are known by this SHA-256 (hex) of what is sent of them; None: as they were."""
        ...
