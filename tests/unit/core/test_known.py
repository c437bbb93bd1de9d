"""What a folder held at the last look is told apart from what is new, other or gone."""

from __future__ import annotations

from dataclasses import replace

from hypothesis import given
from hypothesis import strategies as st

from watchd.core.incoming.known import Known, of_sample
from watchd.model import Sample

SAMPLE = Sample(1, 2, 3, 4)
numbers = st.integers(min_value=0, max_value=2**63)
samples = st.builds(Sample, numbers, numbers, numbers, numbers)
paths = st.lists(st.sampled_from("ab"), min_size=1, max_size=3).map("/".join)


@given(st.dictionaries(paths, samples, max_size=10), paths, samples)
def test_it_holds_what_was_added_as_it_was_and_nothing_else(held: dict[str, Sample], path: str, sample: Sample) -> None:
    known = Known()
    for name, was in held.items():
        known.add(name, was)
    assert len(known) == len(held)
    assert (path in known) == (path in held)
    assert known.holds(path, sample) == (held.get(path) == sample)


def test_any_change_of_a_file_is_a_change_of_its_fingerprint() -> None:
    others = [replace(SAMPLE, **{name: 9}) for name in ("size", "mtime_ns", "ctime_ns", "inode")]
    assert len({of_sample(sample) for sample in [SAMPLE, *others]}) == 5


def test_what_a_scan_did_not_meet_is_forgotten() -> None:
    known = Known()
    for path in ("a", "x/a", "x/b", "y/a"):
        known.add(path, SAMPLE)
    known.keep("x", {"b": of_sample(SAMPLE)})
    known.keep_folders(["", "x"])
    assert [path in known for path in ("a", "x/a", "x/b", "y/a")] == [True, False, True, False]


def test_what_was_dropped_is_met_anew_and_what_was_not_there_can_be_dropped() -> None:
    known = Known()
    known.add("x/a", SAMPLE)
    known.drop("x/a")
    known.drop("never/there")
    assert not known.holds("x/a", SAMPLE)
    assert len(known) == 0
