"""What waits in the folders, what it would cost, and what would be refused: looked at without a word to anybody."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import TYPE_CHECKING, assert_never

from watchd.adapters.darkroom.darkroom import Darkroom
from watchd.adapters.filesystem.tree import FileTree
from watchd.core.incoming.known import NOTHING
from watchd.core.incoming.matching import Matcher
from watchd.core.request.appraising import Refused
from watchd.errors import FolderOfflineError, SourceLostError
from watchd.formats.picture import Incomplete
from watchd.journey.examining import Examined, Examiner
from watchd.model import JobState

if TYPE_CHECKING:
    from watchd.interfaces import IdentityView
    from watchd.model import Folder, KnownFile, Parameters, Sample, Settings


_ENDED = frozenset({JobState.DONE, JobState.FAILED, JobState.UNKNOWN})


@dataclass(slots=True)
class Estimate:
    """One folder. `cost` in micro-dollars; `refused`: path → reason; `offline`: why nothing could be looked at."""

    folder: str
    files: int = 0
    calls: int = 0
    twins: int = 0
    cost: int = 0
    refused: dict[str, str] = field(default_factory=dict)
    offline: str | None = None


def _is_done_with(known: KnownFile | None, sample: Sample) -> bool:
    """Whether nothing comes of a file that is as it was: its job has ended, or it is an output of ours."""
    return known is not None and known.sample == sample and (known.own or known.state in _ENDED)


@dataclass(frozen=True, slots=True)
class Measured:
    """A file's SHA-256 (hex), that by which its payment is known, and what would be asked."""

    sha256: str
    picture: str
    parameters: Parameters


class Estimator:
    """Looks at folders one after the other; pictures of the same bytes and parameters are counted once."""

    def __init__(self, settings: Settings, reader: IdentityView) -> None:
        self._reader = reader
        self._tree = FileTree()
        self._examiner = Examiner(self._tree, settings.api, Darkroom())
        self._counted: set[tuple[str, str]] = set()

    def folder(self, folder: Folder) -> Estimate:
        """Everything that is not yet done with in one folder."""
        estimate = Estimate(folder.name)
        known = self._reader.known(folder.name)
        try:
            root = self._tree.locate(folder.path, folder.mount_marker).root
            for listing in self._tree.scan(root, "", Matcher(folder), lambda _: NOTHING):
                for found in listing.fresh:
                    if not _is_done_with(known.get(found.path), found.sample):
                        self._count(estimate, folder, root, found.path)
        except FolderOfflineError as error:
            estimate.offline = str(error)
        return estimate

    def _count(self, estimate: Estimate, folder: Folder, root: str, path: str) -> None:
        match self.measure(folder, root, path):
            case str() as reason:
                estimate.files += 1
                estimate.refused[path] = reason
            case Measured(sha256, picture, parameters):
                if self._reader.is_ended(folder.name, path, sha256):
                    return
                estimate.files += 1
                payment = (picture, parameters.identity)
                if payment in self._counted or self._reader.is_paid(folder.name, sha256, *payment):
                    estimate.twins += 1
                    return
                self._counted.add(payment)
                estimate.calls += max(1, len(parameters.tiles))
                estimate.cost += parameters.price

    def measure(self, folder: Folder, root: str, path: str) -> Measured | str:
        """What one file comes to, or why it would be refused."""
        try:
            file = self._examiner.read(root, path)
        except SourceLostError as error:
            return str(error)
        except OSError as error:
            return f"it cannot be read: {error.strerror}"
        match self._examiner.judge(file, folder):
            case Examined() as examined:
                return Measured(file.sha256, examined.known_by(), examined.found.parameters)
            case Incomplete(reason):
                return f"not complete yet: {reason}"
            case Refused(reason):
                return reason
            case unexpected:
                assert_never(unexpected)
