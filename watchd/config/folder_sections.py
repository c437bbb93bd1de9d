"""The keys of a folder and of its profile: kind, default and explanation of each, as pydantic models."""

from __future__ import annotations

from typing import Annotated, Any, Literal

from pydantic import Discriminator, Field, Tag

from watchd.config.kinds import Choice, Compression, Depth, Duration, Flag, Number, Text, Whole, Window
from watchd.config.sections import DAY_S, BudgetSection, Forgiving, ForgivingList, Seconds, Section, key
from watchd.config.texts import (
    MARKER_FIELDS,
    OUTPUT_FIELDS,
    TELLING_FIELDS,
    Name,
    PathText,
    Pattern,
    PlainName,
    Template,
)
from watchd.model import READABLE, Hours


class ProfileSection(Section):
    """What is asked of the service for a picture."""

    scale: Annotated[float, Number(1, 4)] = key(
        2, description="Factor by which width and height grow; 1 needs `enhance: true` and only enhances."
    )
    enhance: Annotated[bool, Flag()] = key(False, description="Whether the enhancer runs (dialect enhance).")
    enhance_prompt: Annotated[str, Text("text", longest=1500)] | None = key(
        None, description="Style for the enhancer in a few words (dialect enhance).", examples=["gold"]
    )
    enhance_creativity: Annotated[float, Number(0, 1)] = key(
        0.5, description="How much the enhancer may change; 1 makes a new picture (dialect enhance)."
    )
    replication: Annotated[float, Number(0, 1)] = key(
        0.35, description="How strongly lines and noise of the original are kept (dialect enhance)."
    )
    creativity: Annotated[float, Number(0, 0.02)] = key(
        0.01, description="How much the service may invent (dialect creativity)."
    )
    tile_enhance: Annotated[bool, Flag()] = key(
        False, description="Whether a picture that is cut into tiles is enhanced tile by tile."
    )


FileType = Literal["png", "jpeg", "webp", "tiff", "avif"]


class FormatSection(Section):
    """The file format of the output."""

    type: Annotated[FileType, Choice(("png", "jpeg", "webp", "tiff", "avif"))] = key(
        "png", description="File format; png is what the service answers."
    )
    quality: Annotated[int, Whole(1, 100)] | None = key(None, description="Quality of jpeg, webp or avif.")
    lossless: Annotated[bool, Flag()] | None = key(None, description="Whether webp is written without loss.")
    compression: Annotated[int | str, Compression()] | None = key(
        None, description="Compression of png (0 to 9, else 3) or tiff (none, lzw, deflate)."
    )
    bit_depth: Annotated[int, Depth()] | None = key(
        None, description="Bits of each channel of png or tiff, 8 or 16; default: what the service answers."
    )


def _profile_form(value: Any) -> str:
    return "<parameters>" if isinstance(value, dict | ProfileSection) else "<name>"


ProfileChoice = Annotated[
    Annotated[ProfileSection, Tag("<parameters>")] | Annotated[str, Text("the name of a profile"), Tag("<name>")],
    Discriminator(_profile_form),
]


MARKER = Template(MARKER_FIELDS, MARKER_FIELDS, may_hold_folders=False, may_be_the_picture=False)


