"""What the public may find by sitemap and feed: published resources, by id in portions, or the newest."""

from collections.abc import Sequence
from datetime import datetime

from sqlalchemy import select
from sqlalchemy.orm import joinedload

from repo_service.context import Context
from repo_service.models import Collection, Resource

PORTION = 10_000
PAGES = ("/", "/search", "/collections", "/institutions", "/about", "/help", "/accessibility")
PRIVATE = ("/account", "/api/", "/files/", "/my/", "/review", "/sign-in", "/sign-up", "/upload")
_PUBLISHED = Resource.state == "published"


def starts(ctx: Context, portion: int = PORTION) -> list[str]:
    """The keys after which each portion of published resources begins; the first is empty."""
    found = [""]
    with ctx.db.read() as session:
        while True:  # a step through an index each: numbering all rows takes ten times as long
            after = select(Resource.id).where(_PUBLISHED, Resource.id > found[-1]).order_by(Resource.id)
            end = session.scalar(after.offset(portion - 1).limit(1))
            if end is None:
                return found
            found.append(end)


def published_after(ctx: Context, key: str, portion: int = PORTION) -> list[tuple[str, datetime]]:
    """The next portion: ids, and when each was changed last."""
    rows = select(Resource.id, Resource.updated_at).where(_PUBLISHED, Resource.id > key).order_by(Resource.id)
    with ctx.db.read() as session:
        return [(row[0], row[1]) for row in session.execute(rows.limit(portion))]


def collections(ctx: Context, limit: int) -> list[tuple[str, datetime]]:
    """The newest collections that are published: ids, and when each was changed last."""
    rows = select(Collection.id, Collection.updated_at).where(Collection.state == "published")
    with ctx.db.read() as session:
        return [(row[0], row[1]) for row in session.execute(rows.order_by(Collection.id.desc()).limit(limit))]


def newest(ctx: Context, limit: int) -> list[Resource]:
    """What was published last, with institutions."""
    query = select(Resource).where(_PUBLISHED).order_by(Resource.published_at.desc(), Resource.id.desc())
    with ctx.db.read() as session:
        return list(session.scalars(query.limit(limit).options(joinedload(Resource.institution))))


def by_ids(ctx: Context, ids: Sequence[str]) -> list[Resource]:
    """Published resources with institutions, in the order of ``ids``."""
    query = select(Resource).where(Resource.id.in_(ids), _PUBLISHED).options(joinedload(Resource.institution))
    with ctx.db.read() as session:
        rows = {row.id: row for row in session.scalars(query)}
    return [rows[one] for one in ids if one in rows]
