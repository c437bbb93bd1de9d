"""Whether a profile asks for what its dialect can do, and for nothing that would be paid for and ignored."""

from __future__ import annotations

from typing import TYPE_CHECKING, Literal

from watchd.config.units import found
from watchd.model import Profile

if TYPE_CHECKING:
    from watchd.config.document import Path
    from watchd.config.folder_sections import ProfileSection
    from watchd.config.problems import Report

LEAST_CREATIVITY_SCALE = 2
_OF_THE_ENHANCER = ("enhance_prompt", "enhance_creativity")
_ASKED = frozenset({"scale", "enhance", *_OF_THE_ENHANCER, "replication", "creativity", "tile_enhance"})
MOST_CREATIVE_TILES = 0.2
"""What the enhancer invents beyond this differs visibly from tile to tile."""


def check(profile: ProfileSection, path: Path, dialect: Literal["enhance", "creativity"], report: Report) -> None:
    """Tells of what does not go together in the profile that stands at `path`."""
    if dialect == "creativity":
        _check_creativity(profile, path, report)
    else:
        _check_enhance(profile, path, report)


def _check_creativity(profile: ProfileSection, path: Path, report: Report) -> None:
    why = "dialect creativity has no {}: paid for and ignored, expected `creativity` alone, or dialect enhance"
    for key in ("enhance", *_OF_THE_ENHANCER, "replication"):
        if key in profile.model_fields_set and not _asks_nothing(getattr(profile, key)):
            report.add((*path, key), why.format(key), of_key=True)
    if "scale" in profile.model_fields_set and profile.scale < LEAST_CREATIVITY_SCALE:
        report.add(
            (*path, "scale"), f"out of range in dialect creativity, expected a number from 2 to 4, {_scale(profile)}"
        )


def _asks_nothing(value: object) -> bool:
    """Whether a key only says that it is off; a 0 is a figure like any other, though Python takes it for False."""
    return value is None or value is False


def _check_enhance(profile: ProfileSection, path: Path, report: Report) -> None:
    if "creativity" in profile.model_fields_set:
        why = "dialect enhance has no creativity, expected enhance_creativity, or dialect creativity in api"
        report.add((*path, "creativity"), why, of_key=True)
    if profile.enhance or report.broken((*path, "enhance")):
        return
    for key in _OF_THE_ENHANCER:
        if key in profile.model_fields_set and getattr(profile, key) is not None:
            why = f"{key} without `enhance: true` would be paid for and ignored, expected both or neither"
            report.add((*path, key), why, of_key=True)
    if profile.scale == 1:
        why = f"scale 1 only enhances, expected `enhance: true` with it, or a scale above 1, {_scale(profile)}"
        report.add((*path, "scale"), why)


def check_tiles(profile: ProfileSection, path: Path, at: Path, report: Report) -> None:
    """Tells where the folder whose `oversize` stands at `path` has tiles enhanced that would not fit each other.

    `at`: where its profile stands.
    """
    if not profile.enhance or profile.tile_enhance or profile.enhance_creativity <= MOST_CREATIVE_TILES:
        return
    if report.broken((*at, "enhance_creativity")) or report.broken((*at, "tile_enhance")):
        return
    report.add(
        path,
        f"the enhancer invents in each tile anew, expected a profile with enhance_creativity up to"
        f" {MOST_CREATIVE_TILES:g}, or `tile_enhance: true` in it, found {profile.enhance_creativity:g}",
    )


def _scale(profile: ProfileSection) -> str:
    return found(int(profile.scale) if profile.scale == int(profile.scale) else profile.scale)


def build(section: ProfileSection, name: str) -> Profile:
    """The profile as the program uses it; one given in place bears its folder's name.

    What the file does not say stays unsaid: the service's defaults are the service's to change.
    """
    asked = section.model_dump(include=set(_ASKED & section.model_fields_set))
    return Profile(name=name, **asked)
