"""However a file comes into a hot folder, and however long its writer pauses, it is paid for once, with all its bytes.

One daemon for each way of watching serves all arrivals, in a sub-folder each. Where events are to do, the reconciling
scan is an hour away, so that nothing but events can have found the file.
"""

from __future__ import annotations

import hashlib
import mmap
import os
import time
from collections import Counter
from dataclasses import dataclass, field
from pathlib import Path
from typing import TYPE_CHECKING

import pytest

from tests.system.house import House, until
from tests.system.pictures import picture, size_of
from watchd.adapters.filesystem.tree import FileTree
from watchd.model import Writer

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator, Sequence

SETTLE = 0.3
PAUSE = 2.5 * SETTLE
PAGE = mmap.PAGESIZE
LONG_AGO = 1_000_000_000
HELD_BACK = ("%not complete%", "%open for writing%")
PACES = ("fast", "slow")

Came = list[tuple[Path, bytes]]
"""What must be paid for: each path with the bytes it ended with, in order."""


@dataclass(slots=True)
class Shop:
    """A daemon under way, and a folder elsewhere on the same file system."""

    house: House
    aside: Path
    paid: list[str] = field(default_factory=list)
    """SHA-256 of all that had to be paid for so far."""

    def relative(self, path: Path) -> str:
        """As the ledger names it."""
        return str(path.relative_to(self.house.hot))

    def jobs_below(self, folder: Path) -> list[tuple[str, str, str]]:
        """Path, state and SHA-256 of each job of a sub-folder, oldest first."""
        prefix = f"{self.relative(folder)}/"
        jobs = (job for job in self.house.jobs() if job["path"].startswith(prefix))
        return [(job["path"], job["state"], job["sha256"]) for job in jobs]

    def sightings_below(self, folder: Path) -> list[str]:
        """What the ledger knows to lie in a sub-folder."""
        prefix = f"{self.relative(folder)}/"
        seen = (os.fsdecode(row["path"]) for row in self.house.read("SELECT path FROM sighting"))
        return [path for path in seen if path.startswith(prefix)]

    def is_held_back(self, path: Path) -> bool:
        """Whether the daemon found this file quiet and has a reason to wait all the same."""
        query = "SELECT 1 FROM sighting WHERE path = ? AND (reason LIKE ? OR reason LIKE ?)"
        return bool(self.house.read(query, os.fsencode(self.relative(path)), *HELD_BACK))

    def wait_until_paid(self, folder: Path, came: Came) -> None:
        """Wait until each of these is done in a job of its own, and no other job is in that sub-folder."""
        expected = sorted((self.relative(path), "done", sha256(data)) for path, data in came)
        until(
            lambda: sorted(self.jobs_below(folder)) == expected,
            f"{expected}; jobs: {self.jobs_below(folder)}, seen: {self.sightings_below(folder)}",
        )


@dataclass(slots=True)
class Arrival:
    """One way in, at one pace."""

    shop: Shop
    folder: Path
    """In the hot folder; it was there and empty before the daemon began."""
    seed: int
    slow: bool
    paused: bool = False

    @property
    def aside(self) -> Path:
        """A folder of its own elsewhere on the same file system."""
        path = self.shop.aside / self.folder.name
        path.mkdir(exist_ok=True)
        return path

    def picture(self, kind: str = "PNG", number: int = 0) -> bytes:
        """A picture like no other; a PNG fits into one page of memory, a JPEG into seven."""
        return picture(10 * self.seed + number, kind)

    def pause_before(self, path: Path) -> None:
        """The writer of `path` rests, so that the daemon finds it quiet, and unfinished."""
        if self.slow:
            self._rest(lambda: self.shop.is_held_back(path), f"{path} was quiet for long and is held back")
            assert self.shop.jobs_below(self.folder) == []

    def pause_unseen(self, *known: Path) -> None:
        """The writer rests while nothing of it is under a name of ours; only what is `known` has been seen."""
        if self.slow:
            self._rest(lambda: True, "the pause is over")
            assert self.shop.sightings_below(self.folder) == [self.shop.relative(path) for path in known]

    def _rest(self, holds: Callable[[], bool], what: str) -> None:
        over = time.monotonic() + PAUSE
        until(lambda: time.monotonic() >= over and holds(), what)
        self.paused = True


def sha256(data: bytes) -> str:
    return hashlib.sha256(data).hexdigest()


