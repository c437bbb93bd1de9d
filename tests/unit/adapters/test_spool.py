"""The private folder for what is on its way: room is set aside before a cent is spent."""

from __future__ import annotations

import errno
import os
import stat
from typing import TYPE_CHECKING, Any

import pytest

from watchd.adapters.filesystem import spool as spooling
from watchd.adapters.filesystem.spool import FileSpool
from watchd.errors import LaterError, NoSpaceError

if TYPE_CHECKING:
    from pathlib import Path


@pytest.fixture
def spool(tmp_path: Path) -> FileSpool:
    return FileSpool(tmp_path / "spool")


def test_only_its_owner_can_look_into_it(tmp_path: Path, spool: FileSpool) -> None:
    spool.keep_evidence(_written(spool, "1.png"), "1-1.answer")
    assert [stat.S_IMODE((tmp_path / name).stat().st_mode) for name in ("spool", "evidence")] == [0o700, 0o700]


def _written(spool: FileSpool, name: str, data: bytes = b"data", reserve: int = 0) -> str:
    with spool.create(name, reserve) as file:
        file.write(data)
        file.sync()
    return name


def test_what_was_written_is_read_again(spool: FileSpool) -> None:
    spool.write("1.send", b"snapshot")
    with spool.open("1.send") as file:
        assert file.read() == b"snapshot"
    assert (spool.size("1.send"), spool.names()) == (8, ["1.send"])


def test_room_set_aside_is_there_at_once_and_given_back_at_the_end(tmp_path: Path, spool: FileSpool) -> None:
    with spool.create("1.png", 1_000_000) as file:
        assert (tmp_path / "spool/1.png").stat().st_blocks * 512 >= 1_000_000
        file.write(b"one")
        file.write(b"two")
        file.sync()
    assert (tmp_path / "spool/1.png").read_bytes() == b"onetwo"
    assert (tmp_path / "spool/1.png").stat().st_blocks * 512 <= 4096


def test_a_file_begun_again_has_nothing_of_the_one_before(spool: FileSpool) -> None:
    _written(spool, "1.png", b"a long answer")
    with spool.create("1.png", 0) as file:
        file.write(b"new")
        file.sync()
    assert spool.size("1.png") == 3


