"""Files that are flipped, cut, spliced and zeroed: admission judges each, quickly and in little room."""

from __future__ import annotations

import os
import subprocess
import sys
from pathlib import Path

ROOT = Path(__file__).parents[3]
SEED = os.environ.get("WATCHD_SEED", "1")
COUNT = 100_000 if os.environ.get("WATCHD_FAULTS") == "full" else 2_000


def test_no_mutated_file_raises_hangs_swells_or_passes_for_whole() -> None:
    done = subprocess.run(
        [sys.executable, "-m", "tests.unit.formats.mutations", SEED, str(COUNT)],
        cwd=ROOT, capture_output=True, text=True, timeout=3600, check=False,
    )  # fmt: skip
    told = done.stdout + done.stderr[-2000:]
    assert done.returncode == 0, told
    assert f"tried {COUNT} " in told
    for verdict in ("Picture", "Incomplete", "Unreadable"):
        assert f"'{verdict}'" in told  # else the files were all alike, and little was tried
