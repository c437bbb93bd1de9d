"""Stage 2: a seen file has stopped changing."""

from __future__ import annotations

from typing import TYPE_CHECKING, assert_never

from watchd.core.incoming import settling
from watchd.core.incoming.matching import marker_of
from watchd.core.text import on_one_line
from watchd.model import Delay, DelayKind, Writer, after

if TYPE_CHECKING:
    from collections.abc import Iterator

    from watchd.core.incoming.settling import Observation
    from watchd.interfaces import Tree
    from watchd.journey.arrival.hot_folder import HotFolder
    from watchd.model import Steady


def settled(hot: HotFolder, tree: Tree, now: Steady) -> Iterator[tuple[str, Observation]]:
    """The files of a folder that may be read now. The others get the time of their next look."""
    for path, observation in hot.due(now):
        if _may_be_read(hot, tree, path, observation, now):
            yield path, observation


def _may_be_read(hot: HotFolder, tree: Tree, path: str, observation: Observation, now: Steady) -> bool:
    quiet = hot.folder.settle
    if hot.folder.marker is not None and observation.sample.size:
        return _is_marked(hot, tree, path, observation, hot.folder.marker, now)
    match settling.settle(observation, now, quiet):
        case settling.Settled():
            if observation.proven or tree.writer(hot.root, path) is not Writer.AT_WORK:
                return True
            until = settling.busy_until(observation, now, quiet)
            if until is None:
                return True
            hot.making.wait(path, until, Delay(DelayKind.BEING_WRITTEN, "another program has it open for writing"))
            return False
        case settling.Waiting(until, delay):
            if quiet == 0 and observation.sample.size and tree.writer(hot.root, path) is Writer.DONE:
                return True
            hot.making.wait(path, until, delay)
            return False
        case unexpected:
            assert_never(unexpected)


def _is_marked(hot: HotFolder, tree: Tree, path: str, observation: Observation, template: str, now: Steady) -> bool:
    """Whether the file is there that says so; quiet proves nothing in a folder that asks for it."""
    marker = marker_of(template, path)
    try:
        if tree.look(hot.root, marker) is not None:
            return True
    except OSError:
        pass  # it cannot be told at present; the next look may
    until = min(settling.look_again(observation, now), after(now, hot.folder.poll_every))
    hot.making.wait(path, until, Delay(DelayKind.UNMARKED, f"its marker {on_one_line(marker)} is not there yet"))
    return False
