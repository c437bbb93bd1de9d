"""A JPEG without its end marker, closed: as it may be sent, and so that decoding tells whether it is all there.

Source: ITU-T T.81, E.2 and F.2.2.5: a decoder that meets a marker too early makes up what is missing.
"""

from __future__ import annotations

from typing import Final

from watchd.formats.jpeg import END, RESTARTS

_FILLINGS: Final = (
    b"\xaa" * 48,
    b"\x55" * 48,
    bytes(number * 151 % 251 for number in range(1, 65)),
    bytes(number * number * 73 % 253 for number in range(1, 65)),
)


def closings(data: bytes, end: int) -> tuple[bytes, ...]:
    """Files that all decode to the same pixels if, and only if, the picture of an `Unended` is all there.

    A decoder that meets EOI too early makes up zeros and says nothing. The first file is closed at once, each other one
    behind bits of its own that a picture which is all there has no use for.
    """
    closed = ended(data, end)
    if data.endswith(END, 0, end):
        return (closed,)
    scan = data.rfind(b"\xff\xda", 0, end)
    reached = max((data.rfind(bytes((0xFF, one)), scan, end), one - RESTARTS.start) for one in RESTARTS)
    after = reached[1] + 1 if reached[0] >= 0 else 0
    # Where restarts are counted, a decoder skips what stands before the next: it is there, and filled as well.
    one, two = (bytes((0xFF, RESTARTS[(after + more) % len(RESTARTS)])) for more in range(2))
    return closed, *(b"".join((data[:end], fill, one, fill, two, fill, END)) for fill in _FILLINGS)


def ended(data: bytes, end: int) -> bytes:
    """The picture of an `Unended` as a file of its own."""
    return data[:end] if data.endswith(END, 0, end) else data[:end] + END
