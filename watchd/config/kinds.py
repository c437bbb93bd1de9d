"""The kinds of value that a key may take: each checks, says what it expected, and describes itself to editors."""

from __future__ import annotations

import re
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from pydantic_core import PydanticCustomError, core_schema

from watchd.config.problems import did_you_mean
from watchd.config.units import (
    DURATION_PATTERN,
    HOURS_PATTERN,
    MONEY_PATTERN,
    MOST_S,
    RefusedError,
    format_duration,
    found,
    parse_duration,
    parse_hours,
    parse_money,
)

if TYPE_CHECKING:
    from watchd.model import Hours


class Kind:
    """What stands in the annotation of a field; pydantic asks it for a validator and for a JSON Schema."""

    __slots__ = ()

    def _parse(self, value: object) -> Any:
        raise NotImplementedError

    def _describe(self) -> dict[str, Any]:
        raise NotImplementedError

    def _words(self) -> str:
        raise NotImplementedError

    def parse(self, value: object) -> Any:
        """The value as the program uses it.

        Raises:
            RefusedError: with what is wrong, what is expected and what was found.
        """
        return self._parse(value)

    def describe(self) -> dict[str, Any]:
        """The JSON Schema of what may be written."""
        return self._describe()

    def words(self) -> str:
        """What may be written, for messages and the reference page."""
        return self._words()

    def _validated(self, value: object) -> Any:
        try:
            return self.parse(value)
        except RefusedError as error:
            raise PydanticCustomError("refused", "{text}", {"text": str(error)}) from error

    def __get_pydantic_core_schema__(self, _source: Any, _handler: Any) -> core_schema.CoreSchema:
        return core_schema.no_info_plain_validator_function(self._validated)

    def __get_pydantic_json_schema__(self, _schema: Any, _handler: Any) -> dict[str, Any]:
        return self.describe()


@dataclass(frozen=True, slots=True)
class Text(Kind):
    """Any text of at least one character."""

    what: str = "text"
    longest: int = 4096
    secret: bool = False

    def _parse(self, value: object) -> str:
        shown = "" if self.secret else f", {found(value)}"
        if isinstance(value, bool | int | float) and not self.secret:
            raise RefusedError(f"not text, expected {self.what}{shown}; put it in quotes")
        if not isinstance(value, str):
            raise RefusedError(f"not text, expected {self.what}{shown}")
        if not value:
            raise RefusedError(f"empty, expected {self.what}")
        if len(value) > self.longest:
            raise RefusedError(f"too long, expected at most {self.longest} characters, found {len(value)}")
        return value

    def _describe(self) -> dict[str, Any]:
        return {"type": "string", "minLength": 1, "maxLength": self.longest}

    def _words(self) -> str:
        return self.what


@dataclass(frozen=True, slots=True)
class Flag(Kind):
    """true or false; the yes, no, on and off of YAML 1.1 are understood, since people write them."""

    def _parse(self, value: object) -> bool:
        if isinstance(value, bool):
            return value
        plain = value.lower() if isinstance(value, str) else ""
        if plain in {"yes", "on", "no", "off"}:
            return plain in {"yes", "on"}
        raise RefusedError(f"neither true nor false, expected one of them, {found(value)}")

    def _describe(self) -> dict[str, Any]:
        return {"type": "boolean"}

    def _words(self) -> str:
        return "true or false"


@dataclass(frozen=True, slots=True)
class Whole(Kind):
    """A whole number within bounds; `null_means` stands in for null where null switches a limit off."""

    least: int
    most: int
    null_means: int | None = None

    def _parse(self, value: object) -> int:
        if value is None and self.null_means is not None:
            return self.null_means
        if isinstance(value, bool) or not isinstance(value, int):
            raise RefusedError(f"not a whole number, expected {self.words()}, {found(value)}")
        if not self.least <= value <= self.most:
            raise RefusedError(f"out of range, expected {self.words()}, {found(value)}")
        return value

    def _describe(self) -> dict[str, Any]:
        allowed = ["integer"] if self.null_means is None else ["integer", "null"]
        return {
            "type": allowed[0] if len(allowed) == 1 else allowed,
            "minimum": self.least,
            "maximum": self.most,
        }

    def _words(self) -> str:
        return f"a whole number from {self.least:,} to {self.most:,}"


