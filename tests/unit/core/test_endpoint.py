"""The endpoint on paper: limits, scale, size and price, held against the sandbox, which knows the same contract."""

from __future__ import annotations

import math
from dataclasses import replace
from typing import Any, Literal

import pytest
from hypothesis import assume, given
from hypothesis import strategies as st

from watchd.core.request import endpoint
from watchd.core.request.endpoint import Dialect, Refusal
from watchd.model import Outcome, Parameters, Price, Profile
from watchd.sandbox.contract import CreativityParameters, EnhanceParameters, Plan, plan_result

Oversize = Literal["fit", "fail"]
MAX = 16_777_216
PRICE = Price()
CHEAP, DEAR = PRICE.up_to_2x, PRICE.above_2x
PLAIN = Profile("plain")
RETOUCH = Profile("retouch", scale=1.0, enhance=True)
SIDES = st.integers(min_value=64, max_value=9000)
SCALES = st.one_of(
    st.sampled_from([1.0, 1.5, 2.0, 3.0, 4.0]), st.integers(min_value=100, max_value=400).map(lambda cents: cents / 100)
)


def plan(
    width: int, height: int, profile: Profile = PLAIN, *, dialect: Dialect = "enhance", oversize: Oversize = "fit"
) -> Parameters | Refusal:
    return endpoint.plan(profile, width, height, dialect=dialect, oversize=oversize, price=PRICE)


def planned(
    width: int, height: int, profile: Profile = PLAIN, *, dialect: Dialect = "enhance", oversize: Oversize = "fit"
) -> Parameters:
    found = plan(width, height, profile, dialect=dialect, oversize=oversize)
    assert isinstance(found, Parameters)
    return found


def refused(
    width: int, height: int, profile: Profile = PLAIN, *, dialect: Dialect = "enhance", oversize: Oversize = "fit"
) -> str:
    found = plan(width, height, profile, dialect=dialect, oversize=oversize)
    assert isinstance(found, Refusal)
    return found.reason


def scaled(scale: float, **changes: Any) -> Profile:
    return replace(PLAIN, scale=scale, **changes)


# --- what is sent ---------------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("scale", "size", "price"), [(2.0, (600, 500), CHEAP), (3.0, (900, 750), DEAR), (4.0, (1200, 1000), DEAR)]
)
def test_a_small_picture_is_enlarged_as_asked(scale: float, size: tuple[int, int], price: int) -> None:
    found = planned(300, 250, scaled(scale))
    assert (found.scale, found.effective_scale, (found.width, found.height)) == (scale, scale, size)
    assert found.price == price


def test_scale_1_only_enhances_and_costs_the_lower_price() -> None:
    found = planned(300, 250, RETOUCH)
    assert (found.effective_scale, found.width, found.height, found.price) == (1.0, 300, 250, CHEAP)
    assert dict(found.fields)["enhance"] is True


def test_dialect_enhance_sends_the_fields_of_the_contract_and_no_other() -> None:
    profile = Profile(
        "gold", scale=2.0, enhance=True, enhance_prompt="gold", enhance_creativity=0.4, replication=0.2, creativity=0.01
    )
    assert dict(planned(300, 300, profile).fields) == {
        "scale": 2.0, "enhance": True, "enhanceCreativity": 0.4, "enhancePrompt": "gold", "replication": 0.2,
    }  # fmt: skip


@pytest.mark.parametrize("dialect", ["enhance", "creativity"])
def test_what_a_profile_does_not_say_is_left_to_the_service(dialect: Dialect) -> None:
    assert planned(300, 300, Profile("plain"), dialect=dialect).fields == ()
    assert planned(300, 300, Profile("off", enhance=False)).fields == (("enhance", False),)
    assert planned(300, 300, Profile("kept", replication=0.0)).fields == (("replication", 0.0),)


def test_a_scale_that_has_to_be_lowered_is_sent_even_where_the_profile_leaves_it_to_the_service() -> None:
    assert dict(planned(4000, 3000, Profile("plain")).fields)["scale"] == pytest.approx(1.18, abs=0.01)


def test_dialect_creativity_sends_its_two_fields_alone() -> None:
    profile = scaled(2.0, enhance=True, enhance_prompt="gold", creativity=0.02)
    assert dict(planned(300, 300, profile, dialect="creativity").fields) == {"scale": 2.0, "creativity": 0.02}


# --- limits ---------------------------------------------------------------------------------------------------------


def test_the_smallest_picture_has_65536_pixels() -> None:
    assert planned(256, 256)
    assert planned(64, 1024)
    assert "256x255" in refused(256, 255)


def test_a_side_below_64_pixels_is_too_small_whatever_the_other() -> None:
    assert "63x4000" in refused(63, 4000)
    assert "4000x63" in refused(4000, 63)


