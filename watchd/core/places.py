"""Where folders are, by the mounts that serve them."""

from __future__ import annotations


def has_left(was: str, now: str) -> bool:
    """Whether what served a folder at mount point `was` is gone, so that a mount above, at `now`, serves it instead.

    A mount that came, further down, is what a late NAS looks like, and no such thing.
    """
    return not f"{now.rstrip('/')}/".startswith(f"{was.rstrip('/')}/")
