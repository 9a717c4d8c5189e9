"""Records in bulk: a file of rows into the catalogue of one institution, again and again with the same end.

Each batch of rows is one transaction with all that belongs to it (rows, decisions, outbox), so that a run may be killed
at any instant and begun anew. The run ends when the index knows everything that it took.
"""

from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import datetime
from pathlib import Path
from typing import Any

from sqlalchemy import insert, select
from sqlalchemy.exc import IntegrityError, OperationalError
from sqlalchemy.orm import Session, undefer

from repo_service.context import Context
from repo_service.errors import Unavailable
from repo_service.models import Decision, File, Job, Resource, Subject, new_id
from repo_service.policy import Actor, require
from repo_service.services import audit, indexing, outbox
from repo_service.services.curation import PUBLISH
from repo_service.services.deposits import institution_named
from repo_service.services.exchange_fields import BadRow, record_of
from repo_service.services.exchange_row import Row
from repo_service.services.exchange_rows import Format, read
from repo_service.services.following import STALLED_SECONDS, following
from repo_service.services.jobs import processing_of

BATCH_ROWS = 1000
BATCH_CHARACTERS = 8_000_000  # of text; a batch that grows beyond ends early
DRAINED_EVERY = 5  # batches: the index takes thousands of records at once with less work
MOST_ERRORS = 100_000  # that are told one by one
PUBLISHED_BY_IMPORT = frozenset({"draft", "submitted", "in_review"})

Told = Callable[[int, int], None]  # done, total: bytes while reading, then records that the index waits for
# What a record is that says nothing; written out, because rows go to the database in bulk and not one by one.
_EMPTY: Mapping[str, Any] = {
    name: [] if column.default.is_callable else column.default.arg if column.default.is_scalar else None
    for name, column in Resource.__table__.columns.items()
    if column.default is not None and name != "id"
} | {name: None for name, column in Resource.__table__.columns.items() if column.nullable}


@dataclass(frozen=True, slots=True)
class RowError:
    """A row that was not taken: its line from 1, a stable code, and what exactly."""

    line: int
    code: str
    detail: str = ""


@dataclass(slots=True)
class Imported:
    """What became of the rows. ``failed`` counts all that were not taken, ``errors`` tells of the first ones."""

    created: int = 0
    updated: int = 0
    unchanged: int = 0
    failed: int = 0
    errors: list[RowError] = field(default_factory=list)
    ignored: set[str] = field(default_factory=set)  # names of columns that mean nothing here
    index_behind: int = 0  # changes that wait for an index which does not follow

    def refuse(self, line: int, code: str, detail: str = "") -> None:
        """One row was not taken."""
        self.failed += 1
        if len(self.errors) < MOST_ERRORS:
            self.errors.append(RowError(line, code, detail))


@dataclass(slots=True)
class _Run:
    """What holds for all batches of a run."""

    ctx: Context
    actor: Actor
    institution_id: str
    publish: bool
    source: str  # name of the file
    result: Imported
    audited: bool = False


Batch = dict[str, tuple[int, dict[str, Any]]]  # external id → line, fields


def import_file(
    ctx: Context,
    actor: Actor,
    path: Path,
    form: Format,
    institution: str,
    *,
    publish: bool = False,
    told: Told = lambda _done, _total: None,
    patience: float = STALLED_SECONDS,
) -> Imported:
    """Take the records of a file; return when the index knows them. Needs a context that may write the index.

    ``institution`` is a slug or an id. An index that stands still for ``patience`` seconds is left behind: then
    everything is in the catalogue. Raises NotFound, Forbidden, Invalid ``import_columns``, OSError.
    """
    with ctx.db.read() as session:
        place = institution_named(session, institution)
    require(actor, "resource.create", institution_id=place.id)
    if publish:
        require(actor, "resource.publish_unreviewed", institution_id=place.id)
    run = _Run(ctx, actor, place.id, publish, path.name, Imported())
    size = path.stat().st_size
    with following(ctx, told) as index:
        index.drain()
        rows = read(path, form, lambda done: told(done, size))
        for number, batch in enumerate(_batches(rows, run.result), 1):
            _take(run, batch)
            if number % DRAINED_EVERY == 0:
                index.drain()
        try:
            index.finish(patience)
        except Unavailable as behind:
            run.result.index_behind = int(str(behind.facts["waiting"]))
    return run.result


def _batches(rows: Iterable[Row], result: Imported) -> Iterator[Batch]:
    """Good rows by their id, in portions; bad ones and the second of an id go into the result."""
    seen: set[int] = set()  # hashes of 64 bits, so that a million ids cost little memory
    batch: Batch = {}
    size = 0
    for row in rows:
        try:
            fields = record_of(row, result.ignored)
        except BadRow as bad:
            result.refuse(row.line, bad.code, bad.detail)
            continue
        identity = fields["external_id"]
        if hash(identity) in seen:
            result.refuse(row.line, "duplicate_id", identity)
            continue
        seen.add(hash(identity))
        batch[identity] = row.line, fields
        size += len(fields.get("text", "")) + len(fields.get("description", ""))
        if len(batch) == BATCH_ROWS or size > BATCH_CHARACTERS:
            yield batch
            batch, size = {}, 0
    if batch:
        yield batch


