"""Every way in which a call can bring no picture, drawn at random; what follows from it is the product's to say."""

from __future__ import annotations

import hypothesis.strategies as st

from watchd.core.calls.outcomes import Answered, BadAnswer, Lost, NotSent, Traffic
from watchd.core.calls.retrying import Policy
from watchd.core.calls.streaks import Streaks
from watchd.core.request.endpoint import Answer, meaning
from watchd.model import Approval, BalanceProbe, Outcome

POLICIES = tuple(
    Policy(attempts, resends, BalanceProbe(), Approval()) for attempts, resends in ((2, 0), (3, 1), (1, 2))
)
STATUSES = (400, 401, 402, 403, 404, 409, 413, 415, 422, 429, 500, 502, 503, 504, 524)

traffic = st.builds(Traffic, st.integers(0, 2000), st.integers(0, 5000), st.sampled_from((None, "ray")))
retry_after = st.sampled_from((None, 0.0, 7.0, 100_000.0))
answers = st.builds(
    Answer, st.sampled_from(STATUSES), st.sampled_from(("no", "too many failed attempts")), retry_after,
    st.sampled_from((None, 0.01)),
)  # fmt: skip
jobs = st.frozensets(st.integers(0, 50), max_size=6)
streaks = st.builds(Streaks, jobs, *(st.integers(0, 6) for _ in range(4)), jobs)

answered = st.builds(Answered, answers, traffic)
before_arming = st.one_of(
    st.builds(NotSent, st.just("the connection was refused"), st.booleans(), traffic),
    answered.filter(lambda trouble: meaning(trouble.answer) is not Outcome.LOST),
)
"""An answer may come before the request is whole; one that leaves a doubt leaves none then, and counts as not sent."""
after_arming = st.one_of(
    answered,
    st.builds(Lost, st.just("the connection was cut"), traffic),
    st.builds(BadAnswer, st.just("an HTML page"), traffic),
)
