"""Paid calls and gates, in memory."""

from __future__ import annotations

from typing import TYPE_CHECKING, assert_never

from watchd.adapters.ledgers.memory.memory_role import MemoryRole, locked
from watchd.adapters.ledgers.memory.memory_store import UNDER_WAY, AttemptRow, TileRow
from watchd.core.calls.state import KeyWorked, Opened, Shut
from watchd.model import Backlog, BudgetReached, ClaimLost, EndedCall, JobState, Outcome, Rect, after

if TYPE_CHECKING:
    from collections.abc import Sequence

    from watchd.core.calls.outcomes import Traffic
    from watchd.core.calls.retrying import Conclusion
    from watchd.core.calls.state import GateChange
    from watchd.model import Call, Failure, Gate, GateReason, Job, Limit, Tile


class MemoryCalls(MemoryRole):
    """Implements `interfaces.CallBook` and `GateBook`."""

    @locked
    def begin_sending(
        self, job: Job, price: int, limits: Sequence[Limit], expects: tuple[int, int] = (0, 0), tile: Tile | None = None
    ) -> int | BudgetReached | ClaimLost:
        """Its price held against every budget; answers the attempt."""
        for limit in limits:
            held = self._held(limit)
            if held + price > limit.most:
                return BudgetReached(limit, held, price)
        row = self.store.standing(job, self.owner, JobState.QUEUED)
        if isinstance(row, ClaimLost):
            return row
        row.change(state=JobState.SENDING)
        row.lease_until = after(self.clock.steady(), self.lease)
        for other in self.store.twins(row.now):
            if other.now.state is JobState.QUEUED:
                other.change(behind=job.id)
        number = len(self.store.attempts) + 1
        at, part = self.clock.wall(), None if tile is None else tile.number
        self.store.attempts[number] = AttemptRow(number, job.id, job.folder, at, price, part, expects)
        if tile is not None:
            rect = Rect(tile.left, tile.top, tile.width, tile.height)
            was = self.store.tiles.get((job.id, tile.number))
            self.store.tiles[job.id, tile.number] = TileRow(rect, number, safe=was is not None and was.safe)
        self.store.event(job.id, "sending", f"call {number}")
        return number

    def _held(self, limit: Limit) -> int:
        mine = [one for one in self.store.attempts.values() if limit.folder in {None, one.folder}]
        booked = sum(one.booked for one in mine if (one.day or "").startswith(limit.period))
        return booked + sum(one.reserved for one in mine)

    @locked
    def arm(self, call: Call) -> ClaimLost | None:
        """Booked, and possibly charged from here on."""
        row = self.store.standing(call.job, self.owner, JobState.SENDING)
        if isinstance(row, ClaimLost):
            return row
        row.change(state=JobState.ARMED, booked=row.now.booked + call.price)
        row.lease_until = after(self.clock.steady(), self.lease)
        one = self.store.attempts[call.attempt]
        one.reserved, one.booked, one.armed = 0, call.price, True
        one.day = self.clock.local().date().isoformat()
        self.store.event(call.job.id, "armed", "")
        return None

    @locked
    def receive(self, call: Call, traffic: Traffic, scale: float) -> ClaimLost | None:
        """The answer is whole and durable in the spool."""
        row = self.store.standing(call.job, self.owner, JobState.ARMED)
        if isinstance(row, ClaimLost):
            return row
        row.change(state=JobState.RECEIVED, attempts=row.now.attempts + 1, result=call.answer)
        self._came(call, traffic, scale)
        return None

    @locked
    def receive_tile(self, call: Call, traffic: Traffic, scale: float, *, whole: bool) -> ClaimLost | None:
        """A tile is whole and durable in the spool; unless it makes the picture `whole`, the claim is given back."""
        row = self.store.standing(call.job, self.owner, JobState.ARMED)
        if isinstance(row, ClaimLost):
            return row
        attempts, now = row.now.attempts + 1, row.now
        row.change(
            state=JobState.RECEIVED if whole else JobState.QUEUED, attempts=attempts, forgiven=attempts, result=None,
            tiles=now.tiles + 1, price=now.price - self.store.attempts[call.attempt].booked,
        )  # fmt: skip
        if not whole:
            row.free()
        for tile in self.store.tiles.values():
            tile.safe = tile.safe or tile.attempt == call.attempt
        self._came(call, traffic, scale)
        return None

    def _came(self, call: Call, traffic: Traffic, scale: float) -> None:
        one = self.store.attempts[call.attempt]
        one.end(Outcome.OK, None, self.clock.wall())
        one.status, one.cf_ray = 200, traffic.cf_ray
        self.store.event(call.job.id, "received", f"{traffic.received_bytes} bytes at scale {scale:g}")

    @locked
    def conclude(
        self, call: Call, conclusion: Conclusion, changes: Sequence[GateChange] = (), *, due: bool = False
    ) -> ClaimLost | None:
        """The call brought no picture; what follows for the gates comes with it."""
        row = self.store.standing(call.job, self.owner)
        if isinstance(row, ClaimLost):
            return row
        one, now, state = self.store.attempts[call.attempt], row.now, conclusion.state
        unbooked = one.booked if conclusion.unbook else 0
        row.change(
            state=state, error=conclusion.error, failure=conclusion.failure, booked=now.booked - unbooked,
            attempts=now.attempts + conclusion.counts, resends=now.resends + conclusion.resend,
            upload_cuts=now.upload_cuts + conclusion.upload_cut, due=due and state is JobState.FAILED,
            finished_at=None if state is JobState.QUEUED else self.clock.wall(),
        )  # fmt: skip
        row.free(conclusion.not_before)
        one.booked -= unbooked
        one.end(conclusion.outcome, conclusion.error, self.clock.wall())
        one.status, one.cf_ray = conclusion.status, conclusion.traffic.cf_ray
        self.store.event(call.job.id, state, conclusion.error)
        if conclusion.balance is not None and conclusion.outcome is Outcome.BALANCE:
            self.store.balance_failures.append((call.job.id, conclusion.balance))
        self.write_gates(changes)
        return None

    @locked
    def lose_answer(self, job: Job, failure: Failure) -> ClaimLost | None:
        """A received answer is nowhere: the job is unknown, since its money was spent."""
        row = self.store.standing(job, self.owner, JobState.RECEIVED)
        if isinstance(row, ClaimLost):
            return row
        told = {"error": failure.words, "failure": failure.kind, "finished_at": self.clock.wall()}
        row.change(state=JobState.UNKNOWN, result=None, tiles=0, **told)
        row.free()
        self.store.drop_tiles(job.id)
        return None

    @locked
    def last_call(self, job_id: int) -> EndedCall | None:
        """How the last call of a job ended; None: there was none."""
        ended = [one for one in self.store.attempts.values() if one.job == job_id and one.outcome is not None]
        for one in reversed(ended):
            assert one.outcome is not None  # noqa: S101 -- by the line above
            return EndedCall(one.outcome, one.status, one.error, one.cf_ray)
        return None

    @locked
    def recent_calls(self, seconds: float) -> Sequence[float]:
        """Ages in seconds of the calls that began in the last `seconds`, oldest first."""
        now = self.clock.wall()
        began = sorted(one.started_at for one in self.store.attempts.values() if one.started_at > now - seconds)
        return [max(0.0, now - at) for at in began]

    # Gates

    @locked
    def gates(self) -> dict[GateReason, Gate]:
        """What is closed."""
        return dict(self.store.gates)

    @locked
    def keys_that_worked(self) -> frozenset[str]:
        """Fingerprints of keys that have brought a picture."""
        return frozenset(self.store.keys_that_worked)

    @locked
    def write_gates(self, changes: Sequence[GateChange]) -> None:
        """What was closed, put off or opened, in that order."""
        for change in changes:
            match change:
                case Shut(gate):
                    self.store.gates[gate.reason] = gate
                case Opened(reason):
                    self.store.gates.pop(reason, None)
                case KeyWorked(fingerprint):
                    self.store.keys_that_worked.add(fingerprint)
                case unexpected:
                    assert_never(unexpected)

    @locked
    def backlog(self) -> Backlog:
        """Calls that are queued and not let go by the owner yet, each picture once."""
        waiting = [
            row for row in self.store.jobs.values()
            if row.now.state is JobState.QUEUED and not row.approved and not self.store.paid(row)
            and not any(other.now.id < row.now.id and other.now.state in UNDER_WAY
                        for other in self.store.twins(row.now))
        ]  # fmt: skip
        return Backlog(len(waiting), sum(row.now.price for row in waiting))
