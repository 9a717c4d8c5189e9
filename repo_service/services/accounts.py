"""Institutions, people and keys, and how a request becomes an actor. Signing in is in `services/sessions.py`."""

import hashlib
import re
import secrets
from collections.abc import Sequence

from argon2 import PasswordHasher
from sqlalchemy import select
from sqlalchemy.orm import Session as DbSession
from sqlalchemy.orm import selectinload

from repo_service import vocab
from repo_service.context import Context
from repo_service.errors import Conflict, Invalid, NotFound
from repo_service.models import ApiKey, Division, Institution, Membership, User
from repo_service.policy import Actor, require
from repo_service.services import audit
from repo_service.services.sessions import (
    PASSWORD_LENGTH,
    actor_of_key,
    actor_of_session,
    change_password,
    count_try,
    session_of,
    sign_in,
    sign_out,
)

__all__ = [
    "actor_of_key",
    "actor_of_session",
    "change_password",
    "create_institution",
    "create_key",
    "create_user",
    "keys_of",
    "person",
    "revoke_key",
    "session_of",
    "sign_in",
    "sign_out",
    "sign_up",
]

KEY_BYTES = 32
SIGN_UPS = 60  # from one address in a quarter of an hour

NEEDS_PLACE = frozenset({"uploader", "institution_admin"})
_EMAIL = re.compile(r"[^\s@,;<>\"']{1,64}@[^\s@,;<>\"']+\.[^\s@,;<>\"'.]+")
_SLUG = re.compile(r"[a-z0-9]+(-[a-z0-9]+)*")


def create_institution(
    ctx: Context, actor: Actor, *, slug: str, name: str, kind: str, division: str, name_en: str = ""
) -> Institution:
    """Add a giver of courseware. Raises Conflict ``slug_taken`` and Invalid with the fields that are wrong."""
    require(actor, "system.operate")
    wrong = [
        ("slug", "bad_slug", slug) if not _SLUG.fullmatch(slug) or len(slug) > 80 else None,
        ("name", "bad_name", name) if not 0 < len(name.strip()) <= 200 else None,
        ("kind", "unknown_value", kind) if kind not in vocab.INSTITUTION_KINDS else None,
    ]
    with ctx.db.write() as session:
        if session.get(Division, division) is None:
            wrong.append(("division", "unknown_division", division))
        _refuse(wrong)
        if session.scalar(select(Institution.id).where(Institution.slug == slug)):
            raise Conflict(code="slug_taken", slug=slug)
        made = Institution(
            slug=slug, name=name.strip(), name_en=name_en, kind=kind, division_code=division, created_at=ctx.clock()
        )
        session.add(made)
        session.flush()
        audit.record(session, ctx, actor.id, "institution.create", made.id, slug=slug)
    return made


def create_user(
    ctx: Context,
    actor: Actor,
    *,
    email: str,
    name: str,
    role: str,
    institution: str | None = None,
    division: str | None = None,
    password: str,
) -> User:
    """Add a person with a role: in one institution (by slug), or everywhere when none is given.

    An institution's admin may add people to it; all else is the operator's. Raises Invalid, Conflict ``email_taken``.
    """
    with ctx.db.write() as session:
        place = _institution(session, institution) if institution else None
        if place is not None and role != "system_admin":
            require(actor, "institution.manage", institution_id=place.id)
        else:
            require(actor, "system.operate")
        _refuse(_role_faults(session, role, place, division))
        made = _add_user(session, ctx, email=email, name=name, password=password)
        made.division_code = division
        if place is None:
            made.role = role
        else:
            session.add(Membership(user_id=made.id, institution_id=place.id, role=role))
        audit.record(session, ctx, actor.id, "user.create", made.id, role=role, institution=institution)
    return made


def sign_up(ctx: Context, *, email: str, name: str, password: str, address: str = "") -> User:
    """Add a learner. Raises Invalid with the fields that are wrong, Conflict ``email_taken``.

    From one network ``address`` a class of pupils may sign up in a lesson, a machine may not go on: TooMany.
    """
    if address:
        count_try(ctx, (f"sign_up:{address[:100]}",), SIGN_UPS)
    with ctx.db.write() as session:
        made = _add_user(session, ctx, email=email, name=name, password=password)
        audit.record(session, ctx, made.id, "user.sign_up", made.id)
    return made


