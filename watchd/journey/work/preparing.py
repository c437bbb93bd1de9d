"""Stage 4: a claimed job gets its private snapshot: the bytes admitted, hashed again, are the bytes that are sent."""

from __future__ import annotations

import hashlib
import io
import threading
from contextlib import ExitStack
from dataclasses import dataclass
from typing import TYPE_CHECKING, BinaryIO, assert_never

from watchd.core.outgoing import spool_names
from watchd.core.request import sendable
from watchd.core.request.appraising import Appraisal, Refused
from watchd.core.request.endpoint import MAX_UPLOAD_BYTES
from watchd.errors import FolderOfflineError, SourceLostError
from watchd.formats.picture import Broken, Incomplete
from watchd.journey.examining import DEADLY, TOO_MUCH, Examined, FileRead
from watchd.model import Failure, FailureKind, Rect

if TYPE_CHECKING:
    from collections.abc import Callable, Collection

    from watchd.formats.metadata.collecting import Metadata
    from watchd.formats.reading import Original
    from watchd.interfaces import Developed, InHand, Spool, SpoolFile, Studio, Tree
    from watchd.journey.examining import Examiner
    from watchd.model import Folder, Job, Parameters, Place, Sample, Tile


SMALL_BYTES = 1_000_000
"""Up to here a snapshot that goes out as it is stays in memory; beyond, and where pixels are worked on, it lies in the
spool. There is one for each worker, and none outlives the process: what is sent again is read again."""


@dataclass(frozen=True, slots=True)
class Snapshot:
    """What one call sends: `held`, or the file `name` of the spool. Implements `interfaces.Upload`."""

    spool: Spool
    name: str
    parameters: Parameters
    picture_format: str
    size: int
    held: bytes | None = None

    def open(self) -> BinaryIO:
        """The picture's bytes."""
        return self.spool.open(self.name) if self.held is None else io.BytesIO(self.held)


class _Copy:
    """The bytes of a file as they are read: held while they are few, in the spool beyond."""

    def __init__(self, spool: Spool, name: str) -> None:
        self._spool = spool
        self._name = name
        self._digest = hashlib.sha256()
        self._pieces: list[bytes] = []
        self._size = 0
        self._closing = ExitStack()
        self._target: SpoolFile | None = None

    def read(self, read: Callable[[Callable[[bytes], None]], Sample]) -> tuple[Sample, str]:
        """Take what `read` hands on; what it answers, and the SHA-256 (hex) of it all."""
        with self._closing:
            return read(self._take), self._digest.hexdigest()

    def _take(self, piece: bytes) -> None:
        self._digest.update(piece)
        self._size += len(piece)
        self._pieces.append(piece)
        if self._size <= SMALL_BYTES:
            return
        self._target = self._target or self._closing.enter_context(self._spool.create(self._name, 0))
        for held in self._pieces:
            self._target.write(held)
        self._pieces.clear()

    @property
    def is_held(self) -> bool:
        """Whether it is in memory alone."""
        return self._target is None

    def data(self) -> bytes:
        """All of it."""
        if self.is_held:
            return b"".join(self._pieces)
        with self._spool.open(self._name) as file:
            return file.read()


@dataclass(frozen=True, slots=True)
class Prepared:
    """Ready to be sent, or to get an earlier result under its own name.

    `parameters`: what is asked for the picture as a whole; `upload.parameters`: for this call. `tile`: the part that
    is sent; None: all of it. `converted`: why it is not sent byte for byte, if it is not. `in_srgb`: its colours were
    converted to sRGB, or are it whatever its profile says. `has_alpha`: some pixels are not opaque; how opaque, lies in
    the spool.
    """

    parameters: Parameters
    metadata: Metadata
    upload: Snapshot
    tile: Tile | None = None
    converted: tuple[str, ...] = ()
    in_srgb: bool = False
    has_alpha: bool = False

    def makes_whole(self, job: Job) -> bool:
        """Whether this is the last of a job's tiles."""
        return job.tiles + 1 == len(self.parameters.tiles)


@dataclass(frozen=True, slots=True)
class Unfit:
    """The job ends here, and why; nothing was paid."""

    failure: Failure


def _gone(words: str) -> Unfit:
    return Unfit(Failure(FailureKind.GONE, f"gone: {words}"))


def _unfit(words: str) -> Unfit:
    return Unfit(Failure(FailureKind.UNFIT, words))


def rect_of(tile: Tile) -> Rect:
    """Where a tile lies in the upright picture."""
    return Rect(tile.left, tile.top, tile.width, tile.height)


