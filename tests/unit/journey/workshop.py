"""A workshop on a test's own terms: real ledger, spool and outputs; the tree, the service and time by hand."""

from __future__ import annotations

from dataclasses import replace
from typing import TYPE_CHECKING, Any

from tests.fakes.clock import ManualClock
from tests.fakes.endpoint import FakeEndpoint
from tests.fakes.tree import FakeTree
from watchd.adapters.filesystem.notes import FileNotes
from watchd.adapters.filesystem.originals import FileOriginals
from watchd.adapters.filesystem.outputs import FileOutputs
from watchd.adapters.filesystem.presence import ThreadPresence
from watchd.adapters.filesystem.spool import FileSpool
from watchd.adapters.host.flight_recorder import FlightRecorder
from watchd.adapters.ledgers.sqlite.sqlite_ledger import SqliteLedger
from watchd.adapters.pixels.pillow_studio import PillowStudio
from watchd.journey.gate.keeper import GateKeeper
from watchd.journey.work.recovering import recover
from watchd.model import Api, Budget, Folder, Job, Profile, Settings
from watchd.process.wiring import Journey, Outside, policy_of

if TYPE_CHECKING:
    from pathlib import Path

ROOT = "/srv/hot/portraits"
SETTLE = 2.0


class Workshop:
    """Everything between a file and its output, moved step by step: no thread, no waiting."""

    def __init__(self, place: Path, *folders: Folder, api: Api | None = None, once: bool = False) -> None:
        """`folders`: one called `portraits` unless given. `place` is an empty folder for state and outputs."""
        self.place = place
        self.clock = ManualClock()
        self.tree = FakeTree()
        self.endpoint = FakeEndpoint()
        self.outputs = FileOutputs()
        self.api = api or Api(requests_per_minute=0)
        self.once = once
        self.budget = Budget()
        self.key = "first key"
        self.runs = 0
        self.due: float | None = 0.0
        """Seconds from the last look to the next that is due."""
        (place / "out").mkdir()
        self.settings = folders or (self.folder(),)
        for folder in self.settings:
            self.tree.make(folder.path)
        self.start()

    def folder(self, name: str = "portraits", path: str = ROOT, **changes: Any) -> Folder:
        """A folder of this workshop; results go to `place/out`."""
        plain = Folder(name, path, Profile("plain-2x"), str(self.place / "out"), settle=SETTLE)
        return replace(plain, **changes)

    def restart(self, *folders: Folder) -> None:
        """The program ends without a word and begins again; with `folders`, under another configuration."""
        self.ledger.close()
        self.settings = folders or self.settings
        self.start()

    def start(self) -> None:
        """A run of the program begins; what it knows it has from the ledger and the spool."""
        self.runs += 1
        self.ledger = SqliteLedger(self.place / "ledger.db", self.clock, owner=f"run-{self.runs}", lease=60.0)
        self.spool = FileSpool(self.place / "spool")
        settings = Settings("watchd.yaml", str(self.place), self.settings, api=self.api, budget=self.budget)
        policy = policy_of(settings)
        recover(self.ledger, self.spool, policy)
        self.keeper = GateKeeper(self.ledger, self.clock)
        self.keeper.configure(
            policy, workers=self.api.workers, per_minute=self.api.requests_per_minute, permits=self.endpoint.permits,
            changed=lambda: None,
        )  # fmt: skip
        outside = Outside(
            self.ledger, self.clock, self.tree, self.spool, self.outputs, FileOriginals(),
            FileNotes(self.place / "failed"), PillowStudio(), self.endpoint, lambda: self.key,
            FlightRecorder(self.place / "reading"), ThreadPresence(),
        )  # fmt: skip
        self.journey = Journey(
            settings, outside, self.keeper, once=self.once, admitted=lambda _count: None, looked=lambda: None
        )
        self.hints, self.intake = self.journey.hints, self.journey.intake
        self.dispatcher, self.runner, self.publisher = (
            self.journey.dispatcher, self.journey.runner, self.journey.publisher,
        )  # fmt: skip
        self.intake.adopt(self.settings, polled={folder.name for folder in self.settings})

    def look_at_key(self) -> None:
        """As the main thread does every few seconds."""
        self.keeper.look_at_key(self.key)

    def put(self, path: str, data: bytes, folder: int = 0) -> None:
        """Drop a file into a folder."""
        self.tree.put(self.settings[folder].path, path, data)

    def look(self, after: float = 0.0) -> None:
        """Let time pass, then let the intake go round once."""
        self.clock.advance(after)
        self.due = self.intake.turn(0.0)

    def settle(self) -> None:
        """See everything, let it be quiet for long enough, and admit it."""
        for hot in self.intake.folders():
            self.hints.everything(hot.folder.name)
        self.look()
        self.look(after=SETTLE)

    def work(self, most: int = 100) -> int:
        """Let one worker take whatever can be taken now; answers how many times it did."""
        for done in range(most):
            claim = self.dispatcher.next_claim()
            if claim is None:
                return done
            self.runner.run(claim)
        raise AssertionError(f"there was still work after {most} claims")

    def run(self, path: str, data: bytes) -> Job:
        """Drop one file, see it through, and answer its job."""
        self.put(path, data)
        self.settle()
        self.work()
        return self.job(path)

    def jobs(self) -> list[Job]:
        """All, oldest first."""
        found = []
        number = 1
        while (job := self.ledger.job(number)) is not None:
            found.append(job)
            number += 1
        return found

    def job(self, path: str, folder: str | None = None) -> Job:
        """The latest job of that path."""
        return next(job for job in reversed(self.jobs()) if job.path == path and folder in {None, job.folder})

    def published(self) -> list[str]:
        """Names in the output folder, hidden ones too."""
        out = self.place / "out"
        return sorted(str(file.relative_to(out)) for file in out.rglob("*") if file.is_file())
