"""What a file's bytes come to under its folder."""

from __future__ import annotations

from dataclasses import replace

import pytest

from tests.fakes.decoder import Decodes
from tests.unit.formats import sample_pictures as sample
from watchd.core.request.appraising import Appraisal, Refused, appraise, plan
from watchd.formats.metadata.collecting import Metadata
from watchd.formats.picture import Format, Incomplete, Picture
from watchd.formats.reading import Original
from watchd.model import Api, Folder, OutputFormat, Parameters, Profile

FOLDER = Folder("hot", "/hot", Profile("p", scale=2.0), "/out")
ALL = list(Format)


def planned(picture: Picture, folder: Folder = FOLDER, **said: int) -> Parameters | str:
    return plan(Original(picture, Metadata(**said)), folder, Api(), ALL)  # type: ignore[arg-type]  # an orientation alone


def test_a_picture_is_appraised_with_what_it_says() -> None:
    found = appraise(sample.png(size=(300, 260), dpi=(300, 300)), FOLDER, Api(), Decodes())
    assert isinstance(found, Appraisal)
    assert (found.parameters.width, found.parameters.height) == (600, 520)
    assert found.original.metadata.pixels_per_metre == (11811, 11811)


def test_a_turned_picture_is_planned_as_it_is_shown() -> None:
    found = planned(Picture(Format.JPEG, 400, 300), orientation=6)
    assert isinstance(found, Parameters)
    assert (found.width, found.height) == (600, 800)


def test_a_cut_file_may_yet_be_whole() -> None:
    assert isinstance(appraise(sample.png()[:-5], FOLDER, Api(), Decodes()), Incomplete)


def test_what_is_no_picture_is_refused() -> None:
    found = appraise(b"<html>" * 40, FOLDER, Api(), Decodes())
    assert isinstance(found, Refused)
    assert "HTML" in found.reason


def test_without_its_extra_a_heic_picture_is_refused_and_says_what_to_install() -> None:
    found = plan(Original(Picture(Format.HEIC, 4000, 3000), Metadata()), FOLDER, Api(), [Format.JPEG])
    assert "pip install 'watchd[heic]'" in str(found)


@pytest.mark.parametrize("kind", ["webp", "jpeg", "avif"])
def test_a_result_that_the_output_cannot_hold_is_refused_before_it_is_paid(kind: str) -> None:
    folder = replace(FOLDER, oversize="tile", format=OutputFormat(kind))  # type: ignore[arg-type]  # one of the five
    found = planned(Picture(Format.JPEG, 40_000, 2_000), folder)
    assert "png or tiff can" in str(found)
    assert isinstance(planned(Picture(Format.JPEG, 40_000, 2_000), replace(folder, format=OutputFormat())), Parameters)


def test_a_tiled_picture_is_all_its_calls() -> None:
    found = planned(Picture(Format.JPEG, 6000, 4000), replace(FOLDER, oversize="tile"))
    assert isinstance(found, Parameters)
    assert (len(found.tiles), found.price) == (6, 6 * 20_000)
    assert (found.width, found.height, found.effective_scale) == (12_000, 8_000, 2.0)


def test_four_times_by_tiles_is_really_four_times() -> None:
    folder = replace(FOLDER, oversize="tile", profile=Profile("p", scale=4.0))
    found = planned(Picture(Format.JPEG, 1920, 1080), folder)
    assert isinstance(found, Parameters)
    assert (found.width, found.height) == (7680, 4320)
    assert all(tile.parameters.effective_scale == 4.0 for tile in found.tiles)


def test_where_a_picture_must_not_be_cut_both_ways_out_are_named() -> None:
    found = planned(Picture(Format.JPEG, 4000, 3000), replace(FOLDER, oversize="fail"))
    assert "oversize: fit" in str(found)
    assert "oversize: tile" in str(found)