def halves(data: bytes) -> tuple[bytes, bytes]:
    return data[: len(data) // 2], data[len(data) // 2 :]


def write(path: Path, data: bytes, pause: Callable[[], None]) -> None:
    """Through one descriptor, with a pause in the middle."""
    first, second = halves(data)
    with path.open("wb", buffering=0) as file:
        file.write(first)
        pause()
        file.write(second)


# The ways


def written_in_place(arrival: Arrival) -> Came:
    path, data = arrival.folder / "a.webp", arrival.picture("WEBP")
    write(path, data, lambda: arrival.pause_before(path))
    return [(path, data)]


def written_in_place_with_its_size_first(arrival: Arrival) -> Came:
    """As SMB clients do: several writes are in flight, and the last page may come before those in the middle."""
    path, data = arrival.folder / "a.jpg", arrival.picture("JPEG")
    begin, end = PAGE, len(data) // PAGE * PAGE
    with path.open("wb", buffering=0) as file:
        os.ftruncate(file.fileno(), len(data))
        os.posix_fallocate(file.fileno(), 0, len(data))
        os.pwrite(file.fileno(), data[:begin], 0)
        os.pwrite(file.fileno(), data[end:], end)
        arrival.pause_before(path)
        os.pwrite(file.fileno(), data[begin:end], begin)
    return [(path, data)]


def written_under_a_junk_name_and_renamed(arrival: Arrival) -> Came:
    junk, path, data = arrival.folder / "a.png.part", arrival.folder / "a.png", arrival.picture()
    write(junk, data, arrival.pause_unseen)
    junk.rename(path)
    return [(path, data)]


def moved_in(arrival: Arrival) -> Came:
    aside, path, data = arrival.aside / "a.jpg", arrival.folder / "a.jpg", arrival.picture("JPEG")
    write(aside, data, arrival.pause_unseen)
    aside.rename(path)
    return [(path, data)]


def copied_with_its_old_date(arrival: Arrival) -> Came:
    """The date is old from the first half on, which is the worst for who asks whether a file is old enough."""
    path, data = arrival.folder / "a.png", arrival.picture()
    first, second = halves(data)
    with path.open("wb", buffering=0) as file:
        file.write(first)
        os.utime(file.fileno(), (LONG_AGO, LONG_AGO))
        arrival.pause_before(path)
        file.write(second)
        os.utime(file.fileno(), (LONG_AGO, LONG_AGO))
    return [(path, data)]


def brought_by_rsync(arrival: Arrival) -> Came:
    hidden, path, data = arrival.folder / ".a.png.Xq3vT9", arrival.folder / "a.png", arrival.picture()
    write(hidden, data, arrival.pause_unseen)
    os.utime(hidden, (LONG_AGO, LONG_AGO))
    hidden.chmod(0o640)
    hidden.rename(path)
    return [(path, data)]


def hard_linked_in(arrival: Arrival) -> Came:
    aside, path, data = arrival.aside / "a.webp", arrival.folder / "a.webp", arrival.picture("WEBP")
    write(aside, data, arrival.pause_unseen)
    path.hardlink_to(aside)
    return [(path, data)]


def appended_in_several_opens(arrival: Arrival) -> Came:
    path, data = arrival.folder / "a.jpg", arrival.picture("JPEG")
    step = len(data) // 6 + 1
    for number, start in enumerate(range(0, len(data), step)):
        if number == 3:
            arrival.pause_before(path)
        with path.open("ab") as file:
            file.write(data[start : start + step])
    return [(path, data)]


def written_through_memory(arrival: Arrival) -> Came:
    """The page stays dirty during the pause, so that the second half changes neither size nor date of the file."""
    path, data = arrival.folder / "a.png", arrival.picture()
    middle = len(data) // 2
    assert len(data) < PAGE
    with path.open("w+b") as file:
        os.ftruncate(file.fileno(), len(data))
        with mmap.mmap(file.fileno(), len(data)) as memory:
            memory[:middle] = data[:middle]
            arrival.pause_before(path)
            memory[middle:] = data[middle:]
    return [(path, data)]


def moved_in_within_a_folder(arrival: Arrival) -> Came:
    aside, tree = arrival.aside / "trip", arrival.folder / "trip"
    files = {
        "a.png": arrival.picture(),
        "day/b.jpg": arrival.picture("JPEG", 1),
        "day/night/c.webp": arrival.picture("WEBP", 2),
    }
    for name, data in files.items():
        (aside / name).parent.mkdir(exist_ok=True)
        write(aside / name, data, arrival.pause_unseen if name == "day/b.jpg" else lambda: None)
    aside.rename(tree)
    return [(tree / name, data) for name, data in files.items()]


def written_into_the_deepest_of_new_folders(arrival: Arrival) -> Came:
    path, data = arrival.folder / "a" / "b" / "c" / "d.png", arrival.picture()
    path.parent.mkdir(parents=True)
    write(path, data, lambda: arrival.pause_before(path))
    return [(path, data)]


def renamed_over_an_older_version(arrival: Arrival) -> Came:
    path, new_path = arrival.folder / "a.png", arrival.folder / "a.png.tmp"
    old, new = arrival.picture(), arrival.picture(number=1)
    path.write_bytes(old)
    arrival.shop.wait_until_paid(arrival.folder, [(path, old)])
    write(new_path, new, lambda: arrival.pause_unseen(path))
    new_path.replace(path)
    return [(path, old), (path, new)]


WAYS: tuple[Callable[[Arrival], Came], ...] = (
    written_in_place, written_in_place_with_its_size_first, written_under_a_junk_name_and_renamed, moved_in,
    copied_with_its_old_date, brought_by_rsync, hard_linked_in, appended_in_several_opens, written_through_memory,
    moved_in_within_a_folder, written_into_the_deepest_of_new_folders, renamed_over_an_older_version,
)  # fmt: skip
EXTRA = ("linked in unfinished", "whole before its end")


@pytest.fixture(scope="module", params=["events", "poll"])
def shop(request: pytest.FixtureRequest, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Shop]:
    """A daemon that watches in one way. At the end all that lies there is looked at once more: nothing is left over."""
    with House(tmp_path_factory.mktemp(request.param)) as house:
        for name in (*(f"{way.__name__}-{pace}" for way in WAYS for pace in PACES), *EXTRA):
            (house.hot / name).mkdir()
        aside = house.root / "aside"
        aside.mkdir()
        house.configure({"watch": request.param, "settle": "300ms", "poll_every": "100ms", "rescan_every": "1h"})
        daemon = house.start()
        running = Shop(house, aside)
        yield running
        assert daemon.stop() == 0
        house.once()
        assert Counter(house.sent()) == Counter(running.paid)
        assert len(house.sandbox.calls()) == len(running.paid), "a call was made that was not charged"
        house.assert_books_balance()


def assert_paid_once(shop: Shop, folder: Path, came: Came, sent: Sequence[bytes], calls_before: int) -> None:
    """Each has one job and one call with its final bytes, no other call was begun, and each has its output."""
    shop.paid += [sha256(data) for data in sent]  # before anything can fail: the next arrival answers for itself
    shop.wait_until_paid(folder, came)
    calls = shop.house.sandbox.calls()[calls_before:]
    assert Counter((call.sha256, call.sent_bytes) for call in calls) == Counter((sha256(one), len(one)) for one in sent)
    assert all(call.charged for call in calls)
    prefix = f"{shop.relative(folder)}/"
    jobs = [job for job in shop.house.jobs() if job["path"].startswith(prefix)]
    assert [job["attempts"] for job in jobs] == [1] * len(came)
    lying = {path for path in (shop.house.out / folder.name).rglob("*") if path.is_file()}
    assert lying == {Path(job["output"]) for job in jobs}
    assert len(lying) == len(came)
    assert {size_of(path.read_bytes()) for path in lying} == {(600, 600)}


@pytest.mark.sample(14)
@pytest.mark.parametrize("pace", PACES)
@pytest.mark.parametrize("way", WAYS, ids=lambda way: way.__name__)
def test_however_a_file_comes_it_is_paid_for_once_with_its_final_bytes(
    shop: Shop, way: Callable[[Arrival], Came], pace: str
) -> None:
    seed = 2 * WAYS.index(way) + PACES.index(pace)
    arrival = Arrival(shop, shop.house.hot / f"{way.__name__}-{pace}", seed, slow=pace == "slow")
    before = len(shop.house.sandbox.calls())
    came = way(arrival)
    assert arrival.paused == arrival.slow, "the pause was left out: nothing was tried"
    for path, data in dict(came).items():
        assert path.read_bytes() == data
    assert_paid_once(shop, arrival.folder, came, [data for _, data in came], before)


def test_a_file_linked_in_unfinished_and_written_on_under_its_other_name_is_paid_for_once(shop: Shop) -> None:
    """No event tells of what is written through a name outside of the hot folder."""
    arrival = Arrival(shop, shop.house.hot / EXTRA[0], 100, slow=True)
    before = len(shop.house.sandbox.calls())
    aside, path, data = arrival.aside / "a.png", arrival.folder / "a.png", arrival.picture()

    def link_and_pause() -> None:
        path.hardlink_to(aside)
        arrival.pause_before(path)

    write(aside, data, link_and_pause)
    assert_paid_once(shop, arrival.folder, [(path, data)], [data], before)


def test_a_picture_that_is_whole_while_its_writer_goes_on_is_not_taken_before_it_is_closed(shop: Shop) -> None:
    """A motion photo is a whole JPEG long before the film behind it has come."""
    arrival = Arrival(shop, shop.house.hot / EXTRA[1], 101, slow=True)
    probe = arrival.aside / "probe"
    probe.touch()
    if FileTree().writer(str(arrival.aside), probe.name) is not Writer.DONE:
        pytest.skip("this file system grants no leases: the kernel cannot tell who writes")
    before = len(shop.house.sandbox.calls())
    path, still = arrival.folder / "a.jpg", arrival.picture("JPEG")
    film = bytes(range(1, 256)) * 100
    with path.open("wb", buffering=0) as file:
        file.write(still)
        arrival.pause_before(path)
        file.write(film)
    assert_paid_once(shop, arrival.folder, [(path, still + film)], [still], before)
