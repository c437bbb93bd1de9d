"""The unit that runs this configuration: is it up, does it come back, and does it let watchd reach its folders."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING

from watchd.inspection.finding import Finding, warning, well, wrong

if TYPE_CHECKING:
    from collections.abc import Iterator

    from watchd.adapters.host.systemd import Unit
    from watchd.inspection.standpoint import Standpoint
    from watchd.model import Settings

AGAIN = "`watchd install-service` again: it writes what this configuration needs"
HOMES = ("/home", "/root", "/run/user")
_STATUS = {
    2: "its configuration or command line",
    4: "its ledger, which is in use or cannot be trusted",
    70: "a fault of its own: please report it",
    203: "its program, which systemd could not start",
    216: "a group in SupplementaryGroups= that is not there",
    217: "its user, which is not there",
    226: "a path in its unit that is not there",
    243: "the file of its key, which is not there",
}
"""By exit status, as systemd.exec(5) and our own list have them: what is to be looked at."""


def unit(settings: Settings, stand: Standpoint) -> Iterator[Finding]:
    """All about the unit, where there is a systemd to be asked."""
    if stand.trouble is not None:
        yield warning("unit", stand.trouble, "journalctl -b -p err may say why; `systemctl status` asks the same")
        return
    found = stand.unit
    if found is None:
        return
    yield _state(found)
    if found.is_stale:
        yield warning("unit", f"the files of {found.name} have changed since systemd read them",
                      f"systemctl daemon-reload && systemctl restart {found.name}")  # fmt: skip
    if found.enabled not in {"enabled", "static", "linked", "enabled-runtime"}:
        text = f"{found.name} is {found.enabled or 'not enabled'}: it does not start with the machine"
        yield warning("unit", text, f"systemctl enable {found.name}")
    longest = settings.api.connect_timeout + settings.api.timeout
    if found.stop_after is not None and found.stop_after < longest:
        text = (
            f"{found.name} gives a stop {found.stop_after:g} s and one call may take {longest:g} s: systemd would kill"
            " it in the midst of paid calls"
        )
        yield warning("unit", text, AGAIN)
    if found.credential is not None and not Path(found.credential).exists():
        yield wrong("unit", f"{found.name} takes its key from {found.credential}, which is not there",
                    f"install -D -m 600 /dev/stdin {found.credential}, and paste the key")  # fmt: skip
    yield from _reach(settings, found)


def _state(found: Unit) -> Finding:
    """Whether it is up."""
    if found.active in {"active", "reloading", "activating"} and found.status == 0:
        return well("unit", f"{found.name} is {found.active}")
    if found.status:
        why = _STATUS.get(found.status, "its log")
        text = f"{found.name} is {found.active}; it ended with {found.status}: look at {why}"
        return wrong("unit", text, f"journalctl -u {found.name} -n 20; then systemctl restart {found.name}")
    return warning("unit", f"{found.name} is {found.active}", f"systemctl start {found.name}")


def _reach(settings: Settings, found: Unit) -> Iterator[Finding]:
    """Whether its view of the machine has what the configuration names."""
    open_to_it = (*found.writes, *found.homes, *((found.state,) if found.state else ()))
    for folder in settings.folders:
        for path in (folder.path, folder.output):
            if found.hides_homes and _within(path, HOMES) and not _within(path, found.homes):
                yield wrong(f"folder {folder.name}", f"{path} lies in a home, which {found.name} does not see", AGAIN)
                break
        else:
            takes_away = folder.originals != "keep" or folder.failed is not None
            targets = [folder.output, folder.archive, folder.failed, folder.path if takes_away else None]
            closed = [path for path in targets if path is not None and not _within(path, open_to_it)]
            if found.is_strict and closed:
                text = f"{', '.join(closed)} is read-only to {found.name}: nothing names it in ReadWritePaths="
                yield wrong(f"folder {folder.name}", text, AGAIN)
    if found.is_strict and not _within(settings.state_dir, open_to_it):
        yield wrong("state_dir", f"{settings.state_dir} is read-only to {found.name}", AGAIN)


def _within(path: str, places: tuple[str, ...]) -> bool:
    return any(Path(path).is_relative_to(place) for place in places)
