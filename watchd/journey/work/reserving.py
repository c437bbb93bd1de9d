"""Before anything is paid: the output's name is taken, its folder proven, and what it will say laid into the spool.

Names: look on the disk first, without any lock, then take the name in the ledger, which has the last word. What looking
saw may be otherwise a moment later: publishing replaces nothing, and decides.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Protocol

from watchd import __version__
from watchd.core.outgoing import naming, output_formats, rendering, spool_names
from watchd.core.text import on_one_line
from watchd.errors import NameUnavailableError
from watchd.formats.metadata import dressing
from watchd.formats.metadata.xmp import Done
from watchd.formats.picture import Format
from watchd.interfaces import JobQueue, NameBook
from watchd.journey.work.receiving import reserve_bytes
from watchd.model import ClaimLost

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable

    from watchd.core.outgoing.reusing import Made
    from watchd.interfaces import Clock, Outputs, Spool, Studio
    from watchd.journey.reporting import Recorder
    from watchd.journey.work.preparing import Prepared
    from watchd.model import Folder, Job

BYTES_PER_PIXEL = 4
"""Of an output that did not compress at all, with alpha."""


def reserve_first(
    names: NameBook, job: Job, named: Iterable[tuple[str, str]], exists: Callable[[str], bool], *, share: bool = False
) -> str | ClaimLost | None:
    """Reserve the first (key, path) that is free and answer its path; None: all are taken.

    `exists` tells whether anything bears a path. With `share` a name may be another's too: the folder overwrites.
    """
    for key, path in named:
        if share:
            taken = names.take_name(job, key, path, share=True)
        elif exists(path):
            continue  # one's own name, too: somebody else's file may bear it by now
        else:
            holder = names.holder_of(key)
            if holder is not None and holder.job != job.id and (not holder.ended or exists(holder.path)):
                continue
            taken = names.take_name(job, key, path, instead_of=None if holder is None else holder.job)
        if isinstance(taken, ClaimLost):
            return taken
        if taken:
            return path
    return None


class ReservedNames(NameBook, JobQueue, Protocol):
    """What of the ledger this needs: names, and a word in a job's life."""


class Reserver:
    """Takes names, and makes sure of all that an output needs.

    Threads: every worker's; it holds nothing that changes.
    """

    def __init__(
        self, outputs: Outputs, spool: Spool, studio: Studio, ledger: ReservedNames, recorder: Recorder, clock: Clock
    ) -> None:
        self._outputs = outputs
        self._spool = spool
        self._studio = studio
        self._ledger = ledger
        self._recorder = recorder
        self._clock = clock

    def reserve(self, job: Job, folder: Folder, prepared: Prepared, made: Made) -> str | ClaimLost | None:
        """Take the output's name before anything is paid; None: it is taken and the folder says `skip`.

        `made`: what the result will be, or is. Lays what else of the original the output needs into the spool too: it
        may be gone when the answer is published.
        """
        planned = prepared.parameters
        room = reserve_bytes(planned) if not planned.tiles else made.width * made.height * BYTES_PER_PIXEL
        self._outputs.make_ready(folder.output, room)
        parts, lacks_alpha = max(1, len(planned.tiles)), prepared.has_alpha
        if not rendering.passes(folder.format, parts=parts, lacks_alpha=lacks_alpha):
            self._spool.make_ready(room)
        self._lay_out(job, folder, prepared, made)
        facts = naming.NameFacts(
            path=job.path, sha256=job.sha256, width=made.width, height=made.height, scale=made.scale,
            profile=made.profile, date=self._clock.local().date().isoformat(),
            extension=output_formats.extension(folder.format),
        )  # fmt: skip
        wanted = naming.output_path(folder, facts)
        held = self._ledger.name_of(job) if made.at is not None else None
        if held is not None and held in naming.candidates(wanted):
            return held  # a copy that was made and not recorded before a crash is found there
        may_replace = folder.on_collision == "overwrite"
        if folder.on_collision == "suffix":
            taken: str | ClaimLost | None = self.take(job, folder, wanted)
        else:
            taken = self._reserve(job, folder, [wanted], share=may_replace)
        if isinstance(taken, str):
            self._outputs.prove(folder.output, taken, room, replace=may_replace)
        return taken

    def _lay_out(self, job: Job, folder: Folder, prepared: Prepared, made: Made) -> None:
        at = self._clock.local(made.at).isoformat(timespec="seconds")
        dressed = dressing.dress(
            prepared.metadata, keep=folder.metadata == "keep", width=made.width, height=made.height,
            done=Done(__version__, made.profile, made.scale, at),
            srgb_profile=self._studio.srgb() if prepared.in_srgb else None, kind=Format(folder.format.type),
        )  # fmt: skip
        self._spool.write(spool_names.dress(job), dressing.as_png_chunks(dressed.metadata))
        if dressed.left_out:
            words = ", ".join(dressed.left_out)
            self._recorder.loses(job, words)
            self._ledger.note(job, "metadata", f"its output loses {words}")

    def take(self, job: Job, folder: Folder, wanted: str) -> str | ClaimLost:
        """The wanted name, or the first after it that is free."""
        taken = self._reserve(job, folder, naming.candidates(wanted), share=False)
        if taken is None:
            words = f"{naming.SUFFIXES:,} names like {on_one_line(wanted)} are taken in {folder.output}: remove some"
            raise NameUnavailableError(words)
        return taken

    def _reserve(self, job: Job, folder: Folder, paths: Iterable[str], *, share: bool) -> str | ClaimLost | None:
        named = ((naming.collision_key(f"{folder.output}/{path}"), path) for path in paths)
        return reserve_first(
            self._ledger, job, named, lambda path: self._outputs.exists(folder.output, path), share=share
        )
