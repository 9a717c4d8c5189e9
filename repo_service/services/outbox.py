"""What has to happen after a commit, written down in that commit: rings for workers, changes for the index."""

from collections.abc import Iterable, Sequence
from itertools import groupby

import structlog
from sqlalchemy import and_, insert, update
from sqlalchemy.orm import Session

from repo_service.context import Context
from repo_service.models import Job, Outbox, new_id

RING = "ring"
INDEX = "index"
# What the index has not been told yet. What it refused is tried again later, and nobody waits for that.
UNTOLD = and_(Outbox.kind == INDEX, Outbox.done_at.is_(None), Outbox.attempts == 0)

_log = structlog.get_logger(__name__)


def add(session: Session, ctx: Context, kind: str, aggregate: str, rev: int = 0) -> None:
    """Write down, inside the caller's transaction, that this has to happen."""
    session.add(Outbox(kind=kind, aggregate=aggregate, rev=rev, created_at=ctx.clock()))


def add_many(session: Session, ctx: Context, kind: str, aggregates: Iterable[tuple[str, int]]) -> None:
    """The same for many (aggregate, rev) at once."""
    now = ctx.clock()
    rows = [
        {"id": new_id(), "kind": kind, "aggregate": aggregate, "rev": rev, "attempts": 0, "created_at": now}
        for aggregate, rev in aggregates
    ]
    if rows:  # an INSERT without values would be one of defaults
        session.execute(insert(Outbox), rows)


def settle(session: Session, ctx: Context, kind: str, aggregates: Sequence[str]) -> None:
    """It happened: nothing of this kind is left to do for these."""
    session.execute(
        update(Outbox)
        .where(Outbox.done_at.is_(None), Outbox.kind == kind, Outbox.aggregate.in_(aggregates))
        .values(done_at=ctx.clock())
        .execution_options(synchronize_session=False)
    )


def close_rows(ctx: Context, ids: Sequence[str]) -> None:
    """These rows need nothing more."""
    if not ids:
        return
    with ctx.db.write() as session:
        session.execute(
            update(Outbox)
            .where(Outbox.id.in_(ids))
            .values(done_at=ctx.clock())
            .execution_options(synchronize_session=False)
        )


def ring(ctx: Context, jobs: Iterable[Job]) -> bool:
    """Ring for jobs whose commit is done; False when the broker is away (then the reconciler rings later)."""
    ordered = sorted(jobs, key=lambda job: job.heavy)
    try:
        for heavy, group in groupby(ordered, key=lambda job: job.heavy):
            ctx.queue.ring([job.id for job in group], heavy=heavy)
    except ConnectionError as error:
        _log.warning("queue_away", error=str(error))
        return False
    return True
