"""How many files and sockets the process may have open at once."""

from __future__ import annotations

import resource

MOST = 65_536
"""Enough for any number of calls, watches and visitors; a table of millions would cost memory for nothing."""


def raise_limit() -> int:
    """Take what the machine allows, up to MOST; how many it is then.

    The usual soft limit of 1,024 is for programs that use `select`, and none of this one does. Where it cannot be
    raised the process works with what it has.
    """
    soft, hard = resource.getrlimit(resource.RLIMIT_NOFILE)
    wanted = wished(soft, hard)
    if wanted != soft:
        try:
            resource.setrlimit(resource.RLIMIT_NOFILE, (wanted, hard))
        except (OSError, ValueError):
            return soft
    return wanted


def wished(soft: int, hard: int) -> int:
    """The soft limit to be asked for: never below what there is, never above the hard one; -1 stands for no limit."""
    if soft == resource.RLIM_INFINITY:
        return soft
    return max(soft, MOST if hard == resource.RLIM_INFINITY else min(hard, MOST))
