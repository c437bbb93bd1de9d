"""What no single key can tell: names, profiles and places that have to fit together across the file."""

from __future__ import annotations

import posixpath
from dataclasses import dataclass
from typing import TYPE_CHECKING
from urllib.parse import urlsplit

from watchd.config import overlap, profiling
from watchd.config.folder_sections import ProfileSection
from watchd.config.kinds import Choice
from watchd.config.links import Leads
from watchd.config.paths import absolute, default_state_dir
from watchd.config.problems import did_you_mean
from watchd.config.texts import Url, is_loopback, name_trouble
from watchd.config.units import RefusedError, format_duration, found

if TYPE_CHECKING:
    from collections.abc import Mapping

    from watchd.config.document import Document, Path
    from watchd.config.folder_sections import FolderSection, FormatSection
    from watchd.config.json_schema import FileSection
    from watchd.config.problems import Report
    from watchd.config.validating import Checked

_LIMITS = ("approval", "budget")
_FITTING = {
    "quality": ("jpeg", "webp", "avif"),
    "lossless": ("webp",),
    "compression": ("png", "tiff"),
    "bit_depth": ("png", "tiff"),
}


@dataclass(frozen=True, slots=True)
class Ready:
    """A folder whose name and places are known."""

    section: FolderSection
    name: str
    path: str
    output: str
    archive: str | None
    failed: str | None


@dataclass(frozen=True, slots=True)
class Whereabouts:
    """What depends on the environment and on where the file lies."""

    base: str
    environ: Mapping[str, str]


@dataclass(frozen=True, slots=True)
class SoundFile:
    """Everything a Settings is built from; complete only if no problem was told."""

    file: FileSection
    base_url: str
    key_file: str | None
    state_dir: str
    folders: list[Ready]
    web_token_file: str | None = None
    notify_urls_file: str | None = None


def check(document: Document, checked: Checked, around: Whereabouts, report: Report) -> SoundFile:
    """Tells of everything that does not fit together, and resolves what depends on the surroundings."""
    file = checked.file
    _check_blanks(document, report)
    _check_probe(file, report)
    base_url = _base_url(file, around.environ, report)
    _check_proxy(file, base_url, report)
    for name, profile in file.profiles.items():
        profiling.check(profile, ("profiles", name), file.api.dialect, report)
    state_dir = _state_dir(file, around, report)
    key_file = _key_file(file, around, report)
    folders = _folders(document, checked, around, state_dir, report)
    token_file = _web_token_file(file, around, report)
    urls_file = _notify_urls_file(file, around, report)
    return SoundFile(file, base_url, key_file, state_dir or "", folders, token_file, urls_file)


def _notify_urls_file(file: FileSection, around: Whereabouts, report: Report) -> str | None:
    if file.notify is None or file.notify.urls_file is None or report.broken(("notify",)):
        return None
    try:
        return absolute(file.notify.urls_file, around.base, around.environ)
    except RefusedError:
        # The text is not told again: somebody may have written an address with its secret here.
        report.add(("notify", "urls_file"), "not a path that can be used, expected one whose variables and users exist")
        return None


def _web_token_file(file: FileSection, around: Whereabouts, report: Report) -> str | None:
    """The file with the token that visitors are asked for; beyond this machine there has to be one."""
    web = file.web
    if web is None or report.broken(("web",)):
        return None
    if web.token_file is None:
        if not is_loopback(web.listen.rpartition(":")[0].strip("[]")):
            why = "anybody on the network could ask, expected `token_file:` with a file that holds a token, or loopback"
            report.add(("web", "listen"), f"{why}, {found(web.listen)}")
        return None
    try:
        return absolute(web.token_file, around.base, around.environ)
    except RefusedError:
        # The text is not told again: somebody may have written the token itself here.
        report.add(("web", "token_file"), "not a path that can be used, expected one whose variables and users exist")
        return None


def _check_blanks(document: Document, report: Report) -> None:
    """`approval:` with nothing behind it might be meant either way, and null is a limit switched off."""
    for path in document.blanks:
        keys = path[2:] if path[0] == "folders" else path
        if keys and keys[0] in _LIMITS:
            report.add(path, "nothing is written here, expected a value, or null to switch the limit off")


def _check_probe(file: FileSection, report: Report) -> None:
    probe = file.balance_probe
    if probe.longest < probe.first and not report.broken(("balance_probe",)):
        at = "longest" if "longest" in probe.model_fields_set else "first"
        report.add(
            ("balance_probe", at),
            f"longest is shorter than first, expected at least {format_duration(probe.first)}, "
            f'found "{format_duration(probe.longest)}"',
        )


def _check_proxy(file: FileSection, base_url: str, report: Report) -> None:
    """Plain http serves this machine alone, and a proxy elsewhere would be sent the key all the same."""
    proxy = file.api.proxy
    if proxy is None or report.broken(("api",)) or not base_url.startswith("http:"):
        return
    if not is_loopback(urlsplit(proxy).hostname or ""):
        report.add(
            ("api", "proxy"),
            "the key would travel in the clear to this proxy, expected an https base_url, or none",
        )


def _base_url(file: FileSection, environ: Mapping[str, str], report: Report) -> str:
    given = environ.get("WATCHD_BASE_URL")
    if not given:
        return file.api.base_url
    try:
        base_url: str = Url().parse(given)
    except RefusedError as error:
        report.add_elsewhere("$WATCHD_BASE_URL", f"api.base_url: {error}")
        return file.api.base_url
    return base_url


def _path(text: str, path: Path, around: Whereabouts, report: Report) -> str | None:
    try:
        return absolute(text, around.base, around.environ)
    except RefusedError as error:
        report.add(path, str(error))
        return None


