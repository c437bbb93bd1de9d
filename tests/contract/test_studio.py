"""One suite for whoever works on pixels: in this process, and in the darkroom's."""

from __future__ import annotations

import io
import os
import signal
import tempfile
import threading
import time
from contextlib import contextmanager
from functools import partial
from pathlib import Path
from typing import TYPE_CHECKING, Any, BinaryIO

import pytest
from PIL import Image

from watchd.adapters.darkroom import darkroom
from watchd.adapters.darkroom.darkroom import Darkroom
from watchd.adapters.pixels.pillow_studio import PillowStudio
from watchd.core.outgoing.rendering import PaidPicture, Part
from watchd.formats import reading
from watchd.formats.metadata.collecting import Metadata
from watchd.formats.picture import Broken, Format
from watchd.formats.reading import Original
from watchd.interfaces.studio import Developed
from watchd.model import OutputFormat, Rect

if TYPE_CHECKING:
    from collections.abc import Iterator

    from watchd.interfaces import Studio

MOST = 25_000_000


@pytest.fixture(params=["here", "darkroom"], scope="module")
def studio(request: pytest.FixtureRequest) -> Iterator[Studio]:
    if request.param == "here":
        yield PillowStudio()
        return
    room = Darkroom()
    yield room
    room.close()


def picture(mode: str = "RGB", kind: str = "PNG", size: tuple[int, int] = (300, 260), **options: Any) -> bytes:
    target = io.BytesIO()
    image = Image.effect_noise(size, 60).convert("RGB")
    if mode == "RGBA":
        image.putalpha(Image.linear_gradient("L").resize(size))
    image.save(target, kind, **options)
    return target.getvalue()


def opened(path: Path) -> BinaryIO:
    return path.open("rb")


def read(data: bytes) -> Original:
    found = reading.read(data)
    assert isinstance(found, Original)
    return found


@contextmanager
def filled(data: bytes) -> Iterator[BinaryIO]:
    with tempfile.TemporaryFile() as file:
        file.write(data)
        file.seek(0)
        yield file


def develop(studio: Studio, data: bytes, rect: Rect | None = None) -> tuple[Developed | Broken, bytes, bytes]:
    """What came of it, what would be sent, and what is kept of its transparency."""
    with filled(data) as source, tempfile.TemporaryFile() as sent, tempfile.TemporaryFile() as alpha:
        developed = studio.develop(source, read(data), (sent, rect, MOST), alpha)
        sent.seek(0)
        alpha.seek(0)
        return developed, sent.read(), alpha.read()


def test_an_original_is_developed_to_the_same_file_everywhere(studio: Studio) -> None:
    data = picture(kind="TIFF")
    developed, sent, alpha = develop(studio, data)
    assert developed == Developed(Format.PNG, len(sent), converted=False, has_alpha=False)
    assert sent == develop(PillowStudio(), data)[1]
    assert alpha == b""


def test_a_part_is_sent_and_the_transparency_is_of_all_of_it(studio: Studio) -> None:
    developed, sent, alpha = develop(studio, picture("RGBA"), Rect(10, 20, 100, 90))
    assert isinstance(developed, Developed)
    assert developed.has_alpha
    assert Image.open(io.BytesIO(sent)).size == (100, 90)
    assert Image.open(io.BytesIO(alpha)).size == (300, 260)


def test_damaged_pixels_are_said_to_be_broken(studio: Studio) -> None:
    whole = picture(kind="TIFF", compression="tiff_lzw")
    spoilt = whole[:200] + bytes(byte ^ 0x55 for byte in whole[200:4000]) + whole[4000:]
    with filled(spoilt) as source, tempfile.TemporaryFile() as alpha:
        assert isinstance(studio.develop(source, read(whole), None, alpha), Broken)


def test_files_of_the_same_pixels_prove_each_other_and_others_do_not(studio: Studio) -> None:
    one, other = picture(), picture()
    assert studio.prove([one, one], read(one)) is None
    assert isinstance(studio.prove([one, other], read(one)), Broken)


def test_a_preview_is_small_and_upright(studio: Studio) -> None:
    exif = Image.Exif()
    exif[274] = 6
    data = picture(kind="JPEG", exif=exif.tobytes())
    with tempfile.TemporaryFile() as target:
        kind = studio.preview(data, read(data), 100, target, quality=88, on_white=True)
        target.seek(0)
        assert kind is Format.JPEG
        assert Image.open(io.BytesIO(target.read())).size == (87, 100)


