"""The whole program against a service that lies: no lie becomes an output, and none stops, swells or bleeds it."""

from __future__ import annotations

import hashlib
import io
import itertools
import json
import os
import random
import re
import socket
import struct
import zlib
from bisect import bisect_left
from collections import Counter
from contextlib import ExitStack, suppress
from dataclasses import dataclass, field
from functools import cache
from pathlib import Path
from threading import Lock
from typing import TYPE_CHECKING, Any, Self

import pytest
from PIL import Image, PngImagePlugin

from tests.fakes import pictures as plain
from tests.fakes.lies import LIES, Lie, Scene, flaw, honest, measured
from tests.fakes.raw_server import PATIENCE, Peer, RawServer
from tests.system.house import KEY, Daemon, House, until
from tests.system.pictures import picture
from tests.unit.formats import sample_pictures as sample
from watchd.core.request.endpoint import MAX_ANSWER_BYTES
from watchd.formats.png.png_chunks import SIGNATURE, chunk, chunks
from watchd.model import Outcome

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator

SEED = int(os.environ.get("WATCHD_SEED", "0")) or random.SystemRandom().randrange(1, 1_000_000)
FULL = os.environ.get("WATCHD_FAULTS") == "full"
MOST_MEMORY = 300_000_000
SIDE = 256
DEADLINE = 3.0
pytestmark = pytest.mark.timeout(240)  # whoever comes first hears all lies
ENDED = {"done", "failed", "unknown"}
STATES = {
    Outcome.OK: "done",
    Outcome.BAD_ANSWER: "unknown",
    Outcome.LOST: "unknown",
    Outcome.REFUSED: "failed",
    Outcome.NETWORK: "done",  # back in the queue, and then it was told the truth
}


class Service:
    """Treats each call by the number of its picture, and keeps its own books of the calls that came whole."""

    def __init__(self, treat: Callable[[Peer, int], None], number: Callable[[Peer], int]) -> None:
        self._treat = treat
        self._number = number
        self._lock = Lock()
        self._calls: list[tuple[int, Peer]] = []
        self.server = RawServer(self._serve)

    def _serve(self, peer: Peer) -> None:
        number = self._number(peer)
        with self._lock:
            self._calls.append((number, peer))
        self._treat(peer, number)

    def complete(self) -> Counter[int]:
        """How many requests came whole, by the number of their picture."""
        with self._lock:
            return Counter(number for number, peer in self._calls if peer.complete)

    def __enter__(self) -> Self:
        self.server.__enter__()
        return self

    def __exit__(self, *_: object) -> None:
        self.server.__exit__()


def configure(house: House, service: Service, **api: Any) -> None:
    """As the house does, but for another service than its sandbox: this one keeps its own books."""
    known = {
        "base_url": service.server.base_url, "key_file": str(house.key), "requests_per_minute": 0, "workers": WORKERS,
    }  # fmt: skip
    whole = {
        "api": known | api,
        "state_dir": str(house.state),
        "folders": [house.folder(settle="50ms")],
        "log": {"format": "json", "level": "debug"},
        "approval": {"cost": None},
    }
    house.config.write_text(json.dumps(whole))


def peak_memory(daemon: Daemon) -> int:
    """Bytes that it had in memory at most so far."""
    found = re.search(r"^VmHWM:\s+(\d+) kB$", Path(f"/proc/{daemon.pid}/status").read_text(), re.MULTILINE)
    assert found is not None
    return int(found[1]) * 1024


def armed(house: House) -> Counter[str]:
    """How many attempts of each path the ledger has as armed."""
    rows = house.read(
        "SELECT CAST(job.path AS TEXT) AS path FROM attempt JOIN job ON job.id = attempt.job_id"
        " WHERE armed_at IS NOT NULL"
    )
    return Counter(str(row["path"]) for row in rows)


