"""An oddity of the corpus: how its file is made, where it was met, and how it has to end."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any, TypeAlias

from tests.corpus.chart import chart_of

if TYPE_CHECKING:
    from collections.abc import Callable

    from PIL import Image

    Maker: TypeAlias = Callable[[Image.Image], bytes]
    Look: TypeAlias = Callable[[Image.Image], Image.Image]


def plain(chart: Image.Image) -> Image.Image:
    """It looks like its chart."""
    return chart


def grey(chart: Image.Image) -> Image.Image:
    """It looks like its chart without colours."""
    return chart.convert("L")


def of(write: Callable[..., bytes], look: Look = plain, /, **options: Any) -> Maker:
    """A maker: what is made of the chart first, written with these options."""
    return lambda chart: write(look(chart), **options)


def tailed(write: Maker, tail: bytes) -> Maker:
    """A maker: a whole file, and bytes behind it."""
    return lambda chart: write(chart) + tail


def always(body: bytes) -> Maker:
    """A maker: these bytes, whatever the chart."""
    return lambda _: body


@dataclass(frozen=True, slots=True)
class Done:
    """It comes out twice as large as `look` makes of its chart, and like that.

    `tolerance`: levels of 255 by which a corner may differ; half of it the picture at large. `told`: what log or
    `explain` have to say of it, regular expressions. `says`: words that exiftool finds in the output; `silent`: words
    that it must not find there.
    """

    look: Look = plain
    tolerance: int = 12
    told: tuple[str, ...] = ()
    says: tuple[str, ...] = ()
    silent: tuple[str, ...] = ()


@dataclass(frozen=True, slots=True)
class Failed:
    """It fails unpaid; `reason` is a regular expression. `although`: why that is right where others open it."""

    reason: str
    although: str = ""


@dataclass(frozen=True, slots=True)
class Unseen:
    """Its name says that it is none of ours: no job, no call; `explain` says `told`, a regular expression."""

    told: str


End: TypeAlias = Done | Failed | Unseen


@dataclass(frozen=True, slots=True)
class Entry:
    """One file. `source`: the specification, or the public tracker (owner/repository#number) where people met it."""

    name: str
    make: Maker
    source: str
    end: End
    needs: str | None = None
    """A program without which it cannot be made."""

    @property
    def chart(self) -> Image.Image:
        """What the file shows: no two entries show the same, so that none is a copy of another."""
        return chart_of(self.name)

    def data(self) -> bytes:
        """The file."""
        return self.make(self.chart)


@dataclass(slots=True)
class Shelf:
    """The entries of one format, in the order they were made up."""

    kind: str
    entries: list[Entry] = field(default_factory=list)

    def add(self, name: str, make: Maker, source: str, end: End, needs: str | None = None) -> None:
        """Put one more on the shelf."""
        self.entries.append(Entry(name, make, source, end, needs))

    def entry(self, name: str, source: str, end: End, needs: str | None = None) -> Callable[[Maker], Maker]:
        """Put the function that is decorated on the shelf, as the maker of `name`."""

        def put(make: Maker) -> Maker:
            self.add(name, make, source, end, needs)
            return make

        return put
