"""How large the write-ahead log has become: a reader that stays keeps it from being folded back."""

from __future__ import annotations

from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from pathlib import Path

KEPT_BYTES = 16 * 2**20
"""What the log may keep on the disk once it has been folded back; four times what it has without any reader."""
LONG_BYTES = 64 * 10**6
"""From here on somebody is told."""


def bytes_of(path: Path) -> int:
    """Bytes of the log beside the ledger at `path`; 0: there is none."""
    try:
        return path.with_name(f"{path.name}-wal").stat().st_size
    except OSError:
        return 0


def long_log(path: Path) -> str | None:
    """What is to be said of a log that has become long; None: it has not."""
    size = bytes_of(path)
    if size <= LONG_BYTES:
        return None
    return (
        f"the ledger's log {path.name}-wal has grown to {size / 1e6:,.0f} MB, since something has been reading the"
        " ledger all the while (an open transaction of sqlite3, Datasette, a backup): end that, and its room is given"
        " back"
    )
