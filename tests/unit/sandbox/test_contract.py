"""What the service takes, what it makes of it, and what that costs."""

from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from watchd.sandbox.contract import (
    MOST_PIXELS_OUT,
    ContractRefusal,
    CreativityParameters,
    EnhanceParameters,
    Parameters,
    Plan,
    plan_result,
    read_parameters,
)
from watchd.sandbox.options import Dialect


def read(
    fields: dict[str, object], *, textual: bool = False, dialect: Dialect = "enhance", has_image: bool = True
) -> Parameters | ContractRefusal:
    return read_parameters(fields, has_image=has_image, textual=textual, dialect=dialect)


def problems(answer: object) -> dict[str, Any]:
    assert isinstance(answer, ContractRefusal)
    assert answer.status == 400
    return dict(answer.details or {})


def test_the_defaults_are_the_contracts() -> None:
    assert read({}) == EnhanceParameters(scale=2, enhance=False, creativity=0.5, prompt="", replication=0.35)


@pytest.mark.parametrize("truth", [True, "true"])
def test_enhance_is_a_boolean_or_its_name(truth: object) -> None:
    answer = read({"enhance": truth, "scale": 1})
    assert isinstance(answer, EnhanceParameters)
    assert answer.enhance


@pytest.mark.parametrize("value", ["yes", "True", 1, None, [True, False]])
def test_anything_else_is_no_boolean(value: object) -> None:
    assert list(problems(read({"enhance": value}))) == ["_errors", "enhance"]


def test_a_form_spells_its_numbers_and_nulls() -> None:
    answer = read({"scale": "2.5", "enhanceCreativity": "", "replication": "null", "enhance": "false"}, textual=True)
    assert answer == EnhanceParameters(scale=2.5)


def test_json_does_not_spell_its_numbers() -> None:
    assert problems(read({"scale": "2"}))["scale"]["_errors"] == ["Expected number, received string"]


def test_json_null_stands_for_the_default_where_the_contract_allows_null() -> None:
    assert read({"enhanceCreativity": None, "replication": None}) == EnhanceParameters()


@pytest.mark.parametrize("name", ["scale", "enhance", "enhancePrompt"])
def test_json_null_is_refused_elsewhere(name: str) -> None:
    assert name in problems(read({name: None}))


@pytest.mark.parametrize("textual", [True, False])
@pytest.mark.parametrize("name", ["scale", "enhance", "enhanceCreativity", "enhancePrompt", "replication"])
def test_a_field_given_twice_is_refused(name: str, textual: bool) -> None:  # noqa: FBT001 -- a parameter of pytest
    assert name in problems(read({name: ["1", "1"]}, textual=textual))


@pytest.mark.parametrize(
    ("name", "value"),
    [
        ("scale", 0.99),
        ("scale", 4.01),
        ("scale", True),
        ("enhanceCreativity", -0.01),
        ("enhanceCreativity", 1.01),
        ("replication", 1.01),
        ("enhancePrompt", "x" * 1501),
        ("enhancePrompt", 7),
    ],
)
def test_a_value_out_of_bounds_is_refused_under_its_name(name: str, value: object) -> None:
    assert list(problems(read({name: value, "enhance": True}))) == ["_errors", name]


def test_the_longest_prompt_is_taken() -> None:
    assert isinstance(read({"enhancePrompt": "x" * 1500}), EnhanceParameters)


def test_scale_1_needs_the_enhancer() -> None:
    assert problems(read({"scale": 1}))["scale"]["_errors"] == ["Scale must be greater than 1 if enhance is false"]
    assert isinstance(read({"scale": 1, "enhance": True}), EnhanceParameters)


def test_every_problem_is_told_at_once_in_the_shape_of_the_contract() -> None:
    details = problems(read({"scale": 9, "replication": -1, "mystery": 1}, has_image=False))
    assert details["_errors"] == ["Unrecognized key(s) in object: 'mystery'"]
    assert details["image"] == {"_errors": ["Field is required"]}
    assert set(details) == {"_errors", "image", "scale", "replication"}


