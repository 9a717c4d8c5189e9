"""What every route can ask for: the parts, who asks, in which language, and the right that the route declares."""

import hmac
from collections.abc import Callable
from dataclasses import dataclass
from functools import partial
from typing import Annotated
from urllib.parse import urlsplit

from fastapi import Depends, Request
from starlette.concurrency import run_in_threadpool
from starlette.responses import Response

from repo_service.context import Context
from repo_service.errors import Forbidden, Unauthenticated
from repo_service.policy import ANONYMOUS, PUBLIC, TABLE, Actor, in_scope
from repo_service.services import accounts
from repo_service.services.asked import Asked
from repo_service.services.clicks import A_MINUTE, A_MINUTE_BY_KEY, ClickDraft, Clicks
from repo_service.services.finding import SearchPage, SearchRequest
from repo_service.services.opens import Opens, is_robot
from repo_service.services.sessions import SESSION_LIFE
from repo_service.web.look import LOCALES, Locale

COOKIE = "xuehai_session"
CSRF_HEADER = "x-csrf-token"
CSRF_FIELD = "csrf_token"
UPLOADS = "/files"
SAFE = frozenset({"GET", "HEAD", "OPTIONS"})
KEEPING = "xuehai.keeping"
Again = Callable[[str], None]
_FORMS = ("application/x-www-form-urlencoded", "multipart/form-data")


@dataclass(frozen=True, slots=True)
class Identity:
    """Who asks. ``token`` and ``csrf`` are set for a browser's session; forms carry ``csrf`` as ``csrf_token``."""

    actor: Actor = ANONYMOUS
    token: str = ""
    csrf: str = ""


def context(request: Request) -> Context:
    """The running parts."""
    ctx: Context = request.app.state.ctx
    return ctx


async def _context(request: Request) -> Context:
    """The same without a thread: what costs nothing must not wait for one."""
    return context(request)


Ctx = Annotated[Context, Depends(_context)]


async def identity(request: Request, ctx: Ctx) -> Identity:
    """Who asks, by ``Authorization: Bearer KEY`` or by session cookie.

    A wrong key is refused; a cookie whose session has ended is a visitor like any other.
    """
    found = Identity()
    if header := request.headers.get("authorization", ""):
        found = await run_in_threadpool(_by_key, ctx, header)
    elif token := request.cookies.get(COOKIE, ""):
        found = await run_in_threadpool(_by_session, ctx, token)
    request.state.identity = found
    return found


def _by_key(ctx: Context, header: str) -> Identity:
    scheme, _, key = header.partition(" ")
    if scheme.lower() != "bearer":
        raise Unauthenticated(code="bad_key")
    return Identity(accounts.actor_of_key(ctx, key.strip()))


def _by_session(ctx: Context, token: str) -> Identity:
    try:
        actor, session = accounts.session_of(ctx, token)
    except Unauthenticated:
        return Identity()
    return Identity(actor, token, session.csrf)


Who = Annotated[Identity, Depends(identity)]


async def actor(request: Request, who: Who, ctx: Ctx) -> Actor:
    """Who acts, after the check that the request was meant: no other site can make a browser change anything."""
    if request.method not in SAFE and "authorization" not in request.headers:
        _refuse_other_sites(request, ctx)
        if who.csrf and not hmac.compare_digest(who.csrf.encode(), (await _csrf_of(request)).encode()):
            raise Forbidden(code="csrf")
    return who.actor


CurrentActor = Annotated[Actor, Depends(actor)]


class Guard:
    """The right that a route declares. It is the door: signed in, and a key of the right scope.

    The service decides about the thing itself. A start-up check refuses routes without a guard.
    """

    def __init__(self, action: str) -> None:
        self.action = action
        self.scope, self.allowed = ("read", frozenset({PUBLIC})) if action == PUBLIC else TABLE[action]

    async def __call__(self, actor: CurrentActor) -> None:
        """Refuse who can never do this, whatever the thing is."""
        if PUBLIC in self.allowed:
            return
        if actor.anonymous:
            raise Unauthenticated()
        if not in_scope(actor, self.scope):
            raise Forbidden(code="scope_missing", scope=self.scope)


class SecretAddress:
    """Marks routes whose address itself is the right, known to one client alone."""

    async def __call__(self) -> None:
        """Nothing to ask: the service looks the secret up."""


PUBLIC_ROUTE = Depends(Guard(PUBLIC))
SECRET_ROUTE = Depends(SecretAddress())


def guard(action: str) -> Guard:
    """``dependencies=[Depends(guard("resource.edit"))]``: the action of the permission table that a route is."""
    return Guard(action)


