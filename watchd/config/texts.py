"""The texts with a grammar of their own: addresses, names, patterns and templates."""

from __future__ import annotations

import ipaddress
import re
from dataclasses import dataclass
from typing import Any, Final
from urllib.parse import urlsplit

from watchd.config.kinds import Kind, Text
from watchd.config.problems import did_you_mean
from watchd.config.units import RefusedError, found
from watchd.core.incoming.matching import Matcher
from watchd.model import Folder, Profile

OUTPUT_FIELDS: Final = ("stem", "ext", "name", "folder", "profile", "scale", "width", "height", "date", "sha8")
TELLING_FIELDS: Final = ("stem", "name", "sha8")
"""At least one of these must stand in an output name, or every picture of a folder would get the same one."""
PICTURE_ENDINGS: Final = (".jpg", ".jpeg", ".png", ".webp", ".tif", ".tiff", ".bmp", ".gif", ".avif", ".jp2", ".heic")
_NOT_PORTABLE: Final = frozenset('<>:"\\|?*')
"""What no name on an SMB share or under Windows may hold."""
MARKER_FIELDS: Final = ("name", "stem")
LONGEST_NAME: Final = 100
_PLACE: Final = re.compile(r"(\[[0-9a-fA-F:.]+\]|[^\[\]:@]+)(:[0-9]*)?")
"""A host, and a port if there is one."""
_KEY_LIKE: Final = re.compile(r"[A-Za-z0-9_-]{24,}")


def is_loopback(host: str) -> bool:
    """Whether what is sent to `host` stays on this machine, told without asking any resolver."""
    if host.lower() == "localhost":
        return True
    try:
        return ipaddress.ip_address(host).is_loopback
    except ValueError:
        return False


@dataclass(frozen=True, slots=True)
class Url(Kind):
    """An http(s) address without credentials, and without a key travelling in the clear. It is never quoted."""

    of_service: bool = True

    def _parse(self, value: object) -> str:
        example = "https://api.venice.ai/api/v1" if self.of_service else "http://proxy.example:3128"
        expected = f"expected an address such as {example}"
        if not isinstance(value, str) or not re.fullmatch(r"[!-~]{1,2048}", value):
            raise RefusedError(f"not an address, {expected}")
        try:
            parts = urlsplit(value)
            host, _port = parts.hostname, parts.port
            (host or "").encode("idna")  # what a resolver would stumble over later
        except ValueError:
            raise RefusedError(f"not an address, {expected}") from None
        if parts.scheme not in {"http", "https"} or not host or not _PLACE.fullmatch(parts.netloc.rpartition("@")[2]):
            raise RefusedError(f"not an http or https address, {expected}")
        if not self.of_service:
            if parts.path not in {"", "/"} or "?" in value or "#" in value:
                told = "something stands behind the port (in a password, / ? # are written %2F %3F %23)"
                raise RefusedError(f"{told}, {expected}")
            return value
        if "@" in parts.netloc:
            raise RefusedError(f"credentials stand in the address, {expected}; the key belongs into key_file")
        if "?" in value or "#" in value:
            raise RefusedError(f"a query or fragment stands in the address, {expected}")
        if parts.scheme == "http" and not is_loopback(host):
            raise RefusedError("the key would travel in the clear, expected https (http only to this machine itself)")
        return value.rstrip("/")

    def _describe(self) -> dict[str, Any]:
        return {"type": "string", "format": "uri", "pattern": "^https?://"}

    def _words(self) -> str:
        return "an http or https address"


@dataclass(frozen=True, slots=True)
class PathText(Kind):
    """The text of a path; what it means is found out where the environment is known."""

    secret: bool = False

    def _parse(self, value: object) -> str:
        text: str = Text("a path", secret=self.secret).parse(value)
        if self.secret and _KEY_LIKE.fullmatch(text):
            raise RefusedError(
                "looks like the key itself, expected the path of a file that holds it, readable by you alone"
            )
        if "\0" in text:
            raise RefusedError("a NUL character, expected a path")
        return text

    def _describe(self) -> dict[str, Any]:
        return {"type": "string", "minLength": 1}

    def _words(self) -> str:
        return "a path"


def name_trouble(name: str) -> str | None:
    """Why a text cannot name a folder or a profile, or None."""
    if not name or name in {".", ".."} or len(name) > LONGEST_NAME:
        return f"expected a name of 1 to {LONGEST_NAME} characters"
    if "/" in name or not name.isprintable() or name != name.strip():
        return "expected a name of printable characters without a slash and without blanks around it"
    return None


@dataclass(frozen=True, slots=True)
class Name(Kind):
    """The name of a folder or profile, as messages and commands use it."""

    def _parse(self, value: object) -> str:
        name: str = Text("a name").parse(value)
        trouble = name_trouble(name)
        if trouble:
            raise RefusedError(f"not a name that can be used, {trouble}, {found(value)}")
        return name

    def _describe(self) -> dict[str, Any]:
        return {"type": "string", "minLength": 1, "maxLength": LONGEST_NAME, "pattern": "^[^/]+$"}

    def _words(self) -> str:
        return "a name"


