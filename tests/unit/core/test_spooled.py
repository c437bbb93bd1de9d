"""Names in the spool."""

from watchd.core.outgoing import spool_names
from watchd.model import Job, JobState

JOB = Job(7, "hot", "a.jpg", "0" * 64, 0, "{}", "plain", JobState.QUEUED)


def test_every_name_tells_its_job() -> None:
    names = [*spool_names.passing(JOB), *spool_names.paid(JOB, [1, 12])]
    assert {spool_names.owner(name) for name in names} == {"7"}


def test_no_two_files_of_a_job_share_a_name() -> None:
    names = [*spool_names.passing(JOB), *spool_names.paid(JOB, range(1, 20))]
    assert len(set(names)) == len(names)


def test_paid_tiles_are_not_among_what_is_made_anew() -> None:
    assert not set(spool_names.passing(JOB)) & set(spool_names.paid(JOB, range(1, 20)))
