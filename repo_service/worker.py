"""The worker: threads that claim and run steps, one that reconciles, one that carries changes into the index.

A slot has two threads: one listens to the queue, one looks into the database, each second beside the embedded queue,
each time the reconciler would beside a broker. So a ring that is lost costs a while, and a broker that is away no job.
"""

import os
import signal
import threading
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from functools import partial
from types import FrameType

import structlog

from ingest import strays
from repo_service.context import Context
from repo_service.services import digests, garbage, indexing, leases, upkeep
from repo_service.services.jobs import INGEST, Pipeline
from repo_service.services.processing import work_one

POLL_SECONDS = 1.0
AWAY_SECONDS = 5.0  # until the next try when something is away
SWEEP_SECONDS = 3600.0  # between two walks through the object store
MAIL_SECONDS = 60.0  # between two looks at what is to be mailed
ROLE_SECONDS = 60.0  # a role is lost after so long without renewal
STOP_SECONDS = 20.0  # for steps to hand their jobs back

_log = structlog.get_logger(__name__)


def run(ctx: Context, *, concurrency: int = 0, reconcile: bool = True, pipeline: Pipeline = INGEST) -> None:
    """Work until SIGTERM or SIGINT; running steps then hand their jobs back. Called in the main thread.

    ``concurrency``: heavy steps at the same time (0: one for each core); half as many light ones run beside them.
    """
    asked = threading.Event()

    def ask(_signal: int, _frame: FrameType | None) -> None:
        asked.set()

    before = {number: signal.signal(number, ask) for number in (signal.SIGTERM, signal.SIGINT)}
    try:
        with working(ctx, concurrency=concurrency, reconcile=reconcile, pipeline=pipeline):
            while not asked.wait(POLL_SECONDS):
                continue
    finally:
        for number, handler in before.items():
            signal.signal(number, handler)


@contextmanager
def working(
    ctx: Context, *, concurrency: int = 0, reconcile: bool = True, pipeline: Pipeline = INGEST
) -> Iterator[None]:
    """Have a worker at work in threads of this process while the block runs."""
    worker = _Worker(ctx, concurrency or os.cpu_count() or 1, reconcile, pipeline)
    worker.start()
    try:
        yield
    finally:
        worker.stop()


class _Bell:
    """Lets a thread wait until another one wakes it; a ring between a look and a wait is not missed."""

    def __init__(self) -> None:
        self._condition = threading.Condition()
        self._rings = 0

    def heard(self) -> int:
        return self._rings

    def ring(self) -> None:
        with self._condition:
            self._rings += 1
            self._condition.notify_all()

    def wait(self, heard: int, seconds: float) -> None:
        with self._condition:
            self._condition.wait_for(lambda: self._rings != heard, seconds)


class _Slot:
    """Room for one step at a time, whether a message names its job or a look into the database finds it."""

    def __init__(self, *, heavy: bool) -> None:
        self.heavy = heavy
        self.bell = _Bell()
        self.room = threading.Lock()


