"""Where the output goes: a fixed set of fields put into a template, names that every file system can hold.

`str.format` is not used: its fields can reach into objects, and a name could walk out of the folder.
"""

from __future__ import annotations

import posixpath
import re
import unicodedata
from dataclasses import dataclass
from itertools import islice
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Iterator

    from watchd.model import Folder

MAX_NAME_BYTES = 255
PORTABLE_NAME_BYTES = 143
SUFFIXES = 10_000
_PORTABLE = re.compile(r"[A-Za-z0-9._()+,=@~ -]+")
_RESERVED = re.compile(r"(?i)(con|prn|aux|nul|com[0-9]|lpt[0-9])(\..*)?")
_FIELD = re.compile(r"\{([a-z0-9]+)\}")


@dataclass(frozen=True, slots=True)
class NameFacts:
    """What a template may speak of. `path` is the picture's, relative to its folder; sizes are the result's."""

    path: str
    sha256: str
    width: int
    height: int
    scale: float
    profile: str
    date: str
    extension: str


def output_path(folder: Folder, facts: NameFacts) -> str:
    """The wanted output, relative to the folder's `output`; sub-folders of the input are mirrored."""
    parent, name = posixpath.split(facts.path)
    stem = posixpath.splitext(name)[0]
    values = {
        "stem": stem,
        "name": name,
        "ext": facts.extension,
        "folder": folder.name,
        "profile": facts.profile.replace("/", "_"),
        "scale": f"{facts.scale:g}",
        "width": str(facts.width),
        "height": str(facts.height),
        "date": facts.date,
        "sha8": facts.sha256[:8],
    }
    filled = _FIELD.sub(lambda found: values.get(found.group(1), found.group(0)), folder.output_name)
    parts = [part for part in filled.split("/") if part not in {"", ".", ".."}]
    return posixpath.join(parent, *(shorten(part) for part in parts))


def candidates(wanted: str) -> Iterator[str]:
    """The wanted path, then the same with -1, -2, … before its extension."""
    parent, name = posixpath.split(wanted)
    yield posixpath.join(parent, shorten(name))
    extension = posixpath.splitext(name)[1]
    for candidate in islice(candidates_of(name, extension), 1, None):
        yield posixpath.join(parent, candidate)


def candidates_of(name: str, ending: str) -> Iterator[str]:
    """A name that is short enough, then the same with -1, -2, … before its ending."""
    yield name
    stem = name.removesuffix(ending)
    for number in range(1, SUFFIXES):
        yield shorten(stem, f"-{number}{ending}")


def shorten(stem: str, ending: str | None = None) -> str:
    """A name of at most 255 bytes that keeps its ending, cut between characters."""
    if ending is None:
        stem, ending = posixpath.splitext(stem)
    if len(_encode(ending)) >= MAX_NAME_BYTES:
        stem, ending = stem + ending, ""  # an ending that long is none that anyone looks for
    room = MAX_NAME_BYTES - len(_encode(ending))
    while len(_encode(stem)) > room:
        stem = stem[:-1]
    return stem + ending


def is_portable(name: str) -> bool:
    """Whether every file system takes a name: any other is tried there before anything is paid for it.

    143 bytes are what eCryptfs leaves of 255; Windows keeps some characters, ends and names for itself.
    """
    plain = _PORTABLE.fullmatch(name) is not None and len(name) <= PORTABLE_NAME_BYTES
    return plain and name[-1] not in " ." and _RESERVED.fullmatch(name) is None


def hidden_name(job: int, sha256: str) -> str:
    """What an output, or an original on its way, is called while it is not whole, where it has to have a name."""
    return f".watchd-{job}-{sha256[:8]}.part"


def safe_names(path: str, job: int, extension: str) -> tuple[str, str]:
    """Names for an output whose own cannot be had: in its sub-folder, then at the top."""
    plain = f"{job}.{extension}"
    return posixpath.join(posixpath.dirname(path), plain), plain


def beneath(path: str, root: str) -> tuple[str, str]:
    """An absolute path as a folder and the rest of the way: `root` where it lies there, else the folder it lies in."""
    if path.startswith(f"{root}/"):
        return root, path[len(root) + 1 :]
    above, name = posixpath.split(path)
    return above, name


def _encode(name: str) -> bytes:
    return name.encode("utf-8", "surrogateescape")


def collision_key(path: str) -> str:
    """Equal for two paths that an SMB or macOS client cannot tell apart: case folded, composed (NFC)."""
    folded = unicodedata.normalize("NFC", unicodedata.normalize("NFC", path).casefold())
    return folded.encode("utf-8", "backslashreplace").decode("utf-8")
