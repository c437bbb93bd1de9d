"""One thing to do on the way to a service, with its reason: shown in a dry run, done otherwise."""

from __future__ import annotations

import difflib
import shlex
from dataclasses import dataclass
from typing import TYPE_CHECKING

from watchd.adapters.host import systemd
from watchd.errors import LaterError, UsageError

if TYPE_CHECKING:
    from pathlib import Path


@dataclass(frozen=True, slots=True)
class Write:
    """A file with this text, owned by whoever installs."""

    path: Path
    text: str
    why: str

    def is_done(self) -> bool:
        """Whether it is there already, to the letter."""
        try:
            return self.path.read_text(encoding="utf-8") == self.text
        except (FileNotFoundError, UnicodeDecodeError):
            return False

    def shown(self) -> str:
        """The whole text, or what would change of it."""
        try:
            old = self.path.read_text(encoding="utf-8")
        except (FileNotFoundError, UnicodeDecodeError):
            return self.text
        return "".join(difflib.unified_diff(
            old.splitlines(keepends=True), self.text.splitlines(keepends=True), "as it is", "as it will be",
        ))  # fmt: skip

    def do(self) -> None:
        """Write it. What was there before stays beside it as NAME.before."""
        try:
            self.path.parent.mkdir(parents=True, exist_ok=True)
            if self.path.exists():
                self.path.replace(self.path.with_name(f"{self.path.name}.before"))
            self.path.write_text(self.text, encoding="utf-8")
            self.path.chmod(0o644)
        except OSError as error:
            raise UsageError(f"{self.path} cannot be written: {error.strerror}") from error


@dataclass(frozen=True, slots=True)
class Run:
    """A command of the system's."""

    command: tuple[str, ...]
    why: str

    def do(self) -> None:
        """Run it. Raises UsageError with its words where it fails."""
        try:
            ended = systemd.run(self.command, timeout=600)
        except LaterError as error:
            raise UsageError(str(error)) from error
        if ended.returncode != 0:
            raise UsageError(f"`{shlex.join(self.command)}` failed: {(ended.stderr or ended.stdout).strip()}")


@dataclass(frozen=True, slots=True)
class Start:
    """A unit is started, or started anew."""

    unit: str
    user: bool
    why: str

    @property
    def command(self) -> tuple[str, ...]:
        """What does it."""
        return ("systemctl", *(["--user"] if self.user else []), "restart", self.unit)

    def do(self) -> None:
        """Start it. Raises UsageError with the last words of its log where it does not come up."""
        try:
            Run(self.command, self.why).do()
        except UsageError as error:
            journal = ("journalctl", *(["--user"] if self.user else []), "--no-pager", "--output=cat", "--lines=5")
            last = systemd.run((*journal, f"--unit={self.unit}")).stdout.strip()
            raise UsageError(f"{error}\nIts last words:\n{last}") from error


@dataclass(frozen=True, slots=True)
class Remark:
    """Something that is left to a person."""

    text: str


Step = Write | Run | Start | Remark
