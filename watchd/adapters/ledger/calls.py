"""The ledger's side of stages 5 to 8: a call's durable points, its money, and how the job ended."""

from __future__ import annotations

import os
from typing import TYPE_CHECKING

from watchd.adapters.ledger.machinery import Writer, transaction
from watchd.adapters.ledger.rows import text_of
from watchd.errors import LedgerError
from watchd.model import GONE, BudgetReached

if TYPE_CHECKING:
    import sqlite3
    from collections.abc import Sequence

    from watchd.core.calls import Traffic
    from watchd.core.retrying import Conclusion
    from watchd.model import Job, Limit

LATER = 3600.0
"""Seconds until a paid answer is tried again whose publishing met a fault of our own."""


class Calls(Writer):
    """Booked when armed, unbooked by an answered error, in doubt when lost."""

    @transaction
    def begin_sending(self, job: Job, price: int, limits: Sequence[Limit]) -> int | BudgetReached:
        """Durable before connecting, and its price held against every budget; answers the attempt.

        Nothing is begun where the price would pass a limit: checked and held in one transaction, so that no number of
        workers passes it together.
        """
        for limit in limits:
            held = int(self.run("held", folder=limit.folder, period=limit.period).fetchone()["held"])
            if held + price > limit.most:
                return BudgetReached(limit, held, price)
        lease_until = self.clock.steady() + self.lease
        self._owned(self.run("begin_sending", id=job.id, me=self.owner, lease_until=lease_until), job)
        self.run("fall_in", id=job.id, sha256=job.sha256, parameters=job.parameters, folder=job.folder)
        row = self.run("insert_attempt", job_id=job.id, at=self.clock.wall(), price=price).fetchone()
        self.event(job.id, "sending", f"call {row['id']} of this ledger; nothing can be charged yet")
        return int(row["id"])

    @transaction
    def arm(self, job: Job, attempt: int, price: int) -> None:
        """Durable before the last bytes leave: booked, and possibly charged from here on."""
        day = self.clock.local().date().isoformat()
        self._owned(self.run("arm_job", id=job.id, me=self.owner, price=price), job)
        self.run("arm_attempt", attempt_id=attempt, at=self.clock.wall(), day=day, price=price)
        self.event(job.id, "armed", "all but the last bytes are sent; from here on the call may be charged")

    def _owned(self, cursor: sqlite3.Cursor, job: Job) -> None:
        if cursor.rowcount != 1:
            raise LedgerError(f"job {job.id} ({text_of(job.path)}) is no longer this daemon's: another ledger's owner?")

    @transaction
    def receive(self, job: Job, attempt: int, result: str, traffic: Traffic, scale: float) -> None:
        """The answer is whole and durable in the spool; `scale` is the one applied, as its size proves."""
        self._owned(self.run("receive", id=job.id, me=self.owner, result=result), job)
        self._end_attempt(attempt, "ok", None, 200, traffic, unbook=False)
        self.run("note_scale", attempt_id=attempt, scale=scale)
        told = f"{traffic.received_bytes:,} bytes, {job.width}x{job.height} pixels at scale {scale:g}"
        self.event(job.id, "received", f"{told}, whole and safe in the spool")

    def _end_attempt(
        self, attempt: int, outcome: str, error: str | None, status: int | None, traffic: Traffic, *, unbook: bool
    ) -> None:
        self.run(
            "end_attempt", attempt_id=attempt, at=self.clock.wall(), outcome=outcome, error=error, status=status,
            unbook=unbook, sent_bytes=traffic.sent_bytes, received_bytes=traffic.received_bytes, cf_ray=traffic.cf_ray,
        )  # fmt: skip

    @transaction
    def conclude(self, job: Job, attempt: int, conclusion: Conclusion) -> None:
        """The call brought no picture."""
        booked = self.run("booked_of_attempt", attempt_id=attempt).fetchone()["booked"]
        self._end_attempt(
            attempt, conclusion.outcome, conclusion.error, conclusion.status, conclusion.traffic,
            unbook=conclusion.unbook,
        )  # fmt: skip
        self.run(
            "conclude", id=job.id, me=self.owner, state=conclusion.state, not_before=conclusion.not_before,
            error=conclusion.error, counts=conclusion.counts, resend=conclusion.resend,
            upload_cut=conclusion.upload_cut, unbooked=booked if conclusion.unbook else 0, at=self.clock.wall(),
        )  # fmt: skip
        self.event(job.id, conclusion.state, conclusion.error)
        if conclusion.balance is not None and conclusion.outcome == "balance":
            self.run(
                "insert_balance_failure", at=self.clock.wall(), job_id=job.id, message=conclusion.balance.message,
                balance_usd=conclusion.balance.balance_usd, balance_diem=conclusion.balance.balance_diem,
            )  # fmt: skip
        if conclusion.gate is not None:
            self.shut(conclusion.gate)

    @transaction
    def finish(self, job: Job, output: str | None, sha256: str | None, *, reused_from: int | None, detail: str) -> None:
        """Published and safe (or nothing to publish, where a collision is to be skipped)."""
        encoded = None if output is None else os.fsencode(output)
        shown = None if output is None else text_of(output)
        cursor = self.run(
            "finish", id=job.id, me=self.owner, at=self.clock.wall(), output=encoded, output_text=shown,
            output_sha256=sha256, reused_from=reused_from,
        )  # fmt: skip
        self._owned(cursor, job)
        self.event(job.id, "done", detail)

    @transaction
    def fail(self, job: Job, error: str) -> None:
        """It ends here without a call."""
        self._owned(self.run("fail", id=job.id, me=self.owner, error=error, at=self.clock.wall()), job)
        if error.startswith(GONE):
            self.run("unsee", job_id=job.id, folder=job.folder, path=os.fsencode(job.path))
        self.event(job.id, "failed", error)

    @transaction
    def abandon(self, job: Job, error: str) -> None:
        """Set a job aside after a fault of our own: failed, but unknown once armed, and kept once received."""
        later = self.clock.steady() + LATER
        self.run("abandon", id=job.id, me=self.owner, error=error, at=self.clock.wall(), later=later)
        self.run("end_open_attempts", job_id=job.id, at=self.clock.wall(), error=error)
        self.event(job.id, "abandoned", error)

    @transaction
    def lose_answer(self, job: Job, error: str) -> None:
        """A received answer is nowhere: the job is unknown, since its money was spent."""
        self._owned(self.run("lose_answer", id=job.id, me=self.owner, error=error, at=self.clock.wall()), job)
        self.event(job.id, "unknown", error)

    @transaction
    def note(self, job: Job, step: str, detail: str) -> None:
        """A step worth telling in `explain` that changes no state."""
        self.event(job.id, step, detail)
