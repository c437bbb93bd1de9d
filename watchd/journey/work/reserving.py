"""Output names: look on the disk first, without any lock, then take the name in the ledger, which has the last word.

What looking saw may be otherwise a moment later: publishing replaces nothing, and decides.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from watchd.model import ClaimLost

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable

    from watchd.interfaces import NameBook
    from watchd.model import Job


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
