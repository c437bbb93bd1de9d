"""Users and groups of this machine, and looking at things as one of them would."""

from __future__ import annotations

import grp
import os
import pwd
from contextlib import contextmanager
from dataclasses import dataclass
from typing import TYPE_CHECKING

from watchd.errors import UsageError

if TYPE_CHECKING:
    from collections.abc import Iterator, Sequence


@dataclass(frozen=True, slots=True)
class Account:
    """A user with all groups that it is in."""

    name: str
    uid: int
    gid: int
    groups: frozenset[int]


def account(name: str, more_groups: Sequence[str] = ()) -> Account | None:
    """The user of this name, None where there is none; `more_groups` are joined on top, as far as they exist."""
    try:
        entry = pwd.getpwnam(name)
    except KeyError:
        return None
    groups = {*os.getgrouplist(name, entry.pw_gid)}
    for group in more_groups:
        found = gid_of(group)
        if found is not None:
            groups.add(found)
    return Account(name, entry.pw_uid, entry.pw_gid, frozenset(groups))


def gid_of(name: str) -> int | None:
    """The number of a group, which may be given as one."""
    if name.isdigit():
        return int(name)
    try:
        return grp.getgrnam(name).gr_gid
    except KeyError:
        return None


def group_name(gid: int) -> str:
    """The name of a group, its number where it has none."""
    try:
        return grp.getgrgid(gid).gr_name
    except KeyError:
        return str(gid)


def own_name() -> str:
    """Who runs this."""
    try:
        return pwd.getpwuid(os.geteuid()).pw_name
    except KeyError:
        return f"number {os.geteuid()}"


@contextmanager
def acting_as(who: Account | None) -> Iterator[None]:
    """Have only this user's rights for a while, whoever we are; for root alone, and in a process with one thread.

    Real and effective ids change together, so that access(2) answers for the user as well.
    """
    if who is None:
        yield
        return
    if os.geteuid() != 0:
        raise UsageError(f"only root can look as {who.name} would")
    before = os.getgroups(), os.getresuid(), os.getresgid()
    os.setgroups(sorted(who.groups))
    os.setresgid(who.gid, who.gid, 0)
    os.setresuid(who.uid, who.uid, 0)
    try:
        yield
    finally:
        # The user goes first: only root may take up groups again.
        os.setresuid(*before[1])
        os.setresgid(*before[2])
        os.setgroups(before[0])