@pytest.mark.parametrize("form", ["png", "jpeg", "webp", "tiff", "avif"])
def test_an_answer_is_rendered_to_the_same_file_everywhere(studio: Studio, form: Any) -> None:
    answer, whole = picture(size=(600, 520)), Rect(0, 0, 600, 520)
    made = []
    for one in (studio, PillowStudio()):
        with tempfile.TemporaryDirectory() as folder:
            path, target = Path(folder, "answer"), Path(folder, "out")
            path.write_bytes(answer)
            paid = PaidPicture((Part(whole, partial(opened, path)),), 600, 520, 2.0)
            with target.open("wb") as file:
                one.render(paid, OutputFormat(form), Metadata(), file)
            made.append(target.read_bytes())
    assert made[0] == made[1]


def test_more_tiles_than_one_message_can_hold_are_joined(tmp_path: Path) -> None:
    room = Darkroom()
    parts = []
    for number in range(230):
        path = tmp_path / str(number)
        path.write_bytes(picture(size=(64, 64)))
        parts.append(Part(Rect(0, 32 * number, 32, 32), partial(opened, path)))
    with (tmp_path / "out").open("wb") as target:
        room.render(PaidPicture((*parts,), 64, 64 * 230, 2.0), OutputFormat(), Metadata(), target)
    room.close()
    with Image.open(tmp_path / "out") as joined:
        assert joined.size == (64, 64 * 230)


# --- what the darkroom is for ---------------------------------------------------------------------------------------


def workers() -> set[int]:
    """The processes of this one's darkrooms."""
    children = Path(f"/proc/self/task/{os.getpid()}/children").read_text(encoding="ascii").split()
    others = [task for task in Path("/proc/self/task").iterdir() if task.name != str(os.getpid())]
    for task in others:
        children += (task / "children").read_text(encoding="ascii").split()
    return {int(pid) for pid in children if b"darkroom.worker" in Path(f"/proc/{pid}/cmdline").read_bytes()}


def test_a_decoder_that_dies_costs_its_picture_alone() -> None:
    before, room, data = workers(), Darkroom(), picture(kind="TIFF")
    assert isinstance(develop(room, data)[0], Developed)
    (pid,) = workers() - before
    os.kill(pid, signal.SIGSTOP)
    killer = threading.Timer(0.2, os.kill, (pid, signal.SIGSEGV))
    killer.start()
    threading.Timer(0.3, os.kill, (pid, signal.SIGCONT)).start()
    assert develop(room, data)[0] == Broken("cannot be decoded: it makes its decoder crash (SIGSEGV)")
    assert isinstance(develop(room, data)[0], Developed)
    room.close()
    assert workers() == before


def test_a_decoder_that_hangs_is_ended_in_time(monkeypatch: pytest.MonkeyPatch) -> None:
    before, room, data = workers(), Darkroom(), picture(kind="TIFF")
    room.srgb()
    (pid,) = workers() - before
    monkeypatch.setattr(darkroom, "_BASE_S", 1.0)
    os.kill(pid, signal.SIGSTOP)
    began = time.monotonic()
    assert develop(room, data)[0] == Broken("cannot be decoded: it takes more than 1 s")
    assert time.monotonic() - began < 5
    assert workers() == before


def test_a_bomb_ends_at_the_memory_that_its_header_allows(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(darkroom, "_BASE_BYTES", 20_000_000)
    monkeypatch.setattr(darkroom, "_BYTES_A_PIXEL", 0)
    room = Darkroom()
    with pytest.raises(MemoryError):
        develop(room, picture(kind="TIFF", size=(4000, 4000)))
    room.close()


def test_a_full_disk_is_told_as_one() -> None:
    room, data = Darkroom(), picture(kind="TIFF")
    with (
        filled(data) as source, tempfile.TemporaryFile() as alpha, Path("/dev/full").open("wb") as full,
        pytest.raises(OSError, match="No space left"),
    ):  # fmt: skip
        room.develop(source, read(data), (full, None, MOST), alpha)
    room.close()


def test_a_process_ends_with_the_one_that_it_works_for(tmp_path: Path) -> None:
    child = os.fork()
    if not child:  # a process of its own, which leaves without a word
        room = Darkroom()
        room.srgb()
        (tmp_path / "pid").write_text(str(max(workers())), encoding="ascii")
        os._exit(0)
    os.waitpid(child, 0)
    pid = int((tmp_path / "pid").read_text(encoding="ascii"))
    until = time.monotonic() + 10
    while Path(f"/proc/{pid}/cmdline").exists() and Path(f"/proc/{pid}/cmdline").read_bytes():
        assert time.monotonic() < until, "it is still there"
        time.sleep(0.01)


def test_a_process_that_nobody_needs_is_ended(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(darkroom, "IDLE_S", 0.1)
    before, room = workers(), Darkroom()
    room.srgb()
    until = time.monotonic() + 10
    while workers() - before:
        assert time.monotonic() < until, "it is still there"
        time.sleep(0.01)
    assert isinstance(develop(room, picture(kind="TIFF"))[0], Developed)
    room.close()
