"""Row `web`: what the page costs a daemon in memory, and how soon a browser shows it, and what has changed."""

from __future__ import annotations

import shutil
import socket
import sqlite3
import time
from contextlib import closing, contextmanager
from pathlib import Path
from statistics import median
from typing import TYPE_CHECKING, Any

import httpx

from benchmarks import contenders, pictures
from benchmarks.figures import WATCHD, AtMost, Contender, Measure
from benchmarks.processes import BenchError, wait_until
from benchmarks.rows.idle import done
from benchmarks.service import serving

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping, Sequence

    from benchmarks.contenders import Stage
    from benchmarks.figures import Bench
    from benchmarks.service import Service

FILES = 30
MOST_MB, MOST_PAINT, MOST_LAG = 35, 0.5, 0.3
FLAGS = ["--no-sandbox", "--disable-gpu", "--no-first-run", "--disable-background-networking"]
PAINT = """() => new Promise(resolve => new PerformanceObserver(list => {
    for (const one of list.getEntries()) if (one.name === "first-contentful-paint") resolve(one.startTime);
}).observe({ type: "paint", buffered: true }))"""
SEEN = """wanted => new Promise(resolve => {
    const look = () => [...document.querySelectorAll("#history tr")].some(
        row => row.className === wanted.state && row.textContent.includes(wanted.name)) && resolve(Date.now() / 1000);
    new MutationObserver(look).observe(document.querySelector("main"), { childList: true, subtree: true });
    look();
})"""


class Web:
    """The page, its thumbnails and its metrics, asked for as an owner and a Prometheus would."""

    name = "web"
    about = f"a daemon with the page and one without, {FILES} pictures done by each; the page in a headless Chromium"

    def rounds(self, *, quick: bool) -> int:  # noqa: ARG002 -- as the others
        """A turn has its own medians."""
        return 1

    def number(self, *, quick: bool) -> int:
        """How many jobs the ledger has when the page is painted."""
        return 5_000 if quick else 100_000

    def measures(self, *, quick: bool) -> Sequence[Measure]:
        """Memory beyond that of a daemon without, and two times that a person feels."""
        jobs = f"{self.number(quick=quick):,} jobs"
        return (
            Measure("memory", "memory more than without, after 200 requests", "MB", AtMost(MOST_MB)),
            Measure("paint", f"first paint, {jobs}", "s", AtMost(MOST_PAINT)),
            Measure("lag", f"from a stage in the ledger to the page, {jobs}, 95 %", "s", AtMost(MOST_LAG)),
        )

    @contextmanager
    def contenders(self, bench: Bench) -> Iterator[Sequence[Contender]]:
        """The daemon with, less the daemon without."""
        number = self.number(quick=bench.quick)

        def measure() -> Mapping[str, float]:
            with serving(bench.folder / "server.log", latency=0.0) as service:
                with contenders.staged(bench.folder / "without") as stage:
                    without = _memory(stage, service, None)
                with contenders.staged(bench.folder / "with") as stage:
                    more = _memory(stage, service, free_port()) - without
                with contenders.staged(bench.folder / "seen") as stage:
                    return {"memory": more, **_seen(stage, service, number)}

        yield (Contender(WATCHD, measure),)


def free_port() -> int:
    """A port of loopback that nobody listens on."""
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        return int(probe.getsockname()[1])


def _keys(port: int | None) -> str:
    return "" if port is None else f"web: {{listen: '127.0.0.1:{port}'}}\n"


def _memory(stage: Stage, service: Service, port: int | None) -> float:
    """Resident megabytes after the pictures are done and everything was asked for."""
    with contenders.alone(stage, service.base_url, _keys(port)) as process:
        for seed in range(FILES):
            (stage.hot / f"{seed:05}.png").write_bytes(pictures.tiny(seed))
        wait_until(lambda: done(stage) == FILES, 30, f"{FILES} files done", step=0.2)
        if port is not None:
            paths = ["/", "/metrics", "/healthz"] * 20
            paths += [f"/{what}" for job in range(1, FILES + 1) for what in (
                f"job/{job}", f"picture/{job}/before", f"picture/{job}/after", f"picture/{job}/after?small=1",
            )]  # fmt: skip
            with httpx.Client(base_url=f"http://127.0.0.1:{port}", trust_env=False, timeout=30) as client:
                for path in paths:
                    client.get(path).raise_for_status()
        told = dict(line.split(":", 1) for line in Path(f"/proc/{process.pid}/status").read_text().splitlines())
        return int(told["VmRSS"].split()[0]) / 1000


def _seen(stage: Stage, service: Service, number: int) -> Mapping[str, float]:
    """Seconds until the page is painted, and until what has changed is on it."""
    chromium = shutil.which("chromium")
    if chromium is None:
        raise BenchError("Chromium is not installed")
    from playwright.sync_api import sync_playwright  # noqa: PLC0415 -- a second, for this row alone

    with contenders.alone(stage):
        pass  # makes the ledger
    _fill(stage.home / "state" / "ledger.db", number)
    port = free_port()
    with contenders.alone(stage, service.base_url, _keys(port)), sync_playwright() as playwright:
        browser = playwright.chromium.launch(executable_path=chromium, args=FLAGS)
        try:
            page = browser.new_page()
            painted = []
            page.goto(f"http://127.0.0.1:{port}")
            for _ in range(5):
                page.reload()
                painted.append(page.evaluate(PAINT) / 1000)
            page.locator("#live", has_text="live").wait_for()
            lags = sorted(lag for seed in range(10) for lag in _lags(page, stage, number + seed))
        finally:
            browser.close()
    return {"paint": median(painted), "lag": lags[int(len(lags) * 0.95)]}


def _fill(ledger: Path, number: int) -> None:
    with closing(sqlite3.connect(ledger)) as connection, connection:
        connection.executemany(
            "INSERT INTO job (folder, path, path_text, sha256, size, mtime_ns, parameters, profile, state, created_at)"
            " VALUES ('hot', ?, ?, ?, 1, 1, '{\"scale\": 2}', 'double', ?, 1)",
            (
                (f"old-{n}.png".encode(), f"old-{n}.png", f"{n}", "failed" if n % 1000 == 0 else "done")
                for n in range(number)
            ),
        )  # fmt: skip


def _lags(page: Any, stage: Stage, seed: int) -> list[float]:
    """How much later the browser shows that a job is done than the ledger has it."""
    name = f"new-{seed}.png"
    page.evaluate(f"void (window.seen = ({SEEN})({{ state: 'done', name: '{name}' }}))")
    (stage.hot / name).write_bytes(pictures.tiny(seed))
    shown = page.evaluate("window.seen")
    with closing(sqlite3.connect(f"file:{stage.home / 'state' / 'ledger.db'}?mode=ro", uri=True)) as connection:
        (finished,) = connection.execute("SELECT finished_at FROM job WHERE path = ?", (name.encode(),)).fetchone()
    time.sleep(0.2)  # so that one change is not told with the next
    return [max(0.0, shown - finished)]
