"""The arithmetic and the table of the benchmarks: a figure is worth no more than what is made of it."""

import io
import json
import math
from collections.abc import Mapping, Sequence
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st
from PIL import Image

from benchmarks import pictures, server, table
from benchmarks.figures import (
    WATCHD,
    AtMost,
    Bound,
    Line,
    Measure,
    Noted,
    NoWorseThan,
    TimesIdeal,
    judge,
    percentile,
    ratio,
)
from benchmarks.processes import BenchError
from benchmarks.rows.flood import tally
from benchmarks.rows.scan import check_room, scans_in

FIGURES = st.lists(st.floats(-1e6, 1e6), min_size=1, max_size=50)


def judged(bound: Bound, samples: Mapping[str, Sequence[float]], ideal: float | None = None) -> Line:
    measure = Measure("figure", "what is measured", "s", bound, ideal)
    return judge("row", measure, {name: [{"figure": value} for value in taken] for name, taken in samples.items()})


@given(FIGURES, st.floats(0, 100))
def test_a_percentile_lies_between_the_least_and_the_most(values: list[float], percent: float) -> None:
    assert min(values) <= percentile(values, percent) <= max(values) or math.isclose(
        percentile(values, percent), max(values)
    )


@given(FIGURES)
def test_the_ends_of_the_percentiles_are_the_least_and_the_most(values: list[float]) -> None:
    assert (percentile(values, 0), percentile(values, 100)) == (min(values), max(values))


def test_a_percentile_between_two_values_is_interpolated() -> None:
    assert percentile([10.0, 0.0, 20.0, 30.0], 50) == 15.0


def test_no_values_have_no_percentile() -> None:
    with pytest.raises(ValueError, match="no values"):
        percentile([], 50)


@pytest.mark.parametrize(
    ("value", "reference", "expected"), [(27.5, 25.0, 1.1), (0.0, 0.0, 1.0), (3.0, 0.0, math.inf), (3.0, None, None)]
)
def test_a_ratio_of_nothing_is_one_only_for_nothing(
    value: float, reference: float | None, expected: float | None
) -> None:
    assert ratio(value, reference) == expected


def test_one_slow_round_does_not_decide() -> None:
    line = judged(TimesIdeal(1.1), {WATCHD: [25.5, 60.0, 25.9]}, ideal=25.0)
    assert (line.watchd, line.ratio, line.held) == (25.9, 25.9 / 25.0, True)


def test_a_figure_beyond_its_multiple_of_the_ideal_is_missed() -> None:
    assert judged(TimesIdeal(1.1), {WATCHD: [27.6]}, ideal=25.0).held is False


def test_a_figure_at_its_limit_is_held() -> None:
    assert judged(AtMost(150), {WATCHD: [150.0]}).held is True


def test_a_single_wrong_call_misses_a_limit_of_none() -> None:
    assert judged(AtMost(0), {WATCHD: [1.0]}).held is False


def test_watchd_is_compared_with_the_best_of_the_rivals_named() -> None:
    samples = {WATCHD: [5.0], "slow": [9.0], "quick": [4.0], "shown": [1.0]}
    line = judged(NoWorseThan(("slow", "quick")), samples)
    assert (line.ratio, line.held) == (1.25, False)


def test_without_its_rivals_nothing_is_decided() -> None:
    line = judged(NoWorseThan(("quick",)), {WATCHD: [5.0], "shown": [1.0]})
    assert (line.held, table.verdict(line)) == (None, "no rival")


def test_what_is_only_noted_has_a_ratio_and_no_verdict() -> None:
    line = judged(Noted(), {WATCHD: [5.0], "rival": [10.0]})
    assert (line.ratio, line.held) == (0.5, None)


def test_a_rival_that_lacks_a_figure_is_left_out_of_its_line() -> None:
    measure = Measure("figure", "what is measured", "s", AtMost(2))
    line = judge("row", measure, {WATCHD: [{"figure": 1.0}], "rival": [{"other": 1.0}]})
    assert line.rivals == {}


def test_the_columns_of_the_table_stand_below_each_other() -> None:
    lines = [
        judged(TimesIdeal(1.1), {WATCHD: [25.9], "find|xargs": [26.5]}, ideal=25.0),
        judged(AtMost(0), {WATCHD: [1.0]}),
        judged(Noted(), {WATCHD: [0.00012]}),
    ]
    head, rule, *rows = table.render(lines).splitlines()
    columns = [place for place, letter in enumerate(head) if letter == "|"]
    assert len(rows) == 3
    assert all(text[place] == "|" for text in (rule, *rows) for place in columns if not text[place].isalnum())


def test_the_table_says_loudly_what_was_missed() -> None:
    shown = table.render([judged(TimesIdeal(1.1), {WATCHD: [50.0], "rival": [25.0]}, ideal=25.0)])
    assert "MISSED" in shown
    assert "<= 1.10 x ideal" in shown
    assert "rival 25 (0.50x)" in shown


