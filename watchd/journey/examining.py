"""A file is read once, through one descriptor, hashed, measured and judged: for whoever wants to know what it is."""

from __future__ import annotations

import hashlib
from contextlib import suppress
from dataclasses import dataclass
from typing import TYPE_CHECKING, assert_never

from watchd.core.request import sendable
from watchd.core.request.appraising import Appraisal, Refused, appraise, assess, too_large
from watchd.errors import SourceLostError
from watchd.formats import containers, reading
from watchd.formats.metadata.stripping import pieces
from watchd.formats.picture import Incomplete, Unended

if TYPE_CHECKING:
    from collections.abc import Iterable

    from watchd.interfaces import Studio, Tree
    from watchd.model import Api, Folder, Sample


TOO_MUCH = "it takes more memory than there is here"
DEADLY = "watchd ended twice while it read it; `watchd retry` tries it again"


@dataclass(frozen=True, slots=True)
class FileRead:
    """All the bytes of a file (none where it is too large to be read whole), what it showed, and its SHA-256 (hex)."""

    data: bytes
    sample: Sample
    sha256: str
    set_aside: str | None = None
    """Why it is not looked into."""


@dataclass(frozen=True, slots=True)
class Examined:
    """A picture with the bytes that it is decoded and sent from: the file's, mended where decoders need that."""

    data: bytes
    found: Appraisal
    file: FileRead
    send_metadata: bool

    def sent(self) -> Iterable[bytes | memoryview]:
        """What is sent of a picture that goes as it is, in pieces."""
        picture = self.found.original.picture
        return (self.data,) if self.send_metadata else pieces(self.data, picture.format, picture.outline)

    def known_by(self) -> str:
        """The SHA-256 (hex) that its payment is known by: of what is sent, where that is the file, else of the file."""
        if not self.found.goes_as_it_is or (self.send_metadata and self.data is self.file.data):
            return self.file.sha256
        digest = hashlib.sha256()
        for piece in self.sent():
            digest.update(piece)
        return digest.hexdigest()


class Examiner:
    """Knows what can be sent under a configuration. Pixels are decoded only where nothing else can tell.

    Threads: any; it holds nothing that changes.
    """

    def __init__(self, tree: Tree, api: Api, studio: Studio) -> None:
        self._tree = tree
        self._api = api
        self._studio = studio

    def read(self, root: str, path: str) -> FileRead:
        """Read and hash it.

        Raises:
            SourceLostError: it is gone, no regular file, or changed while it was read.
            OSError: it cannot be read (permission, I/O).
        """
        read = None
        with suppress(MemoryError):
            read = self._tree.read(root, path, sendable.MOST_FILE_BYTES)
        if read is None:  # out of the error's reach, which holds on to what was read until then
            return self._by_its_hash_alone(root, path, TOO_MUCH)
        data, sample = read
        if sample.size > sendable.MOST_FILE_BYTES:
            return FileRead(b"", sample, self._tree.digest(root, path))
        return FileRead(data, sample, hashlib.sha256(data).hexdigest())

    def unread(self, root: str, path: str) -> FileRead:
        """Hash it and no more, since looking into it has ended the process. Raises as `read` does."""
        return self._by_its_hash_alone(root, path, DEADLY)

    def _by_its_hash_alone(self, root: str, path: str, why: str) -> FileRead:
        sample = self._tree.look(root, path)
        if sample is None:
            raise SourceLostError("it is gone, or no longer a regular file")
        return FileRead(b"", sample, self._tree.digest(root, path), set_aside=why)

    def judge(self, file: FileRead, folder: Folder, *, given_up: bool = False) -> Examined | Incomplete | Refused:
        """What it comes to under its folder as it is now.

        `given_up`: nothing more comes of it, so that what may be whole although its end is missing is decoded to tell.
        """
        if file.set_aside is not None:
            return Refused(file.set_aside)
        if file.sample.size > sendable.MOST_FILE_BYTES:
            return Refused(too_large(file.sample.size))
        try:
            return self._judged(file, folder, given_up=given_up)
        except MemoryError:
            return Refused(TOO_MUCH)

    def _judged(self, file: FileRead, folder: Folder, *, given_up: bool) -> Examined | Incomplete | Refused:
        match appraise(file.data, folder, self._api, self._studio):
            case Appraisal() as found:
                return Examined(containers.mended(file.data, found.original.picture), found, file, folder.send_metadata)
            case Incomplete(_, Unended() as perhaps) as incomplete if given_up:
                return self._proven(file, folder, perhaps) or incomplete
            case (Incomplete() | Refused()) as other:
                return other
            case unexpected:
                assert_never(unexpected)

    def _proven(self, file: FileRead, folder: Folder, perhaps: Unended) -> Examined | Refused | None:
        """The picture of a file that lacks its end, if its pixels are all there; None: they are not."""
        data = containers.ended(file.data, perhaps)
        original = reading.read_as(perhaps.picture, data)
        found = assess(original, len(data), folder, self._api, self._studio)
        if isinstance(found, Refused):
            return found
        if self._studio.prove(containers.closings(file.data, perhaps), original) is not None:
            return None
        return Examined(data, found, file, folder.send_metadata)
