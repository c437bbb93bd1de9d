"""A job before and after, as one HTML file that needs nothing else: no network, no other file, no script to be read."""

from __future__ import annotations

import base64
import hashlib
import re
import tempfile
from dataclasses import dataclass
from html import escape
from importlib.resources import files
from typing import TYPE_CHECKING, Any

from watchd.core.money import usd
from watchd.core.request import endpoint, sendable
from watchd.core.text import on_one_line
from watchd.formats import reading
from watchd.formats.picture import Broken
from watchd.formats.reading import Original
from watchd.model import Outcome

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence
    from pathlib import Path

    from watchd.interfaces import Studio
    from watchd.model import Job

LONGEST_SIDE_PX = 4000
"""Pixels; a larger picture is shown smaller, so that the file can be sent around."""
_QUALITY = 92
_PLACE = re.compile(r"\{\{(\w+)\}\}")


@dataclass(frozen=True, slots=True)
class Shown:
    """A picture as it is embedded, with the size in pixels and bytes of the file it is from."""

    address: str
    width: int
    height: int
    size: int


def embed(path: Path, studio: Studio, *, full: bool) -> Shown | str:
    """A picture file made ready for a browser, or why it cannot be shown. `full`: every pixel of it."""
    try:
        size = path.stat().st_size
        if size > sendable.MOST_FILE_BYTES:
            return f"{size:,} bytes are too many to be shown"
        data = path.read_bytes()
    except OSError as error:
        return f"it cannot be read: {error.strerror}"
    original = reading.read(data)
    if not isinstance(original, Original):
        return original.reason
    width, height = original.upright
    if width * height > 2 * sendable.MOST_DECODED_PIXELS:
        return f"{width}x{height} pixels are too many to be shown"
    with tempfile.TemporaryFile() as target:
        longest = None if full else LONGEST_SIDE_PX
        kind = studio.preview(data, original, longest, target, quality=_QUALITY, on_white=False)
        if isinstance(kind, Broken):
            return f"its pixels {kind.reason}"
        target.seek(0)
        address = f"data:image/{kind};base64,{base64.b64encode(target.read()).decode()}"
    return Shown(address, width, height, size)


def page(job: Job, calls: Sequence[Mapping[str, Any]], before: Shown | str, after: Shown | str) -> str:
    """The whole page of a job; `before`, `after`: the pictures, or why there is none. `calls`: rows of `attempts`."""
    scale = endpoint.effective_scale(job.parameters)
    name = on_one_line(job.path)
    values = {
        "title": escape(f"{job.folder}/{name}"),
        "summary": escape(f"{job.profile}, {scale:.4g}x, {usd(job.booked)}"),
        "number": str(job.id),
        "stage": stage(before, after),
        "rows": "\n".join(_row(*row) for row in _figures(job, calls, before, after)),
    }
    parts = {"style": _part("compare.css"), "script": _part("compare.js")}
    hashes = {f"{name}_hash": f"'sha256-{_hash(text)}'" for name, text in parts.items()}
    known = {**hashes, **parts, **values}
    # In one pass, so that nothing in what people named is ever taken for a place to be filled.
    return _PLACE.sub(lambda place: known[place.group(1)], _part("compare.html"))


def _part(name: str) -> str:
    return (files("watchd.reports") / name).read_text(encoding="utf-8")


def _hash(text: str) -> str:
    return base64.b64encode(hashlib.sha256(text.encode()).digest()).decode()


def stage(before: Shown | str, after: Shown | str) -> str:
    """Both pictures with their controls, for `compare.css` and `compare.js`; or why one is not shown."""
    figures = _figure("after", "After", after) + _figure("before", "Before", before)
    if isinstance(before, str) or isinstance(after, str):
        return f"<div>{figures}</div>"
    return (
        '<div class="stage" tabindex="0" role="group" aria-label="Before and after: drag or use the arrow keys to move,'
        f' plus and minus to zoom, 0 to see all">{figures}<div class="bar"></div></div>\n'
        '<div class="controls"><label>Before <input id="at" type="range" min="0" max="100" step="0.1" value="50"'
        ' aria-label="How much of the original is shown, in percent"> After</label>'
        '<button id="hold" type="button">Hold to see the original</button>'
        '<button id="further" type="button" aria-label="Smaller">&minus;</button><output id="zoom">100 %</output>'
        '<button id="closer" type="button" aria-label="Larger">+</button>'
        '<button id="fit" type="button">All of it</button><button id="pixels" type="button">1:1</button></div>'
    )


def _figure(kind: str, title: str, shown: Shown | str) -> str:
    if isinstance(shown, str):
        return f'<figure class="{kind}"><figcaption>{title}: not shown, {escape(shown)}</figcaption></figure>'
    return (
        f'<figure class="{kind}"><figcaption>{title}</figcaption><img src="{shown.address}" alt="{title}" draggable='
        f'"false" data-width="{shown.width}" data-height="{shown.height}"></figure>'
    )


def _figures(
    job: Job, calls: Sequence[Mapping[str, Any]], before: Shown | str, after: Shown | str
) -> list[tuple[str, str]]:
    paid = [call for call in calls if call["outcome"] == Outcome.OK]
    rows = [
        ("Folder", job.folder),
        ("File", on_one_line(job.path)),
        ("Output", on_one_line(job.output or "none")),
        ("Profile", job.profile),
        ("Asked for", job.parameters),
        ("Before", _measured(before)),
        ("After", _measured(after)),
        ("Price", usd(job.booked)),
        ("Calls", str(len(calls))),
    ]
    if job.reused_from is not None:
        rows.append(("Made from", f"the result of job {job.reused_from}, which was paid for"))
    for call in paid:
        ray = f", CF-RAY {call['cf_ray']}" if call["cf_ray"] else ""
        rows.append((f"Call {call['id']}", f"{call['started_at']} to {call['finished_at']}{ray}"))
    rows.append(("SHA-256 of the original", job.sha256))
    return rows


def _measured(shown: Shown | str) -> str:
    return shown if isinstance(shown, str) else f"{shown.width} x {shown.height} pixels, {shown.size:,} bytes"


def _row(title: str, value: str) -> str:
    return f'<tr><th scope="row">{escape(title)}</th><td>{escape(value)}</td></tr>'
