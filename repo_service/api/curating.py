"""/api/v1/searches/synonyms, words and pins: what people look after about search, for their own systems."""

from typing import Annotated, Any
from urllib.parse import quote

from fastapi import APIRouter, Depends, Path, Query, Request
from pydantic import BaseModel, Field
from starlette.responses import Response

from repo_service.api.answers import LIMIT, Cursor, Id, Limit, answer, page, problems
from repo_service.api.deps import Ctx, CurrentActor, guard
from repo_service.errors import Conflict
from repo_service.services import lexicon, pins
from repo_service.services.lexicon import Effect, GroupDraft, GroupView, WordDraft
from repo_service.services.paging import Page
from repo_service.services.pins import PinDraft, PinView

router = APIRouter(prefix="/api/v1/searches", tags=["search"])
CURATE = [Depends(guard("search.curate"))]
SAME: dict[int | str, dict[str, Any]] = {200: {"description": "It was there already"}}


class PreviewDraft(GroupDraft):
    """A group that is not saved, and the query to try it with."""

    q: Annotated[str, Field(max_length=1000, description="The first expression where it is empty")] = ""


class WordView(BaseModel):
    """An own word as it is kept."""

    word: str = Field(description="Folded: simplified, small letters, half width")
    reindexed: int = Field(description="Resources that hold it and are indexed anew")


@router.get("/synonyms", response_model=Page[GroupView], responses=problems(), dependencies=CURATE)
def groups(request: Request, ctx: Ctx, actor: CurrentActor, cursor: Cursor = None, limit: Limit = LIMIT) -> Response:
    """Groups of expressions that mean the same, made here, the newest first."""
    return page(request, lexicon.groups_page(ctx, actor, cursor=cursor, limit=limit), personal=True)


@router.post("/synonyms/preview", response_model=Effect, responses=problems(413), dependencies=CURATE)
def preview(ctx: Ctx, actor: CurrentActor, draft: PreviewDraft) -> Effect:
    """What a query would find with this group, beside what it finds now; nothing is saved."""
    group = GroupDraft(expressions=draft.expressions)
    return lexicon.effect(ctx, actor, group, draft.q.strip() or draft.expressions[0])


@router.post(
    "/synonyms",
    status_code=201,
    response_model=GroupView,
    responses=SAME | problems(409, 413),
    dependencies=CURATE,
)
def add_group(request: Request, ctx: Ctx, actor: CurrentActor, draft: GroupDraft) -> Response:
    """Add a group; search follows within a second. One of the same expressions stays as it is (200)."""
    made, new = lexicon.save_group(ctx, actor, draft)
    return _made(request, lexicon.group(ctx, actor, made), "/synonyms", made, new=new)


@router.delete("/synonyms/{group_id}", status_code=204, responses=problems(), dependencies=CURATE)
def remove_group(ctx: Ctx, actor: CurrentActor, group_id: Id) -> Response:
    """Forget a group."""
    lexicon.remove_group(ctx, actor, group_id)
    return Response(status_code=204)


@router.get("/words", response_model=Page[str], responses=problems(), dependencies=CURATE)
def words(request: Request, ctx: Ctx, actor: CurrentActor, cursor: Cursor = None, limit: Limit = LIMIT) -> Response:
    """Own words, in order: text is not cut inside of them."""
    return page(request, lexicon.words_page(ctx, actor, cursor=cursor, limit=limit), personal=True)


@router.post(
    "/words", status_code=201, response_model=WordView, responses=SAME | problems(409, 413), dependencies=CURATE
)
def add_word(request: Request, ctx: Ctx, actor: CurrentActor, draft: WordDraft) -> Response:
    """Add an own word; queries follow within a second, what holds it soon. One that is known stays (200)."""
    word = lexicon.as_word(draft)
    try:
        anew, new = lexicon.add_word(ctx, actor, draft), True
    except Conflict as error:
        if error.stable_code != "word_known":
            raise
        anew, new = 0, False
    return _made(request, WordView(word=word, reindexed=anew), "/words", word, new=new)


@router.delete("/words/{word:path}", response_model=WordView, responses=problems(), dependencies=CURATE)
def remove_word(ctx: Ctx, actor: CurrentActor, word: Annotated[str, Path(min_length=1, max_length=100)]) -> WordView:
    """Forget an own word."""
    return WordView(word=word, reindexed=lexicon.remove_word(ctx, actor, word))


@router.get("/pins", response_model=Page[PinView], responses=problems(), dependencies=CURATE)
def all_pins(
    request: Request,
    ctx: Ctx,
    actor: CurrentActor,
    q: Annotated[str, Query(max_length=pins.LONGEST, description="Only those of this query")] = "",
    cursor: Cursor = None,
    limit: Limit = LIMIT,
) -> Response:
    """What comes first or never for a query, in order of queries; those whose day has come too."""
    return page(request, pins.page(ctx, actor, q=q, cursor=cursor, limit=limit), personal=True)


@router.post("/pins", status_code=201, response_model=PinView, responses=SAME | problems(409, 413), dependencies=CURATE)
def pin(request: Request, ctx: Ctx, actor: CurrentActor, draft: PinDraft) -> Response:
    """Pin a published resource to a query, or hide it there; what was said of both before is replaced (200)."""
    made, new = pins.add(ctx, actor, draft)
    return _made(request, pins.one(ctx, actor, made), "/pins", made, new=new)


@router.delete("/pins/{pin_id}", status_code=204, responses=problems(), dependencies=CURATE)
def unpin(ctx: Ctx, actor: CurrentActor, pin_id: Id) -> Response:
    """Take a pin back."""
    pins.remove(ctx, actor, pin_id)
    return Response(status_code=204)


def _made(request: Request, view: BaseModel, place: str, identity: str, *, new: bool) -> Response:
    response = answer(request, view, personal=True)
    response.status_code = 201 if new else 200
    response.headers["Location"] = f"{router.prefix}{place}/{quote(identity)}"
    return response
