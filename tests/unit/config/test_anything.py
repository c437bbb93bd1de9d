"""Whatever stands in the file, loading answers with Settings or with problems, and nothing else."""

from __future__ import annotations

import re
import tempfile
from pathlib import Path
from typing import Any

import yaml
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from tests.unit.config.writing import problems
from watchd.config.json_schema import all_keys

WORDS = [
    "gold",
    "auto",
    "2s",
    "22:00-06:00",
    "/srv/a",
    "{stem}.{ext}",
    "$HOME/x",
    "~",
    "10.00",
    "png",
    "<<",
    "on",
    "[key]",
    "<name>",
]
KEYS = st.sampled_from([*all_keys(), *WORDS]) | st.text(max_size=5)
SCALARS = (
    st.none() | st.booleans() | st.integers() | st.floats() | st.sampled_from(WORDS) | st.text(max_size=20)
    | st.dates() | st.binary(max_size=5)
)  # fmt: skip
VALUES: st.SearchStrategy[Any] = st.recursive(
    SCALARS, lambda inner: st.lists(inner, max_size=4) | st.dictionaries(KEYS, inner, max_size=6), max_leaves=20
)
FOLDERS = st.lists(st.dictionaries(KEYS, VALUES, max_size=6) | VALUES, max_size=3)
FILES = st.fixed_dictionaries(
    {}, optional=dict.fromkeys(("api", "profiles", "log", "approval", "budget", "x"), VALUES) | {"folders": FOLDERS}
)
PLACED = re.compile(r"[1-9][0-9]*:[1-9][0-9]*: .+")


def check(content: str | bytes) -> None:
    with tempfile.TemporaryDirectory() as folder:
        for problem in problems(Path(folder), content):
            assert PLACED.fullmatch(problem), problem
            assert problem.isprintable()


@given(FILES)
@settings(max_examples=300, deadline=None, suppress_health_check=[HealthCheck.too_slow])
def test_any_structure_near_the_schema_loads_or_is_told_what_is_wrong(structure: dict[str, Any]) -> None:
    check(yaml.safe_dump(structure))


@given(VALUES)
@settings(max_examples=100, deadline=None, suppress_health_check=[HealthCheck.too_slow])
def test_any_structure_loads_or_is_told_what_is_wrong(structure: Any) -> None:
    check(yaml.safe_dump(structure, allow_unicode=True, default_flow_style=True))


@given(st.text(alphabet=":-[]{}&*!|>'\"%@`#,?<~ \n\tab01.$\x85\u2028é\ufeff", max_size=60))
@settings(max_examples=300, deadline=None)
def test_any_text_loads_or_is_told_what_is_wrong(text: str) -> None:
    check(text.encode())


@given(st.binary(max_size=60))
@settings(max_examples=100, deadline=None)
def test_any_bytes_load_or_are_told_to_be_wrong(content: bytes) -> None:
    check(content)