def give_time(house: House, count: int, seconds: float) -> None:
    """Until so many jobs have ended, or for so long: those that have not are for the tests to name."""
    marks = ", ".join("?" * len(ENDED))
    query = f"SELECT count(*) AS ended FROM jobs WHERE state IN ({marks})"
    with suppress(AssertionError):
        until(lambda: house.read(query, *ENDED)[0]["ended"] >= count, "all have ended", seconds)


# One picture for each lie

EVERY = 1
"""Behind so many lies the truth is told once: pictures end the rows of doubts that would close the gate for all."""
WORKERS = 24
"""As many doubts in a row would close it; files come in no order, so a row of that length is as good as impossible."""
STEP = 4
HEAVY_SIDE = 1850


@dataclass(slots=True, repr=False)
class Told:
    """One picture, what was said to it first, and what came of it."""

    lie: Lie | None
    data: bytes
    scene: Scene | None = None
    job: dict[str, Any] = field(default_factory=dict)
    attempts: list[dict[str, Any]] = field(default_factory=list)
    evidence: list[bytes] = field(default_factory=list)
    log: str = ""
    output: bytes | None = None
    complete: int = 0
    armed: int = 0

    @property
    def path(self) -> str:
        return f"{self.lie.name if self.lie else 'the truth'} {len(self.data)}.png".replace("/", " of ")

    @property
    def right(self) -> bytes:
        """What the service should have said."""
        width, height = measured(self.data)
        return honest(2 * width, 2 * height)


@dataclass(frozen=True, slots=True, repr=False)
class Street:
    """A daemon that has been told everything in the catalogue, each lie for a picture of its own."""

    house: House
    daemon: Daemon
    trap: RawServer
    pictures: list[Told]
    last: Told
    """Not dropped yet."""

    def of(self, lie: Lie) -> Told:
        (found,) = (told for told in self.pictures if told.lie is lie)
        return found


def heavy(number: int) -> bytes:
    """More bytes than sockets hold on their way, and a size of its own."""
    width = HEAVY_SIDE + number
    out = io.BytesIO()
    noise = random.Random(number).randbytes(3 * width * HEAVY_SIDE)
    Image.frombytes("RGB", (width, HEAVY_SIDE), noise).save(out, "PNG", compress_level=0)
    return out.getvalue()


def all_pictures() -> list[Told]:
    """Each of a length of its own, by which the service knows it before it has read it."""
    # Lies of one kind stand together in the catalogue and are told far apart.
    order: list[Lie | None] = [lie for start in range(11) for lie in LIES[start::11]]
    for at in range(len(order), 0, -EVERY):
        order.insert(at, None)
    assert order[-1] is None
    return [
        Told(lie, heavy(number) if lie and lie.heavy else plain.picture(number, SIDE + STEP * number, SIDE))
        for number, lie in enumerate(order)
    ]


def announced(peer: Peer) -> int:
    """The length of the request's body, without reading a byte of the request."""
    head = b""
    while b"\r\n\r\n" not in head:
        head = peer._connection.recv(65_536, socket.MSG_PEEK)
        if not head:
            raise ConnectionError("the client has left")
    found = re.search(rb"(?i)\r\ncontent-length: *(\d+)", head)
    assert found is not None
    return int(found[1])


@pytest.fixture(scope="module")
def street(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Street]:
    *pictures, last = known = all_pictures()
    by_length = sorted((len(told.data), number) for number, told in enumerate(known))
    with ExitStack() as stack:
        house = stack.enter_context(House(tmp_path_factory.mktemp("street")))
        trap = stack.enter_context(RawServer(Peer.close))

        def number(peer: Peer) -> int:
            # The largest picture that fits: what a request has beside it is less than what two of them differ by.
            return by_length[bisect_left(by_length, (announced(peer), 0)) - 1][1]

        def treat(peer: Peer, number: int) -> None:
            told = known[number]
            if told.lie is not None and told.scene is None:
                told.scene = Scene(told.right, trap.base_url, service.server.over)
                told.lie.tell(peer, told.scene)
                return
            peer.read_head()
            peer.read_body()
            peer.answer("200 OK", told.right, "Content-Type: image/png")

        service = stack.enter_context(Service(treat, number))
        configure(house, service, timeout=f"{DEADLINE:g}s")
        for told in pictures:
            house.drop(told.path, told.data)
        daemon = house.start()
        give_time(house, len(pictures), 90.0)
        look(house, daemon, service, pictures)
        yield Street(house, daemon, trap, pictures, last)
        assert daemon.stop() == 0