class FolderSection(Section):
    """One hot folder."""

    path: Annotated[str, PathText()] = key(
        description="The folder to watch. Need not exist at the start: it is offline until it does.",
        examples=["/srv/hot/portraits"],
    )
    name: Annotated[str, Name()] | None = key(
        None, description="Name of the folder in messages and commands, unique; default: the last part of `path`."
    )
    profile: ProfileChoice = key(
        description="The name of a profile, or its parameters in place.", examples=["gold", {"scale": 4}]
    )
    output: Annotated[str, PathText()] | None = key(
        None, description="Where results go; default: `path` with -out behind it."
    )
    output_name: Annotated[str, Template(OUTPUT_FIELDS, TELLING_FIELDS, may_hold_folders=True)] = key(
        "{stem}.{ext}",
        description="Name of a result: {stem} {ext} {name} {folder} {profile} {scale} {width} {height} (of the result) "
        "{date} {sha8}; may hold folders.",
    )
    recursive: Annotated[bool, Flag()] = key(
        True, description="Whether sub-folders count; they are mirrored in output."
    )
    watch: Annotated[Literal["auto", "events", "poll"], Choice(("auto", "events", "poll"))] = key(
        "auto", description="How new files are noticed; auto polls on network file systems."
    )
    poll_every: Annotated[Seconds, Duration(0.1, DAY_S, "10s")] = key("10s", description="Time between polls.")
    rescan_every: Annotated[Seconds, Duration(1, 30 * DAY_S, "5m")] = key(
        "5m", description="Time between the reconciling scans behind the events."
    )
    settle: Annotated[Seconds, Duration(0, DAY_S)] = key(
        "2s",
        description="Quiet time before a file counts as written; 0: at once on proof (closed after writing, moved in).",
    )
    marker: Annotated[str, MARKER] | None = key(
        None, description="Wait for a file of this name instead of settling.", examples=["{name}.done"]
    )
    mount_marker: Annotated[str, PlainName()] | None = key(
        None, description="The folder is offline while this file is missing in it.", examples=[".watchd-mounted"]
    )
    include: Annotated[list[Annotated[str, Pattern()]], Field(min_length=1)] = key(
        [*READABLE], description="Patterns of the pictures to take; case does not matter."
    )
    exclude: Annotated[list[Annotated[str, Pattern()]], ForgivingList] = key(
        [], description="Patterns to leave alone, beside the built-in list of NAS, system and partial-download junk."
    )
    originals: Annotated[Literal["keep", "archive", "delete"], Choice(("keep", "archive", "delete"))] = key(
        "keep", description="What becomes of an original after its output is safe."
    )
    archive: Annotated[str, PathText()] | None = key(
        None,
        description="Where originals go with `originals: archive`; with `delete`, files of more than one picture.",
    )
    failed: Annotated[str, PathText()] | None = key(
        None, description="Where failed originals go, with NAME.error.json beside them; null: they stay."
    )
    on_collision: Annotated[Literal["suffix", "overwrite", "skip"], Choice(("suffix", "overwrite", "skip"))] = key(
        "suffix",
        description="What happens when the output's name is taken: -1 is appended, it is replaced, or nothing is done.",
    )
    format: Annotated[FormatSection, Forgiving] = key({}, description="File format of the output.")
    metadata: Annotated[Literal["keep", "strip"], Choice(("keep", "strip"))] = key(
        "keep", description="Whether EXIF, XMP, ICC and DPI of the original go into the output."
    )
    send_metadata: Annotated[bool, Flag()] = key(
        False, description="Whether EXIF and XMP (GPS!) stay in what is sent to the service."
    )
    chain: Annotated[bool, Flag()] = key(
        False, description="Whether pictures that watchd itself published may be input here."
    )
    pages: Annotated[Literal["first", "fail"], Choice(("first", "fail"))] = key(
        "first",
        description="Files of several pages, frames or pictures: only the first is sent, and the file is never deleted"
        " for it; or they are refused.",
    )
    oversize: Annotated[Literal["fit", "tile", "fail"], Choice(("fit", "tile", "fail"))] = key(
        "fit", description="When the result would pass the service's 16,777,216 pixels: lower the scale, tile, or fail."
    )
    hours: Annotated[Hours, Window()] | None = key(
        None, description="Calls are made in this window of local time only; null: always.", examples=["22:00-06:00"]
    )
    priority: Annotated[int, Whole(-1_000_000, 1_000_000)] = key(
        0, description="Folders with a higher figure go first; then the oldest file."
    )
    budget: Annotated[BudgetSection, Forgiving] = key({}, description="The most that this folder may spend.")
