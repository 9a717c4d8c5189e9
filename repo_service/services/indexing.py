"""From the catalogue to the index: what changed, what a row looks like there, and filling it anew."""

from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import NamedTuple

import structlog
from sqlalchemy import ColumnElement, and_, delete, or_, select, update
from sqlalchemy.dialects import postgresql, sqlite
from sqlalchemy.orm import Session

from repo_service.context import Context
from repo_service.models import IndexState, Outbox, Resource
from repo_service.services import counters, lexicon, outbox
from repo_service.services.documents import Mapper
from repo_service.services.finding import SearchPage, SearchRequest, SuggestionView, search, suggest
from search.model import Document, Rejected, Tombstone

__all__ = [
    "EPOCH",
    "Reindexed",
    "SearchPage",
    "SearchRequest",
    "SuggestionView",
    "document",
    "drain",
    "learn",
    "reindex",
    "search",
    "suggest",
    "touch",
]

EPOCH = "catalogue_epoch"
MAX_ATTEMPTS = 5
FIRST_PAUSE = timedelta(seconds=5)  # until a refused document is tried again; after each refusal four times as long
_UNMAPPED = (ValueError, TypeError, KeyError)  # what a record raises of which no document can be made
SCAN_PAGE = 200
STATE_PAGE = 1_000
LOADED_AT_ONCE = 200
PASSAGES_AT_ONCE = 20_000
CHARACTERS_AT_ONCE = 20_000_000

_log = structlog.get_logger(__name__)


_WAITING = (Outbox.id, Outbox.aggregate, Outbox.rev, Outbox.attempts)


class Waiting(NamedTuple):
    """A row of the outbox that the index has to follow."""

    id: str
    aggregate: str
    rev: int
    attempts: int


@dataclass(frozen=True, slots=True)
class Reindexed:
    """How a rebuild went: documents that are in, and those that were refused, with the reason."""

    done: int
    failed: tuple[Rejected, ...] = ()


def touch(session: Session, ctx: Context, resource: Resource, visibility: bool = False) -> None:
    """Say, inside the caller's transaction, that a resource changed; ``visibility``: also who may see it."""
    resource.rev += 1
    outbox.add(session, ctx, outbox.INDEX, resource.id, resource.rev)
    if visibility:
        raise_epoch(session, ctx)


def raise_epoch(session: Session, ctx: Context) -> None:
    """Say, inside the caller's transaction, that what the public sees changes: nothing that is kept ready holds."""
    counters.rise(session, EPOCH)


def document(session: Session, resource: Resource) -> Document | Tombstone:
    """A resource as the index holds it: a tombstone unless it is published."""
    return Mapper(session).change(resource)


def drain(ctx: Context, limit: int = 1_000) -> int:
    """Bring waiting changes into the index; how many rows of the outbox were settled.

    An index that was lost, is corrupt or of an older schema is first filled anew. Raises SearchUnavailable when the
    engine is away, NotTheWriter in a process that may not write; then everything waits.
    """
    health = ctx.index.health()
    if health.must_fill:
        reindex(ctx)
        health = ctx.index.health()
    with ctx.db.read() as session:
        waiting = select(*_WAITING).where(Outbox.done_at.is_(None), Outbox.kind == outbox.INDEX)
        due = waiting.where(_due(ctx.clock())).order_by(Outbox.id).limit(limit)
        rows = [Waiting(*row) for row in session.execute(due)]
    if not rows:
        return 0
    lexicon.current(ctx, now=True)
    with ctx.db.read() as session:
        rows, changes, unmapped = _changes(session, rows)
    strange = {one.id for one in unmapped}
    rejected = unmapped + ctx.index.write([one for one in changes if one.id not in strange])
    _settle(ctx, rows, changes, rejected, ctx.index.health().generation or health.generation)
    return len(rows)


def learn(ctx: Context) -> int:
    """Make a few of the vectors that documents wait for, where meaning is on; how many. For when all is indexed."""
    return ctx.semantic.learn() if ctx.semantic else 0


def _due(now: datetime) -> ColumnElement[bool]:
    """Rows whose documents were not refused, or not just now."""
    pauses = ((tried, FIRST_PAUSE * 4 ** (tried - 1)) for tried in range(1, MAX_ATTEMPTS))
    lately = or_(*(and_(Outbox.attempts == tried, IndexState.indexed_at > now - pause) for tried, pause in pauses))
    refused = select(IndexState).where(IndexState.resource_id == Outbox.aggregate, ~IndexState.present, lately)
    return or_(Outbox.attempts == 0, ~refused.exists())


