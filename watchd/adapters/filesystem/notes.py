"""Notes on failed files below `state_dir/failed`, in the shape of the hot folders: FOLDER/PATH.error.json.

Or beside a file that was moved away, in a folder that is its owner's: there it is written like any output, under the
next free name and in the place of nothing, and only what we wrote is ever removed.
"""

from __future__ import annotations

import hashlib
import json
import logging
import os
from contextlib import suppress
from typing import TYPE_CHECKING

from watchd.adapters.filesystem import placing
from watchd.adapters.filesystem.presence import ThreadPresence
from watchd.adapters.filesystem.tree import FILE_FLAGS, directory
from watchd.core.outgoing.naming import candidates_of, shorten
from watchd.core.text import on_one_line

if TYPE_CHECKING:
    from collections.abc import Mapping
    from pathlib import Path

logger = logging.getLogger(__name__)

ENDING = ".error.json"
HIDDEN = ".watchd-note.part"


class FileNotes:
    """Implements `interfaces.Notes`.

    Threads: any; it holds nothing that changes.
    """

    def __init__(self, folder: Path, presence: ThreadPresence | None = None) -> None:
        """`folder` is made with the first note."""
        self._folder = folder
        self._at = (presence or ThreadPresence()).at

    def write(self, folder: str, path: str, facts: Mapping[str, object]) -> None:
        """Write or replace a note; one that cannot be written is logged, as the ledger has it all."""
        target = self._place(folder, path)
        try:
            target.parent.mkdir(parents=True, exist_ok=True)
            with (
                directory(str(target.parent), "") as opened,
                placing.unnamed(opened, f".{os.getpid()}{HIDDEN}") as made,
            ):
                made.write(_as_bytes(facts))
                made.give_name(target.name, replace=True)
        except OSError as error:
            _tell_of_no_note(path, error)

    def write_beside(self, moved: str, facts: Mapping[str, object]) -> tuple[str, str] | None:
        """The same beside a file that was moved away: where, and its SHA-256 (hex); None: it could not be written."""
        above, _, name = moved.rpartition("/")
        data = _as_bytes(facts)
        try:
            with (
                self._at("writing a note into", above),
                directory(above, "") as opened,
                placing.unnamed(opened, f".{name[:100]}{HIDDEN}") as made,
            ):
                made.write(data)
                for candidate in candidates_of(shorten(name, ENDING), ENDING):
                    if made.give_name(candidate, replace=False):
                        return f"{above}/{candidate}", hashlib.sha256(data).hexdigest()
        except OSError as error:
            _tell_of_no_note(moved, error)
        return None

    def remove_beside(self, note: str, sha256: str) -> None:
        """Remove a note beside a file that is there no longer, if it is what was written."""
        above, _, name = note.rpartition("/")
        try:
            with self._at("removing a note from", above), directory(above, "") as opened:
                file = os.open(name, FILE_FLAGS, dir_fd=opened)
                try:
                    with os.fdopen(file, "rb", closefd=False) as read:
                        is_ours = hashlib.file_digest(read, "sha256").hexdigest() == sha256
                    named = os.stat(name, dir_fd=opened, follow_symlinks=False)
                    if is_ours and placing.is_same(named, os.fstat(file)):
                        os.unlink(name, dir_fd=opened)
                finally:
                    os.close(file)
        except FileNotFoundError:
            pass
        except OSError as error:
            _tell_of_a_false_note(note, error)

    def remove(self, folder: str, path: str) -> None:
        """Remove a note that is true no longer."""
        target = self._place(folder, path)
        try:
            with suppress(FileNotFoundError):
                target.unlink()
        except OSError as error:
            _tell_of_a_false_note(str(target), error)

    def _place(self, folder: str, path: str) -> Path:
        parent, _, name = path.rpartition("/")
        return self._folder / folder / parent / shorten(name, ENDING)


def _as_bytes(facts: Mapping[str, object]) -> bytes:
    return (json.dumps(facts, indent=2, ensure_ascii=False) + "\n").encode("utf-8", "backslashreplace")


def _tell_of_no_note(path: str, error: OSError) -> None:
    logger.warning(
        "No note written for %s: %s; `watchd explain` tells the same", on_one_line(path), error.strerror,
        extra={"action": "note_failed"},
    )  # fmt: skip


def _tell_of_a_false_note(note: str, error: OSError) -> None:
    logger.warning(
        "The note %s is true no longer and cannot be removed: %s", on_one_line(note), error.strerror,
        extra={"action": "note_failed"},
    )  # fmt: skip
