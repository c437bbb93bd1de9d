"""Keeps the C library from hoarding: pictures of many megabytes pass through many threads."""

from __future__ import annotations

import ctypes

_M_ARENA_MAX = -8


def share_one_heap() -> None:
    """Let all threads share one heap; to be called before the first thread starts.

    glibc gives each thread a heap of its own, and each keeps the freed pieces of the largest picture it ever held. C
    libraries that know no such heaps (musl) have no `mallopt` either, or take no notice.
    """
    mallopt = getattr(ctypes.CDLL(None), "mallopt", None)
    if mallopt is not None:
        mallopt(_M_ARENA_MAX, 1)
