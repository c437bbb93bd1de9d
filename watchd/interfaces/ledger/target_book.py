"""The ledger's role for the folders that files go to: what each of them was on, which a restart must not forget."""

from __future__ import annotations

from typing import TYPE_CHECKING, Protocol

if TYPE_CHECKING:
    from collections.abc import Mapping


class TargetBook(Protocol):
    """Outputs, archives, and folders for failed originals, each by its root."""

    def targets(self) -> Mapping[str, str]:
        """Root → the mount point that served it."""
        ...

    def note_target(self, root: str, mount: str) -> None:
        """A root is served by this mount from now on."""
        ...
