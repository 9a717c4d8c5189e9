"""Mail about what is new in a kept search, daily or weekly.

At most one letter goes out in a period, whenever a process is killed: before anything is sent, the row is claimed and
says that the next letter is due a period later. It is this side that we err on: of a process that dies between the
claim and the server's word nobody knows whether the letter went, and two are worse than none. Nothing is lost by it:
what is new is counted from the last letter that surely went, so the next one tells of it, if need be a second time.
"""

import hashlib
import hmac
import secrets
from collections import Counter
from collections.abc import Callable
from dataclasses import dataclass, replace
from datetime import datetime, timedelta
from typing import Literal
from urllib.parse import parse_qs

import structlog
from sqlalchemy import func, select
from sqlalchemy.orm import Session

from repo_service.context import Context
from repo_service.errors import Conflict, NotFound
from repo_service.models import Outbox, SavedSearch, SearchDigest, User
from repo_service.policy import ANONYMOUS, Actor, require
from repo_service.services import mail, outbox
from repo_service.services.finding import MAX_DEPTH, SearchRequest, search
from repo_service.services.hits import HitView
from repo_service.services.labels import Locale
from repo_service.services.mail import Letter, MaybeSent, NotSent
from search.model import FACETS

Every = Literal["daily", "weekly"]
PERIODS: dict[str, timedelta] = {"daily": timedelta(days=1), "weekly": timedelta(days=7)}
MOST_OF_A_PERSON = 10  # digests
A_RUN = 50  # letters
LOOKED_AT = 100  # of the newest hits
SHOWN = 20
SETTLED = timedelta(minutes=5)  # what was published in these last minutes may not be found yet: the next letter has it
RETRIES = 5  # in a period, each after twice the time of the one before
FIRST_RETRY = timedelta(minutes=10)
_log = structlog.get_logger(__name__)


@dataclass(frozen=True, slots=True)
class Digest:
    """What one letter tells: the search, and what is new in it, the newest first."""

    to: str
    person: str
    search: str
    every: str
    language: Locale
    address: str
    hits: tuple[HitView, ...]
    total: int  # new ones; `LOOKED_AT` may mean more
    key: str
    unsubscribe: str


Write = Callable[[Context, Digest], Letter]


def choose(ctx: Context, actor: Actor, saved_id: str, every: Every | None, language: Locale) -> None:
    """Have mail sent about one of one's own searches from now on, or no more. Raises NotFound and Conflict."""
    require(actor, "account.use")
    with ctx.db.write() as session:
        saved = session.get(SavedSearch, saved_id)
        if saved is None or saved.user_id != actor.id:
            raise NotFound()
        row = session.get(SearchDigest, saved_id)
        if every is None:
            if row is not None:
                session.delete(row)
            return
        mine = select(func.count()).select_from(SearchDigest).join(SavedSearch).where(SavedSearch.user_id == actor.id)
        if row is None and (session.scalar(mine) or 0) >= MOST_OF_A_PERSON:
            raise Conflict(code="lexicon_full", limit=MOST_OF_A_PERSON)
        now = ctx.clock()
        if row is None:
            row = SearchDigest(saved_id=saved_id, secret=secrets.token_hex(32), since=now, tries=0, error="")
            session.add(row)
        elif row.every == every and row.language == language:
            return
        row.every, row.language, row.due_at = every, language, now + PERIODS[every]


def send_due(ctx: Context, write: Write, *, stopping: Callable[[], bool] = lambda: False) -> Counter[str]:
    """Send what is due, as far as one run goes; answer how many digests were sent, had nothing new, or failed.

    A run ends with the first failure that is the server's or the index's: the others keep their turn.
    """
    server = mail.server_of(ctx.settings)
    report: Counter[str] = Counter()
    for saved_id in _due(ctx) if server is not None else ():
        if stopping():
            break
        claim = _claim(ctx, saved_id)
        if claim is None:
            continue
        try:
            digest = _news(ctx, claim)
            if digest is not None and server is not None:
                mail.send(ctx, server, write(ctx, digest))
        except (NotSent, MaybeSent) as error:
            _failed(ctx, claim, error)
            report["digests_failed"] += 1
            if isinstance(error, NotSent) and error.code != "mail_refused":
                break
        except Exception:  # what nobody foresaw about one letter keeps no other one back
            _log.exception("digest_failed", digest=saved_id)
            _failed(ctx, claim, MaybeSent())
            report["digests_failed"] += 1
        else:
            _done(ctx, claim, sent=digest is not None)
            report["digests_sent" if digest is not None else "digests_without_news"] += 1
    return report


def name_of(ctx: Context, saved_id: str, given: str) -> str | None:
    """The name of the search whose digest this token ends, None where it has ended. NotFound for a wrong token."""
    with ctx.db.read() as session:
        row = _held(session, saved_id, given)
        return session.get_one(SavedSearch, saved_id).name if row is not None else None


def unsubscribe(ctx: Context, saved_id: str, given: str) -> None:
    """End the digest of this token, if it has not ended yet; the search stays kept. NotFound for a wrong token."""
    with ctx.db.write() as session:
        row = _held(session, saved_id, given)
        if row is not None:
            session.delete(row)


def token(row: SearchDigest) -> str:
    """What ends this digest without signing in: its id, signed with a secret that is made anew with each digest."""
    return hmac.new(row.secret.encode(), row.saved_id.encode(), hashlib.sha256).hexdigest()[:40]


