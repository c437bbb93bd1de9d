"""A hot folder in a page: watchfiles tells of new files, httpx sends them, eight at once.

No state, no retry, no proof that a file is finished, whole pictures in memory both ways: what most scripts do.
watchfiles groups changes until nothing came for STEP_MS (50 unless told).
"""

from __future__ import annotations

import sys
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import httpx
from watchfiles import Change, watch


def enlarge(client: httpx.Client, url: str, source: Path, out: Path) -> None:
    """Send one picture and write its answer."""
    files = {"image": (source.name, source.read_bytes(), "image/png")}
    response = client.post(url, data={"scale": "2"}, files=files, headers={"Authorization": "Bearer benchmark"})
    if response.status_code == httpx.codes.OK:
        (out / source.name).write_bytes(response.content)


def main() -> None:
    """`watchfiles_httpx.py HOT OUT URL STEP_MS`."""
    hot, out, url, step = Path(sys.argv[1]), Path(sys.argv[2]), sys.argv[3], int(sys.argv[4])
    with httpx.Client(timeout=60, trust_env=False) as client, ThreadPoolExecutor(8) as pool:
        for changes in watch(hot, step=step):
            for change, path in changes:
                if change is Change.added:
                    pool.submit(enlarge, client, url, Path(path), out)


if __name__ == "__main__":
    main()
