"""One thing looked at: how it stands, and what mends it."""

from __future__ import annotations

from dataclasses import dataclass
from enum import StrEnum


class Grade(StrEnum):
    """How a finding stands."""

    WELL = "ok"
    WARNING = "warning"
    WRONG = "wrong"


@dataclass(frozen=True, slots=True)
class Finding:
    """One thing looked at, in words."""

    grade: Grade
    subject: str
    text: str
    untrusted: bool = False
    """What is wrong is that the ledger cannot be trusted: nothing starts."""


def well(subject: str, text: str) -> Finding:
    """Nothing is to be done."""
    return Finding(Grade.WELL, subject, text)


def warning(subject: str, text: str, remedy: str) -> Finding:
    """It works, and not as it should."""
    return Finding(Grade.WARNING, subject, f"{text} → {remedy}")


def wrong(subject: str, text: str, remedy: str) -> Finding:
    """Work waits for this to be mended."""
    return Finding(Grade.WRONG, subject, f"{text} → {remedy}")
