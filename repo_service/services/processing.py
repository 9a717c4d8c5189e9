"""Running a job: claim it, fetch the file, run the step, put what it made, commit once under the fence, ring."""

import contextlib
import errno
import hashlib
import json
import os
import shutil
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path

import structlog
from sqlalchemy import select
from sqlalchemy.exc import InterfaceError, OperationalError

from ingest.errors import Cancelled, IngestError
from ingest.model import Product, Step, StepInput, StepOutput, Surroundings
from repo_service.context import Context
from repo_service.errors import LostLease
from repo_service.models import File, Job
from repo_service.services import blobs, jobs, outbox, products
from repo_service.services.jobs import INGEST, Claim, Pipeline, cancel_for, enqueue, processing_of
from repo_service.services.products import Placed
from repo_service.services.pulse import Heartbeat, Pulse
from repo_service.services.redo import reprocess, retry
from repo_service.storage.port import BLOBS, LocalBytes, ObjectMissing, StorageError

__all__ = ["cancel_for", "enqueue", "processing_of", "reprocess", "retry", "work_one"]

AWAY_SECONDS = 15.0  # until the next try when the object store is away
CHUNK = 2**20

_log = structlog.get_logger(__name__)


Beating = Callable[[Context, Claim, Callable[[], bool]], Heartbeat]


def work_one(
    ctx: Context,
    worker: str,
    heavy: bool | None = None,
    *,
    job_id: str | None = None,
    pipeline: Pipeline = INGEST,
    beating: Beating = Pulse,
    stopping: Callable[[], bool] = lambda: False,
) -> bool:
    """Claim one job, or the named one, and carry it to its next state; False when none was ready.

    Raises OperationalError when the database is away; the job then comes back when its lease ends.
    """
    claim = jobs.claim(ctx, worker, heavy, job_id)
    if claim is None:
        return False
    log = _log.bind(job=claim.job_id, step=claim.step, attempt=claim.attempt, resource=claim.resource_id)
    log.info("step_started")
    outcome = _Run(ctx, claim, pipeline, beating, stopping).outcome()
    log.info("step_ended", outcome=outcome)
    return True


def scratch_root(ctx: Context) -> Path:
    """Where the private folders of running steps lie."""
    return ctx.settings.data_dir / "scratch"


def scratch_name(job_id: str, fence: int) -> str:
    """The private folder of one claim: it tells whose it is, so that what a crash left is recognised."""
    return f"{job_id}-{fence}"


