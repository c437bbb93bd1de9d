"""The ledger's side of stages 5 to 8: a call's durable points, its money, and how the job ended."""

from __future__ import annotations

import os
from typing import TYPE_CHECKING

from watchd.adapters.ledgers.sqlite.rows import text_of
from watchd.adapters.ledgers.sqlite.transactions import Transactions, transaction
from watchd.errors import LedgerError
from watchd.model import BudgetReached, EndedCall, FailureKind, Outcome

if TYPE_CHECKING:
    import sqlite3
    from collections.abc import Sequence

    from watchd.core.calls.outcomes import Traffic
    from watchd.core.calls.retrying import Conclusion
    from watchd.model import Failure, Job, Limit, Tile

LATER = 3600.0
"""Seconds until a paid answer is tried again whose publishing met a fault of our own."""


class Calls(Transactions):
    """Booked when armed, unbooked by an answered error, in doubt when lost."""

    @transaction
    def begin_sending(
        self, job: Job, price: int, limits: Sequence[Limit], expects: tuple[int, int] = (0, 0), tile: Tile | None = None
    ) -> int | BudgetReached:
        """Durable before connecting, and its price held against every budget; answers the attempt.

        `expects`: the size in pixels of the answer. `tile`: the part of the picture that is sent; None: all of it.
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
        width, height = expects
        number = None if tile is None else tile.number
        row = self.run(
            "insert_attempt", job_id=job.id, at=self.clock.wall(), price=price, tile=number, width=width, height=height
        ).fetchone()
        part = ""
        if tile is not None:
            self.run(
                "begin_tile", job_id=job.id, number=number, left=tile.left, top=tile.top, width=tile.width,
                height=tile.height, attempt_id=row["id"],
            )  # fmt: skip
            part = f" for tile {number}, {tile.width}x{tile.height}+{tile.left}+{tile.top}"
        self.event(job.id, "sending", f"call {row['id']} of this ledger{part}; nothing can be charged yet")
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
        self._end_attempt(attempt, Outcome.OK, None, 200, traffic, unbook=False)
        self.run("note_scale", attempt_id=attempt, scale=scale)
        told = f"{traffic.received_bytes:,} bytes, {job.width}x{job.height} pixels at scale {scale:g}"
        self.event(job.id, "received", f"{told}, whole and safe in the spool")

    @transaction
    def receive_tile(self, job: Job, attempt: int, traffic: Traffic, scale: float, *, whole: bool) -> None:
        """A tile is whole and durable in the spool; unless it makes the picture `whole`, the claim is given back."""
        self._owned(self.run("receive_tile", id=job.id, me=self.owner, attempt_id=attempt, whole=whole), job)
        self.run("keep_tile", attempt_id=attempt)
        self._end_attempt(attempt, Outcome.OK, None, 200, traffic, unbook=False)
        self.run("note_scale", attempt_id=attempt, scale=scale)
        told = f"{traffic.received_bytes:,} bytes, a tile, whole and safe in the spool"
        self.event(job.id, "received", f"{told}; all of them are there" if whole else told)

    @transaction
    def complete_tiles(self, job: Job) -> None:
        """All tiles of a claimed job are safe: it is received."""
        self._owned(self.run("complete_tiles", id=job.id, me=self.owner), job)
        self.event(job.id, "received", "all tiles are there")

    def _end_attempt(
        self, attempt: int, outcome: Outcome, error: str | None, status: int | None, traffic: Traffic, *, unbook: bool
    ) -> None:
        self.run(
            "end_attempt", attempt_id=attempt, at=self.clock.wall(), outcome=outcome, error=error, status=status,
            unbook=unbook, sent_bytes=traffic.sent_bytes, received_bytes=traffic.received_bytes, cf_ray=traffic.cf_ray,
        )  # fmt: skip

    @transaction
    def conclude(self, job: Job, attempt: int, conclusion: Conclusion, *, due: bool = False) -> None:
        """The call brought no picture; if the job has failed by it, its original may be `due` to be moved away."""
        booked = self.run("booked_of_attempt", attempt_id=attempt).fetchone()["booked"]
        self._end_attempt(
            attempt, conclusion.outcome, conclusion.error, conclusion.status, conclusion.traffic,
            unbook=conclusion.unbook,
        )  # fmt: skip
        self.run(
            "conclude", id=job.id, me=self.owner, state=conclusion.state, not_before=conclusion.not_before,
            error=conclusion.error, failure=conclusion.failure, counts=conclusion.counts, resend=conclusion.resend,
            upload_cut=conclusion.upload_cut, unbooked=booked if conclusion.unbook else 0, due=due,
            at=self.clock.wall(),
        )  # fmt: skip
        self.event(job.id, conclusion.state, conclusion.error)
        if conclusion.balance is not None and conclusion.outcome is Outcome.BALANCE:
            self.run(
                "insert_balance_failure", at=self.clock.wall(), job_id=job.id, message=conclusion.balance.message,
                balance_usd=conclusion.balance.balance_usd, balance_diem=conclusion.balance.balance_diem,
            )  # fmt: skip
        if conclusion.gate is not None:
            self.shut(conclusion.gate)

    @transaction
    def finish(
        self, job: Job, output: str | None, sha256: str | None, *, reused_from: int | None, detail: str,
        due: bool = False,
    ) -> None:  # fmt: skip
        """Published and safe (or nothing to publish, where a collision is to be skipped).

        `due`: something is to be done with the original now.
        """
        encoded = None if output is None else os.fsencode(output)
        shown = None if output is None else text_of(output)
        cursor = self.run(
            "finish", id=job.id, me=self.owner, at=self.clock.wall(), output=encoded, output_text=shown,
            output_sha256=sha256, reused_from=reused_from, due=due,
        )  # fmt: skip
        self._owned(cursor, job)
        self.event(job.id, "done", detail)

    @transaction
    def fail(self, job: Job, failure: Failure, *, due: bool = False) -> None:
        """It ends here without a call; its original may be `due` to be moved away."""
        self._owned(self._end("fail", job, failure, due=due), job)
        if failure.kind is FailureKind.GONE:
            self.run("unsee", job_id=job.id, folder=job.folder, path=os.fsencode(job.path))
        self.event(job.id, "failed", failure.words)

    def _end(self, name: str, job: Job, failure: Failure, **more: object) -> sqlite3.Cursor:
        return self.run(
            name, id=job.id, me=self.owner, error=failure.words, failure=failure.kind, at=self.clock.wall(), **more
        )

    @transaction
    def abandon(self, job: Job, failure: Failure) -> None:
        """Set a job aside after a fault of our own: failed, but unknown once armed, and kept once received."""
        self._end("abandon", job, failure, later=self.clock.steady() + LATER)
        self.run("end_open_attempts", job_id=job.id, at=self.clock.wall(), error=failure.words)
        self.event(job.id, "abandoned", failure.words)

    @transaction
    def lose_answer(self, job: Job, failure: Failure) -> None:
        """A received answer is nowhere: the job is unknown, since its money was spent."""
        self._owned(self._end("lose_answer", job, failure), job)
        self.run("drop_tiles", job_id=job.id)
        self.event(job.id, "unknown", failure.words)

    @transaction
    def end_original(self, job: Job, moved: str | None, detail: str) -> None:
        """What was to be done with a claimed job's original has been done, or cannot be; `moved`: where it is now."""
        encoded = None if moved is None else os.fsencode(moved)
        self.run("end_original", id=job.id, me=self.owner, moved=encoded)
        self.event(job.id, "original", detail)

    @transaction
    def put_off_original(self, job: Job, not_before: float) -> None:
        """Give the claim back; it is tried again at `not_before` (steady)."""
        self.run("put_off_original", id=job.id, me=self.owner, not_before=not_before)

    @transaction
    def bring_back(self, job: Job, moved: str) -> None:
        """The original that had gone to `moved` lies where it was again."""
        self.run("brought_back", moved=os.fsencode(moved))
        self.event(job.id, "original", f"brought back from {text_of(moved)}")

    def last_call(self, job_id: int) -> EndedCall | None:
        """How the last call of a job ended; None: there was none."""
        rows = self.rows("last_call", job_id=job_id)
        return (
            EndedCall(Outcome(rows[0]["outcome"]), rows[0]["http_status"], rows[0]["error"], rows[0]["cf_ray"])
            if rows
            else None
        )

    @transaction
    def note(self, job: Job, step: str, detail: str) -> None:
        """A step worth telling in `explain` that changes no state."""
        self.event(job.id, step, detail)