@pytest.mark.parametrize("oversize", ["fit", "fail"])
def test_a_result_of_exactly_16777216_pixels_is_taken_as_asked(oversize: Oversize) -> None:
    found = planned(2048, 2048, oversize=oversize)
    assert (found.scale, found.width * found.height, found.price) == (2.0, MAX, CHEAP)


def test_one_row_more_is_fitted_or_fails_as_the_folder_says() -> None:
    found = planned(2048, 2049)
    assert found.scale < 2.0
    assert found.width * found.height <= MAX
    assert "oversize: fail" in refused(2048, 2049, oversize="fail")


@pytest.mark.parametrize("oversize", ["fit", "fail"])
@pytest.mark.parametrize("dialect", ["enhance", "creativity"])
def test_full_hd_at_4_comes_back_at_2_84_and_costs_8_cents(dialect: Dialect, oversize: Oversize) -> None:
    found = planned(1920, 1080, scaled(4.0), dialect=dialect, oversize=oversize)
    assert found.scale == 4.0
    assert round(found.effective_scale, 2) == 2.84
    assert (found.width, found.height) == (5461, 3072)
    assert found.price == 80_000


@pytest.mark.parametrize("scale", [2.0, 3.0, 4.0])
@pytest.mark.parametrize("dialect", ["enhance", "creativity"])
def test_24_megapixels_are_refused_naming_tile(dialect: Dialect, scale: float) -> None:
    assert "oversize: tile" in refused(6000, 4000, scaled(scale), dialect=dialect)


def test_24_megapixels_are_too_many_for_the_enhancer_alone_too() -> None:
    assert "tile" in refused(6000, 4000, RETOUCH)


def test_a_photo_of_12_megapixels_at_2_comes_back_at_1_17() -> None:
    creative, fitted = planned(4032, 3024, dialect="creativity"), planned(4032, 3024)
    assert (creative.scale, round(creative.effective_scale, 2), creative.price) == (2.0, 1.17, CHEAP)
    assert (fitted.scale, fitted.price) == (1.1728, CHEAP)


def test_a_picture_of_the_largest_size_is_refused_unless_it_is_to_be_enhanced() -> None:
    assert "no smaller scale enlarges it" in refused(4096, 4096)
    assert planned(4096, 4096, scaled(2.0, enhance=True)).scale == 1.0


# --- properties -----------------------------------------------------------------------------------------------------


def theirs(parameters: Parameters, width: int, height: int, profile: Profile, dialect: Dialect) -> Plan | object:
    """What the sandbox makes of the fields as they are sent."""
    scale = float(dict(parameters.fields).get("scale", 2))
    if dialect == "creativity":
        return plan_result(CreativityParameters(scale=scale), width, height)
    return plan_result(EnhanceParameters(scale=scale, enhance=bool(profile.enhance)), width, height)


@given(SIDES, SIDES, SCALES, st.booleans(), st.sampled_from(["enhance", "creativity"]))
def test_what_is_sent_is_taken_at_the_price_and_size_that_were_booked(
    width: int, height: int, scale: float, enhance: bool, dialect: Dialect,  # noqa: FBT001 -- drawn
) -> None:  # fmt: skip
    profile = scaled(scale, enhance=enhance and dialect == "enhance")
    assume(scale > 1 or profile.enhance)
    found = plan(width, height, profile, dialect=dialect)
    if isinstance(found, Refusal):
        return
    answer = theirs(found, width, height, profile, dialect)
    assert isinstance(answer, Plan)
    assert answer.price_micro == found.price
    assert endpoint.size_matches((found.width, found.height), (answer.width, answer.height))


@given(SIDES, SIDES, SCALES)
def test_a_fitted_result_never_passes_the_maximum_and_wastes_little_of_it(
    width: int, height: int, scale: float
) -> None:
    assume(scale not in {1.0, 4.0})
    found = plan(width, height, scaled(scale))
    if isinstance(found, Refusal) or found.scale == scale:
        return
    assert math.ceil(width * found.scale) * math.ceil(height * found.scale) <= MAX
    assert found.scale < scale
    assert math.ceil(width * (found.scale + 0.002)) * math.ceil(height * (found.scale + 0.002)) > MAX


@pytest.mark.parametrize(("width", "height"), [(4095, 4096), (4094, 4097)])
def test_nothing_is_sent_at_scale_1_unless_it_is_to_be_enhanced(width: int, height: int) -> None:
    found = plan(width, height)
    assert isinstance(found, Refusal) or found.scale > 1


@given(SIDES, SIDES, SCALES, st.booleans())
def test_nothing_that_fits_is_refused(width: int, height: int, scale: float, enhance: bool) -> None:  # noqa: FBT001
    assume(width * height >= 65_536 and width * height * scale * scale <= MAX)
    found = planned(width, height, scaled(scale, enhance=enhance), oversize="fail")
    assert found.scale == found.effective_scale == scale


# --- identity -------------------------------------------------------------------------------------------------------

