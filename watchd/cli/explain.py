"""`watchd explain PATH`: why this file was, or was not, processed, step by step."""

from __future__ import annotations

import json
import os
from pathlib import Path
from typing import TYPE_CHECKING, Any

import click

from watchd.adapters.ledgers import choosing
from watchd.cli.common import load
from watchd.core.calls import gating
from watchd.core.incoming.matching import Matcher, why_not
from watchd.core.money import of_usd
from watchd.core.text import display, on_one_line
from watchd.model import JobState

if TYPE_CHECKING:
    from watchd.model import Folder, Settings


@click.command("explain")
@click.argument("path")
@click.option("--json", "as_json", is_flag=True, help="One JSON object, stable and documented.")
@click.pass_obj
def explain(config: str | None, path: str, *, as_json: bool) -> None:
    """Tell why this file was, or was not, processed, step by step."""
    answer = collect(load(config), path)
    if as_json:
        click.echo(json.dumps(answer, indent=2))
    else:
        _show(answer)


def collect(settings: Settings, path: str) -> dict[str, Any]:
    """Everything known of a path, and the verdict in one sentence."""
    found = place_of(settings, path)
    answer: dict[str, Any] = {"path": display(path), "folder": None, "verdict": "", "seen": None, "jobs": []}
    if found is None:
        answer["verdict"] = "it lies in none of the configured folders"
        return answer
    folder, relative = found
    with choosing.view(settings.state_dir) as view:
        seen = view.sighting(folder.name, relative)
        jobs = view.history(folder.name, relative)
        closed = gating.foremost(view.gates())
    answer |= {"path": display(relative), "folder": folder.name, "seen": seen, "jobs": jobs}
    answer["verdict"] = _verdict(folder, relative, seen, jobs)
    if closed is not None and jobs and jobs[-1]["state"] == JobState.QUEUED:
        answer["verdict"] += f"; no calls are made now, gate {closed.reason} is closed: {closed.detail}"
    return answer


def place_of(settings: Settings, path: str) -> tuple[Folder, str] | None:
    """The folder that a path lies in, and the rest of it; links on the way to the file are followed, not the last."""
    named = Path(path).absolute()
    # realpath, as Path.resolve raises at a link that leads to itself.
    for place in (Path(os.path.normpath(named)), Path(os.path.realpath(named.parent), named.name)):
        for folder in settings.folders:
            for root in (Path(folder.path), Path(os.path.realpath(folder.path))):
                if place.is_relative_to(root) and place != root:
                    return folder, str(place.relative_to(root))
    return None


def _verdict(folder: Folder, path: str, seen: dict[str, Any] | None, jobs: list[dict[str, Any]]) -> str:
    if jobs:
        last = jobs[-1]
        told = last["error"] or last["output"] or ""
        return f"{last['state']}: {told}" if told else str(last["state"])
    if seen is not None:
        return f"{'left alone' if seen['own'] else 'waiting'}: {seen['reason']}"
    refusal = why_not(Matcher(folder).verdict(path))
    if refusal is not None:
        return f"left alone: {refusal}"
    root, full = Path(folder.path), Path(folder.path, path)
    return _why_not_entered(root, full) or _why_not_taken(root, full)


def _why_not_entered(root: Path, full: Path) -> str | None:
    """Why a folder on the way to a file is not looked into; None: nothing speaks against it."""
    inner = [parent for parent in full.parents if parent != root and parent.is_relative_to(root)]
    if any(parent.is_symlink() for parent in reversed(inner)):
        return "left alone: a folder on the way to it is a link, and links are never followed"
    if any(_is_shut(parent) for parent in (root, *inner)):
        return "left alone: a folder on the way to it cannot be read by this user"
    return None


def _is_shut(folder: Path) -> bool:
    return os.path.lexists(folder) and not os.access(folder, os.R_OK | os.X_OK)


def _why_not_taken(root: Path, full: Path) -> str:
    """Why a file that should be ours is not known."""
    try:
        if full.is_symlink():
            return "left alone: it is a link, and links are never followed"
        if not full.exists():
            return "it is not there, and was not seen before"
        if not full.is_file():
            return "left alone: it is no regular file"
        if full.parent.stat().st_dev != root.stat().st_dev:
            return "left alone: it lies on another file system, which is mounted within the folder and no part of it"
    except OSError as error:
        return f"left alone: it cannot be looked at by this user ({error.strerror})"
    return "not seen yet: no daemon has looked at it; `watchd run` or `watchd once` does"


def _show(answer: dict[str, Any]) -> None:
    click.echo(f"{on_one_line(answer['path'])}: {on_one_line(answer['verdict'])}")
    for job in answer["jobs"]:
        click.echo(
            f"\nJob {job['id']} in {job['folder']}, profile {job['profile']}, {of_usd(job['cost'])}, {job['state']}"
        )
        for step in job["steps"]:
            click.echo(f"  {step['at']}  {step['step']:<10} {on_one_line(step['detail'])}")
        for call in job["calls"]:
            status = f", status {call['http_status']}" if call["http_status"] else ""
            ray = f", CF-RAY {call['cf_ray']}" if call["cf_ray"] else ""
            click.echo(f"  call {call['id']}: {call['outcome'] or 'under way'}{status}, {of_usd(call['cost'])}{ray}")
