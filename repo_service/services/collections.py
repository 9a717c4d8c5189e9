"""Curated sets 专题: ordered references to published resources, made by curators."""

from collections.abc import Sequence
from datetime import datetime
from typing import Annotated

from pydantic import BaseModel, ConfigDict, Field
from sqlalchemy import case, func, select
from sqlalchemy.orm import Session, joinedload

from repo_service.context import Context
from repo_service.errors import Conflict, Invalid, NotFound
from repo_service.models import Collection, CollectionItem, Resource
from repo_service.policy import Actor, anywhere, require_anywhere
from repo_service.services import audit
from repo_service.services.catalog import Revisions, check_revision, readable
from repo_service.services.drafts import TEXT, OneOf, Title
from repo_service.services.paging import DEFAULT_LIMIT, Page, decode, page_of
from repo_service.services.records import PICTURE, Summary, summaries, thumbnails

MAX_ITEMS = 500
# Said plainly, this condition would send SQLite through all that is published, not through the collection.
_PUBLIC = case((Resource.state == "published", 1), else_=0) == 1
_SEEN = (  # what the public sees of a collection, inside a statement about collections
    select(Resource.id)
    .join(CollectionItem, CollectionItem.resource_id == Resource.id)
    .where(CollectionItem.collection_id == Collection.id, _PUBLIC)
    .correlate(Collection)
)
_COUNT = _SEEN.with_only_columns(func.count()).scalar_subquery()
_FIRST = _SEEN.where(PICTURE.is_not(None)).order_by(CollectionItem.position).limit(1).scalar_subquery()
Id = Annotated[str, Field(pattern=r"^[0-9a-f]{8}-[0-9a-f]{4}-[0-9a-f]{4}-[0-9a-f]{4}-[0-9a-f]{12}$")]


class ItemDraft(BaseModel):
    """A reference to a resource, with the curator's note."""

    model_config = ConfigDict(extra="forbid")
    resource_id: Id
    note: str = Field("", max_length=1000, pattern=TEXT)


class CollectionChanges(BaseModel):
    """The fields to change; ``items`` replaces all references, in this order."""

    model_config = ConfigDict(extra="forbid")
    title: Title = ""
    description: str = Field("", max_length=20_000, pattern=TEXT)
    state: Annotated[str, OneOf("draft", "published")] = "draft"
    items: list[ItemDraft] = Field([], max_length=MAX_ITEMS)


class CollectionDraft(CollectionChanges):
    """A new collection."""

    title: Title


class ItemView(BaseModel):
    """One reference, at its place."""

    position: int
    note: str
    resource: Summary


class CollectionSummary(BaseModel):
    """A collection in a list."""

    id: str
    title: str
    description: str
    state: str
    metadata_rev: int
    count: int = Field(description="References that the public sees")
    thumbnail_url: str | None
    created_at: datetime
    updated_at: datetime
    url: str


class CollectionView(CollectionSummary):
    """The whole collection. A resource that was withdrawn is left out for the public, and kept for curators."""

    can: list[str]
    items: list[ItemView]


def create(ctx: Context, actor: Actor, draft: CollectionDraft) -> str:
    """Make a collection; answer its id. Raises Invalid ``unknown_resource``."""
    require_anywhere(actor, "collection.edit")
    now = ctx.clock()
    with ctx.db.write() as session:
        row = Collection(
            title=draft.title,
            description=draft.description,
            state=draft.state,
            created_by=actor.person,
            created_at=now,
            updated_at=now,
        )
        session.add(row)
        session.flush()
        _set_items(session, actor, row, draft.items)
        audit.record(session, ctx, actor.id, "collection.create", row.id)
    return row.id


def edit(ctx: Context, actor: Actor, collection_id: str, metadata_rev: Revisions, changes: CollectionChanges) -> int:
    """Change the fields that ``changes`` sets on top of this revision (None: whatever it is); answer the new one."""
    with ctx.db.write() as session:
        row = _visible(session, actor, collection_id, lock=True)
        require_anywhere(actor, "collection.edit")
        check_revision(row.metadata_rev, metadata_rev)
        fields = changes.model_dump(exclude_unset=True, exclude={"items"})
        if "title" in fields and not fields["title"]:
            raise Invalid(errors=(("title", "required", ""),))
        for name, value in fields.items():
            setattr(row, name, value)
        if "items" in changes.model_fields_set:
            _set_items(session, actor, row, changes.items)
        row.metadata_rev += 1
        row.updated_at = ctx.clock()
        audit.record(session, ctx, actor.id, "collection.edit", row.id, fields=sorted(changes.model_fields_set))
        return row.metadata_rev