def look(house: House, daemon: Daemon, service: Service, pictures: list[Told]) -> None:
    """Put down what became of each picture."""
    jobs = {job["path"]: job for job in house.jobs()}
    attempts = house.attempts()
    complete, counted = service.complete(), armed(house)
    lines = daemon.text.splitlines()
    for number, told in enumerate(pictures):
        told.job = jobs[told.path]
        told.attempts = [attempt for attempt in attempts if attempt["job_id"] == told.job["id"]]
        told.complete, told.armed = complete[number], counted[told.path]
        told.evidence = [path.read_bytes() for path in (house.state / "evidence").glob(f"{told.job['id']}-*")]
        told.log = "\n".join(line for line in lines if told.path in line)
        output = house.out / told.path
        told.output = output.read_bytes() if output.exists() else None


@pytest.fixture(scope="module", params=LIES, ids=lambda lie: str(lie.name))
def told(request: pytest.FixtureRequest, street: Street) -> Told:
    return street.of(request.param)


def test_a_lie_is_booked_as_what_it_is_and_its_picture_ends_as_the_table_says(told: Told) -> None:
    assert told.lie is not None
    assert told.scene is not None
    assert told.scene.fired.wait(PATIENCE), "the lie was never told"
    first, *later = [Outcome(attempt["outcome"]) for attempt in told.attempts]
    assert first in told.lie.comes_to, told.attempts
    assert told.job["state"] == STATES[first]
    assert later == ([Outcome.OK] if first is Outcome.NETWORK else []), "sent again, and nobody had asked for it"
    booked = 0.0 if first in {Outcome.REFUSED, Outcome.NETWORK} else 0.02
    assert told.attempts[0]["cost"] == booked
    assert told.complete == told.armed == sum(outcome is not Outcome.NETWORK for outcome in [first, *later])


def test_a_lie_becomes_no_output_unless_it_was_the_picture_after_all(told: Told) -> None:
    assert (told.output is not None) == (told.job["state"] == "done")
    if told.output is not None:
        assert flaw(told.output, measured(told.right)) is None


def test_a_bad_answer_lies_in_evidence_as_it_came_and_nothing_else_does(told: Told) -> None:
    bad = [attempt["received_bytes"] for attempt in told.attempts if attempt["outcome"] == "bad_answer"]
    assert len(told.evidence) == len(bad), "or more bad answers came than are kept"
    for received, kept in zip(bad, told.evidence, strict=True):
        # The piece that passes the most that any answer may have is counted, and not kept.
        assert len(kept) == received or len(kept) <= MAX_ANSWER_BYTES < received


def test_a_lie_gets_the_key_into_no_row_no_line_and_no_evidence(told: Told) -> None:
    assert KEY not in json.dumps([told.job, told.attempts])
    assert KEY not in told.log
    assert not any(KEY.encode() in data for data in told.evidence)


def test_a_daemon_that_was_told_every_lie_lives_publishes_the_truth_and_has_not_grown(street: Street) -> None:
    house, daemon = street.house, street.daemon
    assert daemon.process.poll() is None, daemon.text
    # The slowest lies end last and together: with no picture between them they may have closed the service.
    assert house.watchd("resume").returncode == 0
    house.drop(street.last.path, street.last.data)
    output = house.out / street.last.path
    until(output.exists, "it goes on")
    assert flaw(output.read_bytes(), measured(street.last.right)) is None
    truths = [told for told in street.pictures if told.lie is None]
    assert [told.path for told in truths if told.output is None or flaw(told.output, measured(told.right))] == []
    assert len(truths) >= len(LIES) // EVERY - 1  # the last of them is dropped here
    assert peak_memory(daemon) < MOST_MEMORY
    assert "Traceback" not in daemon.text
    assert street.trap.peers == [], "a picture or the key was on its way to another server"


