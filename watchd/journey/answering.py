"""Which folders' shares answer: one that hangs takes its own folder out of the work, and nobody else's."""

from __future__ import annotations

from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Iterable

    from watchd.interfaces import Presence
    from watchd.model import Folder, Place, Stay

RESTS_AFTER_S = 2.0
"""Nobody begins anything more at a share where somebody has come no further for so long."""
OFFLINE_AFTER_S = 60.0
"""From then on it is told."""
ILL_AFTER_S = 300.0
"""From then on the process is not well, and says so to whoever asks after its health."""


class Answering:
    """Asks where everybody is.

    Threads: any; it holds nothing that changes.
    """

    def __init__(self, presence: Presence) -> None:
        self._presence = presence

    def resting(self, folders: Iterable[tuple[Folder, Place | None]], seconds: float = RESTS_AFTER_S) -> dict[str, str]:
        """Folders at whose shares somebody has come no further for so long, and what to tell of each."""
        stays = self._presence.stays(seconds)
        if not stays:
            return {}  # as nearly always
        found = {}
        for folder, place in folders:
            stay = next((stay for stay in stays if _concerns(stay, folder, place)), None)
            if stay is not None:
                found[folder.name] = f"does not answer: {stay.doing} {stay.roots[0]} takes {stay.seconds:.0f} s by now"
        return found


def _concerns(stay: Stay, folder: Folder, place: Place | None) -> bool:
    """Whether what hangs there is this folder's, or one of those that its files go to."""
    roots = [folder.path, folder.output, folder.archive, folder.failed, None if place is None else place.root]
    return any(
        where == root or where.startswith(f"{root}/") for root in roots if root is not None for where in stay.roots
    )
