"""Stage 2: a seen file has stopped changing."""

from __future__ import annotations

from typing import TYPE_CHECKING, assert_never

from watchd.core import settling

if TYPE_CHECKING:
    from collections.abc import Iterator

    from watchd.interfaces import Tree
    from watchd.journey.seeing import HotFolder


def settled(hot: HotFolder, tree: Tree, now: float) -> Iterator[str]:
    """The files of a folder that may be read now. The others get the time of their next look."""
    for path in [path for path, due in hot.look_at.items() if due <= now]:
        if hot.look_at[path] > hot.making[path].since:
            hot.look_at_file(path, proven=False)  # its time has come without a hint: it may have changed in silence
        if path in hot.making and _may_be_read(hot, tree, path, now):
            yield path


def _may_be_read(hot: HotFolder, tree: Tree, path: str, now: float) -> bool:
    observation = hot.making[path]
    match settling.settle(observation, now, hot.folder.settle):
        case settling.Settled():
            return True
        case settling.Waiting(until, reason):
            if hot.folder.settle == 0 and observation.sample.size and tree.writer_is_done(hot.root, path):
                return True
            hot.wait(path, until, reason)
            return False
        case unexpected:
            assert_never(unexpected)