class _Worker:
    def __init__(self, ctx: Context, concurrency: int, reconcile: bool, pipeline: Pipeline) -> None:
        self._ctx, self._pipeline = ctx, pipeline
        self._name = leases.process_name()
        self._poll = POLL_SECONDS if ctx.settings.rings_locally else ctx.settings.reconcile_seconds
        self._stopping = threading.Event()
        self._walk = upkeep.Walk()
        self._changed = _Bell()  # there may be something for the index
        self._renew_index_role = 0.0  # by the monotonic clock; 0: it is not ours
        kinds = [True] * concurrency + [False] * max(1, concurrency // 2)
        self._slots = [_Slot(heavy=heavy) for heavy in kinds]
        self._threads = [self._thread("index", self._index, self._changed)]
        for number, slot in enumerate(self._slots):
            name = f"{'heavy' if slot.heavy else 'light'} {number}"
            self._threads.append(self._thread(name, partial(self._look, slot), slot.bell))
            self._threads.append(self._thread(f"{name} listening", partial(self._listen, slot), slot.bell))
        if reconcile and ctx.settings.mail_url:
            self._threads.append(self._thread("mail", self._mail))
        if reconcile:
            self._threads += [self._thread("reconcile", self._reconcile), self._thread("sweep", self._sweep)]

    def start(self) -> None:
        """End what dead predecessors left running, take their jobs, then begin."""
        _log.info("worker_started", worker=self._name, strays_ended=strays.sweep())
        upkeep.release_dead(self._ctx, pipeline=self._pipeline)
        for thread in self._threads:
            thread.start()

    def stop(self) -> None:
        """Let the threads end: running steps hand their jobs back, roles are laid down."""
        self._stopping.set()
        self._changed.ring()
        self._wake()
        until = time.monotonic() + STOP_SECONDS
        for thread in self._threads:
            thread.join(max(0.0, until - time.monotonic()))
        for role in (leases.RECONCILER, leases.SWEEPER, leases.INDEX_WRITER):
            leases.give(self._ctx, role, self._name)
        _log.info("worker_stopped", worker=self._name, late=[t.name for t in self._threads if t.is_alive()])

    def _thread(self, name: str, act: Callable[[], float], bell: _Bell | None = None) -> threading.Thread:
        return threading.Thread(target=self._until_stopped, args=(act, bell or _Bell()), name=name, daemon=True)

    def _until_stopped(self, act: Callable[[], float], bell: _Bell) -> None:
        """Repeat ``act``, which answers how long to pause; what goes wrong in it is told and tried again."""
        while not self._stopping.is_set():
            heard = bell.heard()
            try:
                pause = act()
            except Exception as error:  # something is away, or a fault of ours: the thread goes on
                self._part_failed(error)
                continue
            if pause:
                bell.wait(heard, pause)

    def _part_failed(self, error: Exception) -> None:
        part = threading.current_thread().name
        if isinstance(error, ConnectionError):
            _log.warning("worker_part_waits", part=part, error=str(error))
        else:
            _log.error("worker_part_failed", part=part, exc_info=error)
        self._stopping.wait(AWAY_SECONDS)

    def _wake(self) -> None:
        for slot in self._slots:
            slot.bell.ring()

    def _listen(self, slot: _Slot) -> float:
        self._ctx.queue.listen(partial(self._heard, slot), self._stopping, heavy=slot.heavy)
        return 0.0

    def _heard(self, slot: _Slot, job_id: str | None) -> None:
        """Look for work soon; or work on the job that the message names, if it is still to be done."""
        if job_id is None:
            slot.bell.ring()
            return
        try:
            self._work(slot, job_id)
        except Exception as error:  # the message has done its part: the row says what is still to do
            self._part_failed(error)

    def _look(self, slot: _Slot) -> float:
        if not self._work(slot):
            return self._poll
        if not self._ctx.settings.rings_locally:  # its ring was lost: those of the jobs after it may be too
            self._wake()
        return 0.0

    def _work(self, slot: _Slot, job_id: str | None = None) -> bool:
        with slot.room:
            if self._stopping.is_set():
                return False
            heavy = slot.heavy if job_id is None else None
            worked = work_one(
                self._ctx, self._name, heavy, job_id=job_id, pipeline=self._pipeline, stopping=self._stopping.is_set
            )
        if worked:
            self._changed.ring()
        return worked

    def _reconcile(self) -> float:
        # Not for long: while a worker that froze or lost its machine holds this role, nobody takes its jobs.
        if leases.take(self._ctx, leases.RECONCILER, self._name, 3 * self._ctx.settings.reconcile_seconds):
            report = upkeep.reconcile_once(self._ctx, thorough=False, pipeline=self._pipeline, walk=self._walk)
            self._tell(report)
        self._stopping.wait(self._ctx.settings.reconcile_seconds)
        return 0.0

    def _sweep(self) -> float:
        garbage.sweep_scratch(self._ctx)  # of this machine; the rest of the store is everybody's
        if leases.take(self._ctx, leases.SWEEPER, self._name, SWEEP_SECONDS):
            self._tell(upkeep.sweep_once(self._ctx))
        self._stopping.wait(SWEEP_SECONDS)
        return 0.0

    def _mail(self) -> float:
        from repo_service.web import letters  # here: commands need not wait until all that draws pages is loaded

        sent = digests.send_due(self._ctx, letters.digest, stopping=self._stopping.is_set)
        if sent:
            _log.info("mailed", **sent)
        self._stopping.wait(MAIL_SECONDS)
        return 0.0

    def _index(self) -> float:
        now = time.monotonic()
        if now >= self._renew_index_role:
            mine = leases.take(self._ctx, leases.INDEX_WRITER, self._name, ROLE_SECONDS)
            self._renew_index_role = now + ROLE_SECONDS / 3 if mine else 0.0
        if not self._renew_index_role:
            return POLL_SECONDS
        return 0.0 if indexing.drain(self._ctx) or indexing.learn(self._ctx) else POLL_SECONDS

    def _tell(self, report: upkeep.Report) -> None:
        if report.done or report.failed:
            _log.info("reconciled", failures=report.failures, **+report.counts)