def test_the_key_stands_nowhere_in_the_state_of_a_daemon_that_was_told_every_lie(street: Street) -> None:
    told = [
        str(path.relative_to(street.house.state))
        for path in street.house.state.rglob("*")
        if path.is_file() and KEY.encode() in path.read_bytes()
    ]
    assert told == []
    assert KEY not in street.daemon.text


# Right answers, mutated

PICTURES = 10_000 if FULL else 300
TRUTH_EVERY = 3
"""By the order of calls: doubts in a row would close the gate."""
KINDS = b"IHDR PLTE IDAT IEND tRNS gAMA pHYs tEXt acTL fcTL fdAT abCd ABCD".split()
Part = tuple[bytes, bytes]
"""Kind and body of a chunk."""


@cache
def right_answers() -> tuple[bytes, ...]:
    """One of each kind of PNG, with all that may stand beside the pixels, and its pixels in several chunks."""
    side = 2 * SIDE
    grey = Image.linear_gradient("L").resize((side, side))
    grey.paste(Image.frombytes("L", (48, 48), random.Random(1).randbytes(48 * 48)), (100, 100))
    colour = Image.merge("RGB", (grey, grey.rotate(90), grey.rotate(180)))
    wide = Image.frombytes("I;16", (side, side), grey.convert("LA").tobytes())
    pictures = [grey, grey.convert("1"), grey.convert("LA"), colour, colour.convert("RGBA"), colour.quantize(64), wide]
    answers = [beside(image, transparent) for image in pictures for transparent in (False, True)]
    return (*answers, sample.interlaced(colour), sample.interlaced(grey))


