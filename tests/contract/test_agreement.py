"""The client's verdict on a request, made without asking, against the answer that the service gives to it.

Whatever the client refuses costs its owner a picture that the service would have made; whatever it sends and the
service refuses counts against the key; another size or price than planned is a bad answer or a wrong bill. Client and
sandbox know the contract from two texts that share no line, so requests are drawn on every edge of it and both judge.
"""

from __future__ import annotations

import io
import json
import math
import os
from contextlib import ExitStack
from dataclasses import dataclass
from fractions import Fraction
from functools import cache
from typing import TYPE_CHECKING, Any, Literal

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from PIL import Image

from tests.contract.uploads import PictureUpload
from tests.fakes import pictures
from tests.unit.config import writing
from watchd.adapters.http import bodies
from watchd.adapters.http.client import HttpEndpoint
from watchd.core.calls.outcomes import Answered, Lost, NotSent
from watchd.core.request import appraising, endpoint, sendable
from watchd.errors import ConfigurationError
from watchd.formats import containers
from watchd.formats.metadata.collecting import Metadata
from watchd.formats.picture import Format, Picture
from watchd.formats.png.png_chunks import chunk
from watchd.formats.reading import Original
from watchd.model import Api, Parameters
from watchd.sandbox import contract
from watchd.sandbox.serving import Sandbox, SandboxOptions

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping
    from pathlib import Path

    from hypothesis.strategies import SearchStrategy

    from watchd.core.request.endpoint import Dialect
    from watchd.model import Settings

Oversize = Literal["fit", "fail"]
Transfer = Literal["multipart", "json"]
Size = tuple[int, int]
Asked = dict[str, Any]
"""A profile as its user writes it."""

DIALECTS: tuple[Dialect, ...] = ("enhance", "creativity")
OVERSIZES: tuple[Oversize, ...] = ("fit", "fail")
TRANSFERS: tuple[Transfer, ...] = ("multipart", "json")
LEAST_IN = 65_536
MOST_OUT = 16_777_216
MOST_FILE = 25_000_000
ROUNDING = 2
FIELDS = {"enhance_creativity": "enhanceCreativity", "enhance_prompt": "enhancePrompt"}
YAML_FLAGS = {"yes": True, "off": False}

# --- the client -----------------------------------------------------------------------------------------------------


