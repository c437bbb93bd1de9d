"""A request's body, as it arrives: one buffer for the picture, whole or refused, never a part taken for the whole."""

import binascii
import json
from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any, NoReturn

from python_multipart.exceptions import FormParserError
from python_multipart.multipart import MultipartParser, parse_options_header
from starlette.concurrency import run_in_threadpool
from starlette.requests import Request

from watchd.sandbox.contract import MOST_FILE_BYTES, MOST_JSON_BYTES, ContractRefusal, refuse_field, refuse_request

# Headers, boundaries and the small fields of a form beside the picture.
_MOST_FORM_OVERHEAD = 1_000_000
_MOST_PARTS = 100


@dataclass(frozen=True, slots=True)
class ReceivedUpload:
    """A complete body: the picture's bytes (None: the field is missing) and every other field.

    ``textual`` says that the fields came as text.
    """

    image: bytes | None
    filename: str | None
    fields: Mapping[str, object]
    textual: bool


async def read_upload(request: Request) -> ReceivedUpload | ContractRefusal:
    """Read the whole body, or refuse it as soon as it is known to be wrong.

    Raises:
        starlette.requests.ClientDisconnect: the client left before its last byte.
    """
    kind, options = parse_options_header(request.headers.get("content-type"))
    announced = request.headers.get("content-length", "")
    length = int(announced) if announced.isdecimal() else 0
    if kind == b"multipart/form-data":
        boundary = options.get(b"boundary")
        if not boundary:
            return refuse_request("Missing boundary in multipart/form-data")
        if length >= MOST_FILE_BYTES + _MOST_FORM_OVERHEAD:
            return _too_large()
        return await _read_form(request, boundary)
    if kind == b"application/json":
        return _too_large() if length > MOST_JSON_BYTES else await _read_json(request)
    return ContractRefusal(415, "Invalid request content-type")


def _too_large() -> ContractRefusal:
    return ContractRefusal(
        413,
        f"Request too large: an image file must be below {MOST_FILE_BYTES // 1_000_000} MB, "
        f"a JSON body at most {MOST_JSON_BYTES // 1_000_000} MB",
    )


# --- multipart ------------------------------------------------------------------------------------------------------


@dataclass(slots=True)
class _Part:
    """One field of a form on its way in."""

    headers: dict[bytes, bytes] = field(default_factory=dict)
    name: str | None = None
    filename: str | None = None
    is_file: bool = False
    data: bytearray = field(default_factory=bytearray)


class _TooLargeError(Exception):
    """The body passes a limit."""


@dataclass(slots=True)
class _Form:
    """The parser's callbacks, and what they have gathered."""

    parts: list[_Part] = field(default_factory=list)
    complete: bool = False
    _header: bytearray = field(default_factory=bytearray)
    _value: bytearray = field(default_factory=bytearray)
    _overhead: int = 0

    def begin(self) -> None:
        if len(self.parts) == _MOST_PARTS:
            raise _TooLargeError
        self.parts.append(_Part())

    def header_field(self, data: bytes, start: int, end: int) -> None:
        self._header += data[start:end]

    def header_value(self, data: bytes, start: int, end: int) -> None:
        self._value += data[start:end]

    def header_end(self) -> None:
        self.parts[-1].headers[bytes(self._header).lower()] = bytes(self._value)
        self._header.clear()
        self._value.clear()

    def headers_finished(self) -> None:
        part = self.parts[-1]
        _, options = parse_options_header(part.headers.get(b"content-disposition"))
        part.name = options.get(b"name", b"").decode("utf-8", "replace")
        part.is_file = b"filename" in options or b"content-type" in part.headers
        if b"filename" in options:
            part.filename = options[b"filename"].decode("utf-8", "replace")

    def data(self, data: bytes, start: int, end: int) -> None:
        part = self.parts[-1]
        part.data += memoryview(data)[start:end]
        if part.name == "image":
            # A picture in the text of a field is base64, and as long as base64 makes it.
            if len(part.data) >= (MOST_FILE_BYTES if part.is_file else MOST_JSON_BYTES):
                raise _TooLargeError
            return
        self._overhead += end - start
        if self._overhead > _MOST_FORM_OVERHEAD:
            raise _TooLargeError

    def end(self) -> None:
        self.complete = True


async def _read_form(request: Request, boundary: bytes) -> ReceivedUpload | ContractRefusal:
    form = _Form()
    try:
        parser = MultipartParser(
            boundary,
            {
                "on_part_begin": form.begin,
                "on_part_data": form.data,
                "on_header_field": form.header_field,
                "on_header_value": form.header_value,
                "on_header_end": form.header_end,
                "on_headers_finished": form.headers_finished,
                "on_end": form.end,
            },
        )
        async for chunk in request.stream():
            if chunk:
                parser.write(chunk)
    except FormParserError:
        return refuse_request("Malformed multipart/form-data")
    except _TooLargeError:
        return _too_large()
    if not form.complete:
        # Content-Length was kept, yet the closing boundary is not there: the form is not all that was meant.
        return refuse_request("Unexpected end of multipart/form-data")
    return _upload_of(form.parts)


def _upload_of(parts: list[_Part]) -> ReceivedUpload | ContractRefusal:
    fields: dict[str, object] = {}
    images: list[_Part] = []
    for part in parts:
        if part.name == "image":
            images.append(part)
            continue
        name, text = part.name or "", part.data.decode("utf-8", "replace")
        # A field given twice is an array to the service, and no field of this contract is one.
        fields[name] = [fields[name], text] if name in fields else text
    if not images:
        return ReceivedUpload(None, None, fields, textual=True)
    if len(images) > 1:
        return refuse_field("image", "Expected one image, received several")
    image = images[0]
    if image.is_file:
        return ReceivedUpload(bytes(image.data), image.filename, fields, textual=True)
    decoded = _decode(image.data.decode("ascii", "replace"))
    return decoded if isinstance(decoded, ContractRefusal) else ReceivedUpload(decoded, None, fields, textual=True)


# --- JSON -----------------------------------------------------------------------------------------------------------


async def _read_json(request: Request) -> ReceivedUpload | ContractRefusal:
    body = bytearray()
    async for chunk in request.stream():
        body += chunk
        if len(body) > MOST_JSON_BYTES:
            return _too_large()
    return await run_in_threadpool(_upload_of_json, body)


def _refuse_constant(name: str) -> NoReturn:
    raise ValueError(f"{name} is no JSON")


def _upload_of_json(body: bytearray) -> ReceivedUpload | ContractRefusal:
    try:
        document: Any = json.loads(body, parse_constant=_refuse_constant)
    except (ValueError, RecursionError):
        return refuse_request("Body is not valid JSON")
    # The text of 35 MB is not needed any more while the picture in it is decoded.
    body.clear()
    if not isinstance(document, dict):
        return refuse_request("Expected object")
    if "image" not in document:
        return ReceivedUpload(None, None, document, textual=False)
    text = document.pop("image")
    if not isinstance(text, str):
        return refuse_field("image", "Expected a base64-encoded string")
    image = _decode(text)
    return image if isinstance(image, ContractRefusal) else ReceivedUpload(image, None, document, textual=False)


def _decode(text: str) -> bytes | ContractRefusal:
    if text.startswith("data:"):
        return refuse_field("image", "Expected raw base64 without a data: prefix")
    try:
        return binascii.a2b_base64(text, strict_mode=True)
    except ValueError:
        return refuse_field("image", "Invalid base64")
