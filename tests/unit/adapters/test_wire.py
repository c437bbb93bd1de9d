"""Bodies on their way out and answers on their way in, as bytes and headers alone."""

from __future__ import annotations

import base64
import io
import json
import re
import time
from email.utils import formatdate

import httpx
import pytest
from hypothesis import given
from hypothesis import strategies as st

from tests.contract.uploads import GOLD, PictureUpload, parameters
from watchd.adapters.http import answers, bodies
from watchd.adapters.http.dialogue import Head
from watchd.adapters.http.redactor import BodyVeil, Redactor
from watchd.core.calls.outcomes import Quota
from watchd.core.request import endpoint
from watchd.model import Parameters, Price, Profile

# --- bodies ---------------------------------------------------------------------------------------------------------


def sent(data: bytes, profile: Profile = GOLD) -> PictureUpload:
    return PictureUpload(data, parameters(profile), "jpeg")


def whole(body: bodies.Body, data: bytes) -> bytes:
    return b"".join(body.pieces(io.BytesIO(data)))


@given(st.binary(max_size=2000))
def test_a_form_is_as_long_as_it_says_and_holds_the_picture_untouched(data: bytes) -> None:
    body = bodies.multipart(sent(data))
    made = whole(body, data)
    assert len(made) == body.length
    assert made.count(data) >= 1
    assert b'filename="image.jpg"\r\nContent-Type: image/jpeg\r\n\r\n' + data + b"\r\n--" in made


@given(st.binary(max_size=2000))
def test_json_is_as_long_as_it_says_and_holds_the_picture_as_raw_base64(data: bytes) -> None:
    body = bodies.as_json(sent(data))
    made = whole(body, data)
    assert len(made) == body.length
    document = json.loads(made)
    assert base64.b64decode(document.pop("image"), validate=True) == data
    assert document == dict(parameters(GOLD).fields)


@pytest.mark.parametrize(
    "size", [0, 1, 2, 3, bodies.CHUNK_BYTES - 1, bodies.CHUNK_BYTES, bodies.CHUNK_BYTES + 1, 3 * bodies.CHUNK_BYTES]
)
def test_lengths_hold_at_the_edges_of_pieces(size: int) -> None:
    data = bytes(range(256)) * (size // 256 + 1)
    for make in (bodies.multipart, bodies.as_json):
        body = make(sent(data[:size]))
        assert len(whole(body, data[:size])) == body.length


@given(st.lists(st.binary(max_size=600), max_size=8))
def test_the_last_bytes_come_alone_whatever_the_pieces(pieces: list[bytes]) -> None:
    total = sum(map(len, pieces))
    cut = list(bodies.holding_back(iter(pieces), total))
    assert b"".join(piece for piece, _ in cut) == b"".join(pieces)
    assert [last for _, last in cut] == [False] * (len(cut) - 1) + [True]
    assert len(cut[-1][0]) == min(total, bodies.HELD_BACK_BYTES)


def test_every_form_has_a_boundary_of_its_own() -> None:
    assert bodies.multipart(sent(b"")).content_type != bodies.multipart(sent(b"")).content_type


SCALES = st.floats(min_value=1.01, max_value=4)


def test_the_scale_in_a_form_is_the_scale_that_was_priced() -> None:
    planned = endpoint.plan(Profile("p", scale=2.0000004), 300, 300, dialect="enhance", oversize="fit", price=Price())
    assert isinstance(planned, Parameters)
    body = bodies.multipart(PictureUpload(b"", planned)).head.decode()
    found = re.search(r'name="scale"\r\n\r\n([^\r]+)', body)
    assert found is not None
    assert endpoint.price_of(float(found[1]), Price()) == planned.price


@given(st.integers(min_value=10_001, max_value=40_000))
def test_scales_of_four_decimals_arrive_as_they_are(ten_thousandths: int) -> None:
    scale = ten_thousandths / 10_000
    planned = Parameters(scale, scale, 1, 1, (("scale", scale), ("enhance", True)), "", 0)
    body = bodies.multipart(PictureUpload(b"", planned)).head.decode()
    found = re.search(r'name="scale"\r\n\r\n([^\r]+)', body)
    assert found is not None
    assert float(found[1]) == scale
    assert 'name="enhance"\r\n\r\ntrue\r\n' in body


# --- words ----------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("body", "said"),
    [
        (b'{"error": "Insufficient balance"}', "Insufficient balance"),
        (b'{"error": "Invalid", "details": "scale"}', "Invalid (scale)"),
        (
            b'{"error": "Invalid", "details": {"_errors": ["root"], "scale": {"_errors": ["too large", "odd"]}}}',
            "Invalid (root; scale: too large; odd)",
        ),
        (b'{"error": {"message": "nested"}}', "{'message': 'nested'}"),
        (b"{}", "no words"),
        (b"", "no words"),
        (b"upstream\n  timed out", "upstream timed out"),
        (b"<!DOCTYPE html><p>x", "an HTML page, as a proxy in between answers it"),
        (b'"just text"', "just text"),
        (b"[1]", "[1]"),
        (b"\xff\xfe", "\ufffd\ufffd"),
        (b'{"error": "no\\n2026-01-01 Published a.png"}', "no 2026-01-01 Published a.png"),
        (b'{"error": "x", "details": {"a": {"_errors": ["y\\r\\nz"]}}}', "x (a: y z)"),
        (b'"\\u001b[2Kwell\\u2028all is"', r"\x1b[2Kwell all is"),
        (b"\x1b]0;title\x07", r"\x1b]0;title\x07"),
    ],
)
def test_the_words_of_an_error_are_found_in_whatever_shape_they_come(body: bytes, said: str) -> None:
    assert answers.words(body, "", Redactor()) == said


