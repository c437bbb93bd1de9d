"""`watchd once`: what lies in the folders now; a progress bar on a terminal, plain lines otherwise."""

from __future__ import annotations

import logging
import os
import signal
import sys
import time
from typing import TYPE_CHECKING, TextIO

import click

from watchd.cli.common import load
from watchd.core.money import usd
from watchd.model import Log

if TYPE_CHECKING:
    from watchd.model import Progress
    from watchd.process.single_run import Result

BAR_CHARACTERS = 24
MEGABYTE = 1_000_000
MINUTE_S = 60


class Bar:
    """One line at the foot of the terminal, drawn anew; messages scroll above it."""

    live = True

    def __init__(self) -> None:
        self._began = time.monotonic()
        self._line = ""

    def show(self, progress: Progress) -> None:
        """Files, bytes, money, rate, time left."""
        ended = progress.done + progress.failed + progress.unknown
        total = ended + progress.left
        rate = ended / max(0.001, time.monotonic() - self._began)
        filled = BAR_CHARACTERS * ended // total if total else 0
        left = f"{_duration(progress.left / rate)} left" if ended and progress.left else "…" if progress.left else ""
        self._line = (
            f"[{'█' * filled}{'·' * (BAR_CHARACTERS - filled)}] {ended}/{total} files"
            f"  {progress.bytes_done / MEGABYTE:.1f}/{(progress.bytes_done + progress.bytes_left) / MEGABYTE:.1f} MB"
            f"  {usd(progress.booked)}  {rate:.1f}/s  {left}"
        )
        self.draw()

    def draw(self) -> None:
        """Put the line back at the foot."""
        click.echo(f"\r\x1b[2K{self._line}", nl=False, err=True)

    def clear(self) -> None:
        """Take it away."""
        click.echo("\r\x1b[2K", nl=False, err=True)


class Plain:
    """Nothing but the log's own lines."""

    live = False

    def show(self, progress: Progress) -> None:
        """Not live: never asked to draw."""


def _duration(seconds: float) -> str:
    minutes, rest = divmod(round(seconds), MINUTE_S)
    return f"{minutes}:{rest:02d}"


@click.command("once")
@click.option("--yes", is_flag=True, help="Do not ask, whatever it costs.")
@click.pass_obj
def once(config: str | None, *, yes: bool) -> int:
    """Process what lies in the folders now, then exit."""
    # `watchd --help` pays for no command's imports.
    from watchd.adapters.host import allocating, descriptors, logs  # noqa: PLC0415 -- as said
    from watchd.process.single_run import Once  # noqa: PLC0415 -- as above

    allocating.share_one_heap()
    descriptors.raise_limit()
    settings = load(config)
    on_terminal = sys.stderr.isatty()
    bar = Bar()
    if on_terminal and settings.log.level != "debug":
        logs.set_up(Log("warning", settings.log.format), _Above(bar))
    else:
        logs.set_up(settings.log)
    asks = sys.stdin.isatty() and on_terminal

    def allow(detail: str) -> bool:
        """Whether the owner lets a backlog go that `approval` holds."""
        if yes or not asks:
            return yes
        bar.clear()
        before = signal.signal(signal.SIGINT, signal.default_int_handler)  # Ctrl-C is an answer, too
        try:
            return click.confirm(f"{detail}. Go on?", err=True)
        except click.Abort:
            return False
        finally:
            signal.signal(signal.SIGINT, before)

    result = Once(settings, os.environ, bar if on_terminal else Plain(), allow).run()
    if on_terminal:
        bar.clear()
    _tell(result)
    return result.status


class _Above(logging.StreamHandler[TextIO]):
    """Writes the log's lines above the bar."""

    def __init__(self, bar: Bar) -> None:
        super().__init__()
        self._bar = bar

    def emit(self, record: logging.LogRecord) -> None:
        self._bar.clear()
        super().emit(record)
        self._bar.draw()


def _tell(result: Result) -> None:
    progress = result.progress
    spent = usd(progress.booked)
    click.echo(
        f"{progress.done} done, {progress.failed} failed, {progress.unknown} unknown, {progress.left} left; {spent}"
    )
    if result.held_by is not None:
        click.echo(f"Left because gate {result.held_by.reason} is closed: {result.held_by.detail}", err=True)
    for name in result.offline:
        click.echo(f"Folder {name} is offline; its files wait.", err=True)
    if result.unreadable:
        click.echo(f"{result.unreadable} files cannot be read: see their permissions.", err=True)
    if progress.unknown:
        click.echo(
            "Unknown: possibly charged, and not sent again unless you say so; `watchd jobs --state unknown`.", err=True
        )
    if progress.failed:
        click.echo("Failed: `watchd jobs --state failed` tells why.", err=True)
    if result.stopped and progress.left:
        click.echo("Stopped before the end; what is left goes on with the next run.", err=True)
