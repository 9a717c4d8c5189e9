"""/api/v1/me: one's own account, and the keys that programs use in one's name."""

from datetime import datetime
from typing import Annotated

from fastapi import APIRouter, Depends, Request
from pydantic import BaseModel, ConfigDict, Field
from starlette.responses import Response

from repo_service.api.answers import Id, problems
from repo_service.api.deps import Ctx, CurrentActor, begin_session, guard
from repo_service.models import ApiKey
from repo_service.services import accounts
from repo_service.services.drafts import OneOf
from repo_service.vocab import SCOPES

router = APIRouter(prefix="/api/v1/me", tags=["account"])
USE = [Depends(guard("account.use"))]
CHANGE = [Depends(guard("account.change"))]
Secret = Annotated[str, Field(min_length=1, max_length=200)]


class MembershipView(BaseModel):
    """A role in one institution."""

    institution: str
    institution_name: str
    role: str


class PersonView(BaseModel):
    """One's own account."""

    id: str
    email: str
    name: str
    role: str = Field(description="Held everywhere")
    division: str | None
    memberships: list[MembershipView]
    scopes: list[str] = Field(description="Of the key that asks; `all` for a session")


class KeyView(BaseModel):
    """A key, without its secret."""

    id: str
    prefix: str
    scopes: list[str]
    created_at: datetime


class NewKeyView(KeyView):
    """A new key; ``key`` is never shown again."""

    key: str


class KeyDraft(BaseModel):
    """What the key may do."""

    model_config = ConfigDict(extra="forbid")
    scopes: list[Annotated[str, OneOf(*SCOPES)]] = Field(min_length=1, max_length=10)


class PasswordChange(BaseModel):
    """The old password and the new one, 8 to 200 characters."""

    model_config = ConfigDict(extra="forbid")
    old: Secret
    new: Secret


@router.get("", responses=problems(), dependencies=USE)
def me(ctx: Ctx, actor: CurrentActor) -> PersonView:
    """Your account and your roles."""
    user = accounts.person(ctx, actor)
    return PersonView(
        id=user.id,
        email=user.email,
        name=user.name,
        role=user.role,
        division=user.division_code,
        memberships=[
            MembershipView(institution=one.institution.slug, institution_name=one.institution.name, role=one.role)
            for one in user.memberships
        ],
        scopes=sorted(actor.scopes),
    )


@router.post("/password", status_code=204, responses=problems(413), dependencies=CHANGE)
def change_password(request: Request, ctx: Ctx, actor: CurrentActor, change: PasswordChange) -> Response:
    """Change the password; all other sessions end."""
    token, _ = accounts.change_password(ctx, actor, old=change.old, new=change.new)
    response = Response(status_code=204)
    if request.state.identity.token:
        begin_session(request, response, token)
    return response


@router.get("/keys", responses=problems(), dependencies=USE)
def keys(ctx: Ctx, actor: CurrentActor) -> list[KeyView]:
    """Your keys that still work."""
    return [KeyView(**_key(key)) for key in accounts.keys_of(ctx, actor)]


@router.post("/keys", status_code=201, responses=problems(413), dependencies=CHANGE)
def create_key(ctx: Ctx, actor: CurrentActor, draft: KeyDraft) -> NewKeyView:
    """Make a key; its secret is in this answer and nowhere else."""
    key, plain = accounts.create_key(ctx, actor, email=accounts.person(ctx, actor).email, scopes=draft.scopes)
    return NewKeyView(**_key(key), key=plain)


@router.delete("/keys/{key_id}", status_code=204, responses=problems(), dependencies=CHANGE)
def revoke_key(ctx: Ctx, actor: CurrentActor, key_id: Id) -> Response:
    """End a key at once."""
    accounts.revoke_key(ctx, actor, key_id)
    return Response(status_code=204)


def _key(key: ApiKey) -> dict[str, object]:
    return {"id": key.id, "prefix": key.prefix, "scopes": key.scopes, "created_at": key.created_at}
