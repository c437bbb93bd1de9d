"""The service's side of the contract: which requests it takes, what each result measures and costs.

Source: the vendor's contract of the endpoint, and its later pages for the dialect ``creativity``. This file plays the
vendor, so it shares no line with the client's idea of the same contract: where the two disagree, a test shall see it.
"""

import math
import re
from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any

from watchd.sandbox.options import Dialect

LEAST_PIXELS_IN = 65_536
MOST_PIXELS_OUT = 16_777_216
LEAST_SIDE = 64
MOST_FILE_BYTES = 25_000_000
MOST_JSON_BYTES = 35_000_000
LONGEST_PROMPT = 1500
MOST_CREATIVITY = 0.02

PRICE_UP_TO_2X_MICRO = 20_000
PRICE_ABOVE_2X_MICRO = 80_000

BOTH_FIELDS = frozenset({"image", "scale"})
ENHANCE_FIELDS = frozenset({"enhance", "enhanceCreativity", "enhancePrompt", "replication"})
CREATIVITY_FIELDS = frozenset({"creativity"})

_NUMBER = re.compile(r"[+-]?(?:\d+(?:\.\d*)?|\.\d+)(?:[eE][+-]?\d+)?", re.ASCII)


@dataclass(frozen=True, slots=True)
class ContractRefusal:
    """An answered error: its status, its sentence and, on a 400, which field is wrong in which way."""

    status: int
    error: str
    details: Mapping[str, Any] | None = None


@dataclass(frozen=True, slots=True)
class EnhanceParameters:
    """What the documented contract asks for."""

    scale: float = 2.0
    enhance: bool = False
    creativity: float = 0.5
    prompt: str = ""
    replication: float = 0.35


@dataclass(frozen=True, slots=True)
class CreativityParameters:
    """What the endpoint asks for since 2026-07."""

    scale: float = 2.0
    creativity: float = 0.01


Parameters = EnhanceParameters | CreativityParameters


@dataclass(frozen=True, slots=True)
class Plan:
    """What a call will produce: size in pixels, the scale that took effect, and its price."""

    width: int
    height: int
    effective_scale: float
    price_micro: int


@dataclass(slots=True)
class _Problems:
    """What is wrong with a request, gathered in the shape of zod's ``format()``."""

    root: list[str] = field(default_factory=list)
    fields: dict[str, list[str]] = field(default_factory=dict)

    def add(self, name: str, message: str) -> None:
        self.fields.setdefault(name, []).append(message)

    def refusal(self) -> ContractRefusal | None:
        if not self.root and not self.fields:
            return None
        details: dict[str, Any] = {"_errors": self.root}
        details.update({name: {"_errors": messages} for name, messages in self.fields.items()})
        return ContractRefusal(400, "Invalid request parameters", details)


def refuse_field(name: str, message: str) -> ContractRefusal:
    """A 400 for one field."""
    return ContractRefusal(400, "Invalid request parameters", {"_errors": [], name: {"_errors": [message]}})


def refuse_request(message: str) -> ContractRefusal:
    """A 400 for the request as a whole."""
    return ContractRefusal(400, "Invalid request parameters", {"_errors": [message]})


def read_parameters(
    fields: Mapping[str, object], *, has_image: bool, textual: bool, dialect: Dialect
) -> Parameters | ContractRefusal:
    """The parameters of a request, its ``image`` apart.

    ``fields`` are the other fields by name. ``textual`` says that they came as text (multipart), where a number is
    spelt out and an empty value or ``null`` stands for null.
    """
    problems = _Problems()
    if not has_image:
        problems.add("image", "Field is required")
    known = BOTH_FIELDS | ENHANCE_FIELDS | (CREATIVITY_FIELDS if dialect == "creativity" else frozenset())
    unknown = sorted(set(fields) - known)
    if unknown:
        problems.root.append("Unrecognized key(s) in object: " + ", ".join(f"'{name}'" for name in unknown))
    reader = _Reader(fields, textual, problems)
    parameters = _read_enhance(reader) if dialect == "enhance" else _read_creativity(reader)
    return problems.refusal() or parameters


def _read_enhance(reader: "_Reader") -> EnhanceParameters:
    default = EnhanceParameters()
    scale = reader.number("scale", default.scale, 1, 4)
    enhance = reader.flag("enhance", default=default.enhance)
    if not enhance and "scale" not in reader.problems.fields and scale <= 1:
        reader.problems.add("scale", "Scale must be greater than 1 if enhance is false")
    return EnhanceParameters(
        scale=scale,
        enhance=enhance,
        creativity=reader.number("enhanceCreativity", default.creativity, 0, 1, nullable=True),
        prompt=reader.text("enhancePrompt", default.prompt, LONGEST_PROMPT),
        replication=reader.number("replication", default.replication, 0, 1, nullable=True),
    )


