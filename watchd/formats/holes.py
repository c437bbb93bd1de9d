"""Where zeros betray a copy in progress: SMB and `rsync --inplace` give a file its size before they give it its bytes.

The first damage in such a file is a hole. A verdict of "damaged" is therefore softened to "may still be growing" when
zeros stand where the damage is. A picture that is damaged *and* happens to hold zeros there is only refused later.
"""

from __future__ import annotations

from typing import Final

# No copying program leaves holes smaller than a disk sector, except at the end of the file.
SECTOR: Final = 512
# Writers that fill a file out of order (several SMB or NFS writes in flight) do so in whole pages.
PAGE: Final = 4096
# A hole looks longer than it is where its neighbours are zeros by nature, as one byte in 256 is.
_OVERHANG: Final = 3

_SECTOR_OF_ZEROS: Final = bytes(SECTOR)
_PAGE_OF_ZEROS: Final = bytes(PAGE)


def explains_damage(data: bytes, start: int, end: int) -> bool:
    """Whether what is wrong with `data[start:end]` may be bytes that were not written yet.

    True if everything from inside the span to the end of the file is zeros, or if the span touches a run of at least
    one sector of zeros.
    """
    if touched_by_zeros(data, start, end):
        return True
    # Only a file that ends in a zero can have an unwritten end; the test spares the copy that rstrip makes.
    return data.endswith(b"\0") and len(data.rstrip(b"\0")) < end


def sector_of_zeros(data: bytes, start: int, end: int) -> bool:
    """Whether `data[start:end]` holds a run of at least one sector of zeros."""
    return data.find(_SECTOR_OF_ZEROS, start, end) >= 0


def touched_by_zeros(data: bytes, start: int, end: int) -> bool:
    """Whether a run of at least one sector of zeros has a byte in `data[start:end]`."""
    return sector_of_zeros(data, max(0, start - SECTOR + 1), end + SECTOR - 1)


def whole_pages_missing(data: bytes, start: int, end: int) -> int | None:
    """The offset of a run of zeros in `data[start:end]` that begins and ends on page boundaries; None if there is none.

    Entropy-coded data has no checksum, and a flat area may be zeros for kilobytes. Such a run begins and ends anywhere,
    while a hole begins and ends with a page: both by chance is one case in a million.
    """
    while (begin := data.find(_PAGE_OF_ZEROS, start, end)) >= 0:
        stop = _end_of_zeros(data, begin, end)
        if -begin % PAGE <= _OVERHANG and (stop == len(data) or stop % PAGE <= _OVERHANG):
            return begin
        start = stop
    return None


def _end_of_zeros(data: bytes, begin: int, end: int) -> int:
    """The offset of the first byte in `data[begin:end]` that is not zero, or `end`."""
    while begin + PAGE <= end and data.startswith(_PAGE_OF_ZEROS, begin):
        begin += PAGE
    rest = data[begin : min(begin + PAGE, end)]
    return begin + len(rest) - len(rest.lstrip(b"\0"))