def _take(run: _Run, batch: Batch) -> None:
    """One batch; once more when another process took an id in the same moment, or both waited in a ring."""
    try:
        _in_one_transaction(run, batch)
    except (IntegrityError, OperationalError):
        _in_one_transaction(run, batch)


def _in_one_transaction(run: _Run, batch: Batch) -> None:
    now = run.ctx.clock()
    with run.ctx.db.write() as session:
        good, refused = _with_known_subjects(session, batch)
        found = session.scalars(
            select(Resource)
            .where(Resource.institution_id == run.institution_id, Resource.external_id.in_(good))
            .options(undefer(Resource.text))  # to be compared, row by row
            .order_by(Resource.id)  # as everybody locks them, so that nobody waits in a ring
            .with_for_update()
        ).all()
        before = {row.external_id: row for row in found}
        new = [_new_row(run, fields, now) for identity, fields in good.items() if identity not in before]
        published = {row["id"] for row in new} if run.publish else set()
        if new:
            session.execute(insert(Resource.__table__), new)  # type: ignore[arg-type]
        edited = [row for identity, row in before.items() if identity and _edit(row, good[identity], now)]
        allowed = _publishable(session, found) if run.publish else []
        for row in allowed:
            row.state, row.published_at = "published", row.published_at or now
            row.metadata_rev += row not in edited
            row.updated_at = now
            published.add(row.id)
        changed = list(dict.fromkeys([*edited, *allowed]))
        session.flush()
        _announce(session, run, new, changed, published, now)
    run.audited |= bool(new or changed)
    run.result.created += len(new)
    run.result.updated += len(changed)
    run.result.unchanged += len(good) - len(new) - len(changed)
    for line, code in refused:
        run.result.refuse(line, "unknown_subject", code)


def _with_known_subjects(session: Session, batch: Batch) -> tuple[dict[str, dict[str, Any]], list[tuple[int, str]]]:
    """The fields of the rows whose subjects the catalogue knows, and (line, code) of the others."""
    named = {code for _, fields in batch.values() for code in fields.get("subjects", ())}
    known = set(session.scalars(select(Subject.code).where(Subject.code.in_(named)))) if named else set()
    good: dict[str, dict[str, Any]] = {}
    refused: list[tuple[int, str]] = []
    for identity, (line, fields) in batch.items():
        strange = [code for code in fields.get("subjects", ()) if code not in known]
        if strange:
            refused.append((line, f"subjects: {strange[0]}"))
        else:
            good[identity] = fields
    return good, refused


def _new_row(run: _Run, fields: Mapping[str, Any], now: datetime) -> dict[str, Any]:
    return {
        **_EMPTY,
        **fields,
        "id": new_id(),
        "institution_id": run.institution_id,
        "state": "published" if run.publish else "draft",
        "created_at": now,
        "updated_at": now,
        "published_at": now if run.publish else None,
    }


def _edit(row: Resource, fields: Mapping[str, Any], now: datetime) -> bool:
    """Put what differs into a row that is there; whether anything did."""
    changed = {name: value for name, value in fields.items() if getattr(row, name) != value}
    for name, value in changed.items():
        setattr(row, name, value)
    if changed:
        row.metadata_rev += 1
        row.updated_at = now
    return bool(changed)


def _publishable(session: Session, rows: Sequence[Resource]) -> list[Resource]:
    """Those that nobody withdrew or returned, and whose files, where they have any, could be prepared."""
    waiting = [row for row in rows if row.state in PUBLISHED_BY_IMPORT]
    ids = [row.id for row in waiting]
    if not ids:
        return []
    jobs = session.scalars(select(Job).where(Job.resource_id.in_(ids))).all()
    files = session.scalars(select(File).where(File.resource_id.in_(ids), File.source_id.is_(None))).all()
    return [
        row
        for row in waiting
        if processing_of(
            [job for job in jobs if (job.resource_id, job.version) == (row.id, row.version)],
            [file for file in files if (file.resource_id, file.version) == (row.id, row.version)],
        )
        != "failed"
    ]


def _announce(
    session: Session,
    run: _Run,
    new: Sequence[Mapping[str, Any]],
    changed: Sequence[Resource],
    published: set[str],
    now: datetime,
) -> None:
    """What belongs to these changes in the same transaction: decisions, the index, the epoch, one audit row a run."""
    for row in changed:
        row.rev += 1
    session.flush()
    told = [(row["id"], 1) for row in new] + [(row.id, row.rev) for row in changed]
    if not told:
        return
    outbox.add_many(session, run.ctx, outbox.INDEX, told)
    if published:
        versions = {row.id: row.version for row in changed}
        decided = [
            {
                "id": new_id(),
                "resource_id": identity,
                "version": versions.get(identity, 1),
                "action": PUBLISH,
                "by_user": run.actor.person,
                "reason": "",
                "at": now,
            }
            for identity in published
        ]
        session.execute(insert(Decision.__table__), decided)  # type: ignore[arg-type]
    if published or any(row.state == "published" for row in changed):
        indexing.raise_epoch(session, run.ctx)
    if not run.audited:
        what = "resource.import_unreviewed" if run.publish else "resource.import"
        audit.record(session, run.ctx, run.actor.id, what, run.institution_id, file=run.source[:200])