@dataclass(frozen=True, slots=True)
class Number(Kind):
    """A number within bounds."""

    least: float
    most: float

    def _parse(self, value: object) -> float:
        if isinstance(value, bool) or not isinstance(value, int | float):
            raise RefusedError(f"not a number, expected {self.words()}, {found(value)}")
        if not self.least <= value <= self.most:
            raise RefusedError(f"out of range, expected {self.words()}, {found(value)}")
        return float(value)

    def _describe(self) -> dict[str, Any]:
        return {"type": "number", "minimum": self.least, "maximum": self.most}

    def _words(self) -> str:
        return f"a number from {self.least:g} to {self.most:g}"


@dataclass(frozen=True, slots=True)
class Choice(Kind):
    """One of a few words."""

    options: tuple[str, ...]

    def _parse(self, value: object) -> str:
        if isinstance(value, str) and value in self.options:
            return value
        near = did_you_mean(value, self.options) if isinstance(value, str) else ""
        raise RefusedError(f"unknown value, expected {self.words()}, {found(value)}{near}")

    def _describe(self) -> dict[str, Any]:
        return {"enum": list(self.options)}

    def _words(self) -> str:
        return " or ".join([", ".join(self.options[:-1]), self.options[-1]])


@dataclass(frozen=True, slots=True)
class Duration(Kind):
    """Seconds, written with a unit."""

    least: float
    most: float = MOST_S
    example: str = "2s"

    def _parse(self, value: object) -> float:
        seconds = parse_duration(value, self.example)
        if not self.least <= seconds <= self.most:
            bounds = f"from {format_duration(self.least)} to {format_duration(self.most)}"
            raise RefusedError(f"out of range, expected a duration {bounds}, {found(value)}")
        return seconds

    def _describe(self) -> dict[str, Any]:
        written = {"type": "string", "pattern": DURATION_PATTERN}
        return written if self.least > 0 else {"anyOf": [written, {"const": 0}]}

    def _words(self) -> str:
        return f"a duration from {format_duration(self.least)} to {format_duration(self.most)}"


@dataclass(frozen=True, slots=True)
class Money(Kind):
    """Micro-dollars, written in USD."""

    def _parse(self, value: object) -> int:
        return parse_money(value)

    def _describe(self) -> dict[str, Any]:
        return {"anyOf": [{"type": "number", "minimum": 0}, {"type": "string", "pattern": MONEY_PATTERN}]}

    def _words(self) -> str:
        return "an amount in USD"


@dataclass(frozen=True, slots=True)
class Window(Kind):
    """A daily window of hours."""

    def _parse(self, value: object) -> Hours:
        return parse_hours(value)

    def _describe(self) -> dict[str, Any]:
        return {"type": "string", "pattern": HOURS_PATTERN}

    def _words(self) -> str:
        return 'a window of hours such as "22:00-06:00"'


@dataclass(frozen=True, slots=True)
class Depth(Kind):
    """Bits of each channel."""

    def _parse(self, value: object) -> int:
        if isinstance(value, int) and not isinstance(value, bool) and value in {8, 16}:
            return value
        raise RefusedError(f"unknown value, expected {self.words()}, {found(value)}")

    def _describe(self) -> dict[str, Any]:
        return {"enum": [8, 16]}

    def _words(self) -> str:
        return "8 or 16"


@dataclass(frozen=True, slots=True)
class Compression(Kind):
    """A level for PNG, a method for TIFF."""

    def _parse(self, value: object) -> int | str:
        if isinstance(value, str) and value in {"none", "lzw", "deflate"}:
            return value
        if isinstance(value, int) and not isinstance(value, bool) and re.fullmatch(r"[0-9]", str(value)):
            return value
        raise RefusedError(f"unknown value, expected {self.words()}, {found(value)}")

    def _describe(self) -> dict[str, Any]:
        return {"anyOf": [{"type": "integer", "minimum": 0, "maximum": 9}, {"enum": ["none", "lzw", "deflate"]}]}

    def _words(self) -> str:
        return "a level from 0 to 9 (png), or none, lzw or deflate (tiff)"
