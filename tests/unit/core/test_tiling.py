"""How a picture is cut: covered, overlapping enough, in tiles that the service takes, and in as few as can be."""

from __future__ import annotations

import math
from itertools import pairwise

import pytest
from hypothesis import assume, given
from hypothesis import strategies as st

from watchd.core.request import endpoint, tiling
from watchd.core.request.tiling import OVERLAP
from watchd.model import Rect

MOST = endpoint.MAX_PIXELS
sides = st.integers(64, 40_000)
scales = st.one_of(st.sampled_from([1.0, 1.5, 2.0, 3.0, 4.0]), st.floats(1.0, 4.0).map(lambda scale: round(scale, 4)))


def cut(width: int, height: int, scale: float, most: int = MOST) -> tuple[Rect, ...] | None:
    return tiling.cut(width, height, scale, most_pixels=most, least_side=64, least_pixels=65_536)


def spans(rects: tuple[Rect, ...]) -> tuple[list[tuple[int, int]], list[tuple[int, int]]]:
    """The columns and the rows of the grid, as (start, end)."""
    across = sorted({(rect.left, rect.right) for rect in rects})
    down = sorted({(rect.top, rect.bottom) for rect in rects})
    assert len(across) * len(down) == len(rects)
    return across, down


@given(width=sides, height=sides, scale=scales)
def test_every_pixel_is_covered_and_neighbours_share_enough(width: int, height: int, scale: float) -> None:
    rects = cut(width, height, scale)
    assume(rects is not None)
    assert rects is not None
    for line, length in zip(spans(rects), (width, height), strict=True):
        assert line[0][0] == 0
        assert line[-1][1] == length
        assert all(before[1] - after[0] >= OVERLAP for before, after in pairwise(line))


@given(width=sides, height=sides, scale=scales)
def test_no_pixel_lies_under_more_than_two_tiles_of_a_row(width: int, height: int, scale: float) -> None:
    rects = cut(width, height, scale)
    assume(rects is not None)
    assert rects is not None
    for line in spans(rects):
        assert all(first[1] <= third[0] for first, _, third in zip(line, line[1:], line[2:], strict=False))


@given(width=sides, height=sides, scale=scales)
def test_the_service_takes_every_tile_however_it_rounds(width: int, height: int, scale: float) -> None:
    for rect in cut(width, height, scale) or ():
        assert math.ceil(rect.width * scale) * math.ceil(rect.height * scale) <= MOST
        assert min(rect.width, rect.height) >= 64
        assert rect.width * rect.height >= 65_536


@given(width=st.integers(64, 3000), height=st.integers(64, 3000), scale=scales)
def test_no_regular_grid_has_fewer_tiles(width: int, height: int, scale: float) -> None:
    most = 600_000
    rects = cut(width, height, scale, most)
    assume(rects is not None)
    assert rects is not None

    def fits(columns: int, rows: int) -> bool:
        wide = min(width, math.ceil((width + (columns - 1) * OVERLAP) / columns))
        high = min(height, math.ceil((height + (rows - 1) * OVERLAP) / rows))
        enough = (wide > OVERLAP or columns == 1) and (high > OVERLAP or rows == 1)
        return enough and math.ceil(wide * scale) * math.ceil(high * scale) <= most

    fewer = [
        (columns, rows)
        for columns in range(1, len(rects))
        for rows in range(1, len(rects) // columns + 1)
        if columns * rows < len(rects) and fits(columns, rows)
    ]
    assert fewer == []


@pytest.mark.parametrize(
    ("width", "height", "scale", "calls"),
    [(6000, 4000, 2, 6), (6000, 4000, 1, 2), (4000, 3000, 2, 3), (4000, 3000, 4, 12), (2000, 2000, 2, 1)],
)
def test_the_calls_that_a_camera_comes_to(width: int, height: int, scale: float, calls: int) -> None:
    rects = cut(width, height, scale)
    assert rects is not None
    assert len(rects) == calls <= math.ceil(width * height * scale**2 / MOST) + 2


def test_a_picture_of_a_billion_pixels_is_cut_in_a_moment() -> None:
    assert cut(1_000_000, 1_000, 2) is not None


def test_what_is_too_narrow_for_the_service_is_not_cut() -> None:
    assert cut(1_000_000, 63, 2) is None


@given(width=st.integers(600, 9000), height=st.integers(600, 9000), scale=scales)
def test_answers_lie_where_their_tiles_lay_and_fill_the_result(width: int, height: int, scale: float) -> None:
    rects = cut(width, height, scale, 900_000)
    assume(rects is not None)
    assert rects is not None
    places = [tiling.placed(rect, scale) for rect in rects]
    assert min(place[0] for place in places) == 0 == min(place[1] for place in places)
    assert (max(place[2] for place in places), max(place[3] for place in places)) == tiling.result_size(
        width, height, scale
    )
    for rect, (left, top, right, bottom) in zip(rects, places, strict=True):
        expected = rect.width * scale, rect.height * scale
        assert abs(right - left - expected[0]) <= 1.001
        assert abs(bottom - top - expected[1]) <= 1.001
        if scale == int(scale):
            assert (left, top) == (rect.left * scale, rect.top * scale)


@given(length=st.integers(1, 500))
def test_a_blend_goes_from_the_one_to_the_other_evenly(length: int) -> None:
    ramp = tiling.ramp(length)
    assert len(ramp) == length
    assert list(ramp) == sorted(ramp)
    assert all(abs(one + other - 255) <= 1 for one, other in zip(ramp, reversed(ramp), strict=True))


def test_the_cut_of_a_picture_is_what_it_was_when_its_tiles_were_paid() -> None:
    rects = cut(6000, 4000, 2)
    assert rects is not None
    assert rects[:2] == (Rect(0, 0, 2022, 2016), Rect(1989, 0, 2022, 2016))
