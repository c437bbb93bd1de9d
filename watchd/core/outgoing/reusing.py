"""A result serves a copy only as good as it would be bought: which of the earlier ones do, and which should be kept."""

from __future__ import annotations

import posixpath
from dataclasses import dataclass, replace
from typing import TYPE_CHECKING, Final

from watchd.core.outgoing import output_formats
from watchd.core.request import endpoint

if TYPE_CHECKING:
    from collections.abc import Iterable, Sequence

    from watchd.model import Folder, Job, OutputFormat, Wall

_LOSSLESS: Final = frozenset({"png", "tiff", "webp"})
_OF_ENDING: Final = {".png": "png", ".tif": "tiff", ".jpg": "jpeg", ".webp": "webp 1", ".avif": "avif"}
"""What an output is taken for whose row does not say how it is written."""


@dataclass(frozen=True, slots=True)
class Made:
    """What a result really is: its size in pixels, the scale applied, under which profile it was asked for, and when.

    `at`: when it was bought; None: it is bought now.
    """

    width: int
    height: int
    scale: float
    profile: str
    at: Wall | None = None


def made(job: Job) -> Made:
    """What a finished job's result is, whatever its folder asks for by now."""
    return Made(job.width, job.height, endpoint.effective_scale(job.parameters), job.profile, job.finished_at)


def fit_to_serve(results: Iterable[Job], form: OutputFormat) -> tuple[Job, ...]:
    """Those of which an output of `form` can be made without a loss that its folder did not ask for, the best first."""
    ranked = [(rank, result) for result in results if (rank := _rank(result, form)) is not None]
    return tuple(result for _, result in sorted(ranked, key=lambda one: one[0]))


def _rank(result: Job, form: OutputFormat) -> int | None:
    """0: nothing of it is lost. 1: no more than this folder would lose itself. None: it is less than is asked for."""
    if result.keeps:
        return 0
    if result.output is None:
        return None
    kind, _, quality = _written(result).partition(" ")
    if not quality and kind in _LOSSLESS:
        return 0
    return 1 if _is_as_good(kind, int(quality) if quality else None, form) else None


def _written(result: Job) -> str:
    return result.written or _OF_ENDING.get(posixpath.splitext(result.output or "")[1], "")


def written_from(served_by: Job | None, form: OutputFormat) -> str | None:
    """How an output is written that was made from a result; None: from one of which that is not known."""
    if served_by is not None and served_by.written is None and _rank(served_by, output_formats.LOSSLESS) is None:
        return None
    return output_formats.written(form)


def words_for_none(results: Sequence[Job]) -> str:
    """Why none of these will do."""
    told = ", ".join(f"job {result.id}'s is {_written(result) or 'gone'}" for result in results)
    return f"the same picture is paid for, and what is left of it is less than this folder wants ({told}): bought anew"


def is_wanted_better(folder: Folder, folders: Iterable[Folder]) -> bool:
    """Whether a folder that asks the same of the service wants more of the answer than `folder`'s outputs can give."""
    if output_formats.is_lossless(folder.format):
        return False
    asked = replace(folder.profile, name="")
    return any(
        replace(other.profile, name="") == asked
        and not _is_as_good(folder.format.type, output_formats.quality(folder.format), other.format)
        for other in folders if other.name != folder.name
    )  # fmt: skip


def _is_as_good(kind: str, quality: int | None, wanted: OutputFormat) -> bool:
    """Whether a lossy output has lost no more than the wanted one would.

    `quality` None: an earlier version wrote it, and nobody knows how good it is. As its own kind it has to do.
    """
    if output_formats.is_lossless(wanted) or kind != wanted.type:
        return False
    return quality is None or quality >= output_formats.quality(wanted)
