"""A ledger that cannot be trusted: told, nothing spent, and left as it is for whoever mends it."""

from __future__ import annotations

from typing import TYPE_CHECKING

from tests.system.pictures import numbered, picture

if TYPE_CHECKING:
    from tests.system.house import House

PAGE = 4096


def test_a_damaged_ledger_is_left_byte_for_byte_with_the_log_that_a_kill_left_beside_it(house: House) -> None:
    house.configure()
    daemon = house.start()
    for number in range(20):
        house.drop(f"{number}.png", numbered(picture(1), number))
    house.wait_for_all(20)
    assert daemon.stop() == 0
    daemon = house.start()
    house.drop("last.png", picture(2))
    house.wait_for_all(21)
    daemon.kill()

    ledger, log = house.state / "ledger.db", house.state / "ledger.db-wal"
    assert log.stat().st_size > 0
    sound, logged = ledger.read_bytes(), log.read_bytes()
    damaged = sound[:PAGE] + b"\xa5" * PAGE + sound[2 * PAGE :]
    ledger.write_bytes(damaged)
    house.drop("more.png", picture(3))
    assert house.once(4).stderr
    assert (ledger.read_bytes() == damaged, log.exists() and log.read_bytes() == logged) == (True, True)
    assert house.sandbox.charges().calls == 21

    ledger.write_bytes(sound)  # the mended file and its log give all of it back
    log.write_bytes(logged)
    house.once(0)
    assert len(house.sent()) == 22
