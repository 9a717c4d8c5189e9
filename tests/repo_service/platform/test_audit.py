"""The audit trail: rows follow one another, and whatever is done to one of them shows."""

from typing import Any

import pytest
from sqlalchemy import event, text

from repo_service.context import Context
from repo_service.services import audit

pytestmark = pytest.mark.both_databases


def breaks(ctx: Context) -> list[audit.Break]:
    with ctx.db.read() as session:
        return list(audit.verify(session))


@pytest.fixture
def trail(ctx: Context) -> Context:
    for number in range(5):
        with ctx.db.write() as session:
            audit.record(session, ctx, "operator", "test.act", f"thing-{number}", note="说明", n=number, ratio=0.5)
            audit.record(session, ctx, "system", "test.refused", f"thing-{number}", ok=False, at=ctx.clock())
    return ctx


def change(ctx: Context, statement: str) -> None:
    with ctx.db.write() as session:
        session.execute(text(statement))


def test_a_whole_trail_holds(trail: Context) -> None:
    assert breaks(trail) == []


def test_an_act_that_is_rolled_back_leaves_no_row(trail: Context) -> None:
    def act_and_fail() -> None:
        with trail.db.write() as session:
            audit.record(session, trail, "operator", "test.act", "thing")
            raise InterruptedError

    with pytest.raises(InterruptedError):
        act_and_fail()
    assert breaks(trail) == []


@pytest.mark.parametrize(
    ("statement", "where"),
    [
        ("UPDATE audit SET who = 'nobody' WHERE seq = 4", {4}),
        ("UPDATE audit SET detail = '{}' WHERE seq = 3", {3}),
        ("DELETE FROM audit WHERE seq IN (6, 7)", {8}),
        ("DELETE FROM audit WHERE seq = 1", {2}),
        ("DELETE FROM audit WHERE seq > 8", {8}),
        ("UPDATE audit SET prev_hash = hash WHERE seq = 5", {5}),
        ("DELETE FROM audit", {0}),
    ],
)
def test_every_meddling_shows(trail: Context, statement: str, where: set[int]) -> None:
    change(trail, statement)
    assert {broken.seq for broken in breaks(trail)} == where


def test_a_row_that_was_added_by_hand_shows(trail: Context) -> None:
    columns = "at, who, what, object, ok, detail, prev_hash, hash"
    change(trail, f"INSERT INTO audit (seq, {columns}) SELECT 11, {columns} FROM audit WHERE seq = 10")
    assert {broken.seq for broken in breaks(trail)} == {11}


def test_acts_during_the_walk_break_nothing(trail: Context) -> None:
    """On PostgreSQL each statement sees what was committed before it; so an act may fall between any two of them."""
    writing: list[bool] = []

    def act(_connection: Any, _cursor: Any, statement: str, *_: Any) -> None:
        if statement.startswith("SELECT") and not any(writing):
            writing.append(True)
            with trail.db.write() as session:
                audit.record(session, trail, "operator", "test.act", "meanwhile")
            writing[-1] = False

    event.listen(trail.db.engine, "after_cursor_execute", act)
    try:
        assert breaks(trail) == []
    finally:
        event.remove(trail.db.engine, "after_cursor_execute", act)
    assert len(writing) > 1
    assert breaks(trail) == []
