"""The page of a resource: the thing itself first, its text beside it, and what can be done with it."""

from typing import Any

from fastapi import APIRouter, Request
from markupsafe import Markup
from starlette.responses import Response

from repo_service.api.deps import PUBLIC_ROUTE, Ctx, CurrentActor, opened
from repo_service.context import Context
from repo_service.policy import Actor
from repo_service.services import catalog, curation
from repo_service.services.catalog import PassageView
from repo_service.services.records import FileView, JobView, Record
from repo_service.services.related import related
from repo_service.services.shelves import reviewed
from repo_service.web import covers, describe, reading
from repo_service.web.inside import inside
from repo_service.web.view import page

router = APIRouter(dependencies=[PUBLIC_ROUTE], include_in_schema=False)
ALIKE = 4  # resources beside the page's own
OR_LEAF = {"Vary": "Cookie, HX-Target"}  # of an address that answers its page, or the leaf alone
LEAF = OR_LEAF | {"Cache-Control": "no-store"}  # else the way back leads to it, where browsers look at the address only


@router.get("/resources/{resource_id}")
def resource(request: Request, ctx: Ctx, actor: CurrentActor, resource_id: str) -> Response:
    """The resource, opened at ``?t=`` seconds or ``?page=``; without scripts too."""
    record = catalog.record(ctx, actor, resource_id)
    stage = reading.stage_of(record)
    passages = catalog.passages(ctx, actor, resource_id, limit=reading.MANY).items
    shown = _stage(request, ctx, actor, record, stage, passages)
    if request.headers.get("hx-target") == "section#leaf":
        return page(request, "stage/leaf.html", headers=LEAF, record=record, play=record.playback, **shown)
    found = inside(request, ctx, actor, record)
    if not record.can and not (found and found.degraded):
        opened(request, record.id)
    files = reading.downloads(record, desk=bool(record.can))
    return page(
        request,
        "resource.html",
        headers=OR_LEAF,
        record=record,
        stage=stage,
        picture=record.thumbnail_url or covers.address(record.subjects, record.title, record.institution),
        files=files,
        main_download=reading.main_download(record, files),
        reviewed=record.state == "published" and bool(reviewed(ctx, [record.id])),
        work=work_of(record),
        reason=reason_of(ctx, actor, record),
        citation=describe.citation(record, ctx.settings.public_url, ctx.clock()),
        linked_data=describe.linked_data(record, ctx.settings.public_url),
        alike=related(ctx, actor, resource_id, ALIKE) if record.state == "published" else [],
        inside=found,
        panel=bool(shown["lines"] or (passages and record.state == "published")),
        licence_url=describe.LICENCE_URLS.get(record.licence, ""),
        **shown,
    )


@router.get("/resources/{resource_id}/steps")
def steps(request: Request, ctx: Ctx, actor: CurrentActor, resource_id: str) -> Response:
    """The steps of ingest alone, asked for again and again while anything is under way."""
    record = catalog.record(ctx, actor, resource_id)
    return page(request, "parts/steps.html", headers={"Cache-Control": "no-store"}, record=record, work=work_of(record))


@router.get("/resources/{resource_id}/places")
def places(request: Request, ctx: Ctx, actor: CurrentActor, resource_id: str) -> Response:
    """What is found inside the resource alone, asked for while somebody types."""
    record = catalog.record(ctx, actor, resource_id)
    return page(request, "parts/places.html", record=record, inside=inside(request, ctx, actor, record))


def work_of(record: Record) -> list[tuple[FileView, list[JobView]]]:
    """Each given file with the steps over it, in their order."""
    given = [file for file in record.files if file.source_id is None]
    return [(file, [job for job in record.jobs if job.file_id == file.id]) for file in given]


def _stage(
    request: Request, ctx: Context, actor: Actor, record: Record, stage: str, passages: list[PassageView]
) -> dict[str, Any]:
    """What the template of this stage needs, and the lines beside it."""
    at = _number(request, "t")
    asked = int(_number(request, "page") or 1)
    language = reading.language_for(record, passages, request.query_params.get("text", ""))
    leaf = reading.leaf_of(record, passages, asked) if stage == "pages" else None
    lines: list[reading.Line] = []
    if stage in ("video", "audio"):
        lines = reading.spoken(record, passages, language, at)
    elif leaf is not None:
        lines = reading.leaves(record, passages, leaf.page)
    elif stage == "reading":
        lines = reading.sections(passages)
    return {
        "at": at,
        "leaf": leaf,
        "lines": lines,
        "languages": reading.languages_of(passages),
        "language": language,
        "reading": _reading(ctx, actor, record) if stage == "reading" else "",
    }


def _reading(ctx: Context, actor: Actor, record: Record) -> Markup:
    """The reading view: sanitised when it was made, and under a policy that runs no script of its own."""
    product = next(file for file in record.files if file.role == "reading")
    text = catalog.read_text(ctx, actor, record.id, product.version, product.path)
    return Markup(text)  # noqa: S704


def reason_of(ctx: Context, actor: Actor, record: Record) -> str:
    """Why it was returned or withdrawn, for its people."""
    if record.state not in ("rejected", "withdrawn") or not record.can:
        return ""
    return next((one.reason for one in reversed(curation.history(ctx, actor, record.id)) if one.reason), "")


def _number(request: Request, name: str) -> float | None:
    """A number in the address; anything else is as if it were not there."""
    try:
        value = float(request.query_params.get(name, ""))
    except ValueError:
        return None
    return value if 0 <= value < 1e7 else None
