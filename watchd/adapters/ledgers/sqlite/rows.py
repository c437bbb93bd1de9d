"""Rows of the ledger as the nouns of the house, and names as text."""

from __future__ import annotations

import os
from typing import TYPE_CHECKING, Any

from watchd.core.text import display
from watchd.model import FailureKind, Job, JobState, KnownFile, Sample

if TYPE_CHECKING:
    import sqlite3
    from collections.abc import Mapping


def job_of(row: sqlite3.Row | Mapping[str, Any]) -> Job:
    """A row of table `job`."""
    return Job(
        id=row["id"],
        folder=row["folder"],
        path=os.fsdecode(row["path"]),
        sha256=row["sha256"],
        mtime_ns=row["mtime_ns"],
        parameters=row["parameters"],
        profile=row["profile"],
        state=JobState(row["state"]),
        attempts=row["attempts"],
        forgiven=row["forgiven"],
        resends=row["resends"],
        upload_cuts=row["upload_cuts"],
        behind=row["behind"],
        reused_from=row["reused_from"],
        output=None if row["output"] is None else os.fsdecode(row["output"]),
        output_sha256=row["output_sha256"],
        result=row["result"],
        booked=row["booked"],
        price=row["price"],
        width=row["width"],
        height=row["height"],
        error=row["error"],
        failure=None if row["failure"] is None else FailureKind(row["failure"]),
        finished_at=row["finished_at"],
        tiles=row["tiles"],
        due=bool(row["due"]),
        moved=None if row["moved"] is None else os.fsdecode(row["moved"]),
        moving=None if row["moving"] is None else os.fsdecode(row["moving"]),
        note=None if row["note"] is None else os.fsdecode(row["note"]),
        note_sha256=row["note_sha256"],
        claim=row["claim"],
        picture=row["picture"],
        besides=row["besides"],
        written=row["written"],
        keeps=bool(row["keeps"]),
    )


def sample_of(row: sqlite3.Row | Mapping[str, Any]) -> Sample:
    """The sample in a row of table `sighting`."""
    return Sample(row["size"], row["mtime_ns"], row["ctime_ns"], row["inode"])


def known_of(row: Mapping[str, Any]) -> KnownFile:
    """A sighting with the state of its job."""
    state = None if row["state"] is None else JobState(row["state"])
    return KnownFile(sample_of(row), state, bool(row["own"]))


def text_of(path: str) -> str:
    r"""A path as the text columns hold it: undecodable bytes as `\xNN`."""
    return display(path)
