"""Runs the rows, one contender after another in turns, and prints the table."""

from __future__ import annotations

import argparse
import json
import os
import shutil
import signal
import sys
import tempfile
import time
from pathlib import Path
from typing import TYPE_CHECKING, Any, NoReturn

from benchmarks import table
from benchmarks.figures import Bench, judge
from benchmarks.processes import BenchError, Others, others_share
from benchmarks.rows import ROWS

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

    from benchmarks.figures import Line, Row

NOISY = 0.10
"""Share of the machine: when others use more than this, the figures say little."""


def main(arguments: Sequence[str] | None = None) -> int:
    """0: every bound is held. 1: one is missed. 3: a row could not be measured."""
    options = _options(arguments)
    signal.signal(signal.SIGTERM, _stop)  # so that contexts are left and their processes end
    lines: list[Line] = []
    broken: dict[str, str] = {}
    noise: dict[str, float] = {}
    start = time.monotonic()
    for row in ROWS:
        if options.row and row.name not in options.row:
            continue
        noise[row.name] = others_share(0.5)
        _say(f"{row.name}: {row.about}")
        if noise[row.name] > NOISY:
            _say(f"  others use {noise[row.name]:.0%} of this machine: take these figures with care")
        try:
            lines += _run(row, options)
        except BenchError as error:
            broken[row.name] = str(error)
            _say(f"  no figures: {error}")
    print(table.render(lines))
    print(f"{time.monotonic() - start:.0f} s, {os.cpu_count()} cores, files in {options.dir}")
    if options.json is not None:
        _write_json(options.json, {"lines": table.as_json(lines), "no_figures": broken, "busy_before": noise})
    if broken:
        return 3
    return 1 if any(line.held is False for line in lines) else 0


def _options(arguments: Sequence[str] | None) -> argparse.Namespace:
    parser = argparse.ArgumentParser(prog="python -m benchmarks", description="watchd beside its rivals.")
    names = [row.name for row in ROWS]
    parser.add_argument("--row", action="append", choices=names, help="only this row; may be given again")
    parser.add_argument("--quick", action="store_true", help="small numbers: is everything in order, roughly")
    parser.add_argument("--rounds", type=int, help="turns of each contender, instead of each row's own number")
    parser.add_argument("--json", metavar="FILE", help="the lines as JSON too; - is standard output")
    parser.add_argument("--dir", default=tempfile.gettempdir(), help="where the folders lie: a disk, as in earnest")
    return parser.parse_args(arguments)


def _stop(_number: int, _frame: object) -> NoReturn:
    raise KeyboardInterrupt


def _run(row: Row, options: argparse.Namespace) -> list[Line]:
    """Turns in the order A B C A B C …, so that what the machine does meanwhile meets all of them."""
    rounds = options.rounds or row.rounds(quick=options.quick)
    folder = Path(tempfile.mkdtemp(prefix=f"watchd-bench-{row.name}-", dir=options.dir))
    try:
        with row.contenders(Bench(folder, options.quick, lambda text: _say(f"  {text}"))) as contenders:
            samples: dict[str, list[Mapping[str, float]]] = {contender.name: [] for contender in contenders}
            for number in range(1, rounds + 1):
                for contender in contenders:
                    others = Others()
                    sample = contender.measure()
                    samples[contender.name].append(sample)
                    figures = ", ".join(f"{key} {table.number(value)}" for key, value in sample.items())
                    _say(f"  round {number} of {rounds}, {contender.name}: {figures} (others {others.share():.0%})")
    finally:
        shutil.rmtree(folder, ignore_errors=True)
    return [judge(row.name, measure, samples) for measure in row.measures(quick=options.quick)]


def _say(text: str) -> None:
    print(text, file=sys.stderr, flush=True)


def _write_json(target: str, content: dict[str, Any]) -> None:
    text = json.dumps(content, indent=2)
    if target == "-":
        print(text)
    else:
        Path(target).write_text(text + "\n")


if __name__ == "__main__":
    sys.exit(main())
