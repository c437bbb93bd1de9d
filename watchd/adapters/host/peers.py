"""Whose a connection within this machine is: the kernel's table of TCP sockets names the user of each."""

from __future__ import annotations

import ipaddress
import struct
from pathlib import Path
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Iterable

End = tuple[str, int]
"""Address and port."""

# The process's own view: `/proc/net` itself is hidden from a service that sees nothing of /proc but processes.
_TABLES = (Path("/proc/self/net/tcp"), Path("/proc/self/net/tcp6"))
_ESTABLISHED = "01"
_NOBODY_KNOWN = 65_534
"""What the kernel tells of a user who has no number in this user namespace."""


def user_of(theirs: End, ours: End) -> int | None:
    """The user id of whoever holds the other end of an open connection; None: it is not on loopback, or not known."""
    if not _plain(theirs[0]).is_loopback:
        return None
    for table in _TABLES:
        try:
            with table.open(encoding="ascii") as rows:
                found = user_in(rows, theirs, ours)
        except OSError:
            continue  # no such table: a kernel without IPv6
        if found is not None:
            return found
    return None


def user_in(rows: Iterable[str], theirs: End, ours: End) -> int | None:
    """The user id in the row of the socket at their end, as `/proc/net/tcp` and `tcp6` have it.

    A socket that its process has closed belongs to nobody: the kernel shows user 0 for it, and no inode.
    """
    # A socket of IPv6 may speak IPv4: then its row is in the other table, in the other spelling.
    wanted = {(_spelled(theirs, version), _spelled(ours, version)) for version in (4, 6)}
    for row in rows:
        fields = row.split()
        if len(fields) > 9 and (fields[1], fields[2]) in wanted and fields[3] == _ESTABLISHED:  # noqa: PLR2004 -- inode
            user, inode = fields[7], fields[9]
            return None if inode == "0" or int(user) == _NOBODY_KNOWN else int(user)
    return None


def _plain(address: str) -> ipaddress.IPv4Address | ipaddress.IPv6Address:
    """An address, as IPv4 where it is one in the clothes of IPv6."""
    read = ipaddress.ip_address(address.partition("%")[0])
    mapped = read.ipv4_mapped if isinstance(read, ipaddress.IPv6Address) else None
    return mapped or read


def _spelled(end: End, version: int) -> str:
    """An end as the tables spell it: words in the machine's own order of bytes, in hexadecimal, then the port."""
    address = _plain(end[0])
    packed = address.packed
    if version == 6 and isinstance(address, ipaddress.IPv4Address):  # noqa: PLR2004 -- of IP
        packed = bytes(10) + b"\xff\xff" + packed
    words = struct.unpack(f"={len(packed) // 4}I", packed)
    return "".join(f"{word:08X}" for word in words) + f":{end[1]:04X}"
