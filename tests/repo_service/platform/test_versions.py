"""What the public may open of a resource whose file was replaced: what was published, and nothing else."""

from dataclasses import replace
from datetime import timedelta

import pytest
from sqlalchemy import select

from repo_service.context import Context
from repo_service.errors import NotFound
from repo_service.models import File, Institution, Resource
from repo_service.policy import ANONYMOUS, OPERATOR
from repo_service.services import curation, media
from repo_service.services.media import STILL_OPEN
from tests import support

VIEW = "reading.html"


@pytest.fixture
def school(ctx: Context) -> Institution:
    return support.institution(ctx)


def replaced(ctx: Context, school: Institution, resource_id: str, text: str) -> None:
    """Another file in place of the one that is there, with all its steps done."""
    with ctx.db.read() as session:
        newest = File.version == session.get_one(Resource, resource_id).version
        given = select(File).where(File.resource_id == resource_id, newest, File.source_id.is_(None))
        before = session.scalars(given).one()
    to = {"resource_id": resource_id, "replaces": before.id}
    support.deposit(ctx, school, "lesson.md", text.encode(), publish=False, **to)


def opened(ctx: Context, resource_id: str, version: int) -> str:
    try:
        return media.read_text(ctx, ANONYMOUS, resource_id, version, VIEW)
    except NotFound:
        return ""


def later(ctx: Context, by: timedelta) -> Context:
    now = ctx.clock() + by
    return replace(ctx, clock=lambda: now)


@pytest.mark.both_databases
def test_what_was_replaced_before_it_was_published_never_comes_out(ctx: Context, school: Institution) -> None:
    one = support.deposit(ctx, school, "lesson.md", "# 一\n\n电话 13800001111\n".encode(), publish=False)
    replaced(ctx, school, one, "# 二\n\n没有电话\n")
    assert [opened(ctx, one, version) for version in (1, 2)] == ["", ""]
    curation.publish(ctx, OPERATOR, one)
    assert "没有电话" in opened(ctx, one, 2)
    assert opened(ctx, one, 1) == ""
    assert "1380000" in media.read_text(ctx, OPERATOR, one, 1, VIEW), "who works on it sees them all"


@pytest.mark.both_databases
def test_what_was_published_goes_on_for_a_while_in_pages_that_are_open(ctx: Context, school: Institution) -> None:
    one = support.deposit(ctx, school, "lesson.md", "# 一\n\n旧的\n".encode())
    replaced(ctx, school, one, "# 二\n\n新的\n")
    assert "旧的" in opened(ctx, one, 1)
    assert "新的" in opened(ctx, one, 2)
    after = later(ctx, STILL_OPEN + timedelta(seconds=1))
    assert opened(after, one, 1) == ""
    assert "新的" in opened(after, one, 2)
    replaced(ctx, school, one, "# 三\n\n最新的\n")
    assert [bool(opened(ctx, one, version)) for version in (1, 2, 3)] == [False, True, True]
    curation.withdraw(ctx, OPERATOR, one, reason="不再适用")
    assert [opened(ctx, one, version) for version in (1, 2, 3)] == ["", "", ""]
