"""Signing in and out, and who a session token or an API key stands for."""

import hashlib
import secrets
from datetime import timedelta
from functools import cache

from argon2 import PasswordHasher
from argon2.exceptions import InvalidHashError, VerificationError
from sqlalchemy import delete, func, select
from sqlalchemy.orm import Session as DbSession
from sqlalchemy.orm import selectinload

from repo_service.context import Context
from repo_service.errors import Invalid, TooMany, Unauthenticated
from repo_service.models import ApiKey, LoginAttempt, Session, User
from repo_service.policy import Actor, require
from repo_service.services import audit

SESSION_LIFE = timedelta(days=30)
SEEN_STEP = timedelta(hours=1)  # how exactly it is kept when a session was last used: not each read is a write
TRIES = 10
TRIES_WINDOW = timedelta(minutes=15)
PASSWORD_LENGTH = (8, 200)


def sign_in(ctx: Context, *, email: str, password: str, address: str) -> tuple[str, Session]:
    """A new session and its token, which only the browser keeps.

    Raises Unauthenticated ``wrong_credentials``, in the same time whether the account exists or not, and TooMany after
    ten failures in a quarter of an hour of this account or from this address.
    """
    email = email.strip().lower()
    mine = (f"email:{email[:254]}", f"address:{address[:100]}")
    attempt = count_try(ctx, mine)
    with ctx.db.read() as session:
        user = session.scalar(select(User).where(User.email == email))
    nobodys = _nobodys_hash()  # asked for in any case, so that the first call costs the same for everybody
    fits = _fits(user.password_hash if user else nobodys, password)
    if user is None or not fits or not user.active:
        raise Unauthenticated(code="wrong_credentials")
    with ctx.db.write() as session:
        session.execute(delete(LoginAttempt).where((LoginAttempt.subject == mine[0]) | LoginAttempt.id.in_(attempt)))
        return _begin(session, ctx, user.id)


def sign_out(ctx: Context, token: str) -> None:
    """End the session of this token; one that has ended is fine."""
    with ctx.db.write() as session:
        session.execute(delete(Session).where(Session.token_sha256 == _sha256(token)))


def change_password(ctx: Context, actor: Actor, *, old: str, new: str) -> tuple[str, Session]:
    """Set a new password and end all sessions of this person; the answer is a new one for this browser.

    Raises Invalid ``bad_password`` or ``wrong_password``, TooMany like `sign_in`.
    """
    require(actor, "account.change")
    low, high = PASSWORD_LENGTH
    if not low <= len(new) <= high:
        raise Invalid(errors=(("new", "bad_password", ""),))
    attempt = count_try(ctx, (f"password:{actor.id}",))
    with ctx.db.read() as session:
        user = session.get(User, actor.id)
    if user is None or not _fits(user.password_hash, old):
        raise Invalid(errors=(("old", "wrong_password", ""),))
    fresh = PasswordHasher().hash(new)
    with ctx.db.write() as session:
        held = session.get_one(User, user.id)
        held.password_hash = fresh
        session.execute(delete(Session).where(Session.user_id == user.id))
        session.execute(delete(LoginAttempt).where(LoginAttempt.id.in_(attempt)))
        audit.record(session, ctx, actor.id, "password.change", user.id)
        return _begin(session, ctx, user.id)


def session_of(ctx: Context, token: str) -> tuple[Actor, Session]:
    """Who a session token stands for, and the session. Raises Unauthenticated ``session_ended``."""
    with ctx.db.read() as session:
        row = session.get(Session, _sha256(token))
        user = _active(session, row.user_id) if row is not None and row.expires_at > ctx.clock() else None
    if row is None or user is None:
        raise Unauthenticated(code="session_ended")
    if ctx.clock() - row.seen_at > SEEN_STEP:
        with ctx.db.write() as session:
            held = session.get(Session, row.token_sha256)
            if held is not None:
                held.seen_at = ctx.clock()
    return _actor(user, frozenset({"all"})), row


