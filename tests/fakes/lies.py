"""A service that lies: every way we know of in which what comes back is not the picture that was paid for.

Each lie is told over a connection of `raw_server`, and says what it has to come to. `flaw` is the judge of pictures: it
knows nothing of how watchd looks at them.
"""

from __future__ import annotations

import gzip
import io
import itertools
import json
import random
import socket
import struct
import threading
import zlib
from collections.abc import Callable, Iterable, Iterator
from dataclasses import dataclass, field
from functools import cache, partial
from typing import TypeAlias

from PIL import Image

from tests.fakes.raw_server import PATIENCE, Peer
from watchd.formats.png.png_chunks import SIGNATURE, chunk, chunks
from watchd.model import Outcome

OFF_BY_AT_MOST = 2
"""Pixels a side by which an answer may miss the size asked for."""


@dataclass(frozen=True, slots=True)
class Scene:
    """What a lie needs beside the connection. `trap`: the address of a server that nobody may come to."""

    right: bytes
    trap: str
    over: threading.Event
    fired: threading.Event = field(default_factory=threading.Event)
    """Set once the lie has been told: a lie that nobody heard proves nothing."""


Tell: TypeAlias = Callable[[Peer, Scene], None]
Make: TypeAlias = Callable[[bytes], bytes]
"""From the right picture to something else."""


@dataclass(frozen=True, slots=True)
class Lie:
    """`comes_to`: the outcomes that are right for it; `OK` where a whole picture comes all the same."""

    name: str
    tell: Tell
    comes_to: frozenset[Outcome]
    heavy: bool = False
    """It is told while the picture goes up, so that has to be more than sockets swallow."""
    patient: bool = False
    """Nothing but the deadline ends it."""


_BAD = frozenset({Outcome.BAD_ANSWER})
_LOST = frozenset({Outcome.LOST})
_REFUSED = frozenset({Outcome.REFUSED})
_UNSENT = frozenset({Outcome.NETWORK})
_WHOLE = frozenset({Outcome.OK})


# The truth, and its judge


