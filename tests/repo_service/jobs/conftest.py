"""An installation whose clock the test turns, files whose steps are plain functions, and a hand that runs them."""

import hashlib
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta

import pytest

from ingest.model import Facts, Product, Step, StepInput, StepOutput, Surroundings
from repo_service import wiring
from repo_service.context import Context
from repo_service.models import File, Job, Resource, new_id
from repo_service.services import blobs, jobs, processing
from repo_service.services.jobs import Pipeline
from repo_service.settings import Settings
from tests import support
from tests.migrated import migrate

Run = Callable[[StepInput, Surroundings], StepOutput]


class Clock:
    """A clock that only the test moves."""

    def __init__(self) -> None:
        self.now = datetime(2026, 3, 1, tzinfo=UTC)

    def __call__(self) -> datetime:
        return self.now

    def tick(self, **amount: float) -> None:
        self.now += timedelta(**amount)


@dataclass
class Line:
    """A pipeline of given steps; ``kinds`` says by file name what identify finds."""

    steps: tuple[Step, ...] = ()
    kinds: Mapping[str, str] = field(default_factory=dict)
    version: int = 1

    def first_step(self) -> Step:
        def identify(given: StepInput, around: Surroundings) -> StepOutput:
            return StepOutput({"media_kind": self.kinds.get(given.name, "document"), "media_type": "text/x-test"})

        return Step("identify", self.version, identify)

    def next_steps(self, role: str, identified: Facts, /) -> tuple[Step, ...]:
        return self.steps


def making(name: str, content: bytes, role: str = "text", **facts: object) -> Run:
    """A step that makes one product."""

    def run_step(given: StepInput, around: Surroundings) -> StepOutput:
        path = around.scratch / name
        path.write_bytes(content)
        return StepOutput(dict(facts), (Product(role, name, path, "text/plain"),))

    return run_step


@dataclass
class Bench:
    """The installation, and what tests do with it."""

    ctx: Context
    clock: Clock
    resource: Resource

    def give(
        self, line: Pipeline, name: str = "lesson.txt", role: str = "source", data: bytes = b"lesson", version: int = 1
    ) -> File:
        digest = hashlib.sha256(data).hexdigest()
        staged = new_id()
        self.ctx.store.write(staged, 0, [data])
        self.ctx.store.keep(staged, digest)
        with self.ctx.db.write() as session:
            blobs.refer(session, self.ctx, {digest: len(data)})
            file = File(
                id=new_id(),
                resource_id=self.resource.id,
                version=version,
                role=role,
                path=f"given/{name}",
                name=name,
                media_type="application/octet-stream",
                sha256=digest,
                size=len(data),
                created_at=self.clock(),
            )
            session.add(file)
            session.flush()
            jobs.enqueue(session, self.ctx, file, pipeline=line)
        return file

    def work(self, line: Pipeline, worker: str = "w", heavy: bool | None = None) -> int:
        """Run until nothing is ready; how many jobs ran."""
        count = 0
        while processing.work_one(self.ctx, worker, heavy, pipeline=line):
            count += 1
        return count

    def states(self) -> dict[str, str]:
        return {job.step: job.state for job in self.jobs()}

    def job(self, step: str) -> Job:
        return next(job for job in self.jobs() if job.step == step)

    def jobs(self) -> list[Job]:
        with self.ctx.db.read() as session:
            return list(session.query(Job).order_by(Job.id))

    def files(self) -> dict[str, File]:
        with self.ctx.db.read() as session:
            return {file.path: file for file in session.query(File).where(File.source_id.is_not(None))}

    def fresh(self) -> Resource:
        with self.ctx.db.read() as session:
            return session.get_one(Resource, self.resource.id)


@pytest.fixture
def bench(settings: Settings) -> Iterator[Bench]:
    clock = Clock()
    ctx = wiring.build(settings, index_writer=True, clock=clock)
    migrate(ctx.db)
    yield Bench(ctx, clock, support.resource(ctx, support.institution(ctx)))
    ctx.close()