def delete(ctx: Context, actor: Actor, collection_id: str) -> None:
    """Remove a collection; the resources stay as they are."""
    with ctx.db.write() as session:
        row = _visible(session, actor, collection_id, lock=True)
        require_anywhere(actor, "collection.edit")
        session.delete(row)
        audit.record(session, ctx, actor.id, "collection.delete", collection_id, title=row.title)


def add(ctx: Context, actor: Actor, collection_id: str, resource_id: str, note: str = "") -> None:
    """Put a reference at the end. Raises Conflict ``already_in_collection`` or ``collection_full``."""
    with ctx.db.write() as session:
        row = _visible(session, actor, collection_id, lock=True)
        require_anywhere(actor, "collection.edit")
        held = [ItemDraft(resource_id=item.resource_id, note=item.note) for item in row.items]
        if any(item.resource_id == resource_id for item in held):
            raise Conflict(code="already_in_collection")
        if len(held) >= MAX_ITEMS:
            raise Conflict(code="collection_full", limit=MAX_ITEMS)
        _set_items(session, actor, row, [*held, ItemDraft(resource_id=resource_id, note=note)])
        row.metadata_rev += 1
        row.updated_at = ctx.clock()
        audit.record(session, ctx, actor.id, "collection.edit", row.id, added=resource_id)


def view(ctx: Context, actor: Actor, collection_id: str) -> CollectionView:
    """The collection as this actor sees it; NotFound."""
    with ctx.db.read() as session:
        row = _visible(session, actor, collection_id)
        desk = anywhere(actor, "collection.edit")
        items = list(
            session.scalars(
                select(CollectionItem)
                .join(Resource)
                .where(CollectionItem.collection_id == row.id, readable(actor) if desk else _PUBLIC)
                .options(joinedload(CollectionItem.resource).joinedload(Resource.institution))
                .order_by(CollectionItem.position)
            )
        )
        shown = summaries(session, [item.resource for item in items])
    return CollectionView(
        **_summary(row, len(items), next((one.thumbnail_url for one in shown if one.thumbnail_url), None)),
        can=["edit"] if desk else [],
        items=[
            ItemView(position=place, note=item.note, resource=one)
            for place, (item, one) in enumerate(zip(items, shown, strict=True), 1)
        ],
    )


def listing(
    ctx: Context, actor: Actor, *, cursor: str | None = None, limit: int = DEFAULT_LIMIT
) -> Page[CollectionSummary]:
    """Collections that this actor may know of, newest first."""
    query = select(Collection, _COUNT, _FIRST)
    if not anywhere(actor, "collection.read"):
        query = query.where(Collection.state == "published")
    after = decode(cursor, str)
    if after is not None:
        query = query.where(Collection.id < after[0])
    with ctx.db.read() as session:
        rows = session.execute(query.order_by(Collection.id.desc()).limit(limit + 1)).all()
        shown, following = page_of(rows, limit, lambda row: (row[0].id,))
        pictures = thumbnails(session, [first for _, _, first in shown if first])
    views = [CollectionSummary(**_summary(row, count, pictures.get(first))) for row, count, first in shown]
    return Page(items=views, next_cursor=following)


def _summary(row: Collection, count: int, thumbnail: str | None) -> dict[str, object]:
    return {
        "id": row.id,
        "title": row.title,
        "description": row.description,
        "state": row.state,
        "metadata_rev": row.metadata_rev,
        "count": count,
        "thumbnail_url": thumbnail,
        "created_at": row.created_at,
        "updated_at": row.updated_at,
        "url": f"/collections/{row.id}",
    }


def _visible(session: Session, actor: Actor, collection_id: str, *, lock: bool = False) -> Collection:
    row = session.get(Collection, collection_id, with_for_update=lock or None)
    if row is None or not (row.state == "published" or anywhere(actor, "collection.read")):
        raise NotFound(code="collection_not_found")
    return row


def _set_items(session: Session, actor: Actor, row: Collection, items: Sequence[ItemDraft]) -> None:
    """Replace all references. Only what the curator may see can be put in, and each thing once."""
    wanted = {item.resource_id: item for item in items}
    if len(wanted) != len(items):
        raise Invalid(errors=(("items", "said_twice", ""),))
    known = set(session.scalars(select(Resource.id).where(Resource.id.in_(wanted), readable(actor))))
    held = {item.resource_id: item for item in row.items}
    unknown = tuple(("items", "unknown_resource", one) for one in wanted if one not in known and one not in held)
    if unknown:
        raise Invalid(errors=unknown)
    for gone in held.keys() - wanted.keys():
        row.items.remove(held[gone])
    for position, item in enumerate(wanted.values(), 1):
        if item.resource_id in held:
            held[item.resource_id].position = position
            held[item.resource_id].note = item.note
        else:
            row.items.append(CollectionItem(resource_id=item.resource_id, position=position, note=item.note))
