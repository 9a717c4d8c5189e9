"""Collections: seen by everybody, made and put in order by curators."""

from typing import Annotated

from fastapi import APIRouter, Depends, Form, Request
from pydantic import ValidationError
from starlette.responses import RedirectResponse, Response

from repo_service.api.deps import PUBLIC_ROUTE, Ctx, CurrentActor, guard
from repo_service.context import Context
from repo_service.errors import Conflict, Invalid, StaleRevision
from repo_service.policy import Actor
from repo_service.services import collections
from repo_service.services.collections import CollectionChanges, CollectionDraft, ItemDraft
from repo_service.web.entries import faults_of
from repo_service.web.people import faults, said
from repo_service.web.picking import candidates
from repo_service.web.view import page

router = APIRouter(include_in_schema=False)
EDIT = Depends(guard("collection.edit"))
Text = Annotated[str, Form()]
Texts = Annotated[list[str], Form()]
SETS = 24


@router.get("/collections", dependencies=[PUBLIC_ROUTE])
def listing(request: Request, ctx: Ctx, actor: CurrentActor) -> Response:
    """All collections, drafts too for curators."""
    return _listing(request, ctx, actor)


@router.post("/collections", dependencies=[EDIT])
def make(request: Request, ctx: Ctx, actor: CurrentActor, title: Text = "", description: Text = "") -> Response:
    """Begin a collection as a draft and go on to fill it."""
    try:
        made = collections.create(ctx, actor, CollectionDraft(title=title, description=description))
    except ValidationError as error:
        return _listing(request, ctx, actor, status=422, errors=faults_of(request, error))
    return RedirectResponse(f"/collections/{made}/edit", 303)


@router.get("/collections/{collection_id}", dependencies=[PUBLIC_ROUTE])
def collection(request: Request, ctx: Ctx, actor: CurrentActor, collection_id: str) -> Response:
    """What is in it, in its order."""
    return page(request, "collection.html", collection=collections.view(ctx, actor, collection_id))


@router.get("/collections/{collection_id}/edit", dependencies=[EDIT])
def edit_page(request: Request, ctx: Ctx, actor: CurrentActor, collection_id: str) -> Response:
    """Describe, order, add to, take from."""
    return _edit_page(request, ctx, actor, collection_id)


@router.post("/collections/{collection_id}/edit", dependencies=[EDIT])
def edit(
    request: Request,
    ctx: Ctx,
    actor: CurrentActor,
    collection_id: str,
    rev: Annotated[int, Form()],
    title: Text = "",
    description: Text = "",
    state: Text = "draft",
    id: Texts = [],  # noqa: B006 — the names of the form's fields; FastAPI copies the default
    place: Texts = [],  # noqa: B006
    note: Texts = [],  # noqa: B006
    gone: Texts = [],  # noqa: B006
    act: Text = "save",
) -> Response:
    """Save everything at once, or delete the collection."""
    if act == "delete":
        collections.delete(ctx, actor, collection_id)
        return RedirectResponse("/collections", 303)
    try:
        items = ordered(id, place, note, gone)
        changes = CollectionChanges(title=title, description=description, state=state, items=items)
        collections.edit(ctx, actor, collection_id, rev, changes)
    except ValidationError as error:
        return _edit_page(request, ctx, actor, collection_id, status=422, errors=faults_of(request, error))
    except (Invalid, StaleRevision) as error:
        wrong, problem = faults(request, error), said(request, error)
        return _edit_page(request, ctx, actor, collection_id, status=422, errors=wrong, problem=problem)
    return RedirectResponse(f"/collections/{collection_id}/edit?saved=1", 303)


@router.post("/collections/{collection_id}/add", dependencies=[EDIT])
def add(
    request: Request, ctx: Ctx, actor: CurrentActor, collection_id: str, resource_id: Text, q: Text = ""
) -> Response:
    """Put a resource at the end."""
    try:
        collections.add(ctx, actor, collection_id, resource_id)
    except (Conflict, Invalid) as error:
        return _edit_page(request, ctx, actor, collection_id, status=409, problem=said(request, error), q=q)
    return RedirectResponse(str(request.url.include_query_params(q=q)).replace("/add?", "/edit?"), 303)


def ordered(ids: list[str], places: list[str], notes: list[str], gone: list[str]) -> list[ItemDraft]:
    """The rows of the form in the order of their numbers; equal numbers keep the order they had."""
    rows = [row for row in zip(ids, places, notes, strict=True) if row[0] not in gone]
    ranked = sorted(enumerate(rows), key=lambda pair: (_rank(pair[1][1], pair[0]), pair[0]))
    return [ItemDraft(resource_id=identity, note=note) for _, (identity, _, note) in ranked]


def _rank(said_place: str, was: int) -> float:
    try:
        return float(said_place)
    except ValueError:
        return float(was + 1)


def _listing(
    request: Request, ctx: Context, actor: Actor, *, status: int = 200, errors: dict[str, str] | None = None
) -> Response:
    found = collections.listing(ctx, actor, cursor=request.query_params.get("cursor"), limit=SETS)
    return page(request, "collections.html", status=status, page=found, errors=errors or {})


def _edit_page(
    request: Request,
    ctx: Context,
    actor: Actor,
    collection_id: str,
    *,
    status: int = 200,
    errors: dict[str, str] | None = None,
    problem: str = "",
    q: str = "",
) -> Response:
    held = collections.view(ctx, actor, collection_id)
    words = (q or request.query_params.get("q", "")).strip()
    return page(
        request,
        "collection_edit.html",
        status=status,
        collection=held,
        held={item.resource.id for item in held.items},
        q=words,
        candidates=candidates(request, ctx, actor, words),
        errors=errors or {},
        problem=problem,
        saved="saved" in request.query_params,
    )
