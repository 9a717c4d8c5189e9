"""A small pipeline over the folder store and SQLite, and a process that works through it to be killed on the way."""

import hashlib
import time
from pathlib import Path

from sqlalchemy import select

from ingest.model import Facts, Passage, Product, Step, StepInput, StepOutput, Surroundings
from repo_service import wiring
from repo_service.context import Context
from repo_service.models import File, Job, Resource, new_id
from repo_service.services import blobs, jobs, processing
from repo_service.settings import Settings
from tests import support

GIVEN = b"a lesson about wheat" * 1000
PRODUCTS = {"one.txt": b"first " * 5000, "two.txt": b"second"}


class OneStep:
    """identify, then one step that reads the file and makes two products and two passages."""

    def first_step(self) -> Step:
        """Knows what it is at once."""
        return Step("identify", 1, lambda given, around: StepOutput({"media_kind": "document"}))

    def next_steps(self, role: str, identified: Facts, /) -> tuple[Step, ...]:
        """The generic step."""
        return (Step("make", 1, _make),)


def _make(given: StepInput, around: Surroundings) -> StepOutput:
    assert given.source.read_bytes() == GIVEN
    products = []
    for name, content in PRODUCTS.items():
        path = around.scratch / name
        path.write_bytes(content)
        products.append(Product("text", name, path, "text/plain"))
    around.report(0.5)
    return StepOutput({"pages": 2}, tuple(products), (Passage("page", "一", page=1), Passage("page", "二", page=2)))


def open_context(folder: Path) -> Context:
    """The embedded installation in a folder."""
    return wiring.build(Settings(data_dir=folder, lease_seconds=30), index_writer=True)


def furnish(ctx: Context) -> str:
    """A resource with one given file and its first job; answers the resource's id."""
    resource = support.resource(ctx, support.institution(ctx))
    digest = hashlib.sha256(GIVEN).hexdigest()
    ctx.store.write("given", 0, [GIVEN])
    ctx.store.keep("given", digest)
    with ctx.db.write() as session:
        blobs.refer(session, ctx, {digest: len(GIVEN)})
        file = File(
            id=new_id(),
            resource_id=resource.id,
            version=1,
            role="source",
            path="given/lesson",
            name="lesson.txt",
            media_type="text/plain",
            sha256=digest,
            size=len(GIVEN),
            created_at=ctx.clock(),
        )
        session.add(file)
        session.flush()
        jobs.enqueue(session, ctx, file, pipeline=OneStep())
    return resource.id


def work_through(folder: Path) -> None:
    """Be the victim: wait until a tracer holds this process, then work as long as there is something to do."""
    while _tracer() == 0:
        time.sleep(0.001)
    ctx = open_context(folder)
    finish(ctx)
    ctx.close()


def finish(ctx: Context) -> None:
    """Work until nothing is ready."""
    while processing.work_one(ctx, "victim:0:0", pipeline=OneStep()):
        continue


def wrongs(ctx: Context, resource_id: str) -> list[str]:
    """What is not as it must be when all is done: jobs, files, bytes, passages, staging, scratch, outbox."""
    found: list[str] = []
    with ctx.db.read() as session:
        rows = session.scalars(select(Job).where(Job.resource_id == resource_id)).all()
        made = session.scalars(select(File).where(File.source_id.is_not(None))).all()
        resource = session.get_one(Resource, resource_id)
    if {job.step: job.state for job in rows} != {"identify": "done", "make": "done"}:
        found.append(f"jobs: {[(job.step, job.state, job.error_detail) for job in rows]}")
    if resource.pages != 2 or resource.media_kind != "document":
        found.append("the record does not show what was found")
    read = {file.path: b"".join(ctx.store.read(f"blobs/{file.sha256}")) for file in made}
    if read != PRODUCTS or len(made) != 2:
        found.append(f"products: {sorted(read)}")
    if len(list(ctx.store.scan("blobs/"))) != 3:
        found.append("blobs were lost or doubled")
    if any(ctx.store.scan("staging/")) or any(processing.scratch_root(ctx).glob("*")):
        found.append("something is left over on the way")
    return found


def _tracer() -> int:
    status = Path("/proc/self/status").read_text(encoding="utf-8")
    return next(int(line.split()[1]) for line in status.splitlines() if line.startswith("TracerPid"))
