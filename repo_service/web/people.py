"""Signing in and up, the account page, changing the password."""

from typing import Annotated
from urllib.parse import urlencode, urlsplit

from fastapi import APIRouter, Depends, Form, Request
from starlette.responses import RedirectResponse, Response

from repo_service.api.deps import (
    PUBLIC_ROUTE,
    Ctx,
    CurrentActor,
    Who,
    begin_session,
    client_address,
    end_session,
    guard,
)
from repo_service.errors import Conflict, Invalid, TooMany, Unauthenticated, XuehaiError
from repo_service.services import accounts
from repo_service.services import saved as searches
from repo_service.web.look import look_of
from repo_service.web.messages import sentence
from repo_service.web.view import page
from repo_service.web.words import word

router = APIRouter(include_in_schema=False)
Text = Annotated[str, Form()]
_STATUS = {TooMany: 429, Unauthenticated: 401, Conflict: 409}


@router.get("/sign-in", dependencies=[PUBLIC_ROUTE])
def sign_in_page(request: Request) -> Response:
    """Ask for e-mail and password."""
    following = local(request.query_params.get("next", ""))
    return page(request, "sign_in.html", next=following, email="", problem="")


@router.post("/sign-in", dependencies=[PUBLIC_ROUTE])
def sign_in(request: Request, ctx: Ctx, email: Text = "", password: Text = "", next: Text = "") -> Response:
    """Begin a session and go where the person wanted to be."""
    try:
        token, _ = accounts.sign_in(ctx, email=email, password=password, address=client_address(request))
    except (Unauthenticated, TooMany) as error:
        status = _STATUS[type(error)]
        problem = said(request, error)
        return page(request, "sign_in.html", status=status, next=local(next), email=email, problem=problem)
    response = RedirectResponse(local(next), 303)
    begin_session(request, response, token)
    return response


@router.get("/sign-up", dependencies=[PUBLIC_ROUTE])
def sign_up_page(request: Request) -> Response:
    """Ask for what an account needs."""
    following = local(request.query_params.get("next", ""))
    return page(request, "sign_up.html", next=following, name="", email="", problem="", errors={})


@router.post("/sign-up", dependencies=[PUBLIC_ROUTE])
def sign_up(
    request: Request, ctx: Ctx, name: Text = "", email: Text = "", password: Text = "", next: Text = ""
) -> Response:
    """Make a learner's account and sign in with it."""
    try:
        accounts.sign_up(ctx, email=email, name=name, password=password, address=client_address(request))
        token, _ = accounts.sign_in(ctx, email=email, password=password, address=client_address(request))
    except (Invalid, Conflict, TooMany, Unauthenticated) as error:
        return page(
            request,
            "sign_up.html",
            status=_STATUS.get(type(error), 422),
            next=local(next),
            name=name,
            email=email,
            problem=said(request, error),
            errors=faults(request, error),
        )
    response = RedirectResponse(local(next), 303)
    begin_session(request, response, token)
    return response


@router.post("/sign-out", dependencies=[PUBLIC_ROUTE])
def sign_out(request: Request, ctx: Ctx, who: Who) -> Response:
    """End the session, and have the browser forget what it showed during it."""
    if who.token:
        accounts.sign_out(ctx, who.token)
    response = RedirectResponse("/", 303, headers={"Clear-Site-Data": '"cache"'})
    end_session(request, response)
    return response


@router.get("/account", dependencies=[Depends(guard("account.use"))])
def account(request: Request, ctx: Ctx, actor: CurrentActor) -> Response:
    """Who I am here, and my password."""
    return _account(request, ctx, actor, saved="saved" in request.query_params)


@router.post("/account/password", dependencies=[Depends(guard("account.change"))])
def change_password(request: Request, ctx: Ctx, actor: CurrentActor, old: Text = "", new: Text = "") -> Response:
    """Set a new password; this browser stays signed in, others are not."""
    try:
        token, _ = accounts.change_password(ctx, actor, old=old, new=new)
    except (Invalid, TooMany) as error:
        errors = faults(request, error) or {"old": said(request, error)}
        return _account(request, ctx, actor, status=_STATUS.get(type(error), 422), errors=errors)
    response = RedirectResponse("/account?saved=1", 303)
    begin_session(request, response, token)
    return response


def local(address: str) -> str:
    """An address of ours to go on to; anything else becomes the home page."""
    parts = urlsplit(address)
    sane = address.startswith("/") and not address.startswith(("//", "/\\")) and not parts.scheme and not parts.netloc
    return address if sane and address.isprintable() else "/"


def said(request: Request, error: XuehaiError) -> str:
    """The sentence for an error in the reader's language."""
    return sentence(error.stable_code, look_of(request).locale, **error.facts)


def faults(request: Request, error: XuehaiError) -> dict[str, str]:
    """The sentence for each field that is wrong."""
    fields = error.errors if isinstance(error, Invalid) else ()
    return {name: sentence(code, look_of(request).locale, value=value) for name, code, value in fields}


def _account(
    request: Request,
    ctx: Ctx,
    actor: CurrentActor,
    *,
    status: int = 200,
    saved: bool = False,
    errors: dict[str, str] | None = None,
) -> Response:
    user = accounts.person(ctx, actor)
    kept = searches.listing(ctx, actor)
    locale = look_of(request).locale
    roles = [word(locale, "user_role", user.role)]
    roles += [f"{held.institution.name}：{word(locale, 'user_role', held.role)}" for held in user.memberships]
    return page(
        request,
        "account.html",
        status=status,
        email=user.email,
        roles=roles,
        searches=kept,
        mails=bool(ctx.settings.mail_url),
        saved=saved,
        errors=errors or {},
    )


def signing_in(request: Request) -> str:
    """The sign-in page that leads back to this address afterwards."""
    here = request.url.path + (f"?{request.url.query}" if request.url.query else "")
    return f"/sign-in?{urlencode({'next': here})}"
