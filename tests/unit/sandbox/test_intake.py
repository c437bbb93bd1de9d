"""Bodies on their way in: whole or refused, never a part taken for the whole."""

import asyncio
import base64
import json
from itertools import pairwise

import pytest
from hypothesis import given
from hypothesis import strategies as st
from starlette.requests import ClientDisconnect, Request
from starlette.types import Message

from watchd.sandbox import uploads
from watchd.sandbox.contract import ContractRefusal
from watchd.sandbox.uploads import ReceivedUpload, read_upload

BOUNDARY = "edge"
FORM = f"multipart/form-data; boundary={BOUNDARY}"


def read(
    body: bytes, content_type: str, *, cuts: tuple[int, ...] = (), disconnect: bool = False, length: int | None = None
) -> ReceivedUpload | ContractRefusal:
    """What is read of a body that arrives in pieces cut at these places; ``disconnect`` loses its last piece."""
    edges = [0, *sorted(cut % (len(body) + 1) for cut in cuts), len(body)]
    pieces = [body[start:end] for start, end in pairwise(edges)]
    messages: list[Message] = [{"type": "http.request", "body": piece, "more_body": True} for piece in pieces]
    if disconnect:
        messages[-1] = {"type": "http.disconnect"}
    else:
        messages[-1]["more_body"] = False
    supply = iter(messages)

    async def receive() -> Message:
        return next(supply)

    announced = str(len(body) if length is None else length).encode()
    headers = [(b"content-type", content_type.encode()), (b"content-length", announced)]
    request = Request({"type": "http", "method": "POST", "headers": headers}, receive)
    return asyncio.run(read_upload(request))


def part(name: str, data: bytes, filename: str | None = None) -> bytes:
    file = "" if filename is None else f'; filename="{filename}"'
    return f'--{BOUNDARY}\r\nContent-Disposition: form-data; name="{name}"{file}\r\n\r\n'.encode() + data + b"\r\n"


def form(*parts: bytes) -> bytes:
    return b"".join(parts) + f"--{BOUNDARY}--\r\n".encode()


@given(st.binary(max_size=2000), st.tuples(*[st.integers(min_value=0)] * 5))
def test_a_form_is_read_the_same_wherever_the_network_cuts_it(data: bytes, cuts: tuple[int, ...]) -> None:
    body = form(part("scale", b"2"), part("image", data, "a.png"), part("enhance", b"true"))
    if f"--{BOUNDARY}".encode() in data:
        return
    assert read(body, FORM, cuts=cuts) == ReceivedUpload(data, "a.png", {"scale": "2", "enhance": "true"}, textual=True)


@given(st.integers(min_value=1))
def test_a_form_without_its_closing_boundary_is_never_taken_for_whole(cut: int) -> None:
    body = form(part("scale", b"2"), part("image", b"picture", "a.png"))
    # The line end after the closing boundary is no part of it.
    whole = len(body) - 2
    refused = read(body[: cut % whole], FORM)
    assert isinstance(refused, ContractRefusal)
    assert refused.status == 400


@pytest.mark.parametrize("content_type", [FORM, "application/json"])
def test_a_client_that_leaves_before_its_last_byte_is_noticed(content_type: str) -> None:
    with pytest.raises(ClientDisconnect):
        read(form(part("image", b"picture", "a.png")), content_type, cuts=(30,), disconnect=True)


def test_a_field_given_twice_is_a_list() -> None:
    read_back = read(form(part("scale", b"2"), part("scale", b"3"), part("image", b"x", "a")), FORM)
    assert isinstance(read_back, ReceivedUpload)
    assert read_back.fields == {"scale": ["2", "3"]}


def test_two_images_are_refused() -> None:
    assert isinstance(read(form(part("image", b"x", "a"), part("image", b"y", "b")), FORM), ContractRefusal)


def test_an_image_in_the_text_of_a_form_is_base64() -> None:
    read_back = read(form(part("image", base64.b64encode(b"picture"))), FORM)
    assert isinstance(read_back, ReceivedUpload)
    assert read_back.image == b"picture"


@given(st.binary(max_size=500))
def test_json_brings_the_image_as_base64(data: bytes) -> None:
    body = json.dumps({"image": base64.b64encode(data).decode(), "scale": 2}).encode()
    assert read(body, "application/json; charset=utf-8") == ReceivedUpload(data, None, {"scale": 2}, textual=False)


@pytest.mark.parametrize(
    "body",
    [
        b"",
        b"{",
        b"[]",
        b'{"scale": NaN}',
        b"\xff",
        b"[" * 100_000,
        b'{"image": 3}',
        b'{"image": "data:image/png;base64,AAAA"}',
        b'{"image": "AAA"}',
        b'{"image": "AA!A"}',
        b'{"image": "\\u00e9"}',
    ],
)
def test_json_that_brings_no_image_is_refused(body: bytes) -> None:
    refused = read(body, "application/json")
    assert isinstance(refused, ContractRefusal)
    assert refused.status == 400


@pytest.mark.parametrize("content_type", ["text/plain", "application/octet-stream", "image/png", ""])
def test_another_content_type_is_a_415(content_type: str) -> None:
    refused = read(b"x", content_type)
    assert isinstance(refused, ContractRefusal)
    assert refused.status == 415


def test_a_form_without_a_boundary_is_refused() -> None:
    assert isinstance(read(b"x", "multipart/form-data"), ContractRefusal)


@pytest.mark.parametrize(("content_type", "length"), [(FORM, 26_000_000), ("application/json", 35_000_001)])
def test_a_body_announced_too_large_is_refused_unread(content_type: str, length: int) -> None:
    refused = read(b"", content_type, length=length)
    assert isinstance(refused, ContractRefusal)
    assert refused.status == 413


def test_a_file_that_grows_too_large_is_refused_though_nothing_announced_it(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(uploads, "MOST_FILE_BYTES", 1000)
    assert isinstance(read(form(part("image", bytes(999), "a")), FORM, length=0), ReceivedUpload)
    refused = read(form(part("image", bytes(1000), "a")), FORM, length=0)
    assert isinstance(refused, ContractRefusal)
    assert refused.status == 413


def test_endless_small_fields_are_refused() -> None:
    assert isinstance(read(form(*[part("f", b"x")] * 101), FORM), ContractRefusal)
