"""The folders that files of ours go to: what each is on, and that nothing is made where that is away.

A share that is not mounted leaves its bare mount point behind. What was put there would be hidden once it is mounted
again, and an original deleted for it would be gone.
"""

from __future__ import annotations

import os
from contextlib import contextmanager
from pathlib import Path
from typing import TYPE_CHECKING

from watchd.adapters.filesystem import mounts
from watchd.core.places import has_left
from watchd.errors import TargetOfflineError

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator, Mapping

DIRECTORY = os.O_RDONLY | os.O_DIRECTORY | os.O_CLOEXEC


class Roots:
    """Opens them, and makes them where they are not there and may be.

    Threads: every worker's; what is known of a root is replaced whole, and looked at anew at worst.
    """

    def __init__(
        self, remembered: Mapping[str, str] | None = None, note: Callable[[str, str], None] = lambda _root, _mount: None
    ) -> None:
        """`remembered`: where what serves each root was mounted; `note` is told of a root that is new, or elsewhere."""
        self._mounts = dict(remembered or {})
        self._note = note
        self._known: dict[str, tuple[int, int]] = {}

    @contextmanager
    def opened(self, root: str) -> Iterator[int]:
        """A descriptor of a root; a link to it is followed here, and only here.

        Raises:
            TargetOfflineError: it is not mounted, or cannot be opened or made at present.
        """
        try:
            descriptor = self._open(root)
        except OSError as error:
            raise TargetOfflineError(f"{root} cannot be used: {error.strerror}") from error
        try:
            yield descriptor
        finally:
            os.close(descriptor)

    def is_still(self, root: str, descriptor: int) -> bool:
        """Whether what was opened as this root is what bears its name: something may be mounted over it meanwhile."""
        opened = os.fstat(descriptor)
        try:
            named = Path(root).stat()
        except OSError:
            return False
        return (opened.st_dev, opened.st_ino) == (named.st_dev, named.st_ino)

    def _open(self, root: str) -> int:
        try:
            descriptor = os.open(root, DIRECTORY)
        except FileNotFoundError:
            # Never what is above it: its parent has to be there. And not below a mount point that is bare.
            self._judge(root, mounts.mount_point_of(root))
            Path(root).mkdir(exist_ok=True)  # another worker may have come first
            descriptor = os.open(root, DIRECTORY)
        try:
            status = os.fstat(descriptor)
            identity = status.st_dev, status.st_ino
            if self._known.get(root) != identity:
                mount = mounts.mount_point_of(root)
                self._judge(root, mount)
                if self._mounts.get(root) != mount:
                    self._note(root, mount)
                    self._mounts[root] = mount
                self._known[root] = identity
        except BaseException:
            os.close(descriptor)
            raise
        return descriptor

    def accept_as_they_are(self) -> None:
        """The owner says that each is where it should be."""
        self._mounts.clear()
        self._known.clear()

    def _judge(self, root: str, mount: str) -> None:
        was = self._mounts.get(root)
        if was is not None:
            if has_left(was, mount):
                raise TargetOfflineError(
                    f"{root} is on the file system at {mount} now and was on the one at {was}: unmounted? If it was"
                    " moved on purpose, `watchd reload`"
                )
            return
        bare = mounts.bare_point(root, mount)
        if bare is not None:
            raise TargetOfflineError(f"{root}: nothing is mounted at {bare}, as /etc/fstab says there should be")