@given(st.binary(max_size=300))
def test_no_body_of_an_error_is_too_strange(body: bytes) -> None:
    words = answers.words(body, "application/json", Redactor())
    assert len(words) <= answers.MOST_CHARACTERS
    assert words.isprintable()


@given(st.text(max_size=100))
def test_no_words_of_json_leave_their_line(text: str) -> None:
    assert answers.words(json.dumps({"error": text}).encode(), "application/json", Redactor()).isprintable()


def test_a_body_nested_without_end_is_only_words() -> None:
    assert answers.words(b"[" * 60_000, "application/json", Redactor())


# --- when to come back ----------------------------------------------------------------------------------------------


def answered(**headers: str) -> endpoint.Answer:
    named = {name.replace("_", "-"): value for name, value in headers.items()}
    head = Head(429, named, length=None, reason="")
    return answers.read_error(head, [b'{"error": "slow"}'], Redactor())


@pytest.mark.parametrize(
    ("value", "seconds"),
    [("7", 7.0), ("0", 0.0), ("-3", 0.0), ("1.5", 1.5), ("soon", None), ("nan", None), ("inf", None)],
)
def test_retry_after_in_seconds_is_read_and_nonsense_is_not(value: str, seconds: float | None) -> None:
    assert answered(retry_after=value).retry_after == seconds


def test_retry_after_as_a_date_is_read_against_the_wall_clock() -> None:
    assert answered(retry_after=formatdate(time.time() + 90, usegmt=True)).retry_after == pytest.approx(90, abs=2)
    assert answered(retry_after=formatdate(time.time() - 90, usegmt=True)).retry_after == 0.0


@pytest.mark.parametrize("factor", [1, 1000])
def test_the_vendors_reset_is_read_in_seconds_and_in_milliseconds(factor: int) -> None:
    reset = str(int((time.time() + 30) * factor))
    assert answered(x_ratelimit_reset_requests=reset).retry_after == pytest.approx(30, abs=2)


@pytest.mark.parametrize("years_wrong", [-20, -1, 1, 30])
@pytest.mark.parametrize("factor", [1, 1000])
def test_moments_are_counted_from_the_answers_own_date_however_wrong_our_clock_is(
    years_wrong: int, factor: int
) -> None:
    there = time.time() + years_wrong * 365 * 86_400
    date = formatdate(there, usegmt=True)
    assert answered(date=date, retry_after=formatdate(there + 90, usegmt=True)).retry_after == 90.0
    reset = str(int((int(there) + 30) * factor))
    assert answered(date=date, x_ratelimit_reset_requests=reset).retry_after == pytest.approx(30.0, abs=1.1)