def test_file_and_name_are_durable_after_sync(
    spool: FileSpool, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    synced: list[int] = []
    real = os.fsync

    def sync(descriptor: int) -> None:
        synced.append(os.fstat(descriptor).st_ino)
        real(descriptor)

    monkeypatch.setattr(os, "fsync", sync)
    _written(spool, "1.png")
    assert synced == [(tmp_path / "spool/1.png").stat().st_ino, (tmp_path / "spool").stat().st_ino]


def test_where_there_is_no_room_it_is_told_before_anything_is_written(small_disk: Path) -> None:
    spool = FileSpool(small_disk / "spool")
    with pytest.raises(NoSpaceError), spool.create("1.png", 4_000_000):
        pytest.fail("there was no room")


def test_where_there_is_no_room_nothing_is_left_that_takes_more_of_it(small_disk: Path) -> None:
    spool = FileSpool(small_disk / "spool")
    with pytest.raises(NoSpaceError), spool.create("1.png", 4_000_000):
        pass
    assert spool.names() == []


def test_what_room_was_set_aside_for_fits_on_a_disk_that_is_full_by_then(small_disk: Path) -> None:
    spool = FileSpool(small_disk / "spool")
    with spool.create("1.png", 500_000) as file:
        with pytest.raises(OSError, match="No space"):
            (small_disk / "filler").write_bytes(bytes(2_000_000))
        file.write(bytes(500_000))
        file.sync()
    assert spool.size("1.png") == 500_000


def test_a_snapshot_that_finds_no_room_is_told_as_such(small_disk: Path) -> None:
    spool = FileSpool(small_disk / "spool")
    with pytest.raises(NoSpaceError):
        spool.write("1.send", bytes(4_000_000))


@pytest.mark.parametrize("code", [errno.EOPNOTSUPP, errno.EINVAL])
def test_where_room_cannot_be_set_aside_it_is_at_least_counted(
    spool: FileSpool, monkeypatch: pytest.MonkeyPatch, code: int
) -> None:
    def refuse(*_: Any) -> None:
        raise OSError(code, os.strerror(code))

    monkeypatch.setattr(os, "posix_fallocate", refuse)
    assert _written(spool, "1.png", reserve=1000)
    with pytest.raises(NoSpaceError), spool.create("2.png", 1 << 60):
        pytest.fail("nobody has so much room")


def test_a_disk_that_fails_is_told_to_come_back_later(spool: FileSpool, monkeypatch: pytest.MonkeyPatch) -> None:
    def fail(*_: Any) -> None:
        raise OSError(errno.EIO, os.strerror(errno.EIO))

    monkeypatch.setattr(os, "fsync", fail)
    with pytest.raises(LaterError) as told:
        _written(spool, "1.png")
    assert not isinstance(told.value, NoSpaceError)


def test_evidence_is_moved_aside_under_its_own_name(tmp_path: Path, spool: FileSpool) -> None:
    where = spool.keep_evidence(_written(spool, "1.png", b"<html>"), "1-7.answer")
    assert where == str(tmp_path / "evidence/1-7.answer")
    assert (tmp_path / "evidence/1-7.answer").read_bytes() == b"<html>"
    assert spool.names() == []


def test_what_lies_behind_an_answer_can_be_cut_off(spool: FileSpool) -> None:
    _written(spool, "1.png", b"answer" + bytes(100))
    spool.cut("1.png", 6)
    with spool.open("1.png") as file:
        assert file.read() == b"answer"


def test_what_is_not_there_is_removed_without_a_word(spool: FileSpool) -> None:
    _written(spool, "1.png")
    spool.remove("1.png", "2.png", "1.png")
    assert spool.names() == []
    with pytest.raises(FileNotFoundError):
        spool.open("1.png")


def _names(folder: Path) -> list[str]:
    return sorted(path.name for path in folder.iterdir())


def test_evidence_is_kept_up_to_a_number_of_files_and_the_oldest_go_first(
    tmp_path: Path, spool: FileSpool, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(spooling, "MOST_EVIDENCE", 3)
    for number in range(6):
        spool.keep_evidence(_written(spool, "1.png"), f"{number}-1.answer")
        os.utime(tmp_path / f"evidence/{number}-1.answer", (number, number))
    assert _names(tmp_path / "evidence") == ["3-1.answer", "4-1.answer", "5-1.answer"]


def test_evidence_is_kept_up_to_a_number_of_bytes_and_the_newest_always(
    tmp_path: Path, spool: FileSpool, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(spooling, "MOST_EVIDENCE_BYTES", 1000)
    for number, size in enumerate([400, 400, 400, 5000]):
        spool.keep_evidence(_written(spool, "1.png", bytes(size)), f"{number}-1.answer")
        os.utime(tmp_path / f"evidence/{number}-1.answer", (number, number))
        there = _names(tmp_path / "evidence")
        assert f"{number}-1.answer" in there
        assert sum((tmp_path / "evidence" / name).stat().st_size for name in there[:-1]) <= 1000
    assert there == ["3-1.answer"]


@pytest.mark.parametrize("spans", [[(0, 2)], [(3, 4), (6, 9)], [(8, 10)], [(0, 10)]])
def test_what_is_left_out_of_a_file_is_gone_and_the_rest_as_it_was(
    tmp_path: Path, spans: list[tuple[int, int]]
) -> None:
    spool, data = FileSpool(tmp_path / "spool"), b"0123456789"
    spool.write("7.png", data)
    spool.leave_out("7.png", spans)
    out = {at for start, end in spans for at in range(start, end)}
    with spool.open("7.png") as file:
        assert file.read() == bytes(byte for at, byte in enumerate(data) if at not in out)
    assert spool.names() == ["7.png"]
