"""A file is read once, through one descriptor, hashed, measured and judged: for whoever wants to know what it is."""

from __future__ import annotations

import hashlib
from contextlib import suppress
from dataclasses import dataclass
from typing import TYPE_CHECKING

from watchd.core.request import sendable
from watchd.core.request.appraising import Refused, appraise, too_large
from watchd.errors import SourceLostError
from watchd.formats.metadata.stripping import without_private

if TYPE_CHECKING:
    from watchd.core.request.appraising import Appraisal
    from watchd.formats.picture import Incomplete
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


class Examiner:
    """Knows what can be sent under a configuration. No pixel is decoded here.

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

    def judge(self, file: FileRead, folder: Folder) -> Appraisal | Incomplete | Refused:
        """What it comes to under its folder as it is now."""
        if file.set_aside is not None:
            return Refused(file.set_aside)
        try:
            return self._appraised(file, folder)
        except MemoryError:
            return Refused(TOO_MUCH)

    def picture_of(self, file: FileRead, found: Appraisal, folder: Folder) -> str:
        """What its payment is known by: SHA-256 (hex) of what is sent where that is the file, else of the file."""
        if not found.goes_as_it_is or folder.send_metadata:
            return file.sha256
        return hashlib.sha256(without_private(file.data, found.original.picture.format)).hexdigest()

    def _appraised(self, file: FileRead, folder: Folder) -> Appraisal | Incomplete | Refused:
        if file.sample.size > sendable.MOST_FILE_BYTES:
            return Refused(too_large(file.sample.size))
        return appraise(file.data, folder, self._api, self._studio)