class Preparer:
    """Reads one file at a time, so that only one is in memory however many workers there are.

    Threads: every worker's, one after the other behind its lock; each copies from the share before that, piece by
    piece, so that nobody waits behind a share that does not answer; and has its pixels decoded after that, so that what
    is sent as it is does not wait for it.
    """

    def __init__(self, tree: Tree, examiner: Examiner, spool: Spool, studio: Studio, in_hand: InHand) -> None:
        self._in_hand = in_hand
        self._tree = tree
        self._examiner = examiner
        self._spool = spool
        self._studio = studio
        self._one_at_a_time = threading.Lock()

    def prepare(self, job: Job, folder: Folder, place: Place, have: Collection[int] = ()) -> Prepared | Unfit:
        """Read, hash, prove and measure again, and lay what will be sent into the spool.

        `have`: numbers of the tiles that are paid for and safe; the first of the others is what is sent next.

        Raises:
            OSError: the file cannot be read at present.
            LaterError: the spool cannot be written.
            FolderOfflineError: the folder went away, so nothing can be said of its file.
        """
        try:
            copy = _Copy(self._spool, spool_names.snapshot(job))
            sample, sha256 = copy.read(
                lambda take: self._tree.copy(place.root, job.path, sendable.MOST_FILE_BYTES, take)
            )
        except SourceLostError as lost:
            if self._tree.locate(folder.path, folder.mount_marker) != place:
                raise FolderOfflineError(f"{folder.path} is not the folder it was a moment ago") from lost
            return _gone(f"{lost}; if it comes back it is a new job")
        if sha256 != job.sha256:
            return _gone("other bytes lie under its name now; they are a new job")
        try:
            found = self._judged(job, folder, place, (copy, sample))
            if not isinstance(found, Appraisal):
                return found
            return self._developed(job, found, have)
        except MemoryError:
            return _unfit(TOO_MUCH)

    def _judged(
        self, job: Job, folder: Folder, place: Place, read: tuple[_Copy, Sample]
    ) -> Appraisal | Prepared | Unfit:  # fmt: skip
        """What the copy comes to: ready to be sent as it is, unfit, or still to be decoded by the studio.

        One at a time, as a whole file is in memory; it is let go of before its pixels are, which takes longer.
        """
        copy, sample = read
        with self._one_at_a_time:
            examined = self._look_into(job, folder, place, FileRead(copy.data(), sample, job.sha256))
            if isinstance(examined, Unfit):
                return examined
            found = examined.found
            data = b"".join(examined.sent()) if found.goes_as_it_is else examined.data
            goes_out = found.goes_as_it_is and not found.original.picture.alpha
            if goes_out and len(data) <= SMALL_BYTES:
                return self._as_it_is(job, found, len(data), has_alpha=False, held=data)
            if copy.is_held or data != examined.file.data:  # else it lies there as it came
                self._spool.write(spool_names.snapshot(job), data)
            return self._as_it_is(job, found, len(data), has_alpha=False) if goes_out else found

    def _as_it_is(
        self, job: Job, found: Appraisal, size: int, *, has_alpha: bool, held: bytes | None = None
    ) -> Prepared:  # fmt: skip
        original, planned = found.original, found.parameters
        upload = Snapshot(self._spool, spool_names.snapshot(job), planned, original.picture.format, size, held)
        in_srgb = original.colours is not None and original.colours.overrules
        return Prepared(planned, original.metadata, upload, in_srgb=in_srgb, has_alpha=has_alpha)

    def _developed(self, job: Job, found: Appraisal, have: Collection[int]) -> Prepared | Unfit:
        """What is sent of a picture that has to be decoded for it, or for what of it is transparent."""
        if not found.goes_as_it_is:
            tile = next((tile for tile in found.parameters.tiles if tile.number not in have), None)
            return self._converted(job, found, tile)
        developed = self._develop(job, found.original, None)
        if isinstance(developed, Unfit):
            return developed
        return self._as_it_is(job, found, self._spool.size(spool_names.snapshot(job)), has_alpha=developed.has_alpha)

    def _look_into(self, job: Job, folder: Folder, place: Place, file: FileRead) -> Examined | Unfit:
        """What the bytes of the copy come to; it holds what is decoded of them from then on."""
        with self._in_hand.reading(f"{place.root}/{job.path}", job.sha256) as may:
            if not may:
                return _unfit(DEADLY)
            match self._examiner.judge(file, folder, given_up=True):
                case Examined() as examined:
                    return examined
                case Incomplete(reason):
                    return Unfit(Failure(FailureKind.TRUNCATED, f"truncated: {reason}"))
                case Refused(reason):
                    return _unfit(reason)
                case unexpected:
                    assert_never(unexpected)

    def _converted(self, job: Job, found: Appraisal, tile: Tile | None) -> Prepared | Unfit:
        """Nothing of the original's metadata is in it, whatever the folder says: EXIF speaks of other pixels."""
        name, planned = spool_names.upload(job), found.parameters
        with self._spool.draft(name) as sent:
            part = None if tile is None else rect_of(tile)
            developed = self._develop(job, found.original, (sent, part, MAX_UPLOAD_BYTES))
        if isinstance(developed, Unfit):
            return developed
        if developed.kind is None:
            return _unfit(f"it cannot be brought below {MAX_UPLOAD_BYTES + 1:,} bytes without visible loss")
        parameters = planned if tile is None else tile.parameters
        upload = Snapshot(self._spool, name, parameters, developed.kind, developed.size)
        told = found.reasons or ("it is cut into tiles",)
        return Prepared(
            planned, found.original.metadata, upload, tile, told, developed.converted, has_alpha=developed.has_alpha
        )  # fmt: skip

    def _develop(
        self, job: Job, original: Original, sent: tuple[BinaryIO, Rect | None, int] | None
    ) -> Developed | Unfit:
        """The original in the spool, decoded; how opaque its pixels are lies there too, where any is not."""
        name = spool_names.alpha(job)
        with self._spool.open(spool_names.snapshot(job)) as source, self._spool.draft(name) as alpha:
            developed = self._studio.develop(source, original, sent, alpha)
        if isinstance(developed, Broken):
            return _unfit(f"its pixels {developed.reason}")
        if not developed.has_alpha:
            self._spool.remove(name)
        return developed
