"""The desk of those who give courseware: upload, my resources, edit, submit, withdraw, retry."""

from collections.abc import Callable
from typing import Annotated

from fastapi import APIRouter, Depends, Form, Request
from pydantic import ValidationError
from starlette.concurrency import run_in_threadpool
from starlette.datastructures import FormData
from starlette.responses import RedirectResponse, Response

from repo_service import vocab
from repo_service.api.answers import ours
from repo_service.api.deps import Ctx, CurrentActor, guard
from repo_service.context import Context
from repo_service.errors import Conflict, Invalid, StaleRevision
from repo_service.policy import Actor
from repo_service.services import catalog, curation, files, redo
from repo_service.services.catalog import ResourceChanges
from repo_service.services.labels import LANGUAGES
from repo_service.services.records import Record
from repo_service.services.shelves import giving_to
from repo_service.web.entries import faults_of, split
from repo_service.web.people import faults, said
from repo_service.web.resources import reason_of, work_of
from repo_service.web.view import page

router = APIRouter(include_in_schema=False)
EDIT = Depends(guard("resource.edit"))
Text = Annotated[str, Form()]
MINE = 20
SUBJECTS = 3  # that the form offers; more are kept as they are


@router.get("/upload", dependencies=[Depends(guard("account.use"))])
def upload(request: Request, ctx: Ctx, actor: CurrentActor) -> Response:
    """Where files are dropped: new ones, or more for a resource, or one in the place of another."""
    asked = request.query_params
    record = catalog.record(ctx, actor, asked["resource"]) if asked.get("resource") else None
    role = asked.get("role") if asked.get("role") in vocab.FILE_ROLES else "source"
    replaced = None
    if record is not None and asked.get("replaces"):
        replaced = next((file for file in record.files if file.id == asked["replaces"] and not file.source_id), None)
    return page(
        request,
        "upload.html",
        record=record,
        role=replaced.role if replaced else role,
        replaced=replaced,
        places=giving_to(ctx, actor),
        max_bytes=ctx.settings.upload_max_bytes,
    )


@router.get("/my/resources", dependencies=[EDIT])
def mine(request: Request, ctx: Ctx, actor: CurrentActor) -> Response:
    """What I brought, or what my institution has, with what is being done to it."""
    asked = request.query_params
    places = giving_to(ctx, actor)
    place = asked.get("institution") if asked.get("institution") in {one.slug for one in places} else None
    state = asked.get("state") if asked.get("state") in vocab.STATES else None
    found = catalog.list_resources(
        ctx, actor, institution=place, mine=place is None, state=state, cursor=asked.get("cursor"), limit=MINE
    )
    return page(request, "mine.html", page=found, places=places, place=place, state=state, states=vocab.STATES)


@router.get("/my/resources/{resource_id}/row", dependencies=[EDIT])
def row(request: Request, ctx: Ctx, actor: CurrentActor, resource_id: str) -> Response:
    """One row of the list, asked for again while its resource is being prepared."""
    record = catalog.record(ctx, actor, resource_id)
    return page(request, "parts/mine_row.html", headers={"Cache-Control": "no-store"}, item=record)


@router.get("/resources/{resource_id}/edit", dependencies=[EDIT])
def edit_page(request: Request, ctx: Ctx, actor: CurrentActor, resource_id: str) -> Response:
    """Describe the resource, and see its files."""
    record = catalog.record(ctx, actor, resource_id)
    return _edit_page(request, ctx, actor, record, saved="saved" in request.query_params)


@router.post("/resources/{resource_id}/edit", dependencies=[EDIT])
async def edit(request: Request, ctx: Ctx, actor: CurrentActor, resource_id: str) -> Response:
    """Save the description on top of the revision that the form was made from."""
    form = await request.form()
    return await run_in_threadpool(_edit, request, ctx, actor, resource_id, form)


