"""Stage 4: a claimed job gets its private snapshot: the bytes admitted, hashed again, are the bytes that are sent."""

from __future__ import annotations

import hashlib
import threading
from dataclasses import dataclass
from typing import TYPE_CHECKING, BinaryIO, assert_never

from watchd.core import containers, endpoint
from watchd.core.metadata import Metadata, collect
from watchd.core.picture import Incomplete, Picture, Unreadable
from watchd.core.stripping import without_private
from watchd.errors import FolderOfflineError, SourceLostError
from watchd.journey.admitting import plan, too_large
from watchd.model import GONE

if TYPE_CHECKING:
    from watchd.interfaces import Spool, Tree
    from watchd.model import Api, Folder, Job, Parameters, Place


@dataclass(frozen=True, slots=True)
class Snapshot:
    """What one call sends. Implements `interfaces.Upload`."""

    spool: Spool
    name: str
    parameters: Parameters
    picture_format: str
    size: int

    def open(self) -> BinaryIO:
        """The picture's bytes."""
        return self.spool.open(self.name)


@dataclass(frozen=True, slots=True)
class Prepared:
    """Ready to be sent, or to get an earlier result under its own name."""

    picture: Picture
    parameters: Parameters
    metadata: Metadata
    upload: Snapshot


@dataclass(frozen=True, slots=True)
class Unfit:
    """The job ends here, and why; nothing was paid."""

    reason: str


def snapshot_name(job: Job) -> str:
    """The spool file that is sent."""
    return f"{job.id}.send"


class Preparer:
    """Prepares one job at a time, so that only one whole picture is in memory however many workers there are."""

    def __init__(self, tree: Tree, spool: Spool, api: Api) -> None:
        self._tree = tree
        self._spool = spool
        self._api = api
        self._one_at_a_time = threading.Lock()

    def prepare(self, job: Job, folder: Folder, place: Place) -> Prepared | Unfit:
        """Read, hash, prove and measure again, and lay what will be sent into the spool.

        Raises:
            OSError: the file cannot be read at present.
            LaterError: the spool cannot be written.
            FolderOfflineError: the folder went away, so nothing can be said of its file.
        """
        with self._one_at_a_time:
            try:
                data, sample = self._tree.read(place.root, job.path, endpoint.MAX_UPLOAD_BYTES)
            except SourceLostError as lost:
                if self._tree.locate(folder.path, folder.mount_marker) != place:
                    raise FolderOfflineError(f"{folder.path} is not the folder it was a moment ago") from lost
                return Unfit(f"{GONE}{lost}; if it comes back it is a new job")
            if sample.size > endpoint.MAX_UPLOAD_BYTES:
                return Unfit(too_large(sample.size))
            if hashlib.sha256(data).hexdigest() != job.sha256:
                return Unfit(f"{GONE}other bytes lie under its name now; they are a new job")
            return self._judge(job, folder, data)

    def _judge(self, job: Job, folder: Folder, data: bytes) -> Prepared | Unfit:
        match containers.inspect(data):
            case Picture() as picture:
                planned = plan(folder, picture, self._api)
                if isinstance(planned, endpoint.Refusal):
                    return Unfit(planned.reason)
                metadata = collect(data, picture.format)
                sent = data if folder.send_metadata else without_private(data, picture.format)
                self._spool.write(snapshot_name(job), sent)
                upload = Snapshot(self._spool, snapshot_name(job), planned, picture.format, len(sent))
                return Prepared(picture, planned, metadata, upload)
            case Incomplete(reason):
                return Unfit(f"truncated: {reason}")
            case Unreadable(reason):
                return Unfit(f"not a picture that can be sent: {reason}")
            case unexpected:
                assert_never(unexpected)
