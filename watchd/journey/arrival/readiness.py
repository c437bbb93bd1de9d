"""Stage 2: a seen file has stopped changing."""

from __future__ import annotations

from typing import TYPE_CHECKING, assert_never

from watchd.core.incoming import settling
from watchd.core.incoming.matching import marker_of
from watchd.core.text import on_one_line
from watchd.model import Delay, DelayKind, Writer

if TYPE_CHECKING:
    from collections.abc import Iterator

    from watchd.interfaces import Tree
    from watchd.journey.arrival.hot_folder import HotFolder


def settled(hot: HotFolder, tree: Tree, now: float) -> Iterator[str]:
    """The files of a folder that may be read now. The others get the time of their next look."""
    for path in [path for path, due in hot.look_at.items() if due <= now]:
        if hot.look_at[path] > hot.making[path].since:
            hot.look_at_file(path, proven=False)  # its time has come without a hint: it may have changed in silence
        if path in hot.making and _may_be_read(hot, tree, path, now):
            yield path


def _may_be_read(hot: HotFolder, tree: Tree, path: str, now: float) -> bool:
    observation = hot.making[path]
    quiet = hot.folder.settle
    if hot.folder.marker is not None and observation.sample.size:
        return _is_marked(hot, tree, path, hot.folder.marker, now)
    match settling.settle(observation, now, quiet):
        case settling.Settled():
            if observation.proven or tree.writer(hot.root, path) is not Writer.AT_WORK:
                return True
            until = settling.busy_until(observation, now, quiet)
            if until is None:
                return True
            hot.wait(path, until, Delay(DelayKind.BEING_WRITTEN, "another program has it open for writing"))
            return False
        case settling.Waiting(until, delay):
            if quiet == 0 and observation.sample.size and tree.writer(hot.root, path) is Writer.DONE:
                return True
            hot.wait(path, until, delay)
            return False
        case unexpected:
            assert_never(unexpected)


def _is_marked(hot: HotFolder, tree: Tree, path: str, template: str, now: float) -> bool:
    """Whether the file is there that says so; quiet proves nothing in a folder that asks for it."""
    marker = marker_of(template, path)
    try:
        if tree.look(hot.root, marker) is not None:
            return True
    except OSError:
        pass  # it cannot be told at present; the next look may
    until = min(settling.look_again(hot.making[path], now), now + hot.folder.poll_every)
    hot.wait(path, until, Delay(DelayKind.UNMARKED, f"its marker {on_one_line(marker)} is not there yet"))
    return False
