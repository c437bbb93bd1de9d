"""A person at a terminal: the program sees a pty, asks, and gets an answer that was typed."""

from __future__ import annotations

import os
import pty
import subprocess
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from tests.system.house import House


def typed(house: House, *arguments: str, answer: str, asked: str) -> tuple[int, str]:
    """Run a command on a terminal and type `answer` once it shows `asked`; its exit status and all that was shown."""
    ours, its = pty.openpty()
    process = subprocess.Popen(
        house.command(*arguments), env=house.environment | {"TERM": "xterm"}, cwd=house.root, stdin=its, stdout=its,
        stderr=its,
    )  # fmt: skip
    os.close(its)
    shown, answered = b"", False
    try:
        while piece := _read(ours):
            shown += piece
            if not answered and asked.encode() in shown:
                os.write(ours, f"{answer}\n".encode())
                answered = True
        assert answered, f"it never asked {asked!r}: {shown.decode()}"
        return process.wait(20), shown.decode()
    finally:
        process.kill()
        process.wait()
        os.close(ours)


def _read(terminal: int) -> bytes:
    """What comes next; nothing once the last program has left the terminal, which Linux tells as an error."""
    try:
        return os.read(terminal, 65536)
    except OSError:
        return b""