@pytest.mark.parametrize("date", ["", "yesterday", "Thu, 01 Jan 99999999999 00:00:00 GMT"])
def test_an_answer_without_a_date_that_can_be_read_is_counted_from_our_own_clock(date: str) -> None:
    reset = str(int(time.time()) + 30)
    assert answered(date=date, x_ratelimit_reset_requests=reset).retry_after == pytest.approx(30.0, abs=2)


def test_a_reset_too_small_for_a_moment_is_seconds_from_now() -> None:
    assert answered(x_ratelimit_reset_requests="12.5").retry_after == 12.5
    assert answered(x_ratelimit_reset_requests="-1").retry_after is None


@pytest.mark.parametrize(
    ("headers", "expected"),
    [
        ({}, Quota()),
        ({"limit": "20", "remaining": "19", "reset": "60"}, Quota(20, 19, 60.0)),
        ({"limit": "20"}, Quota(limit=20)),
        ({"limit": "many", "remaining": "-1", "reset": "nan"}, Quota()),
        ({"limit": "1e999", "remaining": "3.7"}, Quota(remaining=3)),
    ],
)
def test_what_is_left_of_the_services_limit_is_read_from_its_headers(headers: dict[str, str], expected: Quota) -> None:
    named = httpx.Headers({f"x-ratelimit-{name}-requests": value for name, value in headers.items()})
    assert answers.quota(named) == expected


def test_retry_after_goes_before_the_vendors_reset() -> None:
    assert answered(retry_after="5", x_ratelimit_reset_requests=str(time.time() + 500)).retry_after == 5.0


def test_the_balance_is_read_where_it_is_a_number() -> None:
    found = answered(x_venice_balance_usd="1.25", x_venice_balance_diem="none")
    assert (found.balance_usd, found.balance_diem) == (1.25, None)


@pytest.mark.parametrize(
    ("document", "permitted"),
    [
        ({"data": {"accessPermitted": True, "balances": {"USD": 1.0, "DIEM": 0}}}, True),
        ({"data": {"accessPermitted": True, "balances": {"USD": 0, "DIEM": 0}}}, False),
        ({"data": {"accessPermitted": False, "balances": {"USD": 1}}}, False),
        ({"data": {"accessPermitted": True}}, True),
        ({"data": {"accessPermitted": "yes"}}, None),
        ({"data": []}, None),
        ([], None),
        ("text", None),
    ],
)
def test_the_free_query_is_believed_only_in_the_shape_that_is_known(document: object, permitted: bool | None) -> None:  # noqa: FBT001
    assert answers.permitted(document) is permitted


# --- what is secret -------------------------------------------------------------------------------------------------

SECRET = "vk-0123456789abcdef"  # noqa: S105 -- made up


@given(st.lists(st.sampled_from([SECRET, SECRET[:9], SECRET[9:], "v", "pixels"]), max_size=12), st.integers(1, 40))
def test_a_secret_in_a_body_is_hidden_wherever_it_is_cut_and_nothing_else_changes(parts: list[str], step: int) -> None:
    body = "".join(parts).encode()
    echo = BodyVeil(SECRET)
    passed = b"".join(echo.feed(body[start : start + step]) for start in range(0, len(body), step)) + echo.finish()
    assert passed == body.replace(SECRET.encode(), b"*" * len(SECRET))


def test_a_secret_so_short_that_a_picture_may_hold_it_by_chance_is_let_be() -> None:
    echo = BodyVeil("key")
    assert echo.feed(b"a key in the pixels") + echo.finish() == b"a key in the pixels"


def test_a_secret_within_another_is_hidden_with_it() -> None:
    assert Redactor("inner", "the-inner-key", "")("the-inner-key and inner") == "[secret] and [secret]"
