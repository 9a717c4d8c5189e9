"""One seed: a few files with steps of every temper, workers, a reconciler, an indexer, a person; and what must hold."""

import hashlib
import json
from collections import namedtuple
from dataclasses import dataclass, field
from datetime import timedelta
from functools import cache
from pathlib import Path
from typing import Any

from sqlalchemy import text
from sqlalchemy.exc import OperationalError

from ingest.errors import Cancelled, IngestError
from ingest.model import Facts, Passage, Product, StepInput, StepOutput, Surroundings
from ingest.sandbox import Sandbox
from repo_service.context import Context
from repo_service.errors import LostLease
from repo_service.models import Base, Division, File, Institution, Resource, new_id
from repo_service.policy import OPERATOR
from repo_service.settings import Settings
from repo_service.storage.port import BLOBS, StorageError
from search.errors import SearchUnavailable
from tests.simulation.core import Core
from tests.simulation.plan import GRAPHS, Given, SimPipeline, drawn_files
from tests.simulation.ports import SimIndex, SimQueue, SimStore
from tests.simulation.world import Actor, Broken, Crash, Faults, SimDatabase, World

FAULTY_SECONDS = 240.0
REST_SECONDS = 6 * 3600.0
LEASE = 60.0
REPORT_SECONDS = 12.0
SHARED = "the same bytes from every step"


