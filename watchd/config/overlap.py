"""No folder watched twice, none fed by its own results: the hot folders, their outputs and the state directory.

Paths are compared after following links, since two names of one place would be found only when the money is gone.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

from watchd.config.links import Leads
from watchd.config.paths import is_within
from watchd.config.units import found

if TYPE_CHECKING:
    from watchd.config.document import Path
    from watchd.config.problems import Report


@dataclass(frozen=True, slots=True)
class HotPaths:
    """The places of one folder: absolute paths, and where in the file each is written."""

    name: str
    path: str
    output: str
    at_path: Path
    at_output: Path
    chain: bool
    leads: Leads

    @property
    def real_path(self) -> str:
        """The watched folder, links followed."""
        return self.leads.of(self.path)

    @property
    def real_output(self) -> str:
        """The output folder, links followed."""
        return self.leads.of(self.output)


@dataclass(frozen=True, slots=True)
class Store:
    """A folder that originals are moved to, and where in the file it is written."""

    path: str
    at: Path
    leads: Leads


def check_stores(stores: list[Store], hot: list[HotPaths], report: Report) -> None:
    """Tells of every store whose files would be taken for new ones, or for results."""
    for store in stores:
        real = store.leads.of(store.path)
        for one in hot:
            if is_within(real, one.real_path):
                why = f"lies inside the hot folder of {_named(one)}, whose files it would become again"
                report.add(store.at, f"{why}, expected a folder outside, {found(store.path)}")
            elif is_within(one.real_path, real):
                why = f"the hot folder of {_named(one)} lies inside it, expected a folder of its own"
                report.add(store.at, f"{why}, {found(store.path)}")
            elif real == one.real_output:
                why = f"is the output of {_named(one)}: originals would lie among results"
                report.add(store.at, f"{why}, expected a folder of its own, {found(store.path)}")


def check(hot: list[HotPaths], state_dir: str | None, at_state_dir: Path, report: Report) -> None:
    """Tells of every pair of places that must lie apart and does not."""
    for position, later in enumerate(hot):
        for earlier in hot[:position]:
            _check_inputs(earlier, later, report)
    for writer in hot:
        for reader in hot:
            _check_output(writer, reader, report)
    _check_circles(hot, report)
    if state_dir is not None:
        _check_state_dir(hot, state_dir, at_state_dir, report)


def _check_inputs(earlier: HotPaths, later: HotPaths, report: Report) -> None:
    apart = f"expected hot folders apart from each other, {found(later.path)}"
    if earlier.real_path == later.real_path:
        report.add(later.at_path, f"the same folder as that of {_named(earlier)}, {apart}")
    elif is_within(later.real_path, earlier.real_path):
        report.add(later.at_path, f"lies inside the hot folder of {_named(earlier)}, {apart}")
    elif is_within(earlier.real_path, later.real_path):
        report.add(later.at_path, f"the hot folder of {_named(earlier)} lies inside it, {apart}")


def _check_output(writer: HotPaths, reader: HotPaths, report: Report) -> None:
    if reader.chain and reader is not writer:
        return
    if is_within(writer.real_output, reader.real_path):
        whose = "its own hot folder" if reader is writer else f"the hot folder of {_named(reader)}"
        where = "is" if writer.real_output == reader.real_path else "lies inside"
        why = f"{where} {whose}: each result would be bought again, for ever, expected a folder outside"
        report.add(writer.at_output, f"{why}, {found(writer.output)}")
    elif is_within(reader.real_path, writer.real_output):
        whose = "its own output" if reader is writer else f"the output of {_named(writer)}"
        why = f"lies inside {whose}: results could land in it and be bought again, expected a folder outside"
        report.add(reader.at_path, f"{why}, {found(reader.path)}")


def _check_circles(hot: list[HotPaths], report: Report) -> None:
    """Chained folders may feed each other, never in a circle: each round would be paid for."""
    feeds = {
        writer.at_path: [
            reader
            for reader in hot
            if reader.chain
            and reader is not writer
            and (is_within(writer.real_output, reader.real_path) or is_within(reader.real_path, writer.real_output))
        ]
        for writer in hot
    }
    for start in hot:
        reached: list[HotPaths] = []
        ahead = list(feeds[start.at_path])
        while ahead:
            reader = ahead.pop()
            if reader not in reached:
                reached.append(reader)
                ahead += feeds[reader.at_path]
        if start in reached:
            why = "its results come back to it through chained folders and would be bought again, for ever"
            report.add(start.at_output, f"{why}, expected a chain with an end, {found(start.output)}")


def _check_state_dir(hot: list[HotPaths], state_dir: str, at_state_dir: Path, report: Report) -> None:
    real_state = Leads().of(state_dir)
    for one in hot:
        if is_within(real_state, one.real_path):
            why = f"lies inside the hot folder of {_named(one)}, expected a folder of its own"
            report.add(at_state_dir, f"{why}, {found(state_dir)}")
        elif is_within(one.real_path, real_state):
            why = (
                f"lies inside the state directory {found(state_dir).removeprefix('found ')}, expected a folder outside"
            )
            report.add(one.at_path, f"{why}, {found(one.path)}")


def _named(one: HotPaths) -> str:
    return found(one.name).removeprefix("found ")