def _held(session: Session, saved_id: str, given: str) -> SearchDigest | None:
    row = session.get(SearchDigest, saved_id)
    if row is not None and not hmac.compare_digest(token(row).encode(), given.encode("utf-8", "replace")):
        raise NotFound()
    return row


@dataclass(frozen=True, slots=True)
class _Claim:
    """A digest whose turn it is, as its row was before the claim."""

    saved_id: str
    key: str
    since: datetime
    until: datetime
    name: str
    address: str
    every: str
    language: Locale
    to: str
    person: str
    token: str


def _due(ctx: Context) -> list[str]:
    """Those whose turn it is, the longest waiting first, of people whose accounts are open."""
    rows = (
        select(SearchDigest.saved_id)
        .join(SavedSearch, SavedSearch.id == SearchDigest.saved_id)
        .join(User, User.id == SavedSearch.user_id)
        .where(SearchDigest.due_at <= ctx.clock(), User.active)
        .order_by(SearchDigest.due_at, SearchDigest.saved_id)
        .limit(A_RUN)
    )
    with ctx.db.read() as session:
        return list(session.scalars(rows))


def _claim(ctx: Context, saved_id: str) -> _Claim | None:
    """Take the turn: from here on nobody sends this digest again in this period. None when another one was faster."""
    now = ctx.clock()
    with ctx.db.write() as session:
        row = session.get(SearchDigest, saved_id, with_for_update=True)
        if row is None or row.due_at > now:
            return None
        until = _known_until(session, now)
        if until < now - SETTLED and until <= row.since:
            return None  # the index is far behind: it stays due
        saved = session.get_one(SavedSearch, saved_id)
        user = session.get_one(User, saved.user_id)
        key = f"{saved_id}.{row.due_at:%Y%m%d%H%M%S}"
        period = PERIODS[row.every]
        row.due_at += period * (1 + (now - row.due_at) // period)  # periods in which nobody looked are skipped
        return _Claim(
            saved_id, key, row.since, max(row.since, until), saved.name, saved.address,
            row.every, "en" if row.language == "en" else "zh", user.email, user.name, token(row),
        )  # fmt: skip


def _known_until(session: Session, now: datetime) -> datetime:
    """What was published before this moment is in the index: none of it waits to be carried there."""
    waiting = select(func.min(Outbox.created_at)).where(Outbox.kind == outbox.INDEX, Outbox.done_at.is_(None))
    oldest = session.scalar(waiting)
    return min(now, oldest or now) - SETTLED


def _news(ctx: Context, claim: _Claim) -> Digest | None:
    """What the public finds now and could not find before. Raises NotSent ``search_away``."""
    given = parse_qs(claim.address)
    request = SearchRequest(
        q=given.get("q", [""])[0],
        filters={name: tuple(given[name]) for name in FACETS if name in given},
        exact=given.get("exact") == ["true"],
        sort="newest",
        limit=LOOKED_AT,
        locale=claim.language,
        facets=(),
        passages=0,
    )
    fresh = _fresh(ctx, claim, request)
    if not fresh:
        return None
    url = ctx.settings.public_url
    return Digest(
        to=claim.to,
        person=claim.person,
        search=claim.name,
        every=claim.every,
        language=claim.language,
        address=f"{url}/search?{claim.address}&sort=newest",
        hits=tuple(fresh[:SHOWN]),
        total=len(fresh),
        key=claim.key,
        unsubscribe=f"{url}/search/digests/{claim.saved_id}/{claim.token}",
    )


def _fresh(ctx: Context, claim: _Claim, request: SearchRequest) -> list[HitView]:
    """The newest hits of the claim's time, as many as are looked at: those that are newer still are passed over."""
    fresh: list[HitView] = []
    for offset in range(0, MAX_DEPTH, LOOKED_AT):
        found = search(ctx, ANONYMOUS, replace(request, offset=offset))
        if found.degraded:
            raise NotSent("search_away")
        dated = [(datetime.fromisoformat(hit.published_at), hit) for hit in found.hits if hit.published_at]
        fresh += [hit for at, hit in dated if claim.since <= at < claim.until]
        older = any(at < claim.since for at, _ in dated)
        if older or len(fresh) >= LOOKED_AT or found.next_cursor is None:
            break
    return fresh[:LOOKED_AT]


def _done(ctx: Context, claim: _Claim, *, sent: bool) -> None:
    with ctx.db.write() as session:
        row = session.get(SearchDigest, claim.saved_id, with_for_update=True)
        if row is not None:
            row.since, row.tries, row.error = claim.until, 0, ""
            if sent:
                row.sent_at = ctx.clock()


def _failed(ctx: Context, claim: _Claim, error: NotSent | MaybeSent) -> None:
    """Say why, and try again soon where it is sure that nothing went out."""
    code = error.code if isinstance(error, NotSent) else "mail_uncertain"
    _log.warning("digest_not_sent", digest=claim.saved_id, code=code)
    with ctx.db.write() as session:
        row = session.get(SearchDigest, claim.saved_id, with_for_update=True)
        if row is None:
            return
        row.error = code
        if isinstance(error, NotSent) and row.tries < RETRIES:
            row.due_at = min(row.due_at, ctx.clock() + FIRST_RETRY * 2**row.tries)
            row.tries += 1
        else:
            row.tries = 0