@cache
def honest(width: int, height: int) -> bytes:
    """A right answer of several chunks: grey noise that does not compress, and black where there is no more of it."""
    rows = bytearray((width + 1) * height)
    noise = random.Random(width * height).randbytes(min(len(rows), 250_000))
    rows[: len(noise)] = noise
    rows[:: width + 1] = bytes(height)  # each row begins with its filter
    stream = zlib.compress(rows, 1)
    quarter = -(-len(stream) // 4)
    return _png(
        _ihdr(width, height),
        chunk(b"tEXt", b"Software\0a service"),
        *(chunk(b"IDAT", stream[start : start + quarter]) for start in range(0, len(stream), quarter)),
        chunk(b"tIME", struct.pack(">HBBBBB", 2026, 11, 22, 3, 0, 0)),
        _END,
    )


def measured(png: bytes) -> tuple[int, int]:
    """Width and height as its header has them."""
    width, height = struct.unpack_from(">II", png, 16)
    return width, height


def flaw(data: bytes, size: tuple[int, int]) -> str | None:
    """Why this is not exactly one whole PNG of that size, give or take the service's rounding; None: it is."""
    try:
        with Image.open(io.BytesIO(data), formats=["PNG"]) as image:
            image.verify()
        with Image.open(io.BytesIO(data), formats=["PNG"]) as image:
            image.load()
            found, frames = image.size, getattr(image, "n_frames", 1)
    except Exception as error:  # whatever Pillow raises, nobody gets to see this picture
        return f"it cannot be opened: {error!r}"
    if any(abs(got - wanted) > OFF_BY_AT_MOST for got, wanted in zip(found, size, strict=True)):
        return f"it measures {found} instead of {size}"
    if frames != 1:
        return f"it has {frames} frames"
    return None if data.find(_END) == len(data) - len(_END) else "it does not end with its first IEND"


# PNG with something wrong

_END = chunk(b"IEND", b"")


def _ihdr(width: int, height: int, depth: int = 8, colour: int = 0) -> bytes:
    return chunk(b"IHDR", struct.pack(">IIBBBBB", width, height, depth, colour, 0, 0, 0))


def _png(*parts: bytes) -> bytes:
    return SIGNATURE + b"".join(parts)


def _parts(png: bytes) -> list[bytes]:
    return [png[start:end] for _, start, end in chunks(png)]


def _until(count: int, png: bytes) -> bytes:
    """The signature and so many chunks."""
    return _png(*_parts(png)[:count])


def _half(png: bytes) -> bytes:
    return png[: len(png) // 2]


def _without(kind: bytes, png: bytes) -> bytes:
    return _png(*(part for part in _parts(png) if part[4:8] != kind))


def _with(extra: bytes, png: bytes) -> bytes:
    """One more behind the header."""
    head, *rest = _parts(png)
    return _png(head, extra, *rest)


def _resized(png: bytes, factor: float = 1.0, wider: int = 0, higher: int = 0) -> bytes:
    width, height = measured(png)
    return honest(round(width * factor) + wider, round(height * factor) + higher)


def _longer(png: bytes, more: bytes) -> bytes:
    """These bytes at the end of its last chunk of pixels, which is right again then."""
    parts = _parts(png)
    at = max(at for at, part in enumerate(parts) if part[4:8] == b"IDAT")
    return _png(*parts[:at], chunk(b"IDAT", parts[at][8:-4] + more), *parts[at + 1 :])


def _flipped(kind: bytes, offset: int, png: bytes) -> bytes:
    """One bit of the first chunk of this kind is another, so many bytes behind its start; its CRC is left alone."""
    start = next(start for found, start, _ in chunks(png) if found == kind)
    data = bytearray(png)
    data[start + offset] ^= 1
    return bytes(data)


def _covered_up(kind: bytes, offset: int, png: bytes) -> bytes:
    """The same with every CRC put right."""
    return _png(*(chunk(part[4:8], part[8:-4]) for part in _parts(_flipped(kind, offset, png))))


def _zeros(count: int) -> bytes:
    """So many zero bytes as a whole zlib stream, made of one block over and over that stands for a million of them."""
    step = 1 << 20
    blocks, rest = divmod(count, step)
    packer = zlib.compressobj(9, zlib.DEFLATED, -15)
    block = packer.compress(bytes(step)) + packer.flush(zlib.Z_FULL_FLUSH)
    packer = zlib.compressobj(9, zlib.DEFLATED, -15)
    last = packer.compress(bytes(rest)) + packer.flush()
    return b"\x78\xda" + block * blocks + last + ((count % 65_521) << 16 | 1).to_bytes(4, "big")


def _bomb(width: int, height: int, inflated: int) -> bytes:
    return _png(_ihdr(width, height), chunk(b"IDAT", _zeros(inflated)), _END)


def _black(width: int, height: int) -> bytes:
    """A right picture, and small: all of its rows come out of one piece."""
    return _bomb(width, height, (width + 1) * height)


def _saved(kind: str, frames: int, png: bytes) -> bytes:
    """By Pillow, as another kind or as a film."""
    shown = [Image.new("RGB", measured(png), (40 * frame, 80, 120)) for frame in range(frames)]
    out = io.BytesIO()
    film = {"save_all": True, "append_images": shown[1:]} if frames > 1 else {}
    shown[0].save(out, kind, **film)
    return out.getvalue()


# What goes over the wire

_PNG_TYPE = "Content-Type: image/png"
_CHUNKED = "Transfer-Encoding: chunked"
_GZIP = "Content-Encoding: gzip"
_PAGE = b"<!DOCTYPE html><html><title>Just a moment...</title></html>"
_WORDS = b'{"error": "The model is at capacity. Please try again later."}'


def _head(*headers: str, status: str = "HTTP/1.1 200 OK") -> bytes:
    return "\r\n".join([status, *headers, "", ""]).encode()


def _length(body: bytes) -> str:
    return f"Content-Length: {len(body)}"


def _answer(body: bytes, kind: str = "image/png", *headers: str, status: str = "200 OK") -> bytes:
    """Whole and well-formed."""
    return _head(f"Content-Type: {kind}", _length(body), *headers, status=f"HTTP/1.1 {status}") + body


def _refusal(words: bytes = _WORDS, *headers: str, status: str = "400 Bad Request") -> bytes:
    return _answer(words, "application/json", *headers, status=status)


def _chunk(piece: bytes) -> bytes:
    return b"%x\r\n%s\r\n" % (len(piece), piece)


def _escaped(text: str) -> str:
    """As some encoders of JSON write it: every sign by its number."""
    return "".join(f"\\u{ord(sign):04x}" for sign in text)


def _nested(depth: int) -> bytes:
    return b'{"error": "no", "details": %s1%s}' % (b'{"a":' * depth, b"}" * depth)


# Ways to tell it

_STEP = 65_536


def _leave(_peer: Peer, _scene: Scene) -> None:
    """The server ends the connection when this returns."""


def _reset(peer: Peer, _scene: Scene) -> None:
    peer.reset()


def _stall(_peer: Peer, scene: Scene) -> None:
    scene.over.wait(PATIENCE)


def _told(pieces: Callable[[Peer, Scene], Iterable[bytes]], end: Tell = _leave, upload: float | None = 1.0) -> Tell:
    """After so much of the upload (None: nothing is read at all) these bytes, and then this end."""

    def tell(peer: Peer, scene: Scene) -> None:
        if upload != 1.0:  # what is not read must not be swallowed by a buffer either
            peer._connection.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, _STEP)
        if upload is not None:
            peer.read_head()
            peer.read_body(upload)
        for piece in pieces(peer, scene):
            for start in range(0, len(piece), _STEP):  # a large one may find nobody left before its end
                peer.send(piece[start : start + _STEP])
                scene.fired.set()
        scene.fired.set()
        end(peer, scene)

    return tell


def _raw(make: Make, end: Tell = _leave) -> Tell:
    """These bytes, head and all."""
    return _told(lambda _, scene: [make(scene.right)], end)


def _silent(end: Tell, upload: float | None = 1.0) -> Tell:
    return _told(lambda *_: [], end, upload)


def _early(end: Tell) -> Tell:
    return _told(lambda _, scene: [_answer(scene.right)], end, upload=0.5)


def _echo(make: Callable[[str, bytes], bytes]) -> Tell:
    """Made from the header with the key, and the right picture."""
    return _told(lambda peer, scene: [make(peer.header("authorization") or "", scene.right)])


def _drip(head: bytes, drop: bytes = b"x") -> Tell:
    """This, and then a little now and then."""

    def pieces(_: Peer, scene: Scene) -> Iterator[bytes]:
        yield head
        while not scene.over.wait(0.02):
            yield drop

    return _told(pieces)


def _flood(head: bytes, piece: bytes) -> Tell:
    """This, and then more than anybody waits for, as fast as it is taken."""
    many = piece * max(1, _STEP // len(piece))
    return _told(lambda *_: itertools.chain([head], itertools.repeat(many)))


def _redirect(status: str) -> Tell:
    return _told(lambda _, scene: [_answer(b"", "text/plain", f"Location: {scene.trap}/x", status=status)])


def _moved(_: Peer, scene: Scene) -> list[bytes]:
    elsewhere = (f"Location: {scene.trap}/x", f'Alt-Svc: http/1.1="{scene.trap[7:]}"', f"Refresh: 0; url={scene.trap}")
    return [_answer(scene.right, "image/png", *elsewhere)]


# The catalogue

_BODIES: dict[str, Make] = {
    "an HTML page, said to be a PNG": lambda _: _PAGE,
    "a JSON error, said to be a PNG": lambda _: _WORDS,
    "an empty body": lambda _: b"",
    "the signature alone": lambda _: SIGNATURE,
    "a JPEG, said to be a PNG": partial(_saved, "JPEG", 1),
    "a WebP, said to be a PNG": partial(_saved, "WEBP", 1),
    "a GIF, said to be a PNG": partial(_saved, "GIF", 1),
    "three pixels too wide": partial(_resized, wider=3),
    "three pixels too low": partial(_resized, higher=-3),
    "half the size": partial(_resized, factor=0.5),
    "nearly twice the size": partial(_resized, factor=1.9),
    "a byte behind its end": lambda right: right + b"\0",
    "a page behind its end": lambda right: right + _PAGE,
    "a second picture behind its end": lambda right: right + right,
    "a chunk behind its end": lambda right: right + chunk(b"tEXt", b"Comment\0more"),
    "no IEND": partial(_without, b"IEND"),
    "no pixels": partial(_without, b"IDAT"),
    "no header": partial(_without, b"IHDR"),
    "two headers": lambda right: _with(_ihdr(*measured(right)), right),
    "bytes behind the stream of its pixels": lambda right: _longer(right, b"more"),
    "bytes behind a stream of pixels that is small": lambda right: _longer(_black(*measured(right)), b"more"),
    "a second stream behind that of its pixels": lambda right: _longer(right, zlib.compress(bytes(9_999))),
    "its last pixels left out": lambda right: _png(*_parts(right)[:-3], _END),
    "a broken signature": lambda right: right[:3] + b"\x46" + right[4:],
    "a flipped bit in the length of its header": partial(_flipped, b"IHDR", 3),
    "a flipped bit in its header": partial(_flipped, b"IHDR", 11),
    "a flipped bit in the CRC of its header": partial(_flipped, b"IHDR", 23),
    "a flipped bit in the length of its pixels": partial(_flipped, b"IDAT", 3),
    "a flipped bit in the name of its pixels": partial(_flipped, b"IDAT", 5),
    "a flipped bit in its pixels": partial(_flipped, b"IDAT", 9_999),
    "a flipped bit in its last CRC": partial(_flipped, b"IEND", 9),
    "a flipped bit in its pixels, the CRC put right": partial(_covered_up, b"IDAT", 9_999),
    "another width, the CRC put right": partial(_covered_up, b"IHDR", 11),
    "another height, the CRC put right": partial(_covered_up, b"IHDR", 15),
    "another depth, the CRC put right": partial(_covered_up, b"IHDR", 16),
    "another colour type, the CRC put right": partial(_covered_up, b"IHDR", 17),
    "interlaced in name only, the CRC put right": partial(_covered_up, b"IHDR", 20),
    "pixels that inflate to gigabytes": lambda right: _bomb(*measured(right), 2 << 30),
    "a header of 60,000 x 60,000 pixels": lambda _: _bomb(60_000, 60_000, 100_000),
}
"""Whole answers that say that they are a PNG."""

_BESIDE_THE_PIXELS: dict[str, bytes] = {
    "a text that inflates to gigabytes": chunk(b"zTXt", b"Comment\0\0" + _zeros(1 << 30)),
    "a gamma of two bytes": chunk(b"gAMA", b"\0\1"),
    "a resolution of five bytes": chunk(b"pHYs", bytes(5)),
    "a transparent colour of one byte": chunk(b"tRNS", b"\0"),
    "chromaticities of five bytes": chunk(b"cHRM", bytes(5)),
    "a rendering intent of no bytes": chunk(b"sRGB", b""),
    "a colour profile that is none": chunk(b"iCCP", b"icc\0\0" + zlib.compress(b"no profile")),
    "a colour profile that cannot be inflated": chunk(b"iCCP", b"icc\0\0no zlib"),
    "a frame of a film that is none": chunk(b"fcTL", bytes(26)),
    "pixels of a film that is none": chunk(b"fdAT", bytes(26)),
    "a text packed in an unknown way": chunk(b"zTXt", b"Comment\0\7" + zlib.compress(b"words")),
    "a colour profile of no bytes": chunk(b"iCCP", b""),
}
"""Chunks that a decoder may pass over and common programs do not. It is for the judge to say what is a picture."""


def _in_the_body() -> Iterator[Lie]:
    """Answers with status 200, each in itself as HTTP wants it."""
    for name, make in _BODIES.items():
        yield Lie(name, _raw(partial(_made, make)), _BAD)
    yield Lie("an animated PNG", _raw(partial(_made, partial(_saved, "PNG", 3))), _BAD | _WHOLE)
    yield Lie("a flipped bit in its text", _raw(partial(_made, partial(_flipped, b"tEXt", 12))), _WHOLE)
    for name, extra in _BESIDE_THE_PIXELS.items():
        yield Lie(name, _raw(partial(_made, partial(_with, extra))), _BAD | _WHOLE)
    for kind in ("text/html", "application/octet-stream", "image/jpeg", "image/png, text/html", ""):
        yield Lie(f"the picture, said to be {kind or 'nothing'}", _raw(partial(_answer, kind=kind)), _WHOLE)
    yield Lie("an HTML page", _raw(lambda _: _answer(_PAGE, "text/html; charset=utf-8")), _BAD)
    yield Lie("a JSON error", _raw(lambda _: _answer(_WORDS, "application/json")), _BAD)
    bomb = gzip.compress(bytes(50_000_000), 1)  # made before anybody waits for it
    yield Lie("a gzip bomb", _raw(lambda _: _answer(bomb, "image/png", _GZIP)), _BAD)
    yield Lie("the picture as gzip", _raw(lambda right: _answer(gzip.compress(right), "image/png", _GZIP)), _BAD)
    yield Lie("the picture, said to be gzip", _raw(lambda right: _answer(right, "image/png", _GZIP)), _BAD | _WHOLE)
    # How far these come before the deadline is for the machine to say.
    many = chunk(b"teXt", b"") * 1_000_000
    endless = _head(_PNG_TYPE)
    yield Lie("a million chunks of nothing", _raw(lambda right: _answer(_with(many, right))), _BAD | _LOST)
    yield Lie("3,600,000,000 pixels", _raw(lambda _: _answer(_bomb(60_000, 60_000, 60_001 * 60_000))), _BAD | _LOST)
    yield Lie("bytes without end", _flood(endless, bytes(_STEP)), _BAD | _LOST)
    yield Lie("chunks without end", _flood(endless + _png(_ihdr(512, 512)), chunk(b"IDAT", b"")), _BAD | _LOST)


def _made(make: Make, right: bytes) -> bytes:
    return _answer(make(right))


def _on_the_wire() -> Iterator[Lie]:
    """Lengths, framing and protocols."""
    for name, make, comes_to in _framings():
        yield Lie(name, _raw(make), comes_to)
    for count in range(len(_parts(honest(64, 64)))):
        yield Lie(f"cut behind {count} chunks of its length", _raw(partial(_cut_with_length, count)), _LOST)
        yield Lie(f"cut behind {count} chunks without a length", _raw(partial(_cut_without_length, count)), _BAD)
    chunked = _head(_PNG_TYPE, _CHUNKED)
    yield Lie("an extension of a chunk without end", _flood(chunked + b"5;", b"x"), _LOST)
    yield Lie("trailers without end", _flood(chunked + b"0\r\n", b"X-Filler: x\r\n"), _LOST)
    yield Lie("headers without end", _flood(b"HTTP/1.1 200 OK\r\n", b"X-Filler: %s\r\n" % (b"x" * 4000)), _LOST)
    yield Lie("a header without end", _flood(b"HTTP/1.1 200 OK\r\nX-Filler: ", b"x"), _LOST)
    for status in ("204 No Content", "206 Partial Content", "299 Odd"):
        yield Lie(f"the picture with status {status}", _raw(partial(_answer, status=status)), _LOST)


def _cut_with_length(count: int, right: bytes) -> bytes:
    return _head(_PNG_TYPE, _length(right)) + _until(count, right)


def _cut_without_length(count: int, right: bytes) -> bytes:
    return _head(_PNG_TYPE) + _until(count, right)


def _framings() -> Iterator[tuple[str, Make, frozenset[Outcome]]]:
    png, chunked = _head(_PNG_TYPE), _head(_PNG_TYPE, _CHUNKED)
    yield "a body shorter than its length", lambda right: _head(_PNG_TYPE, _length(right)) + _half(right), _LOST
    yield "a body without its last byte", lambda right: _head(_PNG_TYPE, _length(right)) + right[:-1], _LOST
    yield "a length that ends too soon", lambda right: _head(_PNG_TYPE, _length(right[12:])) + right, _BAD
    yield "a body longer than its length", lambda right: _answer(right) + _PAGE, _WHOLE
    yield "a cut without a length", lambda right: png + _half(right), _BAD
    yield "a cut in a chunk", lambda right: chunked + _half(_chunk(right)), _LOST
    yield "a cut behind a chunk", lambda right: chunked + _chunk(_half(right)), _LOST
    yield "a cut before the last chunk", lambda right: chunked + _chunk(right), _LOST
    yield "half a picture in whole chunks", lambda right: chunked + _chunk(_half(right)) + _chunk(b""), _BAD
    yield "a chunk whose length is no number", lambda right: chunked + b"zz\r\n" + right, _LOST
    yield "a chunk whose length is beyond numbers", lambda right: chunked + b"f" * 99 + b"\r\n" + right, _LOST
    yield "two lengths", lambda right: _head(_PNG_TYPE, _length(right), "Content-Length: 5") + right, _LOST
    yield "a length below zero", lambda right: _head(_PNG_TYPE, "Content-Length: -1") + right, _LOST
    yield "a length beyond numbers", lambda right: _head(_PNG_TYPE, f"Content-Length: 1{'0' * 99}") + right, _LOST
    yield "an unknown transfer", lambda right: _head(_PNG_TYPE, "Transfer-Encoding: gzip") + gzip.compress(right), _LOST
    yield "an answer of HTTP/1.0", lambda right: _head(_PNG_TYPE, status="HTTP/1.0 200 OK") + right, _WHOLE
    yield "an answer of HTTP/1.0, cut", lambda right: _head(_PNG_TYPE, status="HTTP/1.0 200 OK") + _half(right), _BAD
    yield "an answer of HTTP/0.9", lambda right: right, _LOST
    yield "an answer of another protocol", lambda right: _head(_PNG_TYPE, status="ICY 200 OK") + right, _LOST
    yield "a change of protocol", lambda right: _head(status="HTTP/1.1 101 Switching Protocols") + right, _LOST
    yield "an interim answer first", lambda right: _head(status="HTTP/1.1 102 Processing") + _answer(right), _WHOLE
    yield "two right answers", lambda right: _answer(right) + _answer(right), _WHOLE
    yield "two answers, the second one right", lambda right: _answer(_PAGE, "text/html") + _answer(right), _BAD


def _in_time() -> Iterator[Lie]:
    """Answers that never come to an end, and connections that come to one too soon."""
    status = b"HTTP/1.1 200 OK\r\n"
    bare, hint = _head(_PNG_TYPE), _head(status="HTTP/1.1 103 Early Hints")
    for name, tell, comes_to in (
        ("dripping", _drip(_head(_PNG_TYPE, "Content-Length: 250000")), _LOST),
        ("dripping without a length", _drip(bare), _BAD | _LOST),
        ("dripping in chunks", _drip(_head(_PNG_TYPE, _CHUNKED), _chunk(b"x")), _LOST),
        ("dripping headers", _drip(status, b"X-Filler: x\r\n"), _LOST),
        ("dripping in a header", _drip(status + b"X-Filler: "), _LOST),
        ("dripping interim answers", _drip(hint, hint), _LOST),
        ("interim answers without end", _flood(b"", _head(status="HTTP/1.1 100 Continue")), _LOST),
        ("a stall after the upload", _silent(_stall), _LOST),
        ("a stall in the headers", _raw(lambda _: status, _stall), _LOST),
        ("a stall in the body", _raw(lambda right: _half(_answer(right)), _stall), _LOST),
        ("a stall before the last byte", _raw(lambda right: _answer(right)[:-1], _stall), _LOST),
        ("a stall in a body without a length", _raw(lambda right: bare + _half(right), _stall), _BAD | _LOST),
        ("a stall behind a body without a length", _raw(lambda right: bare + right, _stall), _WHOLE | _LOST),
    ):  # fmt: skip
        yield Lie(name, tell, comes_to, patient=True)
    yield Lie("a stall before the request is read", _silent(_stall, None), _UNSENT, heavy=True, patient=True)
    yield Lie("a stall in the middle of the upload", _silent(_stall, 0.5), _UNSENT, heavy=True, patient=True)
    yield Lie("the picture in the middle of the upload, and a stall", _early(_stall), _UNSENT, heavy=True, patient=True)
    yield Lie("the picture in the middle of the upload, and a reset", _early(_reset), _UNSENT, heavy=True)
    for name, end in (("a reset", _reset), ("an end", _leave)):
        yield Lie(f"{name} before the request is read", _silent(end, None), _UNSENT, heavy=True)
        yield Lie(f"{name} in the middle of the upload", _silent(end, 0.5), _UNSENT, heavy=True)
        yield Lie(f"{name} after the upload", _silent(end), _LOST)
        yield Lie(f"{name} in the headers", _raw(lambda _: status, end), _LOST)
        yield Lie(f"{name} in the body", _raw(lambda right: _half(_answer(right)), end), _LOST)
        yield Lie(f"{name} in a chunked body", _raw(lambda right: _head(_CHUNKED) + _chunk(_half(right)), end), _LOST)
    yield Lie("a reset in a body without a length", _raw(lambda right: bare + _half(right), _reset), _LOST)


def _about_others() -> Iterator[Lie]:
    """Answers that lead elsewhere, repeat the key, or are made to break who reads them."""
    for status in ("301 Moved Permanently", "302 Found", "303 See Other", "307 Temporary Redirect", "308 Permanent"):
        yield Lie(f"a redirect to another server with {status[:3]}", _redirect(status), _REFUSED)
    yield Lie("a redirect to nowhere", _raw(lambda _: _answer(b"", "text/plain", status="302 Found")), _REFUSED)
    yield Lie("the picture, said to have moved to another server", _told(_moved), _WHOLE)
    limits = [f"x-ratelimit-{name}-requests: 1e308" for name in ("limit", "remaining", "reset")]
    yield Lie(
        "the picture with limits beyond numbers", _raw(lambda right: _answer(right, "image/png", *limits)), _WHOLE
    )

    yield Lie("a page that repeats the key", _echo(lambda key, _: _answer(f"<html>{key}".encode(), "text/html")), _BAD)
    yield Lie("a type that repeats the key", _echo(lambda key, right: _answer(right, f"image/{key}")), _WHOLE)
    yield Lie(
        "a CF-RAY that repeats the key", _echo(lambda key, _: _answer(_PAGE, "text/html", f"CF-RAY: {key}")), _BAD
    )
    yield Lie("a status line that repeats the key", _echo(lambda key, _: _head(status=key)), _LOST)
    yield Lie("a header line that repeats the key", _echo(lambda key, _: _head(f"{key}\x01")), _LOST)
    yield Lie(
        "a picture with a text that repeats the key",
        _echo(lambda key, right: _answer(_with(chunk(b"tEXt", f"Comment\0{key}".encode()), right))),
        _BAD | _WHOLE,
    )
    yield Lie(
        "a refusal that repeats the key", _echo(lambda key, _: _refusal(json.dumps({"error": key}).encode())), _REFUSED
    )
    yield Lie(
        "a refusal that repeats the key sign by sign",
        _echo(lambda key, _: _refusal(f'{{"error": "{_escaped(key)}"}}'.encode())),
        _REFUSED,
    )

    for name, when in {
        "a year beyond numbers": "Mon, 01 Jan 99999999999999999999 00:00:00 GMT",
        "a zone beyond numbers": "Mon, 01 Jan 2024 00:00:00 +99999999999999999999",
        "a day that is none": "Mon, 99 Jan 2024 99:99:99 GMT",
        "commas": ", , , ,",
        "minus one": "-1",
        "infinity": "1e999",
        "no number": "nan",
        "5,000 nines": "9" * 5_000,
    }.items():
        yield Lie(
            f"a refusal until {name}", _raw(partial(_refused, _refusal(_WORDS, f"Retry-After: {when}"))), _REFUSED
        )
    for depth in (900, 9_000, 100_000):
        yield Lie(f"a refusal with details {depth:,} deep", _raw(partial(_refused, _refusal(_nested(depth)))), _REFUSED)


def _refused(answer: bytes, _: bytes) -> bytes:
    return answer


LIES: tuple[Lie, ...] = (*_in_the_body(), *_on_the_wire(), *_in_time(), *_about_others())