@dataclass
class Scenario:
    """A world with everything in it."""

    seed: int
    core: Core
    db: SimDatabase
    folder: Path
    starts: dict[str, int] = field(default_factory=dict)
    reprocessed: bool = False

    def __post_init__(self) -> None:
        self.world = World(self.seed)
        self.store, self.index = SimStore(self.world), SimIndex(self.world)
        self.queue = SimQueue(self.world, self._check_ring)
        self.files = drawn_files(self.world.rng)
        self.pipeline = SimPipeline(self.work)
        self.ctx = Context(
            settings=_settings(self.folder),
            db=self.db,
            store=self.store,
            index=self.index,
            queue=self.queue,
            sandbox=Sandbox("limits"),
            clock=self.world.clock,
        )

    def play(self) -> None:
        """Deposit, let things go wrong for a while, then let them come to rest, and look at what is there.

        Raises Broken.
        """
        self._furnish()
        self.db.world, self.db.after_commit = self.world, self._check_commit
        world = self.world
        for number in range(2):
            world.add(f"worker-{number}", self._worker)
        world.add("reconciler", self._reconciler)
        world.add("indexer", self._indexer)
        world.add("person", self._person)
        try:
            world.run(lambda: world.now > FAULTY_SECONDS or (world.calm and self._at_rest()), REST_SECONDS)
            world.faults = Faults()
            world.run(self._at_rest, REST_SECONDS + world.jumped)
            self._check_rest()
        finally:
            world.stop()
            self.db.world = None
            self.db.after_commit = lambda: None
        if self.seed % 3 == 0:
            self._check_cleared()

    # The actors

    def _worker(self, actor: Actor) -> None:
        name = f"{actor.name}:{actor.lives}"
        heavy = {"worker-0": None, "worker-1": self.world.rng.choice((None, False))}[actor.name]
        while True:
            try:
                if not self.core.processing.work_one(
                    self.ctx, name, heavy, pipeline=self.pipeline, beating=lambda *given: Beat(self, *given)
                ):
                    self.queue.wait(100)
            except OperationalError:
                self.world.sleep(5)

    def _reconciler(self, actor: Actor) -> None:
        while True:
            if self.core.leases.take(self.ctx, "reconciler", f"{actor.name}:{actor.lives}", 90):
                thorough = self.world.rng.random() < 0.2
                self.core.upkeep.reconcile_once(self.ctx, thorough=thorough, pipeline=self.pipeline)
            self.world.sleep(90)

    def _indexer(self, _actor: Actor) -> None:
        while True:
            try:
                if not self.core.indexing.drain(self.ctx):
                    self.queue.wait(150)
            except SearchUnavailable:
                self.world.sleep(5)

    def _person(self, _actor: Actor) -> None:
        """Give the files, again after each crash until they are there; then retry and redo a little."""
        for given in self.files:
            while not self._value("SELECT count(*) FROM file WHERE name = :n", n=given.name):
                try:
                    self._deposit(given)
                except StorageError:
                    self.world.sleep(3)
            self.world.sleep(self.world.rng.uniform(0, 40))
        self.world.sleep(self.world.rng.uniform(0, 200))
        if self.world.rng.random() < 0.4:
            self._ask_again()

    def _deposit(self, given: Given) -> None:
        data = given.name.encode()
        digest = hashlib.sha256(data).hexdigest()
        staged = new_id()
        self.store.write(staged, 0, [data])
        self.core.blobs.announce(self.ctx, [digest])
        self.store.keep(staged, digest)
        with self.db.write() as session:
            self.core.blobs.refer(session, self.ctx, {digest: len(data)})
            file = File(
                id=new_id(),
                resource_id=f"resource-{given.resource}",
                version=1,
                role=given.role,
                path=f"given/{given.name}",
                name=given.name,
                media_type="application/octet-stream",
                sha256=digest,
                size=len(data),
                created_at=self.world.clock(),
            )
            session.add(file)
            session.flush()
            job = self.core.jobs.enqueue(session, self.ctx, file, pipeline=self.pipeline)
        self.core.outbox.ring(self.ctx, [job])

    def _ask_again(self) -> None:
        rng, redo = self.world.rng, self.core.redo
        self.reprocessed = True
        if rng.random() < 0.5:
            redo.reprocess(self.ctx, rng.choice(("identify", "a", "b", None)), pipeline=self.pipeline)
        failed = self._value("SELECT resource_id || ' ' || step FROM job WHERE state = 'failed' LIMIT 1")
        if failed:
            resource_id, step = failed.split()
            redo.retry(self.ctx, OPERATOR, resource_id, step, pipeline=self.pipeline)

    def work(self, step: str, given: StepInput, around: Surroundings) -> StepOutput:
        """What a step does, by its temper."""
        job_id, _, fence = around.scratch.parent.name.rpartition("-")
        self.starts[job_id] = self.starts.get(job_id, 0) + 1
        if self._value("SELECT attempt FROM job WHERE id = :id", id=job_id) < self.starts[job_id]:
            raise Broken("work began that no attempt was counted for")
        plan = next(one for one in self.files if one.name == given.name)
        self._check_input(step, plan, given)
        temper = plan.tempers[step]
        self._toil(around)
        if temper == "deadly":
            raise Crash(step)
        failures = self._value("SELECT failures FROM job WHERE id = :id", id=job_id)
        if temper == "refused":
            raise IngestError("refused", step)
        if temper == "broken" or (temper == "flaky" and failures < 2):
            raise IngestError("broken", step, retryable=True)
        return self._made(step, plan, f"{job_id}-{fence}", around)

    def _toil(self, around: Surroundings) -> None:
        seconds = self.world.rng.choice((0.5, 3.0, 30.0, 110.0))
        while seconds > 0:
            around.report(0.5)
            self.world.sleep(min(seconds, REPORT_SECONDS))
            seconds -= REPORT_SECONDS

    def _made(self, step: str, plan: Given, token: str, around: Surroundings) -> StepOutput:
        facts: Facts = {"token": token}
        if step == "identify":
            facts |= {"graph": plan.graph, "media_kind": "document"}
        products = []
        for name, content in ((f"{step}.out", f"{token} {step}"), (f"{step}.shared", SHARED)):
            path = around.scratch / name
            path.write_text(content, encoding="utf-8")
            products.append(Product(f"made-{step}", name, path, "text/plain", {"token": token}))
        return StepOutput(facts, tuple(products), (Passage("section", token),))

    # What must hold at every moment

    def _check_ring(self, job_ids: Any) -> None:
        if self.world.open_transactions:
            raise Broken("it rang before the commit")
        for job_id in job_ids:
            state = self._value("SELECT state FROM job WHERE id = :id", id=job_id)
            rings = self._value("SELECT count(*) FROM outbox WHERE kind = 'ring' AND aggregate = :id", id=job_id)
            # Between the commit and the ring the step before it may have been opened anew: then it was ready once.
            if state is None or (state == "waiting" and not rings):
                raise Broken("it rang for a job that is not ready")

    def _check_commit(self) -> None:
        for rowid, kind, key, before, fence, facts in self._rows("SELECT rowid, * FROM sim_log"):
            if kind == "done":
                if before != "running":
                    raise Broken(f"a job that was {before} was done")
                if json.loads(facts)["token"] != f"{key}-{fence}":
                    raise Broken("somebody without the lease committed")
            elif BLOBS + key not in self.store.objects:
                raise Broken("a file refers to bytes that are not there")
            self._rows("DELETE FROM sim_log WHERE rowid = :r", r=rowid)

    def _check_input(self, step: str, plan: Given, given: StepInput) -> None:
        wanted = {"identify"} if step != "identify" else set()
        for name, after, needs, _ in GRAPHS[plan.graph]:
            if name == step:
                wanted |= set(after)
                if needs and {p.path.read_text("utf-8") for p in given.products} != {
                    f"{given.facts['a']['token']} a",
                    SHARED,
                }:
                    raise Broken("a step was not given what the one before it made")
        if not wanted <= given.facts.keys():
            raise Broken(f"{step} ran before {wanted - given.facts.keys()}")

    # What must hold at rest

    def _at_rest(self) -> bool:
        """All files given, nothing to do, nothing to tell."""
        person = next(actor for actor in self.world.actors if actor.name == "person")
        return (
            person.wake == float("inf")
            and not self._value("SELECT count(*) FROM job WHERE state IN ('waiting', 'ready', 'running')")
            and not self._value("SELECT count(*) FROM outbox WHERE done_at IS NULL")
        )

    def _check_rest(self) -> None:
        for given in self.files:
            rows = self._rows(
                "SELECT job.* FROM job JOIN file ON file.id = job.file_id WHERE file.name = :n", n=given.name
            )
            states = {row.step: row.state for row in rows}
            if states != given.expected():
                raise Broken(f"{given}: ended as {states}")
            for row in rows:
                self._check_job(given, row)
        for resource_id, rev in self._rows("SELECT id, rev FROM resource"):
            if self.index.held.get(resource_id) != rev and self._value(
                "SELECT count(*) FROM job WHERE resource_id = :r", r=resource_id
            ):
                raise Broken("the index does not hold the newest revision")

    def _check_job(self, given: Given, job: Any) -> None:
        temper = given.tempers[job.step]
        if job.lease_until is not None or job.worker:
            raise Broken("a job that ended has a lease")
        if job.state == "failed":
            limit = {"broken": job.failures == 3, "refused": job.failures >= 1, "deadly": job.interruptions == 10}
            if not limit.get(temper, False):
                raise Broken(f"{job.step} ({temper}) failed: {job.failures} failures, {job.interruptions} lost workers")
        if self.world.calm and temper != "deadly" and job.interruptions:
            raise Broken("a living worker was interrupted")
        self._check_results(job)

    def _check_results(self, job: Any) -> None:
        token = f"{job.id}-{json.loads(job.facts)['token'].rpartition('-')[2]}" if job.state == "done" else None
        made = self._rows(
            "SELECT attributes, path FROM file WHERE source_id = :f AND step = :s", f=job.file_id, s=job.step
        )
        passages = self._rows("SELECT text FROM passage WHERE file_id = :f AND step = :s", f=job.file_id, s=job.step)
        if job.state == "done":
            if {json.loads(row.attributes)["token"] for row in made} != {token} or len(made) != 2:
                raise Broken("what a step made is not what its last run made")
            if [row.text for row in passages] != [token]:
                raise Broken("passages are lost, doubled, or of another run")
        elif not self.reprocessed and (made or passages):
            raise Broken("a step that is not done left something")

    def _check_cleared(self) -> None:
        """After a week of reconciling nothing is left over, and nothing that is needed is gone."""
        for pause in (timedelta(hours=2), timedelta(days=8)):
            self.world.now += pause.total_seconds()
            self.core.upkeep.reconcile_once(self.ctx, pipeline=self.pipeline)
        wanted = {BLOBS + row[0] for row in self._rows("SELECT DISTINCT sha256 FROM file")}
        if set(self.store.objects) != wanted:
            raise Broken(f"{len(set(self.store.objects) ^ wanted)} objects are left over or gone")
        if wanted != {BLOBS + row[0] for row in self._rows("SELECT sha256 FROM blob WHERE state = 'present'")}:
            raise Broken("the rows of blobs are not those of the files")
        if any((self.folder / "scratch").glob("*")):
            raise Broken("scratch folders are left")

    # Rows, past all points

    def _furnish(self) -> None:
        """Two empty resources, and triggers that write down each commit's doings."""
        with self.db.write() as session:
            for table in reversed(Base.metadata.sorted_tables):
                session.execute(table.delete())
            session.execute(text("DELETE FROM sim_log"))
            session.add(Division(code="410100000000", name="郑州市", level=2))
            session.flush()
            now = self.world.clock()
            session.add(
                Institution(id="i", slug="s", name="校", kind="library", division_code="410100000000", created_at=now)
            )
            session.flush()
            for number in range(2):
                session.add(
                    Resource(id=f"resource-{number}", institution_id="i", title="课", created_at=now, updated_at=now)
                )

    def _rows(self, sql: str, **values: Any) -> list[Any]:
        cursor = self.db.raw.execute(sql, values)
        if cursor.description is None:
            return []
        row = _row_type(tuple(column[0] for column in cursor.description))
        return [row(*found) for found in cursor]

    def _value(self, sql: str, **values: Any) -> Any:
        rows = self._rows(sql, **values)
        return rows[0][0] if rows else None


