"""What a former run left: its calls that were armed and never ended, and files in the spool that nobody needs."""

from __future__ import annotations

from typing import TYPE_CHECKING

from watchd.core.calls import retrying
from watchd.core.calls.outcomes import Traffic
from watchd.core.outgoing import spool_names
from watchd.core.request import endpoint
from watchd.journey.work import receiving
from watchd.model import Outcome

if TYPE_CHECKING:
    from watchd.core.calls.retrying import Conclusion, Policy
    from watchd.interfaces import Ledger, Spool
    from watchd.model import Interrupted, Job


def recover(ledger: Ledger, spool: Spool, policy: Policy) -> list[tuple[Job, Conclusion]]:
    """Carry on from what the ledger and the spool have; the caller holds the lock. Again, it changes nothing more.

    Answers the calls whose answers are lost.

    Raises:
        LaterError: a paid answer in the spool cannot be made safe at present.
    """
    ledger.free_claims(alone=True)
    concluded = recover_lost(ledger, spool, policy)
    needed = {str(job) for job in ledger.needed()}
    spool.remove(*(name for name in spool.names() if spool_names.owner(name) not in needed))
    return concluded


def recover_lost(ledger: Ledger, spool: Spool, policy: Policy) -> list[tuple[Job, Conclusion]]:
    """End the calls that a former run had armed and not ended.

    Where the answer lies whole in the spool it is received after all. The others are lost, their money in doubt.
    """
    concluded = []
    for interrupted in ledger.interrupted(alone=True):
        size = receiving.salvage(spool, interrupted)
        if size is not None:
            _receive(ledger, interrupted, size)
            continue
        reason = "watchd ended after the request had left and before its answer was safe"
        job = interrupted.call.job
        conclusion = retrying.lost(job, Outcome.LOST, reason, Traffic(), policy=policy)
        if ledger.conclude(interrupted.call, conclusion) is None:
            concluded.append((job, conclusion))
    return concluded


def _receive(ledger: Ledger, interrupted: Interrupted, size: int) -> None:
    call = interrupted.call
    scale, traffic = endpoint.effective_scale(call.job.parameters), Traffic(received_bytes=size)
    if call.tile is not None:
        ledger.receive_tile(call, traffic, scale, whole=False)  # if it is, the next claim finds it so
    else:
        ledger.receive(call, traffic, scale)
        ledger.release(call.job)
