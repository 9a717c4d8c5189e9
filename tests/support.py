"""Small makers of rows, for tests that need a thing to be there and do not care how it came."""

import hashlib
from typing import Any

from repo_service.context import Context
from repo_service.models import Division, Institution, Membership, Resource, User, new_id
from repo_service.policy import OPERATOR
from repo_service.services import curation, deposits, indexing, processing
from repo_service.services.deposits import Given

ZHENGZHOU = "410100000000"


def institution(ctx: Context, slug: str = "xuexiao", **fields: Any) -> Institution:
    """An institution in Zhengzhou; its division is made when it is not there."""
    with ctx.db.write() as session:
        code = fields.pop("division_code", ZHENGZHOU)
        if session.get(Division, code) is None:
            session.add(Division(code=code, name="郑州市", level=2))
            session.flush()
        row = Institution(
            slug=slug,
            division_code=code,
            created_at=ctx.clock(),
            **{"name": "郑州学校", "kind": "university"} | fields,
        )
        session.add(row)
    return row


def user(ctx: Context, email: str = "a@example.cn", *, in_: Institution | None = None, **fields: Any) -> User:
    """A person; with ``in_`` a member there, as an uploader unless ``role`` says otherwise. No password fits."""
    role = fields.pop("role", "uploader" if in_ else "learner")
    with ctx.db.write() as session:
        row = User(
            email=email,
            role="learner" if in_ else role,
            created_at=ctx.clock(),
            **{"name": "王老师", "password_hash": "!"} | fields,
        )
        session.add(row)
        session.flush()
        if in_ is not None:
            session.add(Membership(user_id=row.id, institution_id=in_.id, role=role))
    return row


def resource(ctx: Context, of: Institution, title: str = "机器学习入门", **fields: Any) -> Resource:
    """A resource without files, a draft unless told otherwise."""
    moment = ctx.clock()
    with ctx.db.write() as session:
        row = Resource(institution_id=of.id, title=title, created_at=moment, updated_at=moment, **fields)
        session.add(row)
    return row


def deposit(ctx: Context, of: Institution, name: str, data: bytes, *, publish: bool = True, **to: Any) -> str:
    """Bring a file in by the real way: bytes, rows, every step, published, indexed; answer the resource's id.

    ``to``: which resource it goes to, and which file it replaces, as `Given` has them.
    """
    staged, sha256 = new_id(), hashlib.sha256(data).hexdigest()
    ctx.store.write(staged, 0, [data])
    ctx.store.keep(staged, sha256)
    given = Given(institution_id=of.id, user_id=None, who="operator", sha256=sha256, size=len(data), name=name, **to)
    with ctx.db.write() as session:
        resource_id = deposits.place(session, ctx, given).resource_id
    settle(ctx)
    if publish:
        curation.publish(ctx, OPERATOR, resource_id)
        settle(ctx)
    return resource_id


def settle(ctx: Context) -> None:
    """Run every step that is ready and bring every change into the index, as a worker would."""
    while processing.work_one(ctx, "test"):
        continue
    while indexing.drain(ctx):
        continue
