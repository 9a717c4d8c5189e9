"""Words of search are added while the resources that hold them change: no revision is lost."""

import threading

import pytest

from repo_service.context import Context
from repo_service.models import Resource
from repo_service.policy import OPERATOR
from repo_service.services import indexing, lexicon, pins
from repo_service.services.lexicon import WordDraft
from repo_service.services.pins import PinDraft
from tests import support

TURNS = 15


@pytest.mark.both_databases
def test_a_revision_never_goes_back(ctx: Context) -> None:
    """It would, were it read before others raise it: the index would then take the next changes for old ones."""
    school = support.institution(ctx)
    ids = [support.deposit(ctx, school, f"碳中合物{n}.txt", "碳中合物".encode()) for n in range(3)]
    before = revisions(ctx, ids)
    raised = threading.Thread(target=touch, args=(ctx, ids * TURNS))
    raised.start()
    again = 0
    for _ in range(TURNS):
        again += lexicon.add_word(ctx, OPERATOR, WordDraft(word="碳中合物"))
        again += lexicon.remove_word(ctx, OPERATOR, "碳中合物")
    raised.join()
    assert again > 0
    assert sum(revisions(ctx, ids)) == sum(before) + TURNS * len(ids) + again


def test_a_pin_stays_with_its_query_when_words_are_learned(ctx: Context) -> None:
    one = support.deposit(ctx, support.institution(ctx), "讲义.txt", "碳中合物目标".encode())
    pins.add(ctx, OPERATOR, PinDraft(query="碳中合物 目标 CET-4 考试", resource_id=one))
    for learned in (True, False):
        for q in ("碳中合物目标 cet-4 考试", "碳中合物，目标 CET-4考试"):
            assert pins.arranged(ctx, q).pinned == (one,)
        if learned:
            lexicon.add_word(ctx, OPERATOR, WordDraft(word="碳中合物"))
        else:
            lexicon.remove_word(ctx, OPERATOR, "碳中合物")
    assert pins.arranged(ctx, "碳中合物 目标 CET 4 考试").pinned == ()


def revisions(ctx: Context, ids: list[str]) -> list[int]:
    with ctx.db.read() as session:
        return [session.get_one(Resource, identity).rev for identity in ids]


def touch(ctx: Context, ids: list[str]) -> None:
    for identity in ids:
        with ctx.db.write() as session:
            indexing.touch(session, ctx, session.get_one(Resource, identity, with_for_update=True))