def create_key(ctx: Context, actor: Actor, *, email: str, scopes: Sequence[str]) -> tuple[ApiKey, str]:
    """A key for programs and its plain text, which is not kept. People make their own, the operator anybody's."""
    if not scopes or not set(scopes) <= set(vocab.SCOPES):
        raise Invalid(errors=(("scopes", "unknown_value", ",".join(scopes)),))
    with ctx.db.write() as session:
        owner = session.scalar(select(User).where(User.email == email.strip().lower()))
        if owner is None or owner.id != actor.id:
            require(actor, "system.operate")
        else:
            require(actor, "account.change")
        if owner is None:
            raise NotFound(code="user_not_found", email=email)
        prefix = f"xh_{secrets.token_hex(4)}"
        plain = f"{prefix}_{secrets.token_urlsafe(KEY_BYTES)}"
        key = ApiKey(
            user_id=owner.id,
            prefix=prefix,
            key_sha256=hashlib.sha256(plain.encode()).hexdigest(),
            scopes=sorted(set(scopes), key=vocab.SCOPES.index),
            created_at=ctx.clock(),
        )
        session.add(key)
        session.flush()
        audit.record(session, ctx, actor.id, "key.create", key.id, of=owner.id, scopes=key.scopes)
    return key, plain


def keys_of(ctx: Context, actor: Actor) -> list[ApiKey]:
    """The actor's own keys that still work, oldest first."""
    require(actor, "account.use")
    with ctx.db.read() as session:
        mine = (ApiKey.user_id == actor.id, ApiKey.revoked_at.is_(None))
        return list(session.scalars(select(ApiKey).where(*mine).order_by(ApiKey.id)))


def revoke_key(ctx: Context, actor: Actor, key_id: str) -> None:
    """End one of the actor's own keys at once. Raises NotFound."""
    require(actor, "account.change")
    with ctx.db.write() as session:
        key = session.get(ApiKey, key_id)
        if key is None or key.user_id != actor.id or key.revoked_at is not None:
            raise NotFound()
        key.revoked_at = ctx.clock()
        audit.record(session, ctx, actor.id, "key.revoke", key.id)


def person(ctx: Context, actor: Actor) -> User:
    """The account behind an actor, with its memberships and their institutions. Raises Unauthenticated."""
    require(actor, "account.use")
    with ctx.db.read() as session:
        deep = selectinload(User.memberships).selectinload(Membership.institution)
        found = session.scalar(select(User).where(User.id == actor.id).options(deep))
    if found is None:
        raise NotFound()
    return found


def _add_user(session: DbSession, ctx: Context, *, email: str, name: str, password: str) -> User:
    email = email.strip().lower()
    low, high = PASSWORD_LENGTH
    _refuse(
        [
            ("email", "bad_email", email) if not _EMAIL.fullmatch(email) or len(email) > 254 else None,
            ("name", "bad_name", name) if not 0 < len(name.strip()) <= 100 else None,
            ("password", "bad_password", "") if not low <= len(password) <= high or password == email else None,
        ]
    )
    if session.scalar(select(User.id).where(User.email == email)):
        raise Conflict(code="email_taken", email=email)
    made = User(email=email, name=name.strip(), password_hash=PasswordHasher().hash(password), created_at=ctx.clock())
    session.add(made)
    session.flush()
    return made


def _role_faults(
    session: DbSession, role: str, place: Institution | None, division: str | None
) -> list[tuple[str, str, str] | None]:
    return [
        ("role", "unknown_value", role) if role not in vocab.ROLES else None,
        ("institution", "institution_required", role) if role in NEEDS_PLACE and place is None else None,
        ("division", "division_required", role) if role == "division_official" and not division else None,
        ("division", "unknown_division", division) if division and session.get(Division, division) is None else None,
    ]


def _institution(session: DbSession, slug: str) -> Institution:
    found = session.scalar(select(Institution).where(Institution.slug == slug))
    if found is None:
        raise Invalid(errors=(("institution", "unknown_institution", slug),))
    return found


def _refuse(faults: Sequence[tuple[str, str, str] | None]) -> None:
    found = tuple(fault for fault in faults if fault is not None)
    if found:
        raise Invalid(errors=found)
