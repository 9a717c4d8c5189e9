"""The librarian's side of search: words that mean the same, own words, what comes first or never."""

from datetime import date, datetime, time
from typing import Annotated

from fastapi import APIRouter, Depends, Form, Request
from pydantic import ValidationError
from starlette.responses import RedirectResponse, Response

from repo_service.api.deps import Ctx, CurrentActor, guard
from repo_service.context import Context
from repo_service.errors import Conflict, Invalid
from repo_service.policy import Actor, require_anywhere
from repo_service.services import lexicon, pins
from repo_service.services.explaining import explain
from repo_service.services.lexicon import Effect, GroupDraft, WordDraft
from repo_service.services.pins import PinDraft
from repo_service.web.entries import faults_of
from repo_service.web.people import faults, said
from repo_service.web.picking import candidates
from repo_service.web.view import CHINA, page
from search.errors import SearchUnavailable
from search.synonyms import curated_groups

router = APIRouter(include_in_schema=False)
CURATE = Depends(guard("search.curate"))
Text = Annotated[str, Form()]
WORDS = "/search/words"
PINS = "/search/pins"


@router.get(WORDS, dependencies=[CURATE])
def words_page(request: Request, ctx: Ctx, actor: CurrentActor) -> Response:
    """The groups of expressions that mean the same, and the own words."""
    return _words(request, ctx, actor)


@router.post(f"{WORDS}/groups", dependencies=[CURATE])
def save_group(
    request: Request, ctx: Ctx, actor: CurrentActor, expressions: Text = "", q: Text = "", act: Text = "try"
) -> Response:
    """Show what a group would change for a query, or save it."""
    typed = {"expressions": expressions, "q": q}
    try:
        draft = GroupDraft(expressions=lexicon.as_group(expressions))
        if act == "save":
            lexicon.save_group(ctx, actor, draft)
            return RedirectResponse(f"{WORDS}?saved=1", 303)
        effect = lexicon.effect(ctx, actor, draft, q.strip() or draft.expressions[0])
    except ValidationError as error:
        wrong = {"expressions": next(iter(faults_of(request, error).values()))}
        return _words(request, ctx, actor, status=422, typed=typed, errors=wrong)
    except (Invalid, Conflict) as error:
        return _words(request, ctx, actor, status=422, typed=typed, errors=faults(request, error), problem=error)
    except SearchUnavailable:
        return _words(request, ctx, actor, status=503, typed=typed, problem=Conflict(code="unavailable"))
    return _words(request, ctx, actor, typed=typed, effect=effect)


@router.post(f"{WORDS}/groups/{{group_id}}/remove", dependencies=[CURATE])
def remove_group(ctx: Ctx, actor: CurrentActor, group_id: str) -> Response:
    """Forget a group."""
    lexicon.remove_group(ctx, actor, group_id)
    return RedirectResponse(f"{WORDS}?saved=1", 303)


@router.post(f"{WORDS}/own", dependencies=[CURATE])
def add_word(request: Request, ctx: Ctx, actor: CurrentActor, word: Text = "") -> Response:
    """Add a word; what holds it is indexed anew."""
    try:
        anew = lexicon.add_word(ctx, actor, WordDraft(word=word.strip()))
    except ValidationError as error:
        return _words(request, ctx, actor, status=422, typed={"word": word}, errors=faults_of(request, error))
    except Invalid as error:
        return _words(request, ctx, actor, status=422, typed={"word": word}, errors=faults(request, error))
    except Conflict as error:
        return _words(request, ctx, actor, status=409, typed={"word": word}, problem=error)
    return RedirectResponse(f"{WORDS}?anew={anew}", 303)


@router.post(f"{WORDS}/own/remove", dependencies=[CURATE])
def remove_word(ctx: Ctx, actor: CurrentActor, word: Text = "") -> Response:
    """Forget a word."""
    return RedirectResponse(f"{WORDS}?anew={lexicon.remove_word(ctx, actor, word)}", 303)


@router.get(PINS, dependencies=[CURATE])
def pins_page(request: Request, ctx: Ctx, actor: CurrentActor) -> Response:
    """What is pinned or hidden, and for a query what could be."""
    return _pins(request, ctx, actor, q=request.query_params.get("q", "").strip())


@router.post(PINS, dependencies=[CURATE])
def pin(
    request: Request, ctx: Ctx, actor: CurrentActor, q: Text = "", resource_id: Text = "", act: Text = "pin",
    until: Text = "",
) -> Response:  # fmt: skip
    """Pin or hide a resource for a query, until the end of a day in China."""
    try:
        draft = PinDraft(query=q, resource_id=resource_id, hides=act == "hide", ends_at=end_of(until))
        pins.add(ctx, actor, draft)
    except ValidationError as error:
        return _pins(request, ctx, actor, q=q, status=422, errors=faults_of(request, error))
    except (Invalid, Conflict) as error:
        return _pins(request, ctx, actor, q=q, status=422, errors=faults(request, error), problem=error)
    return RedirectResponse(str(request.url.include_query_params(q=q, saved=1)), 303)


@router.post(f"{PINS}/{{pin_id}}/remove", dependencies=[CURATE])
def unpin(ctx: Ctx, actor: CurrentActor, pin_id: str) -> Response:
    """Take a pin back."""
    pins.remove(ctx, actor, pin_id)
    return RedirectResponse(f"{PINS}?saved=1", 303)


@router.get("/search/explain", dependencies=[CURATE])
def explain_page(request: Request, ctx: Ctx, actor: CurrentActor, id: str = "", q: str = "") -> Response:
    """Why a hit stands where it stands."""
    try:
        found = explain(ctx, actor, q, id, exact=request.query_params.get("exact") == "true")
    except SearchUnavailable:
        return _words(request, ctx, actor, status=503, problem=Conflict(code="unavailable"))
    return page(request, "search_explain.html", found=found)


def end_of(day: str) -> datetime | None:
    """The end of a day as a form gives it; None when there is none. Raises Invalid for what is no day."""
    if not day.strip():
        return None
    try:
        return datetime.combine(date.fromisoformat(day.strip()), time(23, 59, 59), CHINA)
    except ValueError:
        raise Invalid(errors=(("ends_at", "in_the_past", day),)) from None


def _words(
    request: Request,
    ctx: Context,
    actor: Actor,
    *,
    status: int = 200,
    typed: dict[str, str] | None = None,
    effect: Effect | None = None,
    errors: dict[str, str] | None = None,
    problem: Conflict | Invalid | None = None,
) -> Response:
    anew = request.query_params.get("anew", "")
    return page(
        request,
        "search_words.html",
        status=status,
        groups=lexicon.groups(ctx, actor),
        words=lexicon.words(ctx, actor),
        curated=curated_groups(),
        typed=typed or {},
        effect=effect,
        errors=errors or {},
        problem=said(request, problem) if problem is not None and not errors else "",
        saved="saved" in request.query_params,
        anew=int(anew) if anew.isdecimal() and len(anew) < 7 else None,
    )


def _pins(
    request: Request,
    ctx: Context,
    actor: Actor,
    *,
    q: str,
    status: int = 200,
    errors: dict[str, str] | None = None,
    problem: Conflict | Invalid | None = None,
) -> Response:
    require_anywhere(actor, "search.curate")
    return page(
        request,
        "search_pins.html",
        status=status,
        q=q,
        pins=pins.listing(ctx, actor),
        candidates=candidates(request, ctx, actor, q),
        errors=errors or {},
        problem=said(request, problem) if problem is not None and not errors else "",
        saved="saved" in request.query_params,
        tomorrow=ctx.clock().astimezone(CHINA).date().isoformat(),
    )
