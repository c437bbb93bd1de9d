"""The demo: a sandbox, the real daemon as a process, and photographs dropped in one by one."""

from __future__ import annotations

import json
import os
import selectors
import shutil
import subprocess
import sys
import tempfile
import time
from pathlib import Path
from typing import TYPE_CHECKING, Any, Self

import click
from PIL import Image

from watchd.adapters.ledgers import choosing
from watchd.cli.common import table
from watchd.core.money import of_usd
from watchd.model import JobState
from watchd.sandbox.photographs import photographs
from watchd.sandbox.serving import Sandbox, SandboxOptions

if TYPE_CHECKING:
    from collections.abc import Iterator
    from types import TracebackType

CONFIGURATION = """\
# Written by `watchd demo`. Look around: watchd --config {file} jobs
api: {{base_url: "{base_url}", key_file: null, requests_per_minute: 0}}
state_dir: state
log: {{format: json}}
profiles:
  gold: {{scale: 2, enhance: true, enhance_prompt: gold, enhance_creativity: 0.5}}
  plain-2x: {{scale: 2}}
folders:
  - {{path: hot/gold, profile: gold, settle: 0, output: results/gold}}
  - {{path: hot/plain, profile: plain-2x, settle: 0, output: results/plain}}
"""
PATIENCE_S = 120.0
"""Seconds until a picture that did not come out is a failure of the demo."""
ENDS = frozenset({"published", "failed", "unknown"})
"""What the daemon's log says when a picture's journey is over."""
FOLDERS = ("gold", "plain")


class DemoError(click.ClickException):
    """The demo could not show what it is for."""


class Demo:
    """One showing; what came out stays where it says."""

    def __init__(self) -> None:
        self._place = Path(tempfile.mkdtemp(prefix="watchd-demo-"))
        self._began = time.monotonic()

    def run(self) -> int:
        """Show it; the exit status."""
        with Sandbox(SandboxOptions(key="demo-key")) as sandbox:
            config = self._configure(sandbox.base_url)
            click.echo(f"A sandbox serves the endpoint at {sandbox.base_url}, with a local engine; nothing is spent.")
            click.echo(
                f'The hot folders are {self._place}/hot/gold (enhanced, "gold") and {self._place}/hot/plain (2x).'
            )
            click.echo()
            with self._daemon(config) as daemon:
                for name in self._photographs():
                    self._drop_and_wait(name, daemon)
                jobs = self._jobs()
            charges = sandbox.charges()
        self._tell(jobs)
        click.echo()
        click.echo(f"{charges.calls} calls; at the service's prices that would have cost ${charges.usd:.2f}.")
        click.echo(f"Before and after: {self._place}/hot and {self._place}/results; delete them when you have looked.")
        click.echo(f"It took {time.monotonic() - self._began:.0f} s.")
        return 0 if all(job["state"] == JobState.DONE for job in jobs) else 1

    def _configure(self, base_url: str) -> Path:
        for folder in ("hot/gold", "hot/plain", "results", "photographs"):
            (self._place / folder).mkdir(parents=True)
        config = self._place / "watchd.yaml"
        config.write_text(CONFIGURATION.format(file=config, base_url=base_url), encoding="utf-8")
        return config

    def _photographs(self) -> list[str]:
        return [photo.name for photo in photographs(self._place / "photographs")]

    def _daemon(self, config: Path) -> _Daemon:
        return _Daemon(config, self._place / "daemon.log")

    def _drop_and_wait(self, name: str, daemon: _Daemon) -> None:
        """Drop one photograph into both folders, and show each result as it comes out."""
        dropped = time.monotonic()
        for folder in FOLDERS:
            shutil.copy(self._place / "photographs" / name, self._place / "hot" / folder / name)
        left = len(FOLDERS)
        for line in daemon.lines(dropped + PATIENCE_S):
            if line.get("action") not in ENDS:
                continue
            job = next(job for job in self._jobs() if job["id"] == line["job"])
            told = Path(job["output"]).relative_to(self._place) if job["output"] else job["error"]
            click.echo(f"  {job['folder']:<6} {name:<18} → {told}  after {time.monotonic() - dropped:.1f} s")
            left -= 1
            if not left:
                return
        raise DemoError(f"{name} did not come out within {PATIENCE_S:g} s; see {daemon.log}")

    def _jobs(self) -> list[dict[str, Any]]:
        with choosing.view(self._place / "state") as view:
            return list(view.jobs(None, None, None))[::-1]

    def _tell(self, jobs: list[dict[str, Any]]) -> None:
        def size(path: Path) -> str:
            with Image.open(path) as picture:
                return f"{picture.width}x{picture.height}"

        click.echo()
        rows = []
        for job in jobs:
            source = self._place / "hot" / job["folder"] / job["path"]
            after = size(Path(job["output"])) if job["output"] else "-"
            rows.append((job["path"], job["folder"], job["state"], size(source), after, of_usd(job["cost"])))
        table(("PICTURE", "FOLDER", "STATE", "BEFORE", "AFTER", "WOULD COST"), rows)


class _Daemon:
    """`watchd run` as a process of its own; its log comes line by line, and is kept."""

    def __init__(self, config: Path, log: Path) -> None:
        self.log = log
        self._config = config

    def __enter__(self) -> Self:
        environ = {**os.environ, "VENICE_API_KEY": "demo-key"}
        command = [sys.executable, "-m", "watchd", "--config", str(self._config), "run"]
        self._process = subprocess.Popen(command, env=environ, stderr=subprocess.PIPE)
        self._kept = self.log.open("wb")
        self._rest = b""
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self._process.terminate()
        _, rest = self._process.communicate(timeout=PATIENCE_S)
        self._kept.write(self._rest + rest)
        self._kept.close()

    def lines(self, deadline: float) -> Iterator[dict[str, Any]]:
        """Log lines as they come, until `deadline` (monotonic seconds) or the daemon's end."""
        pipe = self._process.stderr
        if pipe is None:
            return
        with selectors.DefaultSelector() as selector:
            selector.register(pipe, selectors.EVENT_READ)
            while (seconds := deadline - time.monotonic()) > 0 and selector.select(seconds):
                piece = os.read(pipe.fileno(), 65536)
                if not piece:
                    return
                *whole, self._rest = (self._rest + piece).split(b"\n")
                for line in whole:
                    self._kept.write(line + b"\n")
                    yield json.loads(line)
