"""An installation as tests of faults see it: furnished, watched until it rests, and held against an undisturbed one."""

import contextlib
import time
from collections import Counter
from collections.abc import Callable
from pathlib import Path

from sqlalchemy import func, select

from repo_service import wiring
from repo_service.commands import console
from repo_service.context import Context
from repo_service.models import File, Job, Outbox, Passage, Resource
from repo_service.policy import OPERATOR
from repo_service.services import accounts, doctor
from repo_service.settings import Settings

SETTLE_SECONDS = 120.0

Made = tuple[tuple[str, ...], int]  # roles of the products, and how many passages


def descendants(pid: int) -> list[int]:
    """All processes below one."""
    found: list[int] = []
    for task in Path(f"/proc/{pid}/task").glob("*/children"):
        with contextlib.suppress(OSError):
            found += [int(child) for child in task.read_text(encoding="ascii").split()]
    return found + [below for child in found for below in descendants(child)]


def furnish(settings: Settings) -> str:
    """An installation with one institution and one uploader; answers the uploader's key."""
    ctx = wiring.build(settings)
    console.prepare(ctx.db)
    accounts.create_institution(ctx, OPERATOR, slug="s", name="校", kind="library", division="410100000000")
    password = "a long enough password"
    accounts.create_user(
        ctx, OPERATOR, email="a@example.cn", name="王", role="uploader", institution="s", password=password
    )
    _, key = accounts.create_key(ctx, OPERATOR, email="a@example.cn", scopes=["upload"])
    ctx.close()
    return key


def made_of(ctx: Context) -> dict[str, Made]:
    """What came of each given file, by its name."""
    with ctx.db.read() as session:
        given = session.scalars(select(File).where(File.source_id.is_(None))).all()
        return {
            file.name: (
                tuple(sorted(session.scalars(select(File.role).where(File.source_id == file.id)))),
                session.scalar(select(func.count()).where(Passage.file_id == file.id)) or 0,
            )
            for file in given
        }


def at_rest(ctx: Context) -> bool:
    """No job and nothing to announce is left."""
    with ctx.db.read() as session:
        jobs = session.scalar(select(func.count()).where(Job.state.in_(("waiting", "ready", "running"))))
        told = session.scalar(select(func.count()).where(Outbox.done_at.is_(None)))
    return not jobs and not told


def settle(ctx: Context) -> None:
    eventually(lambda: at_rest(ctx), SETTLE_SECONDS)


def eventually(holds: Callable[[], bool], seconds: float) -> None:
    until = time.monotonic() + seconds
    while not holds():
        assert time.monotonic() < until, "it does not come to rest"
        time.sleep(0.2)


def check(ctx: Context, given: list[str], undisturbed: dict[str, Made]) -> None:
    """Nothing lost, nothing doubled, everything as without the kills."""
    made = made_of(ctx)
    assert sorted(made) == sorted(given), "each acknowledged upload is one file"
    with ctx.db.read() as session:
        assert session.scalar(select(func.count(Resource.id))) == len(given)
        states = Counter(session.scalars(select(Job.state)))
    assert set(states) == {"done"}, states
    assert {name: result for name, result in made.items() if result != undisturbed[name.split("-")[-1]]} == {}
    assert doctor.examine(ctx) == []
