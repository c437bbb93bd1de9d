"""`python -m tests.corpus DIR`: the whole corpus as files, for a look with other programs."""

from __future__ import annotations

import sys
from pathlib import Path

from tests.corpus.shelves import every_entry


def main(folder: Path) -> None:
    """Lay every file down."""
    folder.mkdir(parents=True, exist_ok=True)
    for entry in every_entry():
        (folder / entry.name).write_bytes(entry.data())


if __name__ == "__main__":
    main(Path(sys.argv[1]))
