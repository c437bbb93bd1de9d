"""Whose a connection is, as the kernel's tables of TCP sockets tell it."""

from __future__ import annotations

import os
import socket
import sys

import pytest

from watchd.adapters.host import peers

THEIRS = ("127.0.0.1", 54_321)
OURS = ("127.0.0.1", 8_787)
HEAD = "  sl  local_address rem_address   st tx_queue rx_queue tr tm->when retrnsmt   uid  timeout inode"
little_endian = pytest.mark.skipif(sys.byteorder != "little", reason="the rows are those of such a machine")


def row(local: str, remote: str, *, state: str = "01", user: int = 1000, inode: int = 4711) -> str:
    return f"   7: {local} {remote} {state} 00000000:00000000 00:00000000 00000000  {user}        0 {inode} 1 0000 20 4"


V4 = ("0100007F:D431", "0100007F:2253")
V6 = tuple(f"0000000000000000FFFF0000{end}" for end in V4)


@little_endian
@pytest.mark.parametrize("ends", [V4, V6])
def test_the_row_of_the_other_end_names_its_user(ends: tuple[str, str]) -> None:
    ours = row(ends[1], ends[0], user=5)
    assert peers.user_in([HEAD, ours, row(*ends)], THEIRS, OURS) == 1000
    assert peers.user_in([HEAD, row(*ends)], ("::ffff:127.0.0.1", 54_321), ("::ffff:127.0.0.1", 8_787)) == 1000


@little_endian
@pytest.mark.parametrize(
    "found",
    [
        row(*V4, state="05", inode=0, user=0),  # FIN_WAIT2: closed by its process, and shown as root's
        row(*V4, inode=0, user=0),
        row(*V4, state="06", inode=0, user=0),  # TIME_WAIT
        row(*V4, user=65_534),  # a user who has no number here
        row("0100007F:D432", V4[1]),  # another port
        row("0200007F:D431", V4[1]),  # another address
        row(V4[1], V4[0]),  # our own end
        "",
    ],
)
def test_a_row_that_proves_nothing_is_nobodys(found: str) -> None:
    assert peers.user_in([HEAD, found], THEIRS, OURS) is None


@pytest.mark.parametrize("family", [socket.AF_INET, socket.AF_INET6])
def test_a_connection_of_this_very_process_is_its_users(family: socket.AddressFamily) -> None:
    with socket.socket(family) as listener:
        try:
            listener.bind(("127.0.0.1" if family == socket.AF_INET else "::1", 0))
        except OSError:
            pytest.skip("no IPv6 here")
        listener.listen()
        with socket.create_connection(listener.getsockname()[:2]) as caller:
            ends = caller.getsockname()[:2], caller.getpeername()[:2]
            assert peers.user_of(*ends) == os.geteuid()
        assert peers.user_of(*ends) is None


def test_nobody_beyond_this_machine_is_looked_for() -> None:
    assert peers.user_of(("192.0.2.7", 54_321), ("192.0.2.1", 8_787)) is None
