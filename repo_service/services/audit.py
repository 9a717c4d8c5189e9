"""The audit trail: each privileged act is a row, written in the act's own transaction and chained to the row before."""

import hashlib
import json
from collections.abc import Iterator
from typing import Any, NamedTuple

from sqlalchemy import func, select
from sqlalchemy.orm import Session

from repo_service.context import Context
from repo_service.models import Audit, Counter
from repo_service.services import counters

GENESIS = "0" * 64
COUNTER = "audit"  # its value is the number of the last row: a trail that was cut short shows


class Break(NamedTuple):
    """Where the chain does not hold: the row's number and what is wrong with it."""

    seq: int
    reason: str


def record(session: Session, ctx: Context, who: str, what: str, object: str, ok: bool = True, **detail: Any) -> Audit:
    """Add one row inside the caller's transaction. ``detail`` is kept as JSON; what JSON lacks becomes text."""
    seq = counters.rise(session, COUNTER)
    before = session.get(Audit, seq - 1)
    row = Audit(
        seq=seq,
        at=ctx.clock(),
        who=who,
        what=what,
        object=object,
        ok=ok,
        detail=json.loads(json.dumps(detail, default=str)),
        prev_hash=before.hash if before else GENESIS,
    )
    row.hash = digest(row)
    session.add(row)
    session.flush()
    return row


def digest(row: Audit) -> str:
    """SHA-256 over everything that the row says, in a form that both databases give back unchanged."""
    said = [row.seq, row.at.isoformat(), row.who, row.what, row.object, row.ok, row.detail, row.prev_hash]
    text = json.dumps(said, ensure_ascii=False, sort_keys=True, separators=(",", ":"))
    return hashlib.sha256(text.encode()).hexdigest()


def verify(session: Session) -> Iterator[Break]:
    """Walk the whole chain and name each place where a row was changed, removed, or added by somebody else.

    Rows that are written meanwhile are no part of it: PostgreSQL shows each statement a newer state, so the last row
    and the number of rows are read by one of them.
    """
    ends = select(
        select(func.max(Audit.seq)).scalar_subquery(),
        select(Counter.value).where(Counter.name == COUNTER).scalar_subquery(),
    )
    last, written = (number or 0 for number in session.execute(ends).one())
    seq, before = 0, GENESIS
    rows = select(Audit).where(Audit.seq <= last).order_by(Audit.seq)
    for row in session.scalars(rows.execution_options(yield_per=1000)):
        if row.seq != seq + 1:
            yield Break(row.seq, f"rows {seq + 1} to {row.seq - 1} are gone")
        elif row.prev_hash != before:
            yield Break(row.seq, "does not follow the row before it")
        elif row.hash != digest(row):
            yield Break(row.seq, "was changed")
        seq, before = row.seq, row.hash
    if written != seq:
        yield Break(seq, f"the trail ends here, {written} rows were written")