def _read_creativity(reader: "_Reader") -> CreativityParameters:
    default = CreativityParameters()
    return CreativityParameters(
        scale=reader.number("scale", default.scale, 2, 4),
        creativity=reader.number("creativity", default.creativity, 0, MOST_CREATIVITY),
    )


@dataclass(frozen=True, slots=True)
class _Reader:
    """Typed values of fields; what is wrong goes to ``problems`` and the default is read instead."""

    fields: Mapping[str, object]
    textual: bool
    problems: _Problems

    def number(self, name: str, default: float, least: float, most: float, *, nullable: bool = False) -> float:
        value = self.fields.get(name, default)
        # Compared as a tuple: a field given twice is a list, which no set can be asked for.
        if nullable and (value is None or (self.textual and value in ("", "null"))):
            return default
        if self.textual and isinstance(value, str) and _NUMBER.fullmatch(value.strip()):
            value = float(value)
        if isinstance(value, bool) or not isinstance(value, int | float):
            self.problems.add(name, f"Expected number, received {_kind(value)}")
        elif not math.isfinite(value):
            self.problems.add(name, "Number must be finite")
        elif value < least:
            self.problems.add(name, f"Number must be greater than or equal to {least:g}")
        elif value > most:
            self.problems.add(name, f"Number must be less than or equal to {most:g}")
        else:
            return float(value)
        return default

    def flag(self, name: str, *, default: bool) -> bool:
        value = self.fields.get(name, default)
        if isinstance(value, bool):
            return value
        if value in ("true", "false"):
            return value == "true"
        self.problems.add(name, "Expected a boolean, 'true' or 'false'")
        return default

    def text(self, name: str, default: str, longest: int) -> str:
        value = self.fields.get(name, default)
        if not isinstance(value, str):
            self.problems.add(name, f"Expected string, received {_kind(value)}")
        elif len(value) > longest:
            self.problems.add(name, f"String must contain at most {longest} character(s)")
        else:
            return value
        return default


def _kind(value: object) -> str:
    """What JSON calls a value of this type."""
    match value:
        case None:
            return "null"
        case bool():
            return "boolean"
        case int() | float():
            return "number"
        case str():
            return "string"
        case list():
            return "array"
        case _:
            return "object"


def plan_result(parameters: Parameters, width: int, height: int) -> Plan | ContractRefusal:
    """What a picture of ``width`` by ``height`` pixels becomes, or why it cannot.

    In the documented dialect only a scale of 4 is reduced to fit, in ``creativity`` every scale.
    """
    pixels = width * height
    if min(width, height) < LEAST_SIDE or pixels < LEAST_PIXELS_IN:
        return refuse_field(
            "image",
            f"Image dimensions must be at least {LEAST_PIXELS_IN} pixels and {LEAST_SIDE} a side, "
            f"received {width}x{height}",
        )
    scale = parameters.scale
    too_large = width * scale * height * scale > MOST_PIXELS_OUT
    enhance = isinstance(parameters, EnhanceParameters) and parameters.enhance
    if too_large:
        reducible = isinstance(parameters, CreativityParameters) or scale == 4  # noqa: PLR2004 -- the contract's word
        scale = math.sqrt(MOST_PIXELS_OUT / pixels)
        if not reducible or scale < 1 or (_result_size(width, height, scale) == (width, height) and not enhance):
            return refuse_field(
                "image",
                f"Image dimensions after scaling must not exceed {MOST_PIXELS_OUT} pixels, "
                f"received {width}x{height} at a scale of {parameters.scale:g}",
            )
    out_width, out_height = _result_size(width, height, scale)
    price = PRICE_UP_TO_2X_MICRO if scale <= 2 else PRICE_ABOVE_2X_MICRO  # noqa: PLR2004 -- the price's own step
    return Plan(out_width, out_height, scale, price)


def _result_size(width: int, height: int, scale: float) -> tuple[int, int]:
    """Each side rounded half up as JavaScript does; rounded down where that alone would pass the limit."""
    out_width, out_height = math.floor(width * scale + 0.5), math.floor(height * scale + 0.5)
    if out_width * out_height > MOST_PIXELS_OUT:
        return math.floor(width * scale), math.floor(height * scale)
    return out_width, out_height
