"""The rows, in the order in which they run. A new one is a module here and an entry below."""

from __future__ import annotations

from typing import TYPE_CHECKING

from benchmarks.rows.beginning import Beginning
from benchmarks.rows.circle import Circle
from benchmarks.rows.flood import Flood
from benchmarks.rows.idle import Idle
from benchmarks.rows.latency import Latency
from benchmarks.rows.memory import Memory
from benchmarks.rows.overhead import BIG, SMALL, WAITING
from benchmarks.rows.scan import Poll, Scan
from benchmarks.rows.status import Status
from benchmarks.rows.studio import Studio
from benchmarks.rows.throughput import Throughput
from benchmarks.rows.web import Web
from benchmarks.rows.years import Years

if TYPE_CHECKING:
    from benchmarks.figures import Row

ROWS: tuple[Row, ...] = (
    SMALL, WAITING, BIG, Throughput(), Memory(), Latency(), Beginning(), Idle(), Status(), Flood(), Scan(), Poll(),
    Studio(), Web(), Years(), Circle(),
)  # fmt: skip