@dataclass(frozen=True, slots=True)
class Template(Kind):
    """A file name with fields in braces. Fields are substituted by name alone: nothing else in braces has a meaning."""

    fields: tuple[str, ...]
    needed: tuple[str, ...]
    may_hold_folders: bool
    may_be_the_picture: bool = True

    def _parse(self, value: object) -> str:
        text: str = Text(self.words(), longest=500).parse(value)
        for name in re.findall(r"\{([^{}]*)\}", text):
            if name not in self.fields:
                known = ", ".join(f"{{{known}}}" for known in self.fields)
                near = re.sub(r'"(\w+)"', r'"{\1}"', did_you_mean(name, self.fields))
                raise RefusedError(f"unknown field, expected some of {known}, {found('{' + name + '}')}{near}")
        rest = re.sub(r"\{[^{}]*\}", "", text)
        if "{" in rest or "}" in rest:
            raise RefusedError(f"a brace without its partner, expected fields such as {{stem}}, {found(value)}")
        self._check_path(text, value)
        if not any(f"{{{name}}}" in text for name in self.needed):
            needed = " or ".join(f"{{{name}}}" for name in self.needed)
            raise RefusedError(f"every picture would get the same name, expected {needed} in it, {found(value)}")
        if not self.may_be_the_picture and (text == "{name}" or text.lower().endswith(PICTURE_ENDINGS)):
            raise RefusedError(
                f"a picture could be its own marker, expected a name such as {{name}}.done, {found(value)}"
            )
        return text

    def _check_path(self, text: str, value: object) -> None:
        if not text.isprintable():
            raise RefusedError(f"a character that cannot be printed, expected a file name, {found(value)}")
        if text.startswith("/"):
            raise RefusedError(f"an absolute path, expected a name below the output folder, {found(value)}")
        parts = text.split("/")
        if ".." in parts:
            raise RefusedError(f'".." leaves the output folder, expected a name below it, {found(value)}')
        if "" in parts or "." in parts:
            raise RefusedError(f"an empty part between slashes, expected a file name, {found(value)}")
        odd = sorted(set(re.sub(r"\{[^{}]*\}", "", text)) & _NOT_PORTABLE)
        if odd or any(part[-1] in ". " for part in parts):
            told = f"{' '.join(odd)} in it" if odd else "a part that ends with a dot or a blank"
            raise RefusedError(f"{told}, expected a name that SMB and Windows can hold too, {found(value)}")
        if len(parts) > 1 and not self.may_hold_folders:
            raise RefusedError(f"a slash, expected the name of a file beside the picture, {found(value)}")

    def _describe(self) -> dict[str, Any]:
        field = "|".join(self.fields)
        return {"type": "string", "pattern": rf"^([^{{}}]|\{{({field})\}})+$"}

    def _words(self) -> str:
        return "a file name with fields in braces"


@dataclass(frozen=True, slots=True)
class PlainName(Kind):
    """The name of one file inside a folder."""

    def _parse(self, value: object) -> str:
        name: str = Text("the name of a file").parse(value)
        if "/" in name or "\0" in name or name in {".", ".."}:
            raise RefusedError(
                f"not the name of a file in the folder, expected one such as .watchd-mounted, {found(value)}"
            )
        return name

    def _describe(self) -> dict[str, Any]:
        return {"type": "string", "minLength": 1, "pattern": "^[^/]+$"}

    def _words(self) -> str:
        return "the name of a file"


@dataclass(frozen=True, slots=True)
class Pattern(Kind):
    """A shell pattern; one with a slash is matched against the path below the folder, others against the name."""

    def _parse(self, value: object) -> str:
        text: str = Text('a pattern such as "*.jpg"', longest=500).parse(value)
        if "\0" in text or text.strip("/") == "" or ".." in text.split("/"):
            raise RefusedError(f'not a pattern, expected one such as "*.jpg" or "drafts/**", {found(value)}')
        try:
            Matcher(Folder("", "/", Profile(""), "/", include=(text,)))
        except (ValueError, re.error) as error:
            raise RefusedError(f'not a pattern, expected one such as "*.jpg", {found(value)}') from error
        return text

    def _describe(self) -> dict[str, Any]:
        return {"type": "string", "minLength": 1}

    def _words(self) -> str:
        return "a pattern"


@dataclass(frozen=True, slots=True)
class Listen(Kind):
    """An address and port to listen on."""

    def _parse(self, value: object) -> str:
        expected = "expected an address and port such as 127.0.0.1:8787"
        matched = (
            re.fullmatch(r"(\[[0-9a-fA-F:.]+\]|[A-Za-z0-9.-]+):([0-9]{1,5})", value) if isinstance(value, str) else None
        )
        if matched is None or int(matched[2]) > 65535:  # noqa: PLR2004 -- the last port there is
            raise RefusedError(f"not an address to listen on, {expected}, {found(value)}")
        return matched[0]

    def _describe(self) -> dict[str, Any]:
        return {"type": "string", "pattern": r"^(\[[0-9a-fA-F:.]+\]|[A-Za-z0-9.-]+):[0-9]{1,5}$"}

    def _words(self) -> str:
        return "an address and port"
