"""What a deposit shows and waits for; where no worker runs, it does the work itself."""

import time
from collections.abc import Callable, Iterator, Sequence
from contextlib import ExitStack, contextmanager, suppress
from dataclasses import dataclass

from rich.console import Console
from rich.markup import escape
from rich.progress import (
    BarColumn,
    DownloadColumn,
    Progress,
    ProgressColumn,
    TaskID,
    TextColumn,
    TransferSpeedColumn,
)
from sqlalchemy import select
from sqlalchemy.orm import Session

from repo_service import wiring, worker
from repo_service.commands import console
from repo_service.context import Context
from repo_service.errors import Unavailable
from repo_service.models import File, Job, Lease, Outbox, Resource
from repo_service.services import leases, outbox
from repo_service.services.jobs import OPEN, processing_of

POLL_SECONDS = 0.5
LOOK_SECONDS = 5.0  # between two looks whether the worker of another process still runs
INDEX_SECONDS = 30.0  # what is processed is in the index soon; not to be waited for longer
AT_ONCE = 400  # resources of one query
ENDED = frozenset({"none", "ready", "partial", "failed"})

Report = Callable[[int], None]  # bytes more
Show = Callable[[str, str, str, float], None]  # id, title, step, done from 0 to 1


@dataclass(frozen=True, slots=True)
class State:
    """How a resource is. ``done`` 0 to 1; ``step`` is what is being done; ``error`` the first failure's code."""

    title: str
    state: str
    processing: str
    done: float
    step: str
    error: str | None
    detail: str


def states(ctx: Context, ids: Sequence[str]) -> dict[str, State]:
    """How these resources are, by id."""
    found: dict[str, State] = {}
    with ctx.db.read() as session:
        for start in range(0, len(ids), AT_ONCE):
            found |= _states(session, ids[start : start + AT_ONCE])
    return found


def unfinished(ctx: Context) -> list[str]:
    """The resources that have steps to do, or that the index does not know as they are."""
    with ctx.db.read() as session:
        working = session.scalars(select(Job.resource_id).where(Job.state.in_(OPEN)))
        told = session.scalars(select(Outbox.aggregate).where(Outbox.kind == outbox.INDEX, Outbox.done_at.is_(None)))
        return sorted({*working, *told})


def until_ended(ctx: Context, ids: Sequence[str]) -> None:
    """Return when all steps of these resources ended and the index knows; shows each one's steps meanwhile."""
    open_ids = list(ids)
    with steps() as show:
        while open_ids:
            with _work_if_nobody_does(ctx) as mine:
                look_again = time.monotonic() + LOOK_SECONDS
                while open_ids and (mine or time.monotonic() < look_again):
                    asked = time.monotonic()
                    now = states(ctx, open_ids)
                    for state_id, state in now.items():
                        show(state_id, state.title, state.step or state.processing, state.done)
                    open_ids = [one for one in open_ids if one in now and now[one].processing not in ENDED]
                    took = time.monotonic() - asked  # of thousands of resources asking is work
                    time.sleep(max(POLL_SECONDS, 4 * took) if open_ids else 0)
                if not open_ids:
                    _until_indexed(ctx, ids)


@contextmanager
def transfer(total: int) -> Iterator[Report]:
    """A bar over bytes on standard error; the block reports each step. Silent where nobody looks at a terminal."""
    columns = (TextColumn("{task.description}"), BarColumn(), DownloadColumn(), TransferSpeedColumn())
    with _bars(*columns) as bars:
        task = bars.add_task("收取 · taking in", total=total)
        yield lambda size: bars.advance(task, size)


@contextmanager
def steps() -> Iterator[Show]:
    """A bar for each resource that is being processed, with its step; the ended ones go."""
    with _bars(TextColumn("{task.description}"), BarColumn(), TextColumn("{task.fields[step]}")) as bars:
        tasks: dict[str, TaskID] = {}

        def show(resource_id: str, title: str, step: str, done: float) -> None:
            if resource_id not in tasks:
                tasks[resource_id] = bars.add_task(escape(title[:40]), total=1.0, step="", visible=False)
            begun = step not in ("queued", "none")
            bars.update(tasks[resource_id], completed=done, step=step, visible=begun and step not in ENDED)

        yield show


@contextmanager
def _bars(*columns: ProgressColumn) -> Iterator[Progress]:
    console_ = Console(stderr=True)
    with Progress(*columns, console=console_, disable=not console_.is_terminal, transient=True) as bars:
        yield bars


@contextmanager
def _work_if_nobody_does(ctx: Context) -> Iterator[bool]:
    """A worker in this process for the block, unless another one runs; answer whether it is ours."""
    with ExitStack() as stack:
        mine = False
        if not _worker_runs(ctx):
            with suppress(Unavailable):  # a `serve` that is just starting holds the folder
                if ctx.settings.rings_locally:  # else `serve` has no worker, and others may be on their way
                    stack.enter_context(console.alone(ctx.settings.data_dir))
                own = wiring.build(ctx.settings, index_writer=True)
                stack.callback(own.close)
                stack.enter_context(worker.working(own))
                mine = True
        yield mine


def _worker_runs(ctx: Context) -> bool:
    with ctx.db.read() as session:
        lease = session.get(Lease, leases.INDEX_WRITER)
    return bool(lease and lease.until and lease.until > ctx.clock() and not leases.is_dead(lease.holder))


def _until_indexed(ctx: Context, ids: Sequence[str]) -> None:
    until = time.monotonic() + INDEX_SECONDS
    waiting = select(Outbox.id).where(outbox.UNTOLD)
    for start in range(0, len(ids), AT_ONCE):
        while time.monotonic() < until:
            with ctx.db.read() as session:
                if session.scalar(waiting.where(Outbox.aggregate.in_(ids[start : start + AT_ONCE])).limit(1)) is None:
                    break
            time.sleep(POLL_SECONDS)


def _states(session: Session, ids: Sequence[str]) -> dict[str, State]:
    resources = session.scalars(select(Resource).where(Resource.id.in_(ids))).all()
    files = session.scalars(select(File).where(File.resource_id.in_(ids), File.source_id.is_(None))).all()
    jobs = session.scalars(select(Job).where(Job.resource_id.in_(ids)).order_by(Job.id)).all()
    return {
        one.id: _state(
            one,
            [job for job in jobs if (job.resource_id, job.version) == (one.id, one.version)],
            [file for file in files if (file.resource_id, file.version) == (one.id, one.version)],
        )
        for one in resources
    }


def _state(resource: Resource, jobs: Sequence[Job], files: Sequence[File]) -> State:
    failed = next((job for job in jobs if job.state == "failed"), None)
    running = [job.step for job in jobs if job.state == "running"]
    done = sum(1.0 if job.state in ("done", "failed", "cancelled") else job.progress for job in jobs)
    return State(
        title=resource.title,
        state=resource.state,
        processing=processing_of(jobs, files),
        done=done / len(jobs) if jobs else 1.0,
        step=", ".join(running),
        error=failed.error_code if failed else None,
        detail=failed.error_detail if failed else "",
    )