def test_the_newer_dialect_ignores_the_older_fields_without_a_word() -> None:
    fields: dict[str, object] = {"enhance": "perhaps", "enhanceCreativity": 7, "replication": [], "creativity": 0.02}
    assert read(fields, dialect="creativity") == CreativityParameters(scale=2, creativity=0.02)


@pytest.mark.parametrize("fields", [{"scale": 1}, {"scale": 1.5}, {"creativity": 0.03}, {"mystery": 1}])
def test_the_newer_dialect_has_its_own_bounds(fields: dict[str, object]) -> None:
    problems(read(fields, dialect="creativity"))


def test_the_older_dialect_does_not_know_creativity() -> None:
    assert "'creativity'" in problems(read({"creativity": 0.01}))["_errors"][0]


@pytest.mark.parametrize(
    ("parameters", "size", "expected"),
    [
        (EnhanceParameters(scale=2), (256, 256), Plan(512, 512, 2, 20_000)),
        (EnhanceParameters(scale=2.01), (256, 256), Plan(515, 515, 2.01, 80_000)),
        (EnhanceParameters(scale=1, enhance=True), (1000, 333), Plan(1000, 333, 1, 20_000)),
        (EnhanceParameters(scale=1.5), (333, 333), Plan(500, 500, 1.5, 20_000)),
        (EnhanceParameters(scale=4), (1024, 1024), Plan(4096, 4096, 4, 80_000)),
        (EnhanceParameters(scale=2), (2048, 2048), Plan(4096, 4096, 2, 20_000)),
    ],
)
def test_a_result_has_the_size_and_the_price_of_its_scale(
    parameters: Parameters, size: tuple[int, int], expected: Plan
) -> None:
    assert plan_result(parameters, *size) == expected


def test_full_hd_at_4_is_reduced_to_284_and_costs_8_cents() -> None:
    plan = plan_result(EnhanceParameters(scale=4), 1920, 1080)
    assert isinstance(plan, Plan)
    assert (round(plan.effective_scale, 2), plan.price_micro) == (2.84, 80_000)
    assert plan.width * plan.height <= MOST_PIXELS_OUT


@pytest.mark.parametrize(
    ("parameters", "size"),
    [
        (EnhanceParameters(scale=2), (4000, 3000)),
        (EnhanceParameters(scale=3.99), (1920, 1080)),
        (EnhanceParameters(scale=4), (6000, 4000)),
        (CreativityParameters(scale=2), (6000, 4000)),
        (EnhanceParameters(scale=4), (4096, 4096)),
        (EnhanceParameters(scale=2), (63, 5000)),
        (EnhanceParameters(scale=2), (255, 256)),
    ],
)
def test_what_does_not_fit_is_refused_as_the_images_fault(parameters: Parameters, size: tuple[int, int]) -> None:
    assert list(problems(plan_result(parameters, *size))) == ["_errors", "image"]


def test_a_12_megapixel_photo_at_2_comes_back_at_117_in_the_newer_dialect() -> None:
    plan = plan_result(CreativityParameters(scale=2), 4032, 3024)
    assert isinstance(plan, Plan)
    assert (round(plan.effective_scale, 2), plan.price_micro) == (1.17, 20_000)


@given(
    st.integers(min_value=64, max_value=8000),
    st.integers(min_value=64, max_value=8000),
    st.floats(min_value=2, max_value=4),
)
def test_no_result_passes_the_limit_or_strays_from_its_scale(width: int, height: int, scale: float) -> None:
    for parameters in (EnhanceParameters(scale=scale), EnhanceParameters(scale=4), CreativityParameters(scale=scale)):
        plan = plan_result(parameters, width, height)
        if isinstance(plan, Plan):
            assert plan.width * plan.height <= MOST_PIXELS_OUT
            assert abs(plan.width - width * plan.effective_scale) < 1
            assert abs(plan.height - height * plan.effective_scale) < 1