def beside(image: Image.Image, transparent: bool) -> bytes:  # noqa: FBT001 -- two of each
    told = PngImagePlugin.PngInfo()
    told.add_text("Software", "a service")
    told.add_text("Comment", "enlarged " * 40, zip=True)
    told.add_itxt("Title", "a picture")
    told.add(b"gAMA", struct.pack(">I", 45_455))
    told.add(b"cHRM", struct.pack(">8I", 31_270, 32_900, 64_000, 33_000, 30_000, 60_000, 15_000, 6_000))
    clear = {"L": 0, "P": 0, "RGB": (0, 0, 0), "1": 0}.get(image.mode)
    more: dict[str, Any] = {"transparency": clear} if transparent and clear is not None else {}
    if image.mode in {"RGB", "RGBA", "P"}:
        more["icc_profile"] = sample.SRGB
    out = io.BytesIO()
    image.save(out, "PNG", pnginfo=told, dpi=(300, 300), **more)
    parts = parts_of(out.getvalue())
    stream = b"".join(body for kind, body in parts if kind == b"IDAT")
    first = next(at for at, (kind, _) in enumerate(parts) if kind == b"IDAT")
    third = -(-len(stream) // 3)
    pixels = [(b"IDAT", stream[start : start + third]) for start in range(0, len(stream), third)]
    others = [part for part in parts if part[0] != b"IDAT"]
    return whole(others[:first] + pixels + others[first:])


def parts_of(data: bytes) -> list[Part]:
    return [(kind, data[start + 8 : end - 4]) for kind, start, end in chunks(data)]


def whole(parts: list[Part]) -> bytes:
    """A PNG of these chunks, with their right lengths and CRCs."""
    return SIGNATURE + b"".join(chunk(kind, body) for kind, body in parts)


def bits_flipped(data: bytes, chance: random.Random) -> bytes:
    changed = bytearray(data)
    for _ in range(chance.choice([1, 1, 1, 2, 8])):
        changed[chance.randrange(len(changed))] ^= 1 << chance.randrange(8)
    return bytes(changed)


def cut_off(data: bytes, chance: random.Random) -> bytes:
    ends = [start for _, start, _ in chunks(data)]
    return data[: chance.choice([chance.randrange(len(data)), chance.choice(ends)])]


def inserted(data: bytes, chance: random.Random) -> bytes:
    at = chance.choice([chance.randrange(len(data) + 1), *(start for _, start, _ in chunks(data)), len(data)])
    more = chance.choice([chance.randbytes(chance.randint(1, 64)), bytes(chance.randint(1, 64)), data])
    return data[:at] + more + data[at:]


def left_out(data: bytes, chance: random.Random) -> bytes:
    at = chance.randrange(len(data))
    return data[:at] + data[at + chance.randint(1, 64) :]


def zeroed(data: bytes, chance: random.Random) -> bytes:
    """As a block that a disk or a cache has lost."""
    at, count = chance.randrange(len(data)), chance.choice([1, 64, 512, 4096])
    return data[:at] + bytes(len(data[at : at + count])) + data[at + count :]


def length_changed(data: bytes, chance: random.Random) -> bytes:
    """A chunk says another length; nothing else changes."""
    _, start, end = chance.choice(list(chunks(data)))
    said = end - start - 12
    other = chance.choice([said + chance.randint(1, 20), max(0, said - chance.randint(1, 20)), 0, 2**31 - 1, 2**32 - 1])
    return data[:start] + struct.pack(">I", other) + data[start + 4 :]


def covered_up(change: Callable[[list[Part], random.Random], list[Part]]) -> Callable[[bytes, random.Random], bytes]:
    """A change of chunks whose lengths and CRCs are right again."""
    return lambda data, chance: whole(change(parts_of(data), chance))


def body_changed(parts: list[Part], chance: random.Random) -> list[Part]:
    at = chance.choice([at for at, (_, body) in enumerate(parts) if body])
    kind, body = parts[at]
    return [*parts[:at], (kind, bits_flipped(body, chance)), *parts[at + 1 :]]


def body_resized(parts: list[Part], chance: random.Random) -> list[Part]:
    at = chance.randrange(len(parts))
    kind, body = parts[at]
    count = chance.randint(1, 9)
    other = chance.choice([body[:-count], body[count:], body + chance.randbytes(count), body * 2, b""])
    return [*parts[:at], (kind, other), *parts[at + 1 :]]


def renamed(parts: list[Part], chance: random.Random) -> list[Part]:
    at = chance.randrange(len(parts))
    return [*parts[:at], (chance.choice(KINDS), parts[at][1]), *parts[at + 1 :]]


def one_more(parts: list[Part], chance: random.Random) -> list[Part]:
    at = chance.randrange(len(parts) + 1)
    part = chance.choice([*parts, (chance.choice(KINDS), chance.randbytes(chance.choice([0, 1, 4, 13, 26])))])
    return [*parts[:at], part, *parts[at:]]


def one_less(parts: list[Part], chance: random.Random) -> list[Part]:
    at = chance.randrange(len(parts))
    return [*parts[:at], *parts[at + 1 :]]


def swapped(parts: list[Part], chance: random.Random) -> list[Part]:
    one, other = chance.sample(range(len(parts)), 2)
    changed = list(parts)
    changed[one], changed[other] = changed[other], changed[one]
    return changed


def header_changed(parts: list[Part], chance: random.Random) -> list[Part]:
    width, height, depth, colour, *rest = struct.unpack(">IIBBBBB", parts[0][1])
    sides = [1, 255, 256, 510, 511, 512, 513, 514, 515, 1024, 60_000, 2**31 - 1, 2**32 - 1]
    match chance.randrange(5):
        case 0:
            width = chance.choice(sides)
        case 1:
            height = chance.choice(sides)
        case 2:
            depth = chance.choice([0, 1, 2, 4, 8, 16])
        case 3:
            colour = chance.randrange(7)
        case _:
            rest[chance.randrange(3)] = chance.randrange(3)
    return [(b"IHDR", struct.pack(">IIBBBBB", width, height, depth, colour, *rest)), *parts[1:]]


def pixels_changed(parts: list[Part], chance: random.Random) -> list[Part]:
    """Other bytes in the rows themselves, compressed anew: checksums and all are right."""
    rows = zlib.decompress(b"".join(body for kind, body in parts if kind == b"IDAT"))
    change = chance.choice([bits_flipped, inserted, left_out, zeroed])
    at = [kind for kind, _ in parts].index(b"IDAT")
    others = [part for part in parts if part[0] != b"IDAT"]
    return [*others[:at], (b"IDAT", zlib.compress(change(rows, chance), 1)), *others[at:]]


MUTATIONS = (
    bits_flipped, cut_off, inserted, left_out, zeroed, length_changed,
    *map(covered_up, (
        body_changed, body_changed, body_resized, renamed, one_more, one_less, swapped, header_changed, pixels_changed,
    )),
)  # fmt: skip


def answer_to(number: int, *, truly: bool) -> bytes:
    """A right answer, unless it is to be true mutated once or more; the same for the same seed."""
    chance = random.Random(f"{SEED} {number}")
    data = chance.choice(right_answers())
    if truly:
        return data
    for _ in range(chance.choice([1, 1, 1, 2, 3])):
        try:
            data = chance.choice(MUTATIONS)(data, chance)
        except (IndexError, ValueError, struct.error, zlib.error):
            continue  # the mutation before has left nothing that this one could work on
    return data


@pytest.mark.timeout(120 + PICTURES // 10)
def test_no_mutation_of_a_right_answer_becomes_a_bad_output(tmp_path: Path) -> None:
    print(f"WATCHD_SEED={SEED}")  # noqa: T201 -- shown with a failure, to repeat it
    size = (2 * SIDE, 2 * SIDE)
    assert [flaw(data, size) for data in right_answers()] == [None] * len(right_answers())
    pictures = {f"{number}.png": picture(number, side=SIDE) for number in range(PICTURES)}
    numbers = {hashlib.sha256(data).digest(): number for number, data in enumerate(pictures.values())}

    def number(peer: Peer) -> int:
        peer.read_head()
        peer.read_body()
        sent = peer.body[peer.body.index(SIGNATURE) : peer.body.rindex(b"\r\n--")]
        return numbers[hashlib.sha256(sent).digest()]

    calls, truths = itertools.count(), set()

    def treat(peer: Peer, known: int) -> None:
        truly = next(calls) % TRUTH_EVERY == 0
        if truly:
            truths.add(f"{known}.png")
        peer.answer("200 OK", answer_to(known, truly=truly), "Content-Type: image/png")

    with House(tmp_path) as house, Service(treat, number) as service:
        configure(house, service, workers=8)  # so many doubts in a row would close the gate
        for name, data in pictures.items():
            house.drop(name, data)
        daemon = house.start()
        give_time(house, PICTURES, 30.0 + PICTURES / 10)
        memory = peak_memory(daemon)
        unfinished = [job["path"] for job in house.jobs() if job["state"] not in ENDED]
        assert unfinished == [], "these hold the daemon up"
        assert daemon.stop() == 0, daemon.text

        outputs = {path.name: path.read_bytes() for path in house.out.rglob("*") if path.is_file()}
        bad = {name: why for name, data in outputs.items() if (why := flaw(data, size)) is not None}
        assert bad == {}
        jobs = {job["path"]: job["state"] for job in house.jobs()}
        assert jobs.keys() == pictures.keys()
        assert {name for name, state in jobs.items() if state == "done"} == outputs.keys()
        assert len(truths) >= PICTURES // TRUTH_EVERY
        assert truths <= outputs.keys()
        told = Counter(jobs.values())
        print(f"{told}, {memory // 1_000_000} MB")  # noqa: T201 -- the figures of a campaign, with `pytest -s`
        assert told["unknown"] > PICTURES // 3, "mutations that change nothing prove nothing"
        assert {attempt["outcome"] for attempt in house.attempts()} == {"ok", "bad_answer"}
        assert service.complete() == Counter(range(PICTURES))
        assert armed(house) == Counter(pictures.keys())
        assert memory < MOST_MEMORY
        assert "Traceback" not in daemon.text