def _edit(request: Request, ctx: Context, actor: Actor, resource_id: str, form: FormData) -> Response:
    record = catalog.record(ctx, actor, resource_id)
    try:
        changes = changes_of(form, record)
        catalog.edit(ctx, actor, resource_id, ours([str(form.get("rev", ""))]), changes)
    except ValidationError as error:
        return _edit_page(request, ctx, actor, record, status=422, errors=faults_of(request, error), form=form)
    except (Invalid, Conflict, StaleRevision) as error:
        wrong, problem = faults(request, error), said(request, error)
        return _edit_page(request, ctx, actor, record, status=409, form=form, errors=wrong, problem=problem)
    return RedirectResponse(f"/resources/{resource_id}/edit?saved=1", 303)


@router.post("/resources/{resource_id}/submit", dependencies=[Depends(guard("resource.submit"))])
def submit(request: Request, ctx: Ctx, actor: CurrentActor, resource_id: str) -> Response:
    """Hand it in for review."""
    return _act(request, ctx, actor, resource_id, lambda: curation.submit(ctx, actor, resource_id))


@router.post("/resources/{resource_id}/withdraw", dependencies=[Depends(guard("resource.withdraw"))])
def withdraw(request: Request, ctx: Ctx, actor: CurrentActor, resource_id: str, reason: Text = "") -> Response:
    """Take it out of what the public sees."""
    return _act(request, ctx, actor, resource_id, lambda: curation.withdraw(ctx, actor, resource_id, reason=reason))


@router.post("/resources/{resource_id}/retry", dependencies=[Depends(guard("resource.retry"))])
def retry(request: Request, ctx: Ctx, actor: CurrentActor, resource_id: str, step: Text) -> Response:
    """Do one failed step again."""
    return _act(request, ctx, actor, resource_id, lambda: redo.retry(ctx, actor, resource_id, step))


@router.post("/resources/{resource_id}/files/{file_id}/remove", dependencies=[Depends(guard("resource.upload"))])
def remove(request: Request, ctx: Ctx, actor: CurrentActor, resource_id: str, file_id: str) -> Response:
    """Take a given file away."""
    return _act(request, ctx, actor, resource_id, lambda: files.remove(ctx, actor, resource_id, file_id))


def changes_of(form: FormData, record: Record) -> ResourceChanges:
    """The fields of the form as changes; subjects beyond those that the form shows stay. Raises ValidationError."""
    chosen = [str(code) for code in form.getlist("subjects") if code]
    year = str(form.get("year", "")).strip()
    return ResourceChanges.model_validate(
        {
            "title": str(form.get("title", "")).strip(),
            "description": str(form.get("description", "")).replace("\r\n", "\n").strip(),
            "language": str(form.get("language", record.language)),
            "licence": str(form.get("licence", record.licence)),
            "kinds": [str(kind) for kind in form.getlist("kinds")],
            "degree": "degree" in form.getlist("axes"),
            "vocational": "vocational" in form.getlist("axes"),
            "subjects": list(dict.fromkeys([*chosen, *record.subjects[SUBJECTS:]])),
            "keywords": split(str(form.get("keywords", ""))),
            "creators": split(str(form.get("creators", ""))),
            "level": str(form.get("level", "")),
            "year": year or None,
            "external_id": str(form.get("external_id", "")).strip() or None,
        }
    )


def _act(request: Request, ctx: Context, actor: Actor, resource_id: str, act: Callable[[], object]) -> Response:
    """Do it and go back to where the button was; a refusal is said on the page of the resource's desk."""
    try:
        act()
    except (Conflict, Invalid) as error:
        record = catalog.record(ctx, actor, resource_id)
        return _edit_page(request, ctx, actor, record, status=409, problem=said(request, error))
    return RedirectResponse(f"/resources/{resource_id}/edit", 303)


def _edit_page(
    request: Request,
    ctx: Context,
    actor: Actor,
    record: Record,
    *,
    status: int = 200,
    errors: dict[str, str] | None = None,
    problem: str = "",
    saved: bool = False,
    form: FormData | None = None,
) -> Response:
    return page(
        request,
        "edit.html",
        status=status,
        record=record,
        entered=form,
        work=work_of(record),
        reason=reason_of(ctx, actor, record),
        given=[file for file in record.files if file.source_id is None],
        subjects=catalog.subject_list(ctx, limit=1000).items,
        languages=list(LANGUAGES),
        vocab=vocab,
        errors=errors or {},
        problem=problem,
        saved=saved,
    )