def locale(request: Request) -> Locale:
    """The language to answer in: ``?lang=``, then the cookie, then Accept-Language, then Chinese."""
    for given in (request.query_params.get("lang"), request.cookies.get("lang")):
        for known in LOCALES:
            if given == known:
                return known
    return _accepted(request.headers.get("accept-language", ""))


async def _locale(request: Request) -> Locale:
    return locale(request)


Lang = Annotated[Locale, Depends(_locale)]


@dataclass(slots=True)
class Keeping:
    """Left in a request for its route to say that the answer may be kept (see `hot`), and what giving it means."""

    allowed: bool = False
    again: Again | None = None


def keep(request: Request, again: Again | None = None) -> None:
    """Allow this answer to be kept for others who ask the same.

    ``again`` is called with the User-Agent each time it is given out anew, and must not wait for anything.
    """
    keeping = request.scope.get(KEEPING)
    if isinstance(keeping, Keeping):
        keeping.allowed, keeping.again = True, again


def opened(request: Request, resource_id: str) -> None:
    """Count that somebody opened the page of a resource, which may be kept."""
    state = request.app.state
    if not hasattr(state, "opens"):
        state.opens = Opens(context(request))
    tally: Opens = state.opens
    tally.note(resource_id, request.headers.get("user-agent", ""))
    keep(request, partial(tally.note, resource_id))


def asked(request: Request, search: SearchRequest, found: SearchPage) -> None:
    """Count what somebody searched for, once for all its pages; filters narrow on purpose and do not count.

    What the index answered may be kept.
    """
    if found.degraded:
        return
    if search.cursor or search.offset or search.filters:
        keep(request)
        return
    state = request.app.state
    if not hasattr(state, "asked"):
        state.asked = Asked(context(request))
    tally: Asked = state.asked
    note = partial(tally.note, search.q, search.locale, found.total)
    note()
    keep(request, lambda _: note())


def clicked(request: Request, who: Identity, draft: ClickDraft) -> None:
    """Count that somebody opened a hit. Who shows a key speaks for people; others may not be robots. Raises TooMany."""
    by_key = bool(who.actor.id and not who.token)
    if not by_key and is_robot(request.headers.get("user-agent", "")):
        return
    state = request.app.state
    if not hasattr(state, "clicks"):
        state.clicks = Clicks(context(request))
    tally: Clicks = state.clicks
    teller, most = (who.actor.id, A_MINUTE_BY_KEY) if by_key else (client_address(request), A_MINUTE)
    tally.note(draft, teller=teller, most=most)


def client_address(request: Request) -> str:
    """The address that the request came from, as the server sees it."""
    return request.client.host if request.client else ""


def begin_session(request: Request, response: Response, token: str) -> None:
    """Give the browser its session cookie."""
    response.set_cookie(
        COOKIE,
        token,
        max_age=int(SESSION_LIFE.total_seconds()),
        path="/",
        secure=_secure(context(request)),
        httponly=True,
        samesite="lax",
    )


def end_session(request: Request, response: Response) -> None:
    """Take the session cookie away."""
    response.delete_cookie(COOKIE, path="/", secure=_secure(context(request)), httponly=True, samesite="lax")


def _secure(ctx: Context) -> bool:
    return ctx.settings.public_url.startswith("https:")


def _refuse_other_sites(request: Request, ctx: Context) -> None:
    """Browsers say where a request comes from; programs say nothing and bring no cookies."""
    if request.headers.get("sec-fetch-site", "same-origin") not in ("same-origin", "none"):
        raise Forbidden(code="other_site")
    origin = request.headers.get("origin")
    if origin is not None and urlsplit(origin).netloc not in (
        request.headers.get("host", ""),
        urlsplit(ctx.settings.public_url).netloc,
    ):
        raise Forbidden(code="other_site")


async def _csrf_of(request: Request) -> str:
    """The token that the request carries: in a header, or in a form; an upload is as long as it likes, and no form."""
    header = request.headers.get(CSRF_HEADER)
    if header is not None or request.scope["path"].startswith(UPLOADS):
        return header or ""
    if request.headers.get("content-type", "").partition(";")[0].strip().lower() in _FORMS:
        return str((await request.form()).get(CSRF_FIELD, ""))
    return ""


def _accepted(header: str) -> Locale:
    """The best language of an Accept-Language header (RFC 9110 §12.5.4) among those that we speak."""
    best: tuple[float, Locale] = (0.0, "zh")
    for part in header[:1000].split(","):
        tag, _, quality = part.strip().partition(";")
        known = next((one for one in LOCALES if tag.strip().lower().split("-")[0] == one), None)
        weight = _quality(quality)
        if known is not None and weight > best[0]:
            best = (weight, known)
    return best[1]


def _quality(said: str) -> float:
    try:
        return float(said.partition("=")[2]) if said else 1.0
    except ValueError:
        return 0.0