def _key_file(file: FileSection, around: Whereabouts, report: Report) -> str | None:
    if file.api.key_file is None:
        return None
    try:
        return absolute(file.api.key_file, around.base, around.environ)
    except RefusedError:
        # The text is not told again: somebody may have written the key itself here.
        report.add(("api", "key_file"), "not a path that can be used, expected one whose variables and users exist")
        return None


def _state_dir(file: FileSection, around: Whereabouts, report: Report) -> str | None:
    if report.broken(("state_dir",)):
        return None
    if file.state_dir is not None:
        return _path(file.state_dir, ("state_dir",), around, report)
    try:
        return default_state_dir(around.environ)
    except RefusedError as error:
        report.add(("state_dir",), f"no default is known: {error}")
        return None


def _folders(
    document: Document, checked: Checked, around: Whereabouts, state_dir: str | None, report: Report
) -> list[Ready]:
    if not document.value.get("folders") and not report.broken(("folders",)):
        report.add(("folders",), "no folder to watch, expected at least one with `path:` and `profile:`", of_key=True)
    ready: list[Ready] = []
    hot: list[overlap.HotPaths] = []
    stores: list[overlap.Store] = []
    taken: dict[str, int] = {}
    leads = Leads()
    for section, position in zip(checked.file.folders, checked.positions, strict=True):
        at: Path = ("folders", position)
        _check_profile(document, section, at, checked.file, report)
        _check_format(section.format, (*at, "format"), report)
        _check_tiles(section, at, checked.file, report)
        path = _path(section.path, (*at, "path"), around, report)
        if path is None:
            continue
        output = path.rstrip("/") + "-out"
        if section.output is not None:
            output = _path(section.output, (*at, "output"), around, report) or output
        name = _name(section, path, at, taken, report)
        taken.setdefault(name, document.mark((*at, "path"))[0])
        archive, failed = (_place_of(section, key, at, around, report) for key in ("archive", "failed"))
        ready.append(Ready(section, name, path, output, archive, failed))
        for key, place in (("archive", archive), ("failed", failed)):
            if place is not None:
                leads.ask(place)
                stores.append(overlap.Store(place, (*at, key), leads))
        at_output = (*at, "output") if section.output is not None else (*at, "path")
        if not report.broken((*at, "output")):
            leads.ask(path, output)
            hot.append(overlap.HotPaths(name or path, path, output, (*at, "path"), at_output, section.chain, leads))
    overlap.check(hot, state_dir, ("state_dir",), report)
    overlap.check_stores(stores, hot, report)
    return ready


def _place_of(section: FolderSection, key: str, at: Path, around: Whereabouts, report: Report) -> str | None:
    """Where originals go that are archived or failed."""
    written: str | None = getattr(section, key)
    if key == "archive" and not report.broken((*at, "originals")) and not report.broken((*at, "archive")):
        if section.originals == "archive" and written is None:
            report.add((*at, "originals"), "nothing says where to, expected `archive:` with a folder beside it")
        elif section.originals == "keep" and written is not None:
            why = "nothing would go there, expected it with `originals: archive` or `delete`, or left out"
            report.add((*at, "archive"), why)
    return None if written is None else _path(written, (*at, key), around, report)


def _name(section: FolderSection, path: str, at: Path, taken: Mapping[str, int], report: Report) -> str:
    name = section.name or posixpath.basename(path)
    place = (*at, "name") if section.name else (*at, "path")
    trouble = name_trouble(name)
    if trouble:
        report.add(place, f"its last part cannot name the folder, {trouble} in `name:`, {found(name)}")
    elif name in taken and not report.broken((*at, "name")):
        clash = f"the folder in line {taken[name]} is called {found(name).removeprefix('found ')} too"
        report.add(place, f"{clash}, expected a `name:` of its own")
    return name


def _check_profile(document: Document, section: FolderSection, at: Path, file: FileSection, report: Report) -> None:
    place = (*at, "profile")
    if isinstance(section.profile, ProfileSection):
        if not report.told(place):
            profiling.check(section.profile, place, file.api.dialect, report)
        return
    written = document.value.get("profiles")
    known = [*written] if isinstance(written, dict) else []
    if section.profile not in known and not report.told(("profiles",)):
        near = did_you_mean(section.profile, known)
        expected = Choice(tuple(known)).words() if len(known) > 1 else (known or ["one under `profiles:`"])[0]
        report.add(place, f"unknown profile, expected {expected}, {found(section.profile)}{near}")


def _check_tiles(section: FolderSection, at: Path, file: FileSection, report: Report) -> None:
    if section.oversize != "tile" or report.broken((*at, "profile")):
        return
    if isinstance(section.profile, ProfileSection):
        profiling.check_tiles(section.profile, (*at, "oversize"), (*at, "profile"), report)
    elif section.profile in file.profiles:
        place = ("profiles", section.profile)
        profiling.check_tiles(file.profiles[section.profile], (*at, "oversize"), place, report)


def _check_format(section: FormatSection, at: Path, report: Report) -> None:
    if report.broken((*at, "type")):
        return
    for key, types in _FITTING.items():
        if getattr(section, key) is not None and section.type not in types:
            report.add((*at, key), f"{key} has no meaning for {section.type}, expected it with {' or '.join(types)}")
    fits = isinstance(section.compression, int) == (section.type == "png")
    if section.compression is not None and section.type in _FITTING["compression"] and not fits:
        expected = "a level from 0 to 9" if section.type == "png" else "none, lzw or deflate"
        report.add((*at, "compression"), f"not for {section.type}, expected {expected}, {found(section.compression)}")
