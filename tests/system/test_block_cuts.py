"""The power goes while pictures are bought: what each kind of disk held at that moment is mounted and looked through.

No commit that was acted upon is lost, no output that was told of is lost or torn, no original is gone without its
output, and the ledger knows all the money that had been spent.
"""

from __future__ import annotations

import hashlib
import os
import random
import sqlite3
import time
from contextlib import ExitStack, closing, contextmanager
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

import pytest

from tests.system import block_device
from tests.system.house import House, until
from tests.system.pictures import picture
from watchd.process.engine import AHEAD

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping, Sequence
    from pathlib import Path

WHOLE = os.environ.get("WATCHD_FAULTS") == "full"
CUTS = 67 if WHOLE else 7
"""For each of three file systems."""
GONE_ON_WITH = 20 if WHOLE else 2
"""Of these, cuts from which the program goes on to the end."""
PICTURES = 4 * CUTS + 12
WORKERS = 4
FOLDERS = ("archived", "deleted", "kept")


@dataclass(frozen=True, slots=True)
class Moment:
    """The disk when the power went; `charged`: SHA-256 of what was paid for by then; `told`: outputs of the log."""

    disk: Path
    charged: frozenset[str | None]
    told: frozenset[str]


@dataclass(frozen=True, slots=True)
class Original:
    """One picture that was dropped: where, and its bytes."""

    folder: str
    name: str
    sha256: str


def configured(house: House) -> None:
    """A folder for each thing that can become of an original, and outputs and answers on the same disk."""
    for name in FOLDERS:
        (house.root / name).mkdir()
    paths: dict[str, dict[str, Any]] = {name: {"path": str(house.root / name), "settle": "50ms"} for name in FOLDERS}
    house.configure(
        paths["archived"] | {"originals": "archive", "archive": str(house.root / "archive")},
        paths["deleted"] | {"originals": "delete", "format": {"type": "jpeg", "quality": 95}},
        paths["kept"],
        api={"workers": WORKERS}, approval=None, budget={"day": None, "month": None},
    )  # fmt: skip


def dropped(house: House) -> list[Original]:
    """All originals, on the disk before anything begins."""
    originals = []
    for number in range(PICTURES):
        data, folder = picture(number, side=260), FOLDERS[number % len(FOLDERS)]
        house.drop(f"{number}.png", data, house.root / folder)
        originals.append(Original(folder, f"{number}.png", hashlib.sha256(data).hexdigest()))
    os.sync()
    return originals


def cut_while_it_works(house: House, disk: block_device.Disk, seed: str) -> list[Moment]:
    """Cuts at random moments of one run, after as many outputs as chance will have it, until all is done."""
    moments, chance = [], random.Random(seed)
    daemon = house.start()
    try:
        for number, count in enumerate(sorted(chance.sample(range(1, PICTURES - 8), CUTS))):
            lines = daemon.wait_for("published", count)
            time.sleep(chance.uniform(0.0, 0.03))  # to any moment of those who are on their way
            charged = frozenset(house.sent())
            told = frozenset(str(line["message"]).partition(" as ")[2].partition(" (paid")[0] for line in lines)
            moments.append(Moment(disk.cut(f"cut-{number}"), charged, told))
        house.wait_for_all(PICTURES, timeout=60.0)
        until(lambda: not any((house.root / "deleted").iterdir()), "the originals are seen to")
    finally:
        daemon.stop()
    return moments


def digests(folder: Path) -> dict[str, str]:
    """Path → SHA-256 of each file below it that is no part of one."""
    return {
        str(path): hashlib.sha256(path.read_bytes()).hexdigest()
        for path in folder.rglob("*")
        if path.is_file() and not path.name.startswith(".")
    }


def outputs(house: House) -> dict[str, str]:
    """The same of all outputs."""
    return {path: sha for name in FOLDERS for path, sha in digests(house.root / f"{name}-out").items()}


