"""Notes on failed files below `state_dir/failed`, in the shape of the hot folders: FOLDER/PATH.error.json."""

from __future__ import annotations

import json
import logging
from pathlib import Path
from typing import TYPE_CHECKING

from watchd.core.outgoing.naming import shorten
from watchd.core.text import on_one_line

if TYPE_CHECKING:
    from collections.abc import Mapping

logger = logging.getLogger(__name__)

ENDING = ".error.json"


class FileNotes:
    """Implements `interfaces.Notes`.

    Threads: any; it holds nothing that changes.
    """

    def __init__(self, folder: Path) -> None:
        """`folder` is made with the first note."""
        self._folder = folder

    def write(self, folder: str, path: str, facts: Mapping[str, object]) -> None:
        """Write or replace a note; one that cannot be written is logged, as the ledger has it all."""
        self._write(self._place(folder, path), path, facts)

    def write_beside(self, moved: str, facts: Mapping[str, object]) -> None:
        """The same beside a file that was moved away."""
        self._write(_beside(moved), moved, facts)

    def remove_beside(self, moved: str) -> None:
        """Remove the note beside a file that is there no longer."""
        self._remove(_beside(moved))

    def _write(self, target: Path, path: str, facts: Mapping[str, object]) -> None:
        try:
            target.parent.mkdir(parents=True, exist_ok=True)
            target.write_text(json.dumps(facts, indent=2, ensure_ascii=False) + "\n", encoding="utf-8")
        except OSError as error:
            logger.warning(
                "No note written for %s: %s; `watchd explain` tells the same", on_one_line(path), error.strerror,
                extra={"action": "note_failed"},
            )  # fmt: skip

    def remove(self, folder: str, path: str) -> None:
        """Remove a note that is true no longer."""
        self._remove(self._place(folder, path))

    def _remove(self, target: Path) -> None:
        try:
            target.unlink(missing_ok=True)
        except OSError as error:
            logger.warning(
                "The note %s is true no longer and cannot be removed: %s", on_one_line(str(target)), error.strerror,
                extra={"action": "note_failed"},
            )  # fmt: skip

    def _place(self, folder: str, path: str) -> Path:
        parent, _, name = path.rpartition("/")
        return self._folder / folder / parent / shorten(name, ENDING)


def _beside(moved: str) -> Path:
    parent, _, name = moved.rpartition("/")
    return Path(parent) / shorten(name, ENDING)
