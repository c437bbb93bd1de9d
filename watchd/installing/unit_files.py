"""What a unit's drop-in says of one machine, in systemd's own quoting, and who would let the service's user in."""

from __future__ import annotations

import math
import re
from dataclasses import dataclass
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Collection, Iterable

PATIENCE_S = 360
"""Seconds that the unit gives a stop; what it is told instead is longer only where a call may last longer."""
_SPARE = 50
_PLAIN = re.compile(r"[A-Za-z0-9/._:@+,=-]+")


@dataclass(frozen=True, slots=True)
class Local:
    """What only this machine can say. Paths are absolute; `longest` is one whole call, in seconds."""

    program: tuple[str, ...]
    config: str
    needs: tuple[str, ...]
    writes: tuple[str, ...]
    homes: tuple[str, ...]
    groups: tuple[str, ...]
    credential: bool
    longest: float


def word(text: str) -> str:
    """One word of a directive."""
    if _PLAIN.fullmatch(text):
        return text
    told = text.replace("\\", "\\\\").replace('"', '\\"').replace("%", "%%")
    return '"' + "".join(char if char.isprintable() else _octets(char) for char in told) + '"'


def argument(text: str) -> str:
    """One word of a command line, in which a dollar would stand for a variable."""
    return word(text).replace("$", "$$")


def _octets(char: str) -> str:
    return "".join(f"\\x{octet:02x}" for octet in char.encode("utf-8", "surrogateescape"))


def drop_in(local: Local) -> str:
    """The text of the drop-in beside the unit as it was shipped."""
    command = " ".join(argument(part) for part in (*local.program, "--config", local.config))
    lines = [
        f"# Made by `watchd install-service` from {local.config!a}. Say it again when a folder, an output or",
        "# api.timeout has changed. Lines of your own belong into another file beside this one (`systemctl edit`).",
    ]
    if local.needs:
        lines += ["[Unit]", f"RequiresMountsFor={_words(local.needs)}", ""]
    lines += ["[Service]", "ExecStart=", f"ExecStart={command} run", "ExecReload=", f"ExecReload={command} reload"]
    if local.writes:
        lines.append(f"ReadWritePaths={_words(f'-{path}' for path in local.writes)}")
    if local.homes:
        lines += ["ProtectHome=tmpfs", f"BindPaths={_words(f'-{path}' for path in local.homes)}"]
    if local.groups:
        lines.append(f"SupplementaryGroups={' '.join(local.groups)}")
    if not local.credential:
        lines.append("LoadCredential=")
    least = math.ceil(local.longest) + _SPARE
    if least > PATIENCE_S:
        lines += [f"TimeoutStartSec={least}s", f"TimeoutStopSec={least}s"]
    return "\n".join(lines) + "\n"


def _words(texts: Iterable[str]) -> str:
    return " ".join(word(text) for text in texts)


@dataclass(frozen=True, slots=True)
class Inode:
    """Who owns a file or folder, and what it permits."""

    mode: int
    uid: int
    gid: int


@dataclass(frozen=True, slots=True)
class Through:
    """This group has to be joined to be let in."""

    gid: int


@dataclass(frozen=True, slots=True)
class Closed:
    """Neither the user nor any group that it may join is let in."""


def way_in(inode: Inode, uid: int | None, gids: Collection[int], need: int) -> Through | Closed | None:
    """What a user needs to be let in, None for nothing; `need` in octal: 4 read, 2 write, 1 enter.

    `uid` is None for a user that is still to be made. Root's group is joined by nobody.
    """
    if inode.uid == uid:
        return None if inode.mode >> 6 & need == need else Closed()
    if inode.gid in gids:
        return None if inode.mode >> 3 & need == need else Closed()
    if inode.mode & need == need:
        return None
    return Through(inode.gid) if inode.gid != 0 and inode.mode >> 3 & need == need else Closed()
