"""The API key is told to the service and to nobody else, whatever goes wrong."""

from __future__ import annotations

import base64
import sys
from pathlib import Path
from typing import TYPE_CHECKING, Any

import pytest

from tests.system import fault_launcher
from tests.system.house import KEY, until
from tests.system.pictures import picture
from tests.system.stand_in import standing_in

if TYPE_CHECKING:
    from collections.abc import Iterator

    from tests.system.house import House

SPELLINGS = (KEY.encode(), base64.b64encode(KEY.encode()), KEY.encode()[3:])
DEBUG = {"level": "debug"}


def telling(text: bytes | str) -> bool:
    """Whether the key stands in there."""
    data = text.encode() if isinstance(text, str) else text
    return any(spelling in data for spelling in SPELLINGS)


def files(house: House) -> Iterator[Path]:
    """Everything that was written: the ledger with its log, spool, notes, evidence, and the outputs."""
    for folder in (house.state, house.out):
        yield from (path for path in folder.rglob("*") if path.is_file())


def assert_no_file_tells(house: House) -> None:
    looked_at = [path for path in files(house) if not telling(path.read_bytes())]
    assert looked_at == list(files(house)), "the key stands in a file"
    assert any(path.name == "ledger.db" for path in looked_at)


def configure(house: House, log_format: str, **api: Any) -> None:
    house.configure({"settle": "50ms"}, api={"workers": 1} | api, log=DEBUG | {"format": log_format})


@pytest.mark.parametrize("log_format", ["text", "json"])
def test_the_key_stands_in_no_log_and_in_no_file_whatever_the_service_answers(house: House, log_format: str) -> None:
    house.open_sandbox(fail=("400:1", "cut:1", "lie-html:1", "500:1", "401:1"))
    configure(house, log_format)
    daemon = house.launch()
    until((house.state / "control.sock").exists, "it is ready")
    for number in range(6):
        house.drop(f"{number}.png", picture(number))
    until(lambda: house.read("SELECT 1 FROM gate WHERE reason = 'key'"), "the key is refused")
    assert not telling(Path(f"/proc/{daemon.pid}/cmdline").read_bytes())
    assert (house.state / "ledger.db-wal").exists()
    assert_no_file_tells(house)
    told = [house.watchd(*words) for words in (["status"], ["jobs"], ["check"], ["explain", str(house.hot / "0.png")])]
    assert not [ended for ended in told if telling(ended.stdout + ended.stderr)]
    assert daemon.stop() == 0
    assert len(daemon.text.splitlines()) > 10
    assert not telling(daemon.text)
    assert_no_file_tells(house)


@pytest.mark.parametrize("point", ["HttpEndpoint.call", "HttpEndpoint._conduct", "SqliteLedger.arm"])
def test_the_key_stands_in_no_traceback(house: House, point: str) -> None:
    configure(house, "text")
    daemon = house.launch_as(sys.executable, fault_launcher.__file__, WATCHD_FAULT=f"{point}:raises:1")
    house.drop("a.png", picture(1))
    until(lambda: "Traceback" in daemon.text, "the fault has fired")
    daemon.stop()
    assert not telling(daemon.text)
    assert_no_file_tells(house)


def test_a_key_that_the_service_repeats_in_its_own_words_is_not_passed_on(house: House) -> None:
    words = f"Incorrect API key provided: Bearer {KEY}"
    with standing_in(400, words) as service:
        configure(house, "json", base_url=service.base_url)
        house.drop("a.png", picture(1))
        ended = house.once(1)
        assert service.calls == 1
    told = [ended, *(house.watchd(*words) for words in (["jobs", "--json"], ["explain", str(house.hot / "a.png")]))]
    assert not [ended for ended in told if telling(ended.stdout + ended.stderr)]
    assert_no_file_tells(house)


def test_a_key_written_into_the_configuration_by_mistake_is_not_repeated(house: House) -> None:
    house.configure(api={"key": KEY, "key_file": [KEY]}, api_key=KEY)
    ended = house.watchd("check", "--offline")
    assert (ended.returncode, ended.stderr.count("watchd.yaml:")) == (2, 3)
    assert not telling(ended.stdout + ended.stderr), ended.stderr
