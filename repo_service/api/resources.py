"""/api/v1/resources: records, their files, jobs and text."""

from typing import Annotated

from fastapi import APIRouter, Depends, Header, Query, Request
from starlette.responses import Response

from repo_service.api.answers import LIMIT, Cursor, Id, Limit, answer, page, problems, revision_tag, revisions
from repo_service.api.deps import PUBLIC_ROUTE, Ctx, CurrentActor, guard, keep
from repo_service.policy import Actor
from repo_service.services import catalog, files, redo
from repo_service.services import related as likeness
from repo_service.services.catalog import PassageView
from repo_service.services.drafts import Language, OneOf, ResourceChanges, ResourceDraft, Slug
from repo_service.services.paging import Page
from repo_service.services.records import Record, Summary
from repo_service.vocab import PASSAGE_KINDS, STATES

router = APIRouter(prefix="/api/v1/resources", tags=["resources"])
IfMatch = Annotated[str | None, Header(description="The ETag that the change is based on; `*` for any")]


@router.post(
    "",
    status_code=201,
    response_model=Record,
    responses=problems(409, 413),
    dependencies=[Depends(guard("resource.create"))],
)
def create(
    request: Request,
    ctx: Ctx,
    actor: CurrentActor,
    draft: ResourceDraft,
    idempotency_key: Annotated[str | None, Header(min_length=1, max_length=200, pattern=r"^[\x20-\x7E]+$")] = None,
) -> Response:
    """Make a record in state `draft`. With `Idempotency-Key`, asking again answers the same record."""
    made = catalog.create(ctx, actor, draft, idempotency_key=idempotency_key)
    response = shown(request, ctx, actor, made.id)
    response.status_code = 201
    response.headers["Location"] = f"{router.prefix}/{made.id}"
    return response


@router.get("", response_model=Page[Summary], responses=problems(), dependencies=[PUBLIC_ROUTE])
def listing(
    request: Request,
    ctx: Ctx,
    actor: CurrentActor,
    institution: Annotated[Slug | None, Query(description="Slug")] = None,
    state: Annotated[Annotated[str, OneOf(*STATES)] | None, Query()] = None,
    mine: Annotated[bool, Query(description="Made by the one who asks")] = False,
    external_id: Annotated[str | None, Query(max_length=200, pattern=r"^[^\x00-\x1F\x7F]*$")] = None,
    cursor: Cursor = None,
    limit: Limit = LIMIT,
) -> Response:
    """Resources that you may know of, newest first: all published ones, and those of your institutions."""
    found = catalog.list_resources(
        ctx,
        actor,
        institution=institution,
        state=state,
        mine=mine,
        external_id=external_id,
        cursor=cursor,
        limit=limit,
    )
    return page(request, found, personal=not actor.anonymous)


@router.get("/{resource_id}", response_model=Record, responses=problems(), dependencies=[PUBLIC_ROUTE])
def read(request: Request, ctx: Ctx, actor: CurrentActor, resource_id: Id) -> Response:
    """The record. Its people see the newest content, the jobs, and an ETag to change it with; others what is served."""
    keep(request)
    return shown(request, ctx, actor, resource_id)


@router.patch(
    "/{resource_id}",
    response_model=Record,
    responses=problems(409, 412, 413, 428),
    dependencies=[Depends(guard("resource.edit"))],
)
def edit(
    request: Request,
    ctx: Ctx,
    actor: CurrentActor,
    resource_id: Id,
    changes: ResourceChanges,
    if_match: IfMatch = None,
) -> Response:
    """Change the fields that are named, if nobody else did in the meantime."""
    catalog.edit(ctx, actor, resource_id, revisions(if_match), changes)
    return shown(request, ctx, actor, resource_id)


@router.post(
    "/{resource_id}/jobs/{step}/retry",
    response_model=Record,
    responses=problems(409),
    dependencies=[Depends(guard("resource.retry"))],
)
def retry(request: Request, ctx: Ctx, actor: CurrentActor, resource_id: Id, step: str) -> Response:
    """Try a failed step again, and what waits for it."""
    redo.retry(ctx, actor, resource_id, step)
    return shown(request, ctx, actor, resource_id)


@router.get("/{resource_id}/related", response_model=list[Summary], responses=problems(), dependencies=[PUBLIC_ROUTE])
def related(
    ctx: Ctx, actor: CurrentActor, resource_id: Id, limit: Annotated[int, Query(ge=1, le=20)] = 6
) -> list[Summary]:
    """Published resources that are about the same, from any institution, the most alike first."""
    return likeness.related(ctx, actor, resource_id, limit)


@router.get(
    "/{resource_id}/passages", response_model=Page[PassageView], responses=problems(), dependencies=[PUBLIC_ROUTE]
)
def passages(
    request: Request,
    ctx: Ctx,
    actor: CurrentActor,
    resource_id: Id,
    kind: Annotated[Annotated[str, OneOf(*PASSAGE_KINDS)] | None, Query()] = None,
    language: Annotated[Language | None, Query()] = None,
    cursor: Cursor = None,
    limit: Annotated[int, Query(ge=1, le=1000)] = 100,
) -> Response:
    """The text of a resource, place by place: cues with seconds, pages and slides with numbers, sections."""
    found = catalog.passages(ctx, actor, resource_id, kind=kind, language=language, cursor=cursor, limit=limit)
    return page(request, found, personal=not actor.anonymous)


@router.delete(
    "/{resource_id}/files/{file_id}",
    status_code=204,
    responses=problems(409),
    dependencies=[Depends(guard("resource.upload"))],
)
def remove_file(ctx: Ctx, actor: CurrentActor, resource_id: Id, file_id: Id) -> Response:
    """Take a given file away, with what was made of it. Files come and are replaced by tus at `/files/`."""
    files.remove(ctx, actor, resource_id, file_id)
    return Response(status_code=204)


def shown(request: Request, ctx: Ctx, actor: Actor, resource_id: str) -> Response:
    """The record as the answer to whatever was done with it."""
    record = catalog.record(ctx, actor, resource_id)
    etag = revision_tag(record.metadata_rev) if record.can else None
    return answer(request, record, personal=not actor.anonymous, etag=etag)