@dataclass(frozen=True, slots=True)
class _Run:
    """One claimed job on its way to its next state."""

    ctx: Context
    claim: Claim
    pipeline: Pipeline
    beating: Beating
    stopping: Callable[[], bool]

    def outcome(self) -> str:
        """Run the job; what becomes of it is written down, and said in a word."""
        try:
            with (
                _scratch(self.ctx, self.claim) as folder,
                self.beating(self.ctx, self.claim, self.stopping) as beat,
            ):
                self._run(folder, beat)
            return "done"
        except LostLease:
            return "lost"
        except Cancelled:
            return self._hand_back(0.0)
        except ObjectMissing as missing:
            return self._fail(IngestError("source_missing", str(missing)))
        except StorageError as error:
            _log.warning("store_away", job=self.claim.job_id, error=str(error))
            return self._hand_back(AWAY_SECONDS)
        except IngestError as error:
            return self._fail(error)
        except (OperationalError, InterfaceError):
            raise
        except Exception as error:
            _log.exception("step_broken", job=self.claim.job_id, step=self.claim.step)
            return self._fail(_as_failure(error))

    def _run(self, folder: Path, beat: Heartbeat) -> None:
        step, given = self._prepare(folder, beat)
        output = step.run(given, Surroundings(folder / "work", self.ctx.sandbox, beat.report))
        self._commit(step, given, output, self._put(output.products, beat))

    def _prepare(self, folder: Path, beat: Heartbeat) -> tuple[Step, StepInput]:
        """Fetch what the step works on; what it needs of earlier steps lies beside it."""
        claim = self.claim
        with self.ctx.db.read() as session:
            file = session.get_one(File, claim.file_id)
            own = list(session.scalars(select(Job).where(Job.file_id == file.id)))
            if not any(jobs.is_held(job, claim) for job in own):
                raise LostLease(claim.job_id)  # and with it what the step would need may be gone
            step = jobs.graph_of(self.pipeline, file, own).get(claim.step)
            if step is None:
                raise IngestError("unknown_step", claim.step)
            needed = session.scalars(select(File).where(File.source_id == file.id, File.role.in_(step.needs)))
            made = list(needed)
        (folder / "work").mkdir()
        (folder / "needs").mkdir()
        return step, StepInput(
            source=self._fetch(file.sha256, folder / "source", beat),
            name=file.name,
            role=file.role,
            facts={job.step: job.facts for job in own if job.state == "done"},
            products=tuple(
                Product(
                    role=one.role,
                    name=one.path.removeprefix(f"{file.id}/"),
                    path=self._fetch(one.sha256, folder / "needs" / one.id, beat),
                    media_type=one.media_type,
                    attributes=one.attributes,
                )
                for one in made
            ),
        )

    def _fetch(self, sha256: str, path: Path, beat: Heartbeat) -> Path:
        """A blob as a file of the scratch folder: linked where that can be, else copied. Steps only read it."""
        with contextlib.closing(self.ctx.store.read(BLOBS + sha256)) as chunks:
            if isinstance(chunks, LocalBytes):
                with contextlib.suppress(OSError):  # another file system, or one without links
                    os.link(chunks.path, path)
                    return path
            with path.open("xb") as target:
                for chunk in chunks:
                    target.write(chunk)
                    beat.report(0.0)
        return path

    def _put(self, made: Sequence[Product], beat: Heartbeat) -> list[Placed]:
        """Make products blobs: staged under names that tell whose they are and hashed on the way; then kept."""
        staged = [self._stage(number, product, beat) for number, product in enumerate(made)]
        blobs.announce(self.ctx, {placed.sha256 for placed in staged})
        for number, placed in enumerate(staged):
            self.ctx.store.keep(staged_name(self.claim, number), placed.sha256)
            beat.report(1.0)
        return staged

    def _stage(self, number: int, product: Product, beat: Heartbeat) -> Placed:
        digest = hashlib.sha256()

        def chunks() -> Iterator[bytes]:
            with product.path.open("rb") as source:
                while chunk := source.read(CHUNK):
                    digest.update(chunk)
                    beat.report(1.0)
                    yield chunk

        size = self.ctx.store.write(staged_name(self.claim, number), 0, chunks())
        return Placed(product, digest.hexdigest(), size)

    def _commit(self, step: Step, given: StepInput, output: StepOutput, placed: list[Placed]) -> None:
        ctx, claim = self.ctx, self.claim
        with ctx.db.write() as session:
            job = jobs.held(session, claim)
            file = session.get_one(File, claim.file_id)
            job.params_hash = params_hash(step, file.sha256, given.role)
            products.replace(session, ctx, job, placed, output.passages)
            if step.name == self.pipeline.first_step().name:
                products.classify(session, file, output.facts)
            ready = jobs.complete(session, ctx, job, step, output.facts, self.pipeline)
            products.show(session, ctx, claim.resource_id, pipeline=self.pipeline)
        outbox.ring(ctx, ready)

    def _fail(self, error: IngestError) -> str:
        ctx, claim = self.ctx, self.claim
        _log.warning("step_failed", job=claim.job_id, step=claim.step, code=error.code, detail=error.detail)
        with contextlib.suppress(LostLease), ctx.db.write() as session:
            if jobs.fail(
                session,
                ctx,
                claim,
                error.code,
                error.detail,
                retryable=error.retryable,
                pipeline=self.pipeline,
            ):
                products.show(session, ctx, claim.resource_id, pipeline=self.pipeline)
            return "failed"
        return "lost"

    def _hand_back(self, pause: float) -> str:
        with contextlib.suppress(LostLease):
            jobs.release(self.ctx, self.claim, pause=pause)
            return "released"
        return "lost"


def params_hash(step: Step, sha256: str, role: str) -> str:
    """What the result of a step depends on: the bytes, their role, and the step in its version."""
    said = [step.name, step.version, sha256, role, sorted(step.needs)]
    return hashlib.sha256(json.dumps(said).encode()).hexdigest()


def staged_name(claim: Claim, number: int) -> str:
    """The staged object of a product; `claim_of_staged` reads it back."""
    return f"job-{claim.job_id}-{claim.fence}-{number}"


def claim_of_staged(name: str) -> tuple[str, int] | None:
    """The job and the fence that a staged object belongs to; None for an upload's."""
    kind, _, rest = name.partition("-")
    parts = rest.rsplit("-", 2)
    return (parts[0], int(parts[1])) if kind == "job" and len(parts) == 3 and parts[1].isdigit() else None


def _as_failure(error: Exception) -> IngestError:
    """What was not foreseen, as a failure that is worth another try."""
    if isinstance(error, OSError) and error.errno in (errno.ENOSPC, errno.EDQUOT):
        return IngestError("disk_full", str(error), retryable=True)
    return IngestError("internal_error", f"{type(error).__name__}: {error}", retryable=True)


@contextlib.contextmanager
def _scratch(ctx: Context, claim: Claim) -> Iterator[Path]:
    folder = scratch_root(ctx) / scratch_name(claim.job_id, claim.fence)
    folder.mkdir(parents=True)
    try:
        yield folder
    finally:
        shutil.rmtree(folder, ignore_errors=True)
