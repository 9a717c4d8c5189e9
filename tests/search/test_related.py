"""Resources that are about the same, across institutions."""

import pytest

from repo_service.context import Context
from repo_service.errors import NotFound
from repo_service.models import Institution, Resource
from repo_service.policy import ANONYMOUS
from repo_service.services import indexing
from repo_service.services.related import related
from tests import support


def publish(ctx: Context, of: Institution, title: str, **fields: object) -> Resource:
    """A published resource that waits for the index."""
    row = support.resource(ctx, of, title, state="published", published_at=ctx.clock(), **fields)
    with ctx.db.write() as session:
        indexing.touch(session, ctx, session.get_one(Resource, row.id), visibility=True)
    return row


def test_alike_and_not_too_many_of_one_institution(ctx: Context) -> None:
    here = support.institution(ctx, "here", name="甲校")
    there = support.institution(ctx, "there", name="乙校")
    own = publish(ctx, here, "苹果树冬季修剪“入门”", keywords=["果树", "修剪"])
    for number in range(4):
        publish(ctx, here, f"苹果树冬季修剪 第{number}讲", keywords=["果树"])
    other = publish(ctx, there, "梨树的修剪", keywords=["果树", "修剪"])
    publish(ctx, there, "微信怎么用")
    gone = publish(ctx, there, "苹果树修剪旧版")
    indexing.drain(ctx)
    with ctx.db.write() as session:
        session.get_one(Resource, gone.id).state = "withdrawn"
    found = related(ctx, ANONYMOUS, own.id, 4)
    assert own.id not in [one.id for one in found]
    assert other.id in [one.id for one in found[:3]], "the third of one institution comes after the others"
    assert all("修剪" in one.title for one in found)
    assert gone.id not in [one.id for one in found], "the index does not know yet, the catalogue does"


def test_nothing_of_what_nobody_may_know(ctx: Context) -> None:
    draft = support.resource(ctx, support.institution(ctx), "苹果树")
    with pytest.raises(NotFound):
        related(ctx, ANONYMOUS, draft.id)
