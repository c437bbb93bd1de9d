"""The process is killed at every durable point: nothing is lost, torn, paid twice or hidden."""

from __future__ import annotations

import hashlib
import os
import random
import signal
import sys
from collections import Counter
from concurrent.futures import Future, ThreadPoolExecutor
from dataclasses import dataclass, field
from pathlib import Path
from typing import TYPE_CHECKING

import pytest

from tests.system import fault_launcher
from tests.system.house import House, until
from tests.system.pictures import picture, size_of

if TYPE_CHECKING:
    from collections.abc import Iterator

SEED = int(os.environ.get("WATCHD_SEED", "0")) or random.SystemRandom().randrange(1, 1_000_000)
IN_FLIGHT = 4
SIDE = 256
LATENCY = 0.15
ENDED = {"done", "failed", "unknown"}


@dataclass(slots=True)
class Torment:
    """A house whose daemon is killed again and again, and what is known of it from outside."""

    house: House
    dropped: dict[str, str] = field(default_factory=dict)
    """Path → SHA-256 of what was dropped."""
    whole: set[str] = field(default_factory=set)
    in_flight: list[int] = field(default_factory=list)
    """For each kill: the calls it met under way."""
    unknown: int = 0

    @property
    def files(self) -> int:
        """Dropped so far."""
        return len(self.dropped)

    def drop(self, number: int) -> None:
        """One more picture like no other, every fifth in a sub-folder."""
        name = f"sub/{number}.png" if number % 5 == 0 else f"{number}.png"
        data = picture(number, side=SIDE)
        self.dropped[name] = hashlib.sha256(data).hexdigest()
        self.house.drop(name, data)

    def note_kill(self) -> None:
        """Look at what the kill left: never more calls than workers, never a name without its whole picture."""
        self.in_flight.append(self.house.states().count("sending"))
        assert self.in_flight[-1] <= IN_FLIGHT
        self.look_at_outputs()

    def look_at_outputs(self) -> set[str]:
        """Every file in the output folder, all of its pixels read once."""
        names = {str(path.relative_to(self.house.out)) for path in self.house.out.rglob("*") if path.is_file()}
        for name in names - self.whole:
            assert size_of((self.house.out / name).read_bytes()) == (2 * SIDE, 2 * SIDE), name
        self.whole = names
        return names

    def finish(self) -> None:
        """Let a daemon that nobody kills bring everything to its end."""
        daemon = self.house.start()
        until(
            lambda: len(states := self.house.states()) == len(self.dropped) and ENDED.issuperset(states),
            f"all {len(self.dropped)} files have ended", timeout=60.0,
        )  # fmt: skip
        assert daemon.stop() == 0

    def assert_nothing_is_wrong(self, failed: int = 0) -> None:
        """All that must hold after any number of kills; `failed`: files that the service was told to refuse."""
        jobs = {job["path"]: job for job in self.house.jobs()}
        assert {path: job["sha256"] for path, job in jobs.items()} == self.dropped, "a file is lost, or is two jobs"
        pictures: dict[str, set[str]] = {state: set() for state in ENDED}
        for job in jobs.values():
            pictures[job["state"]].add(job["sha256"])
        assert len(pictures["failed"]) <= failed

        done = {path for path, job in jobs.items() if job["state"] == "done"}
        assert self.look_at_outputs() == done, "outputs and finished jobs differ"
        assert {Path(jobs[path]["output"]) for path in done} == {self.house.out / path for path in done}

        sandbox = self.house.sandbox
        charges = sandbox.charges().calls
        assert sandbox.wait_for_calls(lambda calls: sum(bool(call.charged) for call in calls) == charges)
        paid = Counter(self.house.sent())
        assert max(paid.values(), default=0) <= 1, "a picture was paid for twice"
        assert pictures["done"] <= paid.keys()
        assert paid.keys() - pictures["done"] <= pictures["unknown"], "a picture is paid, and nobody was told"
        self.unknown = len(pictures["unknown"])
        assert self.unknown <= sum(self.in_flight)
        self.house.assert_books_balance()


# At each durable point

MET_ONCE = {"SqliteLedger.admit", "SqliteLedger.conclude"}
"""Points that a run over six files may pass only once."""
POINTS = (
    *(f"SqliteLedger.{name}" for name in ("admit", "claim", "take_name", "begin_sending", "arm")),
    "SpoolWriter.sync", "SqliteLedger.receive", "FileOutputs.publish", "SqliteLedger.finish", "SqliteLedger.conclude",
)  # fmt: skip
RECOVERY = {
    # The point → the kill that leaves something to recover there: a call armed, or an answer whole in the spool.
    "SqliteLedger.free_claims": "SqliteLedger.arm:after",
    "SqliteLedger.interrupted": "SqliteLedger.arm:after",
    "SqliteLedger.conclude": "SqliteLedger.arm:after",
    "SqliteLedger.receive": "SqliteLedger.receive:before",
}
CASES = {
    **{f"{when} {point}": (f"{point}:{when}",) for point in POINTS for when in ("before", "after")},
    **{
        f"{when} {point} of the recovery": (first, f"{point}:{when}")
        for point, first in RECOVERY.items()
        for when in ("before", "after")
    },
}


@pytest.fixture(scope="module")
def journeys(
    request: pytest.FixtureRequest, tmp_path_factory: pytest.TempPathFactory
) -> Iterator[dict[str, Future[None]]]:
    """The cases that were asked for, some at a time, since each spends its time with starting programs."""
    callspecs = [getattr(item, "callspec", None) for item in request.session.items]
    asked = [spec.params["case"] for spec in callspecs if spec is not None and spec.params.get("case") in CASES]
    with ThreadPoolExecutor(3) as pool:
        yield {case: pool.submit(journey, tmp_path_factory.mktemp("kill"), *CASES[case]) for case in asked}
        pool.shutdown(wait=True, cancel_futures=True)


def journey(root: Path, *faults: str) -> None:
    """Six files and a run for each fault, each ended by it; then one that may finish."""
    chance = random.Random(f"{SEED} {faults}")
    refused = 1 if "conclude" in faults[0] else 0
    with House(root) as house:
        house.open_sandbox(latency=LATENCY, fail=("400:1",) * refused)
        house.configure({"settle": "50ms"}, api={"workers": IN_FLIGHT})
        tormented = Torment(house)
        for number in range(6):
            tormented.drop(number)
        for run, fault in enumerate(faults):
            count = 1 if run or fault.partition(":")[0] in MET_ONCE else chance.randint(1, 3)
            daemon = house.launch_as(sys.executable, fault_launcher.__file__, WATCHD_FAULT=f"{fault}:{count}")
            assert daemon.wait() == -signal.SIGKILL, f"{fault}:{count} never fired:\n{daemon.text}"
            tormented.note_kill()
        tormented.finish()
        tormented.assert_nothing_is_wrong(failed=refused)
        if faults[0] == "SqliteLedger.arm:after":
            assert "unknown" in house.states(), "armed, and no answer: that is never forgotten, nor tried unasked"


@pytest.mark.sample(12)
@pytest.mark.parametrize("case", CASES)
def test_a_kill_at_a_durable_point_loses_tears_and_repeats_nothing(
    case: str, journeys: dict[str, Future[None]]
) -> None:
    print(f"WATCHD_SEED={SEED}")  # noqa: T201 -- shown with a failure, to repeat it
    journeys[case].result()