def actor_of_session(ctx: Context, token: str) -> Actor:
    """Who a session token stands for. Raises Unauthenticated ``session_ended``."""
    return session_of(ctx, token)[0]


def actor_of_key(ctx: Context, key: str) -> Actor:
    """Who an API key stands for, narrowed to its scopes. Raises Unauthenticated ``bad_key``."""
    with ctx.db.read() as session:
        row = session.scalar(select(ApiKey).where(ApiKey.key_sha256 == _sha256(key)))
        user = _active(session, row.user_id) if row is not None and row.revoked_at is None else None
    if row is None or user is None:
        raise Unauthenticated(code="bad_key")
    return _actor(user, frozenset(row.scopes))


def actor_of_user(session: DbSession, user_id: str) -> Actor | None:
    """Who an account stands for now, with all of its rights; None when it is gone or closed."""
    user = _active(session, user_id)
    return _actor(user, frozenset({"all"})) if user else None


def count_try(ctx: Context, subjects: tuple[str, ...], limit: int = TRIES) -> list[str]:
    """Count one try for each subject before it is made, so that tries at the same time count too; answer its rows.

    Raises TooMany when a subject had ``limit`` tries in a quarter of an hour.
    """
    now = ctx.clock()
    with ctx.db.write() as session:
        if not ctx.db.is_sqlite:  # there a write has the whole database to itself
            _one_at_a_time(session, subjects)
        session.execute(delete(LoginAttempt).where(LoginAttempt.at <= now - TRIES_WINDOW))
        for subject in subjects:
            count, oldest = session.execute(
                select(func.count(), func.min(LoginAttempt.at)).where(LoginAttempt.subject == subject)
            ).one()
            if count >= limit:
                wait = oldest + TRIES_WINDOW - now
                raise TooMany(code="too_many_tries", retry_after=max(1.0, wait.total_seconds()))
        rows = [LoginAttempt(subject=subject, at=now) for subject in subjects]
        session.add_all(rows)
    return [row.id for row in rows]


def _one_at_a_time(session: DbSession, subjects: tuple[str, ...]) -> None:
    """Hold all others who count these subjects until this transaction ends, so that none counts before another adds.

    Everybody takes the locks in the order of their keys: two who share two subjects never wait for each other. Two
    subjects with the same key by chance cost a wait, no more.
    """
    keys = {int.from_bytes(hashlib.sha256(subject.encode()).digest()[:8], signed=True) for subject in subjects}
    for key in sorted(keys):
        session.execute(select(func.pg_advisory_xact_lock(key)))


def _begin(session: DbSession, ctx: Context, user_id: str) -> tuple[str, Session]:
    now = ctx.clock()
    session.execute(delete(Session).where(Session.expires_at <= now))
    token = secrets.token_urlsafe(32)
    row = Session(
        token_sha256=_sha256(token),
        user_id=user_id,
        csrf=secrets.token_urlsafe(32),
        created_at=now,
        seen_at=now,
        expires_at=now + SESSION_LIFE,
    )
    session.add(row)
    return token, row


def _active(session: DbSession, user_id: str) -> User | None:
    found = session.scalar(select(User).where(User.id == user_id).options(selectinload(User.memberships)))
    return found if found is not None and found.active else None


def _actor(user: User, scopes: frozenset[str]) -> Actor:
    roles: dict[str, set[str]] = {}
    for membership in user.memberships:
        roles.setdefault(membership.institution_id, set()).add(membership.role)
    return Actor(
        id=user.id,
        name=user.name,
        everywhere=frozenset({user.role}),
        roles={place: frozenset(held) for place, held in roles.items()},
        scopes=scopes,
        division=user.division_code or "",
    )


def _fits(password_hash: str, password: str) -> bool:
    try:
        return PasswordHasher().verify(password_hash, password)
    except (VerificationError, InvalidHashError):
        return False


@cache
def _nobodys_hash() -> str:
    """What a password for an unknown account is compared with, so that the answer takes as long."""
    return PasswordHasher().hash(secrets.token_hex(16))


def _sha256(secret: str) -> str:
    return hashlib.sha256(secret.encode()).hexdigest()
