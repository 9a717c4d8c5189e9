"""/api/v1/me/searches: the searches that a person keeps, and mail about what is new in them."""

from typing import Annotated

from fastapi import APIRouter, Depends
from pydantic import BaseModel, ConfigDict, Field
from starlette.responses import Response

from repo_service.api.answers import Id, problems
from repo_service.api.deps import Ctx, CurrentActor, Lang, guard
from repo_service.services import digests, saved
from repo_service.services.digests import Every
from repo_service.services.drafts import LINE
from repo_service.services.saved import SavedView

router = APIRouter(prefix="/api/v1/me/searches", tags=["account"])
USE = [Depends(guard("account.use"))]
CHANGE = [Depends(guard("account.change"))]


class SavedDraft(BaseModel):
    """A search to keep."""

    model_config = ConfigDict(extra="forbid")
    address: Annotated[
        str, Field(min_length=1, max_length=saved.LONGEST, description="The query string of a search: `q=…&subject=…`")
    ]
    name: Annotated[str, Field(max_length=200, pattern=f"^$|{LINE}")] = ""


class SavedChanges(BaseModel):
    """What to change about a kept search."""

    model_config = ConfigDict(extra="forbid")
    digest: Every | None = Field(description="How often mail tells what is new, in the language of this request")


@router.get("", response_model=list[SavedView], responses=problems(), dependencies=USE)
def listing(ctx: Ctx, actor: CurrentActor) -> list[SavedView]:
    """One's own, the newest first; at most a hundred."""
    return saved.listing(ctx, actor)


@router.post("", status_code=201, response_model=SavedView, responses=problems(409, 413), dependencies=CHANGE)
def save(ctx: Ctx, actor: CurrentActor, lang: Lang, draft: SavedDraft, response: Response) -> SavedView:
    """Keep a search: its words and filters. One that is kept already stays as it is."""
    identity, _ = saved.save(ctx, actor, draft.address, draft.name, lang)
    response.headers["Location"] = f"{router.prefix}/{identity}"
    return saved.one(ctx, actor, identity)


@router.get("/{saved_id}", response_model=SavedView, responses=problems(), dependencies=USE)
def read(ctx: Ctx, actor: CurrentActor, saved_id: Id) -> SavedView:
    """One of one's own."""
    return saved.one(ctx, actor, saved_id)


@router.patch("/{saved_id}", response_model=SavedView, responses=problems(409, 413), dependencies=CHANGE)
def change(ctx: Ctx, actor: CurrentActor, lang: Lang, saved_id: Id, changes: SavedChanges) -> SavedView:
    """Have mail sent about what is new, daily or weekly, or (null) no more. Where the site sends no mail, it waits."""
    digests.choose(ctx, actor, saved_id, changes.digest, lang)
    return saved.one(ctx, actor, saved_id)


@router.delete("/{saved_id}", status_code=204, responses=problems(), dependencies=CHANGE)
def remove(ctx: Ctx, actor: CurrentActor, saved_id: Id) -> Response:
    """Keep a search no longer; mail about it ends too."""
    saved.remove(ctx, actor, saved_id)
    return Response(status_code=204)