PROFILES = st.builds(
    Profile, st.sampled_from(["a", "b"]), scale=st.sampled_from([None, 2.0, 3.0, 4.0]),
    enhance=st.sampled_from([None, False, True]), enhance_prompt=st.sampled_from([None, "", "gold", "g\u00f6ld"]),
    enhance_creativity=st.sampled_from([None, 0.0, 0.5]), replication=st.sampled_from([None, 0.0, 0.35]),
    creativity=st.sampled_from([None, 0.0, 0.01]),
)  # fmt: skip


def asked(parameters: Parameters, dialect: str) -> tuple[object, ...]:
    """What decides the picture that comes back, the service's own defaults filled in."""
    said = dict(parameters.fields)
    if dialect == "creativity":
        return dialect, parameters.effective_scale, said.get("creativity", 0.01)
    meant: list[object] = [said.get("enhance", False), said.get("replication", 0.35)]
    if said.get("enhance"):
        meant += [said.get("enhanceCreativity", 0.5), said.get("enhancePrompt")]
    return dialect, parameters.effective_scale, *meant


@given(PROFILES, PROFILES, st.sampled_from(["enhance", "creativity"]), st.sampled_from(["enhance", "creativity"]))
def test_identities_are_equal_exactly_where_what_is_asked_is_equal(
    one: Profile, other: Profile, first: Dialect, second: Dialect
) -> None:
    ours, others = planned(1920, 1080, one, dialect=first), planned(1920, 1080, other, dialect=second)
    assert (ours.identity == others.identity) == (asked(ours, first) == asked(others, second))


def test_a_scale_that_the_service_reduces_is_the_same_as_the_scale_it_is_reduced_to() -> None:
    four, three = (
        planned(1920, 1080, scaled(4.0), dialect="creativity"),
        planned(1920, 1080, scaled(3.0), dialect="creativity"),
    )
    assert four.identity == three.identity


def test_the_name_of_a_profile_is_no_part_of_what_is_asked() -> None:
    assert planned(300, 300, Profile("a")).identity == planned(300, 300, Profile("b")).identity


# --- price and size -------------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("scale", "price"), [(1.0, 1), (1.9999, 1), (2.0, 1), (math.nextafter(2, 3), 2), (2.0001, 2), (4.0, 2)]
)
def test_the_lower_price_holds_up_to_an_effective_scale_of_exactly_2(scale: float, price: int) -> None:
    assert endpoint.price_of(scale, Price(1, 2)) == price


def test_a_scale_of_4_that_is_reduced_to_exactly_2_costs_the_lower_price() -> None:
    assert planned(2048, 2048, scaled(4.0)).price == CHEAP
    assert planned(2048, 2047, scaled(4.0)).price == DEAR


@pytest.mark.parametrize(
    ("answered", "right"),
    [((100, 50), True), ((102, 48), True), ((103, 50), False), ((100, 47), False), ((50, 100), False)],
)
def test_two_pixels_a_side_are_rounding_and_three_are_another_picture(answered: tuple[int, int], right: bool) -> None:  # noqa: FBT001
    assert endpoint.size_matches((100, 50), answered) is right


# --- what an answer means -------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("statuses", "outcome"),
    [
        ((400, 413, 415, 422, 300, 301, 307, 308, 404, 405, 408, 409, 418, 451), Outcome.REFUSED),
        ((401, 403), Outcome.KEY),
        ((402,), Outcome.BALANCE),
        ((429,), Outcome.RATE),
        ((500, 502, 503), Outcome.SERVER),
        ((501, 504, 505, 520, 524, 529, 599), Outcome.LOST),
    ],
)
def test_every_status_means_what_the_table_says(statuses: tuple[int, ...], outcome: Outcome) -> None:
    assert {endpoint.meaning(endpoint.Answer(status, "words")) for status in statuses} == {outcome}


@pytest.mark.parametrize("status", [401, 403])
def test_a_refusal_that_is_a_page_says_nothing_of_the_key(status: int) -> None:
    page = endpoint.Answer(status, "an HTML page", is_page=True)
    assert endpoint.meaning(page) is Outcome.SERVER
    assert not endpoint.counts_against_the_key(page)


@pytest.mark.parametrize(
    ("message", "words"),
    [
        ("Insufficient USD or Diem balance to complete request", "the balance is empty"),
        ("API key USD spend limit exceeded", "spend limit"),
        ("Spending limit reached for this key", "spend limit"),
        ("No credentials were provided", "no credentials"),
        ("", "the balance is empty"),
    ],
)
def test_a_402_says_which_of_its_three_meanings_it_has(message: str, words: str) -> None:
    assert words in endpoint.balance_meaning(message)


def test_a_ban_on_the_key_is_told_from_an_ordinary_limit() -> None:
    assert endpoint.is_key_ban("Too many failed attempts (> 50) resulting in a non-success status code.")
    assert not endpoint.is_key_ban("Rate limit exceeded")
