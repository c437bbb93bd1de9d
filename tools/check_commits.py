"""Holds the commits of this branch to their habit: a subject of at most 72 characters, and a body that says why.

`python tools/check_commits.py [BASE]` from the root of the repository; `make check` runs it. Commits up to BASE, those
from before there was this check, are left alone. Merges and reverts say their own. Where the history does not reach
back to BASE, its last commit is looked at.
"""

from __future__ import annotations

import subprocess
import sys

BASE = "3597048b5a19264db8c8fc777e7ace91d2c896ce"
LONGEST = 72


def commits(base: str) -> list[tuple[str, str, str]]:
    """(short hash, subject, body) of each commit after `base`, newest first."""
    known = subprocess.run(["git", "cat-file", "-e", f"{base}^{{commit}}"], check=False, capture_output=True)
    span = f"{base}..HEAD" if known.returncode == 0 else "-1"
    log = subprocess.run(
        ["git", "log", "--no-merges", "--format=%h%x00%s%x00%b%x01", span], check=False, capture_output=True, text=True
    )
    entries = [entry.strip("\n").split("\0") for entry in log.stdout.split("\1") if entry.strip("\n")]
    return [(short, subject, body) for short, subject, body in entries]


def flaws(subject: str, body: str) -> list[str]:
    """What is wrong with a commit's words."""
    if subject.startswith("Revert "):
        return []
    found = []
    if len(subject) > LONGEST:
        found.append(f"its subject has {len(subject)} characters, {LONGEST} at most")
    if subject.endswith("."):
        found.append("its subject ends with a full stop")
    if not body.strip():
        found.append("it has no body that says why")
    return found


def main() -> int:
    """1 where a commit breaks the habit."""
    broken = 0
    for short, subject, body in commits(sys.argv[1] if len(sys.argv) > 1 else BASE):
        for flaw in flaws(subject, body):
            broken += 1
            print(f"{short} {subject!r}: {flaw}")
    return 1 if broken else 0


if __name__ == "__main__":
    sys.exit(main())