def complaints(house: House, moment: Moment, originals: Sequence[Original], final: Mapping[str, str]) -> Iterator[str]:
    """What a disk has lost that was promised by then, or has and should not have."""
    there = outputs(house)
    yield from (f"{path} is torn" for path, sha in there.items() if final.get(path) != sha)
    yield from (f"{path} was told of and is lost" for path in moment.told - there.keys())
    with closing(sqlite3.connect(house.state / "ledger.db")) as ledger:
        ledger.row_factory = sqlite3.Row
        yield from (f"the ledger: {row[0]}" for row in ledger.execute("PRAGMA integrity_check") if row[0] != "ok")
        jobs = [dict(row) for row in ledger.execute("SELECT * FROM jobs")]
    known = {job["sha256"] for job in jobs if job["cost"]}
    yield from (f"{sha} was paid for, and the ledger does not know" for sha in moment.charged - known)
    done = {job["output"] for job in jobs if job["state"] == "done"}
    yield from (f"{path} was told of, and is not done" for path in moment.told - done)
    yield from (f"{path} is done, and is not there" for path in done - there.keys())
    left = {sha for name in (*FOLDERS, "archive") for sha in digests(house.root / name).values()}
    served = {job["sha256"] for job in jobs if job["output"] in done}
    yield from (f"{one.folder}/{one.name} is gone" for one in originals if one.sha256 not in left | served)


def complaints_of_going_on(house: House, moment: Moment) -> Iterator[str]:
    """What is wrong when the program goes on from there."""
    before = len(house.sent())
    ended = house.watchd("once", timeout=90.0)
    if ended.returncode not in {0, 3}:
        yield f"`once` ended with {ended.returncode}: {ended.stderr[-2000:]}"
    again = house.sent()[before:]
    yield from (f"{sha} is paid for again" for sha in again if sha in moment.charged)
    if len(set(again)) != len(again):
        yield "pictures are paid for twice"
    jobs = house.jobs()
    if len(jobs) != PICTURES:
        yield f"{len(jobs)} jobs"
    yield from (f"{job['path']} is {job['state']}" for job in jobs if job["state"] not in {"done", "unknown"})
    in_doubt = sum(job["state"] == "unknown" for job in jobs)
    if in_doubt > WORKERS + AHEAD:
        yield f"{in_doubt} are in doubt"


@contextmanager
def disk_of(place: Path, kind: str) -> Iterator[block_device.Disk]:
    """A disk of that kind; where there can be none the test is skipped."""
    reason = block_device.why_not(kind)
    if reason is not None:
        pytest.skip(reason)
    place.mkdir()
    with ExitStack() as stack:
        try:
            disk = block_device.Disk(stack.enter_context(block_device.frame(place)), kind)
            with disk.mounted_at(place / "tried"):
                pass
        except OSError as refused:
            pytest.skip(f"{kind} cannot be mounted here: {refused}")
        yield disk


@pytest.mark.plain("what the test mounts is not in the machine of the unit")
@pytest.mark.timeout(900 if WHOLE else 180)
@pytest.mark.parametrize("kind", block_device.MAKERS)
def test_what_was_told_is_on_the_disk_whenever_the_power_goes(tmp_path: Path, kind: str) -> None:
    point, seed = tmp_path / "machine", f"{kind} {os.environ['WATCHD_SEED']}"
    with disk_of(tmp_path / "frame", kind) as disk, ExitStack() as stack:
        with disk.mounted_at(point):
            house = stack.enter_context(House(point))
            house.open_sandbox(latency="20ms")
            configured(house)
            originals = dropped(house)
            moments = cut_while_it_works(house, disk, seed)
            house.assert_books_balance()
            final = outputs(house)
        print(kind, [(len(moment.charged), len(moment.told)) for moment in moments])  # noqa: T201 -- of a campaign
        under_way = [moment for moment in moments if 0 < len(moment.told) < PICTURES]
        assert len(under_way) >= CUTS // 2, "the power went while there was nothing to lose"
        for number, moment in enumerate(moments):
            with disk.mounted_at(point, moment.disk):
                found = [*complaints(house, moment, originals, final)]
                if not found and moment in under_way[:GONE_ON_WITH]:
                    found = [*complaints_of_going_on(house, moment)]
                assert found == [], f"cut {number} of {kind}:\n" + "\n".join(found)
