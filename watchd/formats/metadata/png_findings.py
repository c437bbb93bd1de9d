"""What a PNG says beside its pixels, in its own chunks and in the texts that programs have wrapped other things into.

Sources: Portable Network Graphics (PNG) Specification, Third Edition, W3C; ImageMagick's raw profiles.
"""

from __future__ import annotations

import struct
from typing import Final

from watchd.formats.metadata import exif as exif_tags
from watchd.formats.metadata import iptc, photoshop, textual
from watchd.formats.metadata.extended_xmp import XMP_SEGMENT
from watchd.formats.metadata.findings import MOST_INFLATED, Findings, inflated
from watchd.formats.metadata.textual import TextItem
from watchd.formats.png import png_chunks
from watchd.formats.png.rewriter import XMP_KEYWORD

_PHYS: Final = struct.Struct(">IIB")
_PHYS_METRE: Final = 1
_MOST_PER_METRE: Final = 2**31 - 1
_RAW: Final = "Raw profile type "
_XMP: Final = XMP_KEYWORD[:-1].decode()
_PROFILES: Final = frozenset({"icc", "icm"})
_CREDENTIALS: Final = b"caBX"
_TEXTS: Final = frozenset({b"tEXt", b"zTXt", b"iTXt"})
_MOST_IN_ALL: Final = 16_000_000
_MOST_READ: Final = 64_000_000
"""Bytes of all texts, unpacked: who packs more than that means to keep a reader busy."""
_NAME_BYTES: Final = 100


class PngFindings:
    """Shown each chunk up to IEND; the first of each thing counts, and eXIf before any raw profile."""

    def __init__(self, data: bytes) -> None:
        self.found = Findings()
        self._data = data
        self._in_all = self._read = 0
        self._exif_chunk = False

    def read(self) -> Findings:
        """All of it."""
        for kind, start, end in png_chunks.chunks(self._data):
            if kind == b"IEND":
                break
            body = slice(start + png_chunks.HEADER_BYTES, end - png_chunks.CRC_BYTES)
            if kind in _TEXTS:
                self._text(kind, self._data[body])
            elif kind == b"eXIf" and not self._exif_chunk:
                self._exif(self._data[body])
            elif kind == b"iCCP" and self.found.icc is None:
                # name, NUL, method, zlib stream
                self.found.icc = inflated(self._data[body].partition(b"\0")[2][1:])
            elif kind == b"pHYs" and self.found.pixels_per_metre is None:
                self.found.pixels_per_metre = _phys(self._data[body])
            elif kind == _CREDENTIALS:
                self.found.miss("its content credentials (C2PA)")
        return self.found

    def _exif(self, block: bytes) -> None:
        if exif_tags.is_block(block.removeprefix(exif_tags.PREFIX)):
            self.found.exif, self._exif_chunk = block, True

    def _text(self, kind: bytes, body: bytes) -> None:
        keyword = body[:_NAME_BYTES].partition(b"\0")[0].decode("latin-1")
        said = _said(kind, body) if self._read <= _MOST_READ else "after 64 MB of others"
        self._read += MOST_INFLATED if isinstance(said, str) else len(said[0])
        if isinstance(said, str):
            self.found.miss(f"a text named {textual.shown(keyword)} ({said})")
        elif keyword == _XMP:
            self._packet(said[0])
        elif keyword.startswith(_RAW):
            self._raw_profile(keyword, *said)
        else:
            self._keep(keyword, *said)

    def _packet(self, packet: bytes) -> None:
        if self.found.xmp is None:
            self.found.xmp = packet or None
        elif self.found.xmp != packet:
            self.found.miss("a second XMP packet")

    def _raw_profile(self, keyword: str, said: bytes, form: TextItem) -> None:
        name = keyword.removeprefix(_RAW).strip().lower()
        block = iptc.raw_block(said)
        if block is None and name in {"exif", "app1", "iptc", "8bim", "xmp"} | _PROFILES:
            self.found.miss(f"its {textual.shown(keyword.lower())} (damaged)")
        elif name in _PROFILES:
            self.found.miss(f"its {textual.shown(keyword.lower())}, which is no profile of a PNG")
        elif block is not None and name in {"exif", "app1", "xmp"}:
            self._app1(block)
        elif block is not None and name in {"iptc", "8bim"}:
            self._photoshop(block)
        else:
            self._keep(keyword, said, form)

    def _photoshop(self, block: bytes) -> None:
        """Its resources, or the records alone: both are written under either name."""
        if block.startswith(photoshop.SIGNATURE):
            self.found.resources = self.found.resources or block
        else:
            self.found.iptc = self.found.iptc or block or None

    def _app1(self, block: bytes) -> None:
        if block.startswith(XMP_SEGMENT) or b"<" in block[:8]:
            self._packet(block.removeprefix(XMP_SEGMENT))
        elif self.found.exif is None:
            self.found.exif = block

    def _keep(self, keyword: str, said: bytes, form: TextItem) -> None:
        self._in_all += len(said)
        name = textual.shown(keyword)
        most = textual.MOST_BYTES
        if not keyword or len(keyword) > 79:  # noqa: PLR2004 -- bytes that PNG allows
            self.found.miss("a text without a name that PNG allows")
        elif len(said) > most or self._in_all > _MOST_IN_ALL:
            self.found.miss(f"a text of {max(1, len(said) // 1_000_000)} MB named {name}")
        elif len(self.found.texts) >= textual.MOST_TEXTS:
            self.found.miss(f"all texts after the first {textual.MOST_TEXTS}")
        else:
            self._decoded(keyword, said, form)

    def _decoded(self, keyword: str, said: bytes, form: TextItem) -> None:
        try:
            text = said.decode("latin-1" if form.language is None else "utf-8")
        except UnicodeDecodeError:
            self.found.miss(f"a text named {textual.shown(keyword)} (not UTF-8)")
            return
        self.found.texts.append(TextItem(keyword, text, form.language, form.translated, form.packed))


def _said(kind: bytes, body: bytes) -> tuple[bytes, TextItem] | str:
    """What a chunk of text says, and in what form: keyword, NUL, what its kind has in between, text."""
    _, nul, rest = body.partition(b"\0")
    if not nul:
        return "cut short"
    if kind == b"tEXt":
        return rest, TextItem("", "")
    if kind == b"zTXt":
        return _unpacked(rest[1:], TextItem("", "", packed=True))
    return _international(rest)


def _international(rest: bytes) -> tuple[bytes, TextItem] | str:
    """Whether compressed, method, language, NUL, keyword again, NUL, text."""
    parts = rest[2:].split(b"\0", 2)
    if len(parts) < 3:  # noqa: PLR2004 -- the three of them
        return "cut short"
    language, translated, said = parts
    packed = rest.startswith(b"\1")
    form = TextItem(
        "", "", language.decode("ascii", "ignore")[:_NAME_BYTES], translated.decode("utf-8", "replace"), packed
    )  # fmt: skip
    return _unpacked(said, form) if packed else (said, form)


def _unpacked(packed: bytes, form: TextItem) -> tuple[bytes, TextItem] | str:
    said = inflated(packed)
    return "damaged, or larger than 16 MB" if said is None else (said, form)


def _phys(body: bytes) -> tuple[int, int] | None:
    if len(body) != _PHYS.size:
        return None
    x, y, unit = _PHYS.unpack(body)
    return (x, y) if unit == _PHYS_METRE and 0 < x <= _MOST_PER_METRE and 0 < y <= _MOST_PER_METRE else None