@pytest.mark.parametrize(
    ("value", "shown"), [(0.0, "0"), (25.0, "25"), (25.94, "25.9"), (0.06532, "0.0653"), (1234.56, "1235")]
)
def test_a_number_is_shown_with_three_digits(value: float, shown: str) -> None:
    assert table.number(value) == shown


def test_machines_get_what_people_get() -> None:
    lines = [
        judged(TimesIdeal(1.1), {WATCHD: [25.0], "rival": [26.0]}, ideal=25.0),
        judged(AtMost(0), {WATCHD: [1.0]}),
        judged(NoWorseThan(("rival",)), {WATCHD: [1.0]}),
    ]
    told = json.loads(json.dumps(table.as_json(lines), allow_nan=False))
    assert [line["verdict"] for line in told] == ["held", "missed", "no rival"]
    assert [line["bound"] for line in told] == [{"times_ideal": 1.1}, {"at_most": 0}, {"no_worse_than": ["rival"]}]
    assert [line["ratio"] for line in told] == [1.0, None, None]


@pytest.mark.parametrize("make", [pictures.small, pictures.tiny])
def test_the_pictures_are_whole_and_each_has_bytes_of_its_own(make: object) -> None:
    assert callable(make)
    first, second = make(1), make(2)
    assert first != second
    with Image.open(io.BytesIO(first)) as image:
        image.load()
        assert image.size == pictures.SMALL == pictures.size_of(first)


def test_a_numbered_picture_is_whole_and_differs_from_the_next_one() -> None:
    first, second = (pictures.numbered(pictures.tiny(0), number) for number in (1, 2))
    assert first != second
    with Image.open(io.BytesIO(first)) as image:
        image.load()
        assert image.size == pictures.SMALL


def test_the_answer_to_a_small_picture_has_twice_its_size() -> None:
    assert pictures.size_of(pictures.twice_small()) == (512, 512)


def test_what_is_no_png_has_no_size() -> None:
    assert pictures.size_of(b"\xff\xd8\xff" + bytes(40)) is None


HEAD = b'POST / HTTP/1.1\r\nContent-Type: multipart/form-data; boundary="edge"'
FILE_PART = b'--edge\r\nContent-Disposition: form-data; name="image"; filename="a.png"\r\n\r\n'
OTHER_PART = b'--edge\r\nContent-Disposition: form-data; name="scale"\r\n\r\n2\r\n'


@given(st.binary(max_size=300))
def test_the_service_finds_the_picture_wherever_its_field_stands(picture: bytes) -> None:
    last = OTHER_PART + FILE_PART + picture + b"\r\n--edge--\r\n"
    first = FILE_PART + picture + b"\r\n" + OTHER_PART + b"--edge--\r\n"
    assert server.picture_in(last, HEAD) == server.picture_in(first, HEAD) == picture


def test_a_form_without_a_picture_has_none() -> None:
    assert server.picture_in(OTHER_PART + b"--edge--\r\n", HEAD) == b""


def test_a_flood_in_which_each_file_is_a_job_has_lost_nothing() -> None:
    assert tally({"0/a.png", "1/a.png"}, ["1/a.png", "0/a.png"]) == (0, 0)


def test_a_lost_file_is_not_made_up_for_by_one_that_came_twice() -> None:
    assert tally({"0/a.png", "1/a.png"}, ["0/a.png", "0/a.png"]) == (1, 1)


def test_a_job_of_a_file_that_nobody_wrote_is_one_too_many() -> None:
    assert tally({"0/a.png"}, ["0/a.png", "0/b.png"]) == (0, 1)


def scanned(files: int, fresh: int = 0) -> str:
    return json.dumps({"action": "scanned", "files": files, "fresh": fresh, "seconds": 0.5}) + "\n"


def test_the_scans_are_found_among_the_other_lines_of_a_log() -> None:
    log = '{"action": "online"}\n' + scanned(10) + "no JSON\n" + scanned(10)
    assert [line["seconds"] for line in scans_in(log, 10)] == [0.5, 0.5]


def test_a_line_that_is_still_being_written_is_no_scan_yet() -> None:
    assert scans_in(scanned(10) + scanned(10)[:-1], 10) == scans_in(scanned(10), 10)


@pytest.mark.parametrize("log", [scanned(9), scanned(0), scanned(10, fresh=1)])
def test_a_scan_of_other_files_than_the_known_ones_gives_no_figure(log: str) -> None:
    with pytest.raises(BenchError, match="not 10"):
        scans_in(log, 10)


def test_more_files_than_there_is_room_for_and_no_others_are_not_begun(tmp_path: Path) -> None:
    refused = []
    for count in (1, 10**15):
        try:
            check_room(tmp_path, count)
        except BenchError as error:
            refused.append((count, "are needed" in str(error)))
    assert refused == [(10**15, True)]
