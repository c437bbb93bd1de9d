"""What one small file's journey costs the system: its calls, counted by strace over a few hundred files.

`python -m benchmarks.journey [NUMBER]`. One worker, so that no call is counted that only hands a lock from thread to
thread; times mean nothing under strace and are not shown.
"""

from __future__ import annotations

import signal
import subprocess
import sys
import tempfile
from pathlib import Path

from benchmarks import contenders, fast, pictures
from benchmarks.processes import wait_until

FEWEST_A_FILE = 0.5
"""Calls that are made less often than this belong to no file."""


def main() -> None:
    """Count, and print a line for each call."""
    number = int(sys.argv[1]) if len(sys.argv) > 1 else 300
    with tempfile.TemporaryDirectory(prefix="watchd-journey-") as made:
        home = Path(made)
        answer = home / "answer.png"
        answer.write_bytes(pictures.twice_small())
        source = pictures.fill(home / "source", number, pictures.small)
        with fast.serving(home, [answer]) as service, contenders.staged(home / "turn") as stage:
            pictures.link_all(source, stage.home / "staged")
            with contenders.alone(stage, service.base_url, workers=1) as process:
                counted = home / "calls"
                command = ["strace", "-c", "-f", "-U", "calls,name", "-o", str(counted), "-p", str(process.pid)]
                tracer = subprocess.Popen([contenders.needed("strace"), *command[1:]], stderr=subprocess.PIPE)
                if tracer.stderr is None or not tracer.stderr.readline():
                    raise SystemExit("strace did not attach")
                pictures.move_in(stage.home / "staged", stage.hot)
                wait_until(lambda: len([*stage.out.iterdir()]) == number, 60 + number, "all results")
                tracer.send_signal(signal.SIGINT)
                tracer.communicate()
        for line in counted.read_text().splitlines():
            calls, _, name = line.strip().partition(" ")
            if calls.isdigit() and int(calls) >= FEWEST_A_FILE * number:
                print(f"{int(calls) / number:8.1f}  {name.strip()}")


if __name__ == "__main__":
    main()
