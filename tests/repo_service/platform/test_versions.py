"""What of a resource whose file was replaced may be opened by whom, and what becomes of the versions before."""

from dataclasses import replace
from datetime import timedelta

import pytest
from sqlalchemy import select, update

from repo_service.context import Context
from repo_service.errors import NotFound
from repo_service.models import File, Institution, Job, Passage, Resource
from repo_service.policy import ANONYMOUS, OPERATOR
from repo_service.services import curation, doctor, garbage, media, redo, upkeep, versions
from repo_service.services.versions import SETTLED, STILL_OPEN
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


AFTER = max(SETTLED, STILL_OPEN) + timedelta(minutes=1)


@pytest.fixture
def twice(ctx: Context, school: Institution) -> str:
    """A published resource with a second version, which is served."""
    one = support.deposit(ctx, school, "lesson.md", "# 一\n\n旧的\n".encode())
    replaced(ctx, school, one, "# 二\n\n新的\n")
    return one


def held(ctx: Context) -> tuple[set[int], set[int], set[int]]:
    """Which versions have given files, made files, passages."""
    with ctx.db.read() as session:
        given = session.scalars(select(File.version).where(File.source_id.is_(None)))
        made = session.scalars(select(File.version).where(File.source_id.is_not(None)))
        return set(given), set(made), set(session.scalars(select(Passage.version)))


def change(ctx: Context, **fields: object) -> None:
    with ctx.db.write() as session:
        session.execute(update(Resource).values(**fields))


@pytest.mark.both_databases
def test_what_was_made_of_a_version_that_nobody_is_shown_goes_with_its_bytes(ctx: Context, twice: str) -> None:
    view = media.open_file(ctx, OPERATOR, twice, 1, VIEW)[0].sha256
    after = later(ctx, AFTER)
    assert upkeep.sweep_once(after).counts["old_versions_cleared"] > 0
    assert held(ctx) == ({1, 2}, {2}, {2})
    assert "新的" in opened(after, twice, 2)
    with pytest.raises(NotFound):
        media.open_file(after, OPERATOR, twice, 1, VIEW)
    garbage.delete_quarantined(later(after, garbage.QUARANTINE + timedelta(hours=1)))
    assert garbage.condition(ctx, view) == "missing"
    assert doctor.examine(after) == [], "nothing is missed"
    with ctx.db.read() as session:
        given = session.scalars(select(File).where(File.version == 1)).one()
    assert garbage.condition(ctx, given.sha256) == "present", "what was given is the history"
    assert media.open_file(ctx, OPERATOR, twice, 1, given.path)


@pytest.mark.both_databases
def test_what_is_made_anew_is_of_the_newest_version_alone(ctx: Context, twice: str) -> None:
    after = later(ctx, AFTER)
    versions.clear_old(after)
    assert redo.reprocess(after, "text")
    support.settle(after)
    assert held(ctx) == ({1, 2}, {2}, {2})
    assert versions.clear_old(after) == 0
    assert doctor.examine(after) == []


@pytest.mark.both_databases
def test_versions_that_somebody_may_be_shown_stay(ctx: Context, twice: str) -> None:
    both = ({1, 2}, {1, 2}, {1, 2})
    assert versions.clear_old(ctx) == versions.clear_old(later(ctx, STILL_OPEN * 2)) == 0
    assert held(ctx) == both, "a newer one was given today: who works on it may compare them"
    after = later(ctx, AFTER)
    change(ctx, replaced_at=after.clock() - STILL_OPEN / 2)
    assert versions.clear_old(after) == 0
    assert held(ctx) == both, "the newer one took its time until it was served: pages with the old one are open"
    change(ctx, served_version=1, replaced_version=None, replaced_at=None)
    assert versions.clear_old(after) == 0
    assert held(ctx) == both, "the newer one could not be served"
    change(ctx, served_version=2)
    assert versions.clear_old(after) > 0


@pytest.mark.both_databases
@pytest.mark.parametrize("state", ["waiting", "ready", "running"])
def test_a_version_whose_steps_go_on_is_left_to_them(ctx: Context, twice: str, state: str) -> None:
    job = update(Job).where(Job.version == 1, Job.step == "text")
    with ctx.db.write() as session:
        session.execute(job.values(state=state))
    assert versions.clear_old(later(ctx, AFTER)) == 0
    with ctx.db.write() as session:
        session.execute(job.values(state="done"))
    assert versions.clear_old(later(ctx, AFTER)) > 0
