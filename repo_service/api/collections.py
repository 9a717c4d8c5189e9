"""/api/v1/collections: curated sets of references, made and ordered by curators."""

from fastapi import APIRouter, Depends, Request
from starlette.responses import Response

from repo_service.api.answers import LIMIT, Cursor, Id, Limit, answer, page, problems, revision_tag, revisions
from repo_service.api.deps import PUBLIC_ROUTE, Ctx, CurrentActor, guard
from repo_service.api.resources import IfMatch
from repo_service.policy import Actor
from repo_service.services import collections
from repo_service.services.collections import (
    CollectionChanges,
    CollectionDraft,
    CollectionSummary,
    CollectionView,
    ItemDraft,
)
from repo_service.services.paging import Page

router = APIRouter(prefix="/api/v1/collections", tags=["collections"])
CURATE = [Depends(guard("collection.edit"))]


@router.get("", response_model=Page[CollectionSummary], responses=problems(), dependencies=[PUBLIC_ROUTE])
def listing(request: Request, ctx: Ctx, actor: CurrentActor, cursor: Cursor = None, limit: Limit = LIMIT) -> Response:
    """Collections, newest first; curators see drafts too."""
    found = collections.listing(ctx, actor, cursor=cursor, limit=limit)
    return page(request, found, personal=not actor.anonymous)


@router.post("", status_code=201, response_model=CollectionView, responses=problems(413), dependencies=CURATE)
def create(request: Request, ctx: Ctx, actor: CurrentActor, draft: CollectionDraft) -> Response:
    """Make a collection."""
    made = collections.create(ctx, actor, draft)
    response = _shown(request, ctx, actor, made)
    response.status_code = 201
    response.headers["Location"] = f"{router.prefix}/{made}"
    return response


@router.get("/{collection_id}", response_model=CollectionView, responses=problems(), dependencies=[PUBLIC_ROUTE])
def read(request: Request, ctx: Ctx, actor: CurrentActor, collection_id: Id) -> Response:
    """A collection with its references in order."""
    return _shown(request, ctx, actor, collection_id)


@router.patch(
    "/{collection_id}",
    response_model=CollectionView,
    responses=problems(412, 413, 428),
    dependencies=CURATE,
)
def edit(
    request: Request,
    ctx: Ctx,
    actor: CurrentActor,
    collection_id: Id,
    changes: CollectionChanges,
    if_match: IfMatch = None,
) -> Response:
    """Change the fields that are named; `items` replaces all references, in the order given."""
    collections.edit(ctx, actor, collection_id, revisions(if_match), changes)
    return _shown(request, ctx, actor, collection_id)


@router.delete("/{collection_id}", status_code=204, responses=problems(), dependencies=CURATE)
def delete(ctx: Ctx, actor: CurrentActor, collection_id: Id) -> Response:
    """Remove a collection; the resources stay."""
    collections.delete(ctx, actor, collection_id)
    return Response(status_code=204)


@router.post(
    "/{collection_id}/items",
    response_model=CollectionView,
    responses=problems(409, 413),
    dependencies=CURATE,
)
def add(request: Request, ctx: Ctx, actor: CurrentActor, collection_id: Id, item: ItemDraft) -> Response:
    """Put a reference at the end."""
    collections.add(ctx, actor, collection_id, item.resource_id, item.note)
    return _shown(request, ctx, actor, collection_id)


def _shown(request: Request, ctx: Ctx, actor: Actor, collection_id: str) -> Response:
    found = collections.view(ctx, actor, collection_id)
    etag = revision_tag(found.metadata_rev) if found.can else None
    return answer(request, found, personal=not actor.anonymous, etag=etag)
