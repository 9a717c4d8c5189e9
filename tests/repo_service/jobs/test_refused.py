"""What the index refuses: tried again after a while, then left alone until it is another revision or another index."""

from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass, replace
from datetime import timedelta
from pathlib import Path

import pytest
from sqlalchemy import func, select, update

from repo_service.models import Outbox, Resource
from repo_service.services import indexing, outbox, upkeep
from repo_service.services.following import following
from search.embedded import EmbeddedIndex
from search.model import Document, Rejected, Tombstone
from tests.repo_service.jobs.conftest import Bench, Line

pytestmark = pytest.mark.both_databases
BAD = "坏的记录"


class Choosy(EmbeddedIndex):
    """An index that refuses documents of one title, and counts how often it was asked to take one."""

    def __init__(self, folder: Path) -> None:
        super().__init__(folder, writer=True)
        self.refused = 0

    def write(self, changes: Sequence[Document | Tombstone]) -> list[Rejected]:
        """Take what is good."""
        bad = [one.id for one in changes if isinstance(one, Document) and one.title == BAD]
        self.refused += len(bad)
        return [Rejected(one, "bad") for one in bad] + super().write([one for one in changes if one.id not in bad])

    def rebuild(self, documents: Iterable[Document]) -> list[Rejected]:
        """The same."""
        return super().rebuild(one for one in documents if one.title != BAD)


@dataclass
class Desk:
    """An installation whose index is choosy."""

    bench: Bench
    index: Choosy

    def publish(self, title: str) -> str:
        """A published resource that waits for the index."""
        ctx, moment = self.bench.ctx, self.bench.clock()
        of = self.bench.resource.institution_id
        made = Resource(institution_id=of, title=title, state="published", created_at=moment, updated_at=moment)
        with ctx.db.write() as session:
            session.add(made)
            session.flush()
            indexing.touch(session, ctx, made, visibility=True)
        return made.id

    def asked(self) -> int:
        """How often a bad document is written while the reconciler and the index's writer have their turn."""
        before = self.index.refused
        upkeep.reconcile_once(self.bench.ctx, thorough=False, pipeline=Line())
        while indexing.drain(self.bench.ctx):
            continue
        return self.index.refused - before

    def waiting(self) -> int:
        """Rows for the index that are not settled."""
        wanted = select(func.count()).where(Outbox.kind == outbox.INDEX, Outbox.done_at.is_(None))
        with self.bench.ctx.db.read() as session:
            return session.scalar(wanted) or 0


@pytest.fixture
def desk(bench: Bench, tmp_path: Path) -> Iterator[Desk]:
    """With one bad document that was refused once, beside a good one."""
    index = Choosy(tmp_path / "choosy")
    made = Desk(replace(bench, ctx=replace(bench.ctx, index=index)), index)
    made.publish(BAD)
    good = made.publish("好的记录")
    assert made.asked() == 1
    assert [identity for identity, _ in index.scan()] == [good]
    yield made
    index.close()


def test_a_refused_document_is_tried_again_after_longer_and_longer_pauses(desk: Desk) -> None:
    pause = indexing.FIRST_PAUSE
    for _ in range(1, indexing.MAX_ATTEMPTS):
        desk.bench.clock.now += pause - timedelta(seconds=1)
        assert desk.asked() == 0, pause
        desk.publish("别的记录")
        assert desk.asked() == 0, "what else changes does not wait, and hurries nothing"
        desk.bench.clock.tick(seconds=1)
        assert desk.asked() == 1, pause
        pause *= 4
    assert desk.waiting() == 0


def test_what_is_refused_for_good_is_not_asked_for_again(desk: Desk) -> None:
    clock, ctx = desk.bench.clock, desk.bench.ctx
    for _ in range(1, indexing.MAX_ATTEMPTS):
        clock.tick(hours=1)
        assert desk.asked() == 1
    for _ in range(3):
        clock.tick(days=1)
        upkeep.sweep_once(ctx)
        assert (desk.asked(), desk.waiting()) == (0, 0)
    with ctx.db.write() as session:
        bad = session.scalars(select(Resource).where(Resource.title == BAD)).one()
        indexing.touch(session, ctx, bad)
    assert desk.asked() == 1, "another revision may be good"
    for _ in range(1, indexing.MAX_ATTEMPTS):
        clock.tick(hours=1)
        assert desk.asked() == 1
    indexing.reindex(ctx)
    clock.tick(hours=1)
    assert desk.asked() == 1, "another index may take it"
    with ctx.db.write() as session:
        session.get_one(Resource, bad.id).title = "改好的记录"
    clock.tick(hours=1)
    assert (desk.asked(), desk.waiting()) == (0, 0)
    assert bad.id in dict(desk.index.scan())


def test_nobody_waits_for_what_was_refused(desk: Desk) -> None:
    good = desk.publish("又一条好的记录")
    with following(desk.bench.ctx) as index:
        index.finish()
    assert good in dict(desk.index.scan())
    assert desk.waiting() == 1


def test_a_record_of_which_no_document_can_be_made_keeps_no_other_back(desk: Desk) -> None:
    """Somebody wrote into the database past the program: what has no subjects that can be told is left out."""
    strange = desk.publish("奇怪的记录")
    with desk.bench.ctx.db.write() as session:
        session.execute(update(Resource).where(Resource.id == strange).values(subjects=[[]]))
    good = desk.publish("再一条好的记录")
    assert indexing.drain(desk.bench.ctx)
    found = dict(desk.index.scan())
    assert (good in found, strange in found) == (True, False)