@pytest.fixture(scope="module")
def desk(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return tmp_path_factory.mktemp("configuration")


def configured(desk: Path, dialect: Dialect, oversize: Oversize, asked: Asked) -> Settings | None:
    """What the configuration with that profile loads to; None: it refuses the profile."""
    profile = json.dumps(asked, ensure_ascii=False)
    text = f"api: {{dialect: {dialect}}}\nfolders:\n- path: /srv/a\n  oversize: {oversize}\n  profile: {profile}\n"
    try:
        return writing.settings(desk, text)
    except ConfigurationError as error:
        problems = error.problems
    assert all("folders.0.profile" in problem for problem in problems)
    return None


def planned(loaded: Settings | None, size: Size, kind: Format = Format.PNG) -> Parameters | None:
    """What the client would send for a picture of that size; None: it refuses."""
    if loaded is None:
        return None
    plan = appraising.plan(Original(Picture(kind, *size), Metadata()), loaded.folders[0], loaded.api, list(Format))
    return plan if isinstance(plan, Parameters) else None


# --- the service ----------------------------------------------------------------------------------------------------


def served(
    fields: Mapping[str, object], size: Size, dialect: Dialect, *, textual: bool = False
) -> contract.Plan | contract.ContractRefusal:
    """What the service makes of the fields with a picture of that size."""
    read = contract.read_parameters(fields, has_image=True, textual=textual, dialect=dialect)
    return read if isinstance(read, contract.ContractRefusal) else contract.plan_result(read, *size)


def raw(asked: Asked) -> dict[str, object]:
    """The request of somebody who asks for the same without the client."""
    said = {FIELDS.get(key, key): value for key, value in asked.items()}
    if isinstance(said.get("enhance"), str):
        said["enhance"] = YAML_FLAGS.get(said["enhance"], said["enhance"])
    return said


def as_json(sent: Parameters) -> dict[str, object]:
    """The fields as they leave in JSON."""
    body = bodies.as_json(PictureUpload(b"", sent))
    fields: dict[str, object] = json.loads(body.head + body.tail)
    del fields["image"]
    return fields


def as_form(sent: Parameters) -> dict[str, object]:
    """The fields as they leave in a form."""
    body = bodies.multipart(PictureUpload(b"", sent))
    boundary = body.content_type.partition("boundary=")[2]
    fields: dict[str, object] = {}
    for part in body.head.decode().split(f"--{boundary}\r\n")[1:-1]:
        head, _, value = part.partition("\r\n\r\n")
        fields[head.split('"')[1]] = value.removesuffix("\r\n")
    return fields


# --- requests on the edges ------------------------------------------------------------------------------------------

# A scale of a few decimals can fit to the last pixel only where it is 2^a / 5^b: 1.28, 1.6, 2.048, 2.56, 3.2.
GOOD_SCALES = [
    1, 1.00001, 1.00004, 1.0001, 1.1728, 1.28, 1.5, 1.6, 1.9999, 1.99996, 2, 2.0, 2.00004, 2.0001, 2.048, 2.56, 3,
    3.2, 3.3333, 3.9999, 3.99996, 4, 4.0,
]  # fmt: skip
BAD_SCALES: list[object] = [-1, 0, 0.9999, 0.99996, 4.00004, 4.0001, math.inf, None, "2", True, [2]]
GOOD_SHARES = [0, -0.0, 1e-05, 0.02, 0.0201, 0.35, 0.5, 0.9999, 1, 1.0]
BAD_SHARES: list[object] = [-0.0001, 1.0001, "0.5", True]
GOOD_CREATIVITIES = [0, -0.0, 1e-05, 0.01, 0.0199, 0.02]
BAD_CREATIVITIES: list[object] = [-0.0001, 0.0201, 1, "0.01", True]


def mostly(good: list[Any], bad: list[Any]) -> SearchStrategy[Any]:
    """Mostly what both sides take by itself, or one wrong value would decide nearly every request."""
    return st.sampled_from([*good * math.ceil(6 * len(bad) / len(good)), *bad])


SCALES = st.one_of(st.floats(1, 4), mostly(GOOD_SCALES, BAD_SCALES), mostly(GOOD_SCALES, BAD_SCALES))
SHARES = mostly(GOOD_SHARES, BAD_SHARES)
CREATIVITIES = mostly(GOOD_CREATIVITIES, BAD_CREATIVITIES)
PROMPTS = st.builds(
    lambda text, length: (text * length)[:length],
    st.sampled_from(["x", "\u00f6", "\U0001f600", '", \r\n--']),
    mostly([1, 2, 1499, 1500], [1501]),
)
# Not drawn, since the configuration is stricter on purpose: what `STRICTER` lists, the enhancer's fields wherever the
# enhancer does not run, and the text "true", which is a flag in a form and not in YAML.
_ENHANCED: SearchStrategy[Asked] = st.fixed_dictionaries(
    {"enhance": st.sampled_from([True, "yes"])},
    optional={"scale": SCALES, "enhance_prompt": PROMPTS, "enhance_creativity": SHARES, "replication": SHARES},
)
_PLAIN: SearchStrategy[Asked] = st.fixed_dictionaries(
    {}, optional={"scale": SCALES, "enhance": st.sampled_from([False, "off"]), "replication": SHARES}
)
_WRONG: SearchStrategy[Asked] = st.fixed_dictionaries(
    {"enhance": st.sampled_from([1, None, "perhaps", []])}, optional={"scale": SCALES}
)
_FOREIGN: SearchStrategy[Asked] = st.fixed_dictionaries({"creativity": CREATIVITIES}, optional={"scale": SCALES})
PROFILES = {
    # The two that are always refused, seldom.
    "enhance": st.sampled_from([*[_ENHANCED, _PLAIN] * 4, _WRONG, _FOREIGN]).flatmap(lambda profiles: profiles),
    "creativity": st.fixed_dictionaries(
        {}, optional={"scale": SCALES, "creativity": CREATIVITIES, "enhance": st.just(False)}
    ),
}


@cache
def divisors(pixels: int) -> list[int]:
    return [side for side in range(64, math.isqrt(pixels) + 1) if pixels % side == 0] or [64]


@st.composite
def sizes(draw: st.DrawFn, scale: float) -> Size:
    """Width and height about one of the areas at which an answer changes.

    Those are the smallest picture, the largest result, and where a reduced scale comes to 2 and to 1.
    """
    if draw(st.integers(0, 9)) == 0:
        return draw(st.integers(1, 9000)), draw(st.integers(1, 9000))
    edges = [Fraction(LEAST_IN), MOST_OUT / Fraction(str(scale)) ** 2, Fraction(MOST_OUT, 4), Fraction(MOST_OUT)]
    area = draw(st.sampled_from(edges))
    longest = math.isqrt(math.floor(area))
    one = draw(
        st.one_of(
            st.integers(62, 66),
            st.integers(62, longest),
            st.integers(longest * 9 // 10, longest),
            st.sampled_from(divisors(math.floor(area))),
        )
    )
    beside = draw(st.one_of(st.integers(-1, 1), st.integers(-13, 3)))
    other = math.floor(area / one) + beside
    return (one, other) if draw(st.booleans()) else (other, one)


@st.composite
def requests(draw: st.DrawFn, dialect: Dialect) -> tuple[Asked, list[Size]]:
    """One profile and a few sizes: the same configuration serves many pictures."""
    asked: Asked = draw(PROFILES[dialect])
    scale = asked.get("scale", 2)
    known = isinstance(scale, int | float) and not isinstance(scale, bool) and 1 <= scale <= 4
    return asked, draw(st.lists(sizes(scale if known else 2), min_size=1, max_size=6))


def assert_agreement(plan: Parameters | None, asked: Asked, size: Size, dialect: Dialect) -> None:
    if plan is None:
        assert isinstance(served(raw(asked), size, dialect), contract.ContractRefusal)
        return
    for answer in (
        served(as_json(plan), size, dialect),
        served(as_form(plan), size, dialect, textual=True),
    ):
        assert isinstance(answer, contract.Plan)
        assert abs(answer.width - plan.width) <= ROUNDING
        assert abs(answer.height - plan.height) <= ROUNDING
        assert answer.price_micro == plan.price


EXAMPLES = 500 if os.environ.get("WATCHD_FAULTS") == "full" else 150


@pytest.mark.parametrize("oversize", OVERSIZES)
@pytest.mark.parametrize("dialect", DIALECTS)
@settings(max_examples=EXAMPLES, deadline=None)
@given(data=st.data())
def test_the_client_and_the_service_never_disagree(
    desk: Path, dialect: Dialect, oversize: Oversize, data: st.DataObject
) -> None:
    asked, drawn = data.draw(requests(dialect))
    loaded = configured(desk, dialect, oversize, asked)
    for size in drawn:
        assert_agreement(planned(loaded, size), asked, size, dialect)


@settings(max_examples=EXAMPLES, deadline=None)
@given(data=st.data())
def test_with_oversize_fail_exactly_what_the_service_would_make_of_the_profile_is_made(
    desk: Path, data: st.DataObject
) -> None:
    dialect = data.draw(st.sampled_from(DIALECTS))
    asked, drawn = data.draw(requests(dialect))
    loaded = configured(desk, dialect, "fail", asked)
    for size in drawn:
        plan, alone = planned(loaded, size), served(raw(asked), size, dialect)
        if plan is None:
            assert isinstance(alone, contract.ContractRefusal)
        else:
            assert served(as_json(plan), size, dialect) == alone


@settings(max_examples=EXAMPLES, deadline=None)
@given(data=st.data())
def test_no_result_is_planned_that_passes_the_largest(desk: Path, data: st.DataObject) -> None:
    dialect = data.draw(st.sampled_from(DIALECTS))
    asked, drawn = data.draw(requests(dialect))
    loaded = configured(desk, dialect, "fit", asked)
    for size in drawn:
        plan = planned(loaded, size)
        assert plan is None or plan.width * plan.height <= MOST_OUT


GOLD: Asked = {"enhance": True, "scale": 4}
RETOUCH: Asked = {"enhance": True, "scale": 1}
TAKEN: list[tuple[Dialect, Oversize, Asked, Size]] = [
    ("enhance", "fail", {}, (256, 256)),
    ("enhance", "fail", {}, (64, 1024)),
    ("enhance", "fail", {}, (2048, 2048)),
    ("enhance", "fit", {}, (2048, 2049)),
    ("enhance", "fail", {"scale": 1.00001}, (300, 300)),
    ("enhance", "fail", {"scale": 1.0001}, (300, 300)),
    ("enhance", "fail", {"scale": 1.6}, (2560, 2560)),
    ("enhance", "fail", {"scale": 2.0001}, (300, 300)),
    ("enhance", "fail", {"scale": 4}, (1920, 1080)),
    ("enhance", "fit", {"scale": 3.9999}, (1920, 1080)),
    ("enhance", "fail", {"scale": 4}, (2048, 2048)),
    ("enhance", "fail", {"scale": 4}, (2047, 2048)),
    ("enhance", "fail", {"scale": 4}, (4094, 4096)),
    ("enhance", "fail", GOLD, (3700, 4533)),
    ("enhance", "fail", GOLD, (4096, 4096)),
    ("enhance", "fail", RETOUCH, (4096, 4096)),
    ("enhance", "fit", {"enhance": True}, (4096, 4096)),
    ("enhance", "fail", {"enhance": True, "enhance_prompt": "x" * 1500}, (256, 256)),
    ("enhance", "fail", {"enhance": True, "enhance_creativity": 1, "replication": 0}, (256, 256)),
    ("creativity", "fail", {}, (256, 256)),
    ("creativity", "fail", {"creativity": 0.02}, (256, 256)),
    ("creativity", "fail", {}, (4032, 3024)),
]
REFUSED: list[tuple[Dialect, Oversize, Asked, Size]] = [
    ("enhance", "fit", {}, (255, 257)),
    ("enhance", "fit", {}, (63, 1041)),
    ("enhance", "fit", {}, (1041, 63)),
    ("enhance", "fail", {}, (2048, 2049)),
    ("enhance", "fit", {"scale": 1}, (300, 300)),
    ("enhance", "fit", {"scale": 4.0001}, (300, 300)),
    ("enhance", "fit", {"scale": 0.9999, "enhance": True}, (300, 300)),
    ("enhance", "fail", {"scale": 1.6}, (2560, 2561)),
    ("enhance", "fail", {"scale": 3.9999}, (1920, 1080)),
    ("enhance", "fail", {"scale": 3.99996}, (1920, 1080)),
    ("enhance", "fit", {"scale": 4}, (3700, 4533)),
    ("enhance", "fit", {"scale": 4}, (4096, 4096)),
    ("enhance", "fit", GOLD, (4096, 4097)),
    ("enhance", "fit", RETOUCH, (4096, 4097)),
    ("enhance", "fit", {"enhance": True, "enhance_prompt": "x" * 1501}, (256, 256)),
    ("enhance", "fit", {"enhance": True, "enhance_creativity": 1.0001}, (256, 256)),
    ("enhance", "fit", {"replication": -0.0001}, (256, 256)),
    ("enhance", "fit", {"creativity": 0.01}, (256, 256)),
    ("creativity", "fit", {"scale": 1}, (300, 300)),
    ("creativity", "fit", {"scale": 1.9999}, (300, 300)),
    ("creativity", "fit", {"creativity": 0.0201}, (256, 256)),
    ("creativity", "fit", {}, (3700, 4533)),
    ("creativity", "fit", {}, (6000, 4000)),
]


@pytest.mark.parametrize(("dialect", "oversize", "asked", "size"), TAKEN)
def test_what_lies_just_inside_an_edge_is_taken_by_both(
    desk: Path, dialect: Dialect, oversize: Oversize, asked: Asked, size: Size
) -> None:
    plan = planned(configured(desk, dialect, oversize, asked), size)
    assert plan is not None
    assert_agreement(plan, asked, size, dialect)


@pytest.mark.parametrize(("dialect", "oversize", "asked", "size"), REFUSED)
def test_what_lies_just_outside_an_edge_is_refused_by_both(
    desk: Path, dialect: Dialect, oversize: Oversize, asked: Asked, size: Size
) -> None:
    assert planned(configured(desk, dialect, oversize, asked), size) is None
    assert isinstance(served(raw(asked), size, dialect), contract.ContractRefusal)


STRICTER: list[tuple[Dialect, Asked]] = [
    ("enhance", {"enhance_prompt": "gold"}),
    ("enhance", {"enhance_creativity": 0.5}),
    ("enhance", {"enhance": True, "enhance_prompt": ""}),
    ("enhance", {"enhance": True, "enhance_creativity": None}),
    ("enhance", {"replication": None}),
    ("creativity", {"enhance": True}),
    ("creativity", {"enhance_prompt": "gold"}),
    ("creativity", {"enhance_creativity": 0.5}),
    ("creativity", {"replication": 0.35}),
]


@pytest.mark.parametrize(("dialect", "asked"), STRICTER)
def test_what_the_service_would_take_and_not_heed_is_refused_by_the_configuration(
    desk: Path, dialect: Dialect, asked: Asked
) -> None:
    assert configured(desk, dialect, "fit", asked) is None
    assert isinstance(served(raw(asked), (256, 256), dialect), contract.Plan)


# --- on the wire ----------------------------------------------------------------------------------------------------


@dataclass(frozen=True)
class Answer:
    """What a call came to: its status, the bytes of a picture, and what was charged in micro-dollars."""

    status: int
    picture: bytes
    charged: int


class Counter:
    """One sandbox, and a client of it for each transfer."""

    def __init__(self, sandbox: Sandbox, clients: Mapping[Transfer, HttpEndpoint]) -> None:
        self._sandbox = sandbox
        self._clients = clients

    def hand_in(self, data: bytes, sent: Parameters, transfer: Transfer) -> Answer:
        before, received = self._charged(), bytearray()

        def keep(piece: bytes) -> bool:
            received.extend(piece)
            return True

        result = self._clients[transfer].call(PictureUpload(data, sent), lambda: None, keep)
        assert not isinstance(result, Lost | NotSent), result.reason
        charged = self._charged() - before
        if isinstance(result, Answered):
            return Answer(result.answer.status, b"", charged)
        assert result.content_type == "image/png"
        return Answer(200, bytes(received), charged)

    def _charged(self) -> int:
        return int(self._sandbox.charges().usd * 1_000_000)


@pytest.fixture(scope="module")
def counters() -> Iterator[Mapping[Dialect, Counter]]:
    with ExitStack() as stack:
        made: dict[Dialect, Counter] = {}
        for dialect in DIALECTS:
            sandbox = stack.enter_context(Sandbox(SandboxOptions(engine="fast", dialect=dialect)))
            clients = {
                transfer: HttpEndpoint(Api(base_url=sandbox.base_url, transfer=transfer, timeout=30.0), lambda: "key")
                for transfer in TRANSFERS
            }
            for client in clients.values():
                stack.callback(client.close)
            made[dialect] = Counter(sandbox, clients)
        yield made


def judged(loaded: Settings | None, data: bytes) -> Parameters | None:
    """What the client would send for the file; None: it refuses."""
    found = containers.inspect(data)
    if len(data) > endpoint.MAX_UPLOAD_BYTES or not isinstance(found, Picture) or found.format not in sendable.TAKEN:
        return None
    return planned(loaded, (found.width, found.height), found.format)


def unjudged(asked: Asked) -> Parameters:
    """The same request from somebody who sends without judging."""
    fields = tuple((name, value) for name, value in raw(asked).items() if isinstance(value, str | int | float))
    return Parameters(0.0, 0.0, 0, 0, fields, "", 0)


def assert_answer(counter: Counter, data: bytes, plan: Parameters | None, asked: Asked, transfer: Transfer) -> None:
    answer = counter.hand_in(data, plan or unjudged(asked), transfer)
    if plan is None:
        assert 400 <= answer.status < 500
        assert answer.charged == 0
        return
    assert (answer.status, answer.charged) == (200, plan.price)
    found = containers.inspect(answer.picture)
    assert isinstance(found, Picture)
    assert found.format is Format.PNG
    assert abs(found.width - plan.width) <= ROUNDING
    assert abs(found.height - plan.height) <= ROUNDING


# A turned picture is measured as it is stored: the tag says how to show it.
TURNED = "JPEG, turned"
KINDS = ("PNG", "JPEG", "WEBP", TURNED)
SMALL = [
    (256, 256), (255, 257), (257, 255), (256, 255), (257, 256), (64, 1024), (1024, 64), (64, 1023), (63, 1041),
    (1041, 63), (65, 1008), (65, 1009), (127, 516), (127, 517), (300, 219),
]  # fmt: skip
ON_THE_WIRE: dict[Dialect, list[Asked]] = {
    "enhance": [
        {}, {"scale": 1}, {"scale": 1.0001}, {"scale": 1.5, "replication": 0}, {"scale": 2.0001}, {"scale": 4},
        {"scale": 4.0001}, {"replication": 1.0001}, RETOUCH,
        {"enhance": True, "enhance_prompt": 'g\u00f6ld, "marble"\r\n--x', "enhance_creativity": 1e-05},
        {"enhance": True, "enhance_prompt": "\U0001f600" * 1500}, {"enhance": True, "enhance_prompt": "x" * 1501},
    ],
    "creativity": [
        {}, {"scale": 1}, {"scale": 1.9999}, {"scale": 2.0001}, {"scale": 4, "creativity": 0}, {"creativity": 0.02},
        {"creativity": 0.0201},
    ],
}  # fmt: skip


@cache
def encoded(kind: str, size: Size) -> bytes:
    """A file of that kind as Pillow writes it; one pattern at every size."""
    image, file = Image.merge("RGB", [Image.radial_gradient("L")] * 3).resize(size), io.BytesIO()
    if kind == TURNED:
        tags = Image.Exif()
        tags[0x0112] = 6
        image.save(file, "JPEG", exif=tags)
    else:
        image.save(file, kind)
    return file.getvalue()


@pytest.mark.parametrize("dialect", DIALECTS)
@settings(max_examples=120, deadline=None)
@given(data=st.data())
def test_a_picture_of_the_smallest_sizes_is_answered_as_the_client_foretells(
    desk: Path, counters: Mapping[Dialect, Counter], dialect: Dialect, data: st.DataObject
) -> None:
    picture = encoded(data.draw(st.sampled_from(KINDS)), data.draw(st.sampled_from(SMALL)))
    asked = data.draw(st.sampled_from(ON_THE_WIRE[dialect]))
    plan = judged(configured(desk, dialect, "fit", asked), picture)
    assert_answer(counters[dialect], picture, plan, asked, data.draw(st.sampled_from(TRANSFERS)))


LEAST_CUT = {"PNG": 1, "WEBP": 1, "JPEG": 1}
"""How many bytes are missing at least."""


@settings(max_examples=60, deadline=None)
@given(kind=st.sampled_from(sorted(LEAST_CUT)), size=st.sampled_from([(256, 256), (248, 281)]), data=st.data())
def test_a_file_cut_anywhere_is_refused_by_both(
    desk: Path, counters: Mapping[Dialect, Counter], kind: str, size: Size, data: st.DataObject
) -> None:
    whole, least = encoded(kind, size), LEAST_CUT[kind]
    missing = data.draw(st.one_of(st.integers(least, 40), st.integers(least, len(whole))))
    cut = whole[: len(whole) - missing]
    assert judged(configured(desk, "enhance", "fit", {}), cut) is None
    assert_answer(counters["enhance"], cut, None, {}, data.draw(st.sampled_from(TRANSFERS)))


@pytest.mark.parametrize("missing", [1, 2])
def test_a_jpeg_that_lacks_only_its_end_marker_is_refused_by_both(
    desk: Path, counters: Mapping[Dialect, Counter], missing: int
) -> None:
    cut = encoded("JPEG", (248, 281))[:-missing]
    assert judged(configured(desk, "enhance", "fit", {}), cut) is None
    assert_answer(counters["enhance"], cut, None, {}, "multipart")


@pytest.mark.parametrize("transfer", TRANSFERS)
@pytest.mark.parametrize("kind", ["GIF", "BMP", "TIFF", "PPM", "ICO", "JPEG2000", "PDF"])
def test_a_file_of_another_format_is_refused_by_both(
    desk: Path, counters: Mapping[Dialect, Counter], kind: str, transfer: Transfer
) -> None:
    other = encoded(kind, (256, 256))
    assert judged(configured(desk, "enhance", "fit", {}), other) is None
    assert_answer(counters["enhance"], other, None, {}, transfer)


@pytest.mark.parametrize("transfer", TRANSFERS)
@pytest.mark.parametrize("data", [b"", b"\0" * 4096, b"<!DOCTYPE html>", b"<svg xmlns='http://www.w3.org/2000/svg'/>"])
def test_what_is_no_picture_at_all_is_refused_by_both(
    desk: Path, counters: Mapping[Dialect, Counter], data: bytes, transfer: Transfer
) -> None:
    assert judged(configured(desk, "enhance", "fit", {}), data) is None
    assert_answer(counters["enhance"], data, None, {}, transfer)


def of_bytes(size: int) -> bytes:
    """A small picture in a file of exactly that size, by a remark in it."""
    small = pictures.png(256, 256)
    end = len(small) - len(chunk(b"IEND", b""))
    remark = b"Comment\0".ljust(size - len(small) - len(chunk(b"tEXt", b"")), b"x")
    return small[:end] + chunk(b"tEXt", remark) + small[end:]


@pytest.mark.parametrize("transfer", TRANSFERS)
def test_the_largest_file_is_taken_by_both(desk: Path, counters: Mapping[Dialect, Counter], transfer: Transfer) -> None:
    largest = of_bytes(MOST_FILE - 1)
    plan = judged(configured(desk, "enhance", "fit", {}), largest)
    assert plan is not None
    assert_answer(counters["enhance"], largest, plan, {}, transfer)


def test_one_byte_more_than_the_largest_file_is_refused_by_both(
    desk: Path, counters: Mapping[Dialect, Counter]
) -> None:
    larger = of_bytes(MOST_FILE)
    assert judged(configured(desk, "enhance", "fit", {}), larger) is None
    assert counters["enhance"].hand_in(larger, unjudged({}), "multipart") == Answer(413, b"", 0)


def test_as_json_the_client_keeps_below_what_the_service_takes(desk: Path, counters: Mapping[Dialect, Counter]) -> None:
    # On purpose: in JSON the service limits the body, to 35 MB, and the client has one limit for both transfers, so
    # that a file does not become too large when the transfer is changed.
    larger = of_bytes(MOST_FILE)
    assert judged(configured(desk, "enhance", "fit", {}), larger) is None
    assert counters["enhance"].hand_in(larger, unjudged({}), "json").status == 200
