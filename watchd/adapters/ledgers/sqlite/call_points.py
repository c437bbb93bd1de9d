"""The ledger's side of stages 5 and 6: a call's durable points, and its money."""

from __future__ import annotations

from typing import TYPE_CHECKING

from watchd.adapters.ledgers.sqlite.transactions import Transactions, passing, transaction
from watchd.model import BudgetReached, ClaimLost, EndedCall, Outcome, Rect

if TYPE_CHECKING:
    from collections.abc import Collection, Mapping, Sequence

    from watchd.core.calls.outcomes import Traffic
    from watchd.core.calls.retrying import Conclusion
    from watchd.core.calls.state import GateChange
    from watchd.model import Call, Failure, Job, Limit, Tile


class CallPoints(Transactions):
    """Implements `interfaces.CallBook`. Each write begins with the job's row: where that is lost, nothing follows."""

    @passing
    def begin_sending(
        self, job: Job, price: int, limits: Sequence[Limit], expects: tuple[int, int] = (0, 0), tile: Tile | None = None
    ) -> int | BudgetReached | ClaimLost:
        """Durable before connecting, and its price held against every budget; answers the attempt."""
        for limit in limits:
            held = int(self.run("held", folder=limit.folder, period=limit.period).fetchone()["held"])
            if held + price > limit.most:
                return BudgetReached(limit, held, price)
        lost = self.write(job, "begin_sending", lease_until=self.clock.steady() + self.lease)
        if lost is not None:
            return lost
        self.run("wait_behind", id=job.id)
        width, height = expects
        number = None if tile is None else tile.number
        row = self.run(
            "insert_attempt", job_id=job.id, at=self.clock.wall(), price=price, tile=number, width=width, height=height
        ).fetchone()
        part = "" if tile is None else self._begin_tile(job, tile, row["id"])
        self.event(job.id, "sending", f"call {row['id']} of this ledger{part}; nothing can be charged yet")
        return int(row["id"])

    def _begin_tile(self, job: Job, tile: Tile, attempt: int) -> str:
        self.run(
            "begin_tile", job_id=job.id, number=tile.number, left=tile.left, top=tile.top, width=tile.width,
            height=tile.height, attempt_id=attempt,
        )  # fmt: skip
        return f" for tile {tile.number}, {tile.width}x{tile.height}+{tile.left}+{tile.top}"

    @transaction
    def arm(self, call: Call) -> ClaimLost | None:
        """Durable before the last bytes leave: booked, and possibly charged from here on."""
        day = self.clock.local().date().isoformat()
        lost = self.write(call.job, "arm_job", price=call.price, lease_until=self.clock.steady() + self.lease)
        if lost is None:
            self.run("arm_attempt", attempt_id=call.attempt, at=self.clock.wall(), day=day, price=call.price)
            self.event(call.job.id, "armed", "all but the last bytes are sent; from here on the call may be charged")
        return lost

    @transaction
    def receive(self, call: Call, traffic: Traffic, scale: float) -> ClaimLost | None:
        """The answer is whole and durable in the spool; `scale` is the one applied, as its size proves."""
        job = call.job
        lost = self.write(job, "receive", result=call.answer)
        if lost is None:
            self._came(call, traffic, scale)
            told = f"{traffic.received_bytes:,} bytes, {job.width}x{job.height} pixels at scale {scale:g}"
            self.event(job.id, "received", f"{told}, whole and safe in the spool")
        return lost

    @transaction
    def receive_tile(self, call: Call, traffic: Traffic, scale: float, *, whole: bool) -> ClaimLost | None:
        """A tile is whole and durable in the spool; unless it makes the picture `whole`, the claim is given back."""
        lost = self.write(call.job, "receive_tile", attempt_id=call.attempt, whole=whole)
        if lost is None:
            self.run("keep_tile", job_id=call.job.id, attempt_id=call.attempt)
            self._came(call, traffic, scale)
            told = f"{traffic.received_bytes:,} bytes, a tile, whole and safe in the spool"
            self.event(call.job.id, "received", f"{told}; all of them are there" if whole else told)
        return lost

    def _came(self, call: Call, traffic: Traffic, scale: float) -> None:
        self._end_attempt(call.attempt, Outcome.OK, None, 200, traffic, unbook=False)
        self.run("note_scale", attempt_id=call.attempt, scale=scale)

    def _end_attempt(
        self, attempt: int, outcome: Outcome, error: str | None, status: int | None, traffic: Traffic, *, unbook: bool
    ) -> None:
        self.run(
            "end_attempt", attempt_id=attempt, at=self.clock.wall(), outcome=outcome, error=error, status=status,
            unbook=unbook, sent_bytes=traffic.sent_bytes, received_bytes=traffic.received_bytes, cf_ray=traffic.cf_ray,
        )  # fmt: skip

    @transaction
    def complete_tiles(self, job: Job) -> ClaimLost | None:
        """All tiles of a claimed job are safe: it is received."""
        lost = self.write(job, "complete_tiles")
        if lost is None:
            self.event(job.id, "received", "all tiles are there")
        return lost

    def tiles(self, job: Job) -> Mapping[int, Rect]:
        """The tiles of a job that are safe in the spool, by number."""
        return {
            int(row["number"]): Rect(row["left"], row["top"], row["width"], row["height"])
            for row in self.rows("tiles", job_id=job.id)
        }

    @transaction
    def lose_tiles(self, job: Job, numbers: Collection[int]) -> ClaimLost | None:
        """Tiles that were safe are nowhere: they are to be paid again, and the others are not."""
        for number in numbers:
            lost = self.write(job, "lose_tile", number=number)
            if lost is not None:
                return lost
            self.run("drop_tile", job_id=job.id, number=number)
            self.event(job.id, "tile", f"tile {number} is no longer in the spool; it is paid again, the others are not")
        return None

    def kept_tiles(self) -> Sequence[tuple[int, int]]:
        """Job and number of each paid tile of pictures that ended without the others, what ended long ago first."""
        return [(int(row["job_id"]), int(row["number"])) for row in self.rows("kept_tiles")]

    @transaction
    def give_up_tiles(self, job_id: int) -> bool:
        """Of such a picture nothing is kept any more; False where somebody has taken it up meanwhile."""
        if not self.run("give_up_tiles", job_id=job_id).rowcount:
            return False
        self.run("drop_tiles", job_id=job_id)
        self.event(job_id, "tile", "its paid tiles were given up: too many are kept; tried again it is paid anew")
        return True

    @transaction
    def conclude(
        self, call: Call, conclusion: Conclusion, changes: Sequence[GateChange] = (), *, due: bool = False
    ) -> ClaimLost | None:
        """The call brought no picture; what follows for the gates is written with it."""
        booked = self.run("booked_of_attempt", attempt_id=call.attempt).fetchone()["booked"]
        lost = self.write(
            call.job, "conclude", state=conclusion.state, not_before=conclusion.not_before, error=conclusion.error,
            failure=conclusion.failure, counts=conclusion.counts, resend=conclusion.resend, due=due,
            upload_cut=conclusion.upload_cut, unbooked=booked if conclusion.unbook else 0, at=self.clock.wall(),
        )  # fmt: skip
        if lost is not None:
            return lost
        self._end_attempt(
            call.attempt, conclusion.outcome, conclusion.error, conclusion.status, conclusion.traffic,
            unbook=conclusion.unbook,
        )  # fmt: skip
        self.event(call.job.id, conclusion.state, conclusion.error)
        if conclusion.balance is not None and conclusion.outcome is Outcome.BALANCE:
            self.run(
                "insert_balance_failure", at=self.clock.wall(), job_id=call.job.id, message=conclusion.balance.message,
                balance_usd=conclusion.balance.balance_usd, balance_diem=conclusion.balance.balance_diem,
            )  # fmt: skip
        self.change_gates(changes)
        return None

    @transaction
    def lose_answer(self, job: Job, failure: Failure) -> ClaimLost | None:
        """A received answer is nowhere: the job is unknown, since its money was spent."""
        lost = self.end(job, "lose_answer", failure)
        if lost is None:
            self.run("drop_tiles", job_id=job.id)
            self.event(job.id, "unknown", failure.words)
        return lost

    def last_call(self, job_id: int) -> EndedCall | None:
        """How the last call of a job ended; None: there was none."""
        for row in self.rows("last_call", job_id=job_id):
            return EndedCall(Outcome(row["outcome"]), row["http_status"], row["error"], row["cf_ray"])
        return None

    def recent_calls(self, seconds: float) -> Sequence[float]:
        """Ages in seconds of the calls that began in the last `seconds`, oldest first."""
        now = self.clock.wall()
        return [max(0.0, now - row["started_at"]) for row in self.rows("recent_calls", since=now - seconds)]