class Beat:
    """The heartbeat without a thread: each report begins the lease anew when a third of it is over."""

    def __init__(self, scenario: Scenario, ctx: Context, claim: Any, stopping: Any) -> None:
        self._scenario, self._ctx, self._claim = scenario, ctx, claim
        self._last = scenario.world.now

    def __enter__(self) -> "Beat":
        return self

    def __exit__(self, *_error: object) -> None:
        return None

    def report(self, progress: float) -> None:
        """Raises Cancelled when the claim is lost."""
        world = self._scenario.world
        world.point()
        if world.now - self._last >= LEASE / 3:
            try:
                self._scenario.core.jobs.heartbeat(self._ctx, self._claim, progress)
            except LostLease:
                raise Cancelled from None
            self._last = world.now


@cache
def _row_type(names: tuple[str, ...]) -> Any:
    return namedtuple("Row", names, rename=True)


@cache
def _settings(folder: Path) -> Settings:
    return Settings(data_dir=folder, lease_seconds=LEASE)


def new_database() -> SimDatabase:
    """The schema in memory, with triggers that write down what each commit did to jobs and files."""
    db = SimDatabase()
    Base.metadata.create_all(db.engine)
    with db.engine.begin() as connection:
        connection.execute(text("CREATE TABLE sim_log (kind, key, before, fence, facts)"))
        connection.execute(
            text(
                "CREATE TRIGGER sim_done AFTER UPDATE ON job WHEN NEW.state = 'done'"
                " AND (OLD.state <> 'done' OR OLD.facts <> NEW.facts)"
                " BEGIN INSERT INTO sim_log VALUES ('done', NEW.id, OLD.state, NEW.fence, NEW.facts); END"
            )
        )
        connection.execute(
            text(
                "CREATE TRIGGER sim_file AFTER INSERT ON file"
                " BEGIN INSERT INTO sim_log VALUES ('file', NEW.sha256, '', 0, ''); END"
            )
        )
    return db