def _changes(
    session: Session, rows: Sequence[Waiting]
) -> tuple[list[Waiting], list[Document | Tombstone], list[Rejected]]:
    """What to write for these rows; a batch that grows too large ends early, the rest waits for the next one.

    For a record of which no document can be made a tombstone stands there, and what is wrong comes with it.
    """
    mapper = Mapper(session)
    newest = {row.aggregate: row.rev for row in rows}
    waiting = list(newest)
    changes: dict[str, Document | Tombstone] = {}
    unmapped: list[Rejected] = []
    passages = characters = 0
    for start in range(0, len(waiting), LOADED_AT_ONCE):
        if passages > PASSAGES_AT_ONCE or characters > CHARACTERS_AT_ONCE:
            break
        some = waiting[start : start + LOADED_AT_ONCE]
        found = mapper.load(some)
        for identity in some:
            row = found.get(identity)
            change: Document | Tombstone = Tombstone(identity, newest[identity] + 1)
            if row is not None:
                try:
                    change = mapper.change(row)
                except _UNMAPPED as error:
                    change = Tombstone(identity, row.rev)
                    unmapped.append(Rejected(identity, f"{type(error).__name__}: {error}"))
            changes[identity] = change
            if isinstance(change, Document):
                passages += len(change.passages)
                characters += len(change.text)
    return [row for row in rows if row.aggregate in changes], list(changes.values()), unmapped


def _settle(
    ctx: Context,
    rows: Sequence[Waiting],
    changes: Sequence[Document | Tombstone],
    rejected: Sequence[Rejected],
    generation: str,
) -> None:
    """In one transaction: rows done, and what the index now holds.

    A refused document is tried again a few times. What is remembered of it, as of one that is not there, keeps it from
    being asked for after that, until it has another revision or the index another generation.
    """
    refused = {one.id: one.reason for one in rejected}
    for identity, reason in refused.items():
        _log.warning("document_refused", resource=identity, reason=reason)
    done = [row.id for row in rows if row.aggregate not in refused or row.attempts + 1 >= MAX_ATTEMPTS]
    again = [row.id for row in rows if row.aggregate in refused]
    with ctx.db.write() as session:
        session.execute(update(Outbox).where(Outbox.id.in_(done)).values(done_at=ctx.clock()))
        session.execute(update(Outbox).where(Outbox.id.in_(again)).values(attempts=Outbox.attempts + 1))
        known = set(session.scalars(select(Resource.id).where(Resource.id.in_([change.id for change in changes]))))
        held = [(c.id, c.rev, isinstance(c, Document) and c.id not in refused) for c in changes if c.id in known]
        _remember(session, ctx, generation, held)


def _remember(session: Session, ctx: Context, generation: str, held: Iterable[tuple[str, int, bool]]) -> None:
    now = ctx.clock()
    rows = [
        {"resource_id": i, "generation": generation, "indexed_rev": rev, "present": present, "indexed_at": now}
        for i, rev, present in held
    ]
    if not rows:
        return
    insert = (sqlite.insert if ctx.db.is_sqlite else postgresql.insert)(IndexState)
    changed = {name: insert.excluded[name] for name in ("indexed_rev", "present", "indexed_at")}
    session.execute(
        insert.on_conflict_do_update(
            index_elements=["resource_id", "generation"],
            set_=changed,
            where=IndexState.indexed_rev <= insert.excluded.indexed_rev,
        ),
        rows,
    )


def reindex(ctx: Context) -> Reindexed:
    """Fill a new generation of the index from the catalogue beside the live one, and switch to it at once.

    A record that cannot be mapped is skipped and reported. Changes that come meanwhile reach both generations.
    """
    lexicon.current(ctx, now=True)
    unmapped: list[Rejected] = []
    rejected = ctx.index.rebuild(_published(ctx, unmapped))
    generation = ctx.index.health().generation
    done = 0
    held: list[tuple[str, int, bool]] = []
    for identity, rev in ctx.index.scan():
        held.append((identity, rev, True))
        done += 1
        if len(held) == STATE_PAGE:
            _remember_known(ctx, generation, held)
            held = []
    _remember_known(ctx, generation, held)
    with ctx.db.write() as session:
        session.execute(delete(IndexState).where(IndexState.generation != generation))
    return Reindexed(done, (*unmapped, *rejected))


def _remember_known(ctx: Context, generation: str, held: Sequence[tuple[str, int, bool]]) -> None:
    with ctx.db.write() as session:
        known = set(session.scalars(select(Resource.id).where(Resource.id.in_([identity for identity, *_ in held]))))
        _remember(session, ctx, generation, (row for row in held if row[0] in known))


def _published(ctx: Context, unmapped: list[Rejected]) -> Iterator[Document]:
    """All published resources in order of id, read in short transactions."""
    last = ""
    while True:
        with ctx.db.read() as session:
            mapper = Mapper(session)
            page = mapper.published(last, SCAN_PAGE)
            for resource in page:
                try:
                    change = mapper.change(resource)
                except _UNMAPPED as error:
                    unmapped.append(Rejected(resource.id, f"{type(error).__name__}: {error}"))
                    continue
                if isinstance(change, Document):
                    yield change
        if len(page) < SCAN_PAGE:
            return
        last = page[-1].id
