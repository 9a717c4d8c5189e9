"""The worker: threads that claim and run steps, one that reconciles, one that carries changes into the index."""

import os
import signal
import threading
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from types import FrameType

import structlog

from ingest import strays
from repo_service.context import Context
from repo_service.services import indexing, leases, upkeep
from repo_service.services.jobs import INGEST, Pipeline
from repo_service.services.processing import work_one

POLL_SECONDS = 1.0
AWAY_SECONDS = 5.0  # until the next try when something is away
SWEEP_SECONDS = 3600.0  # between two walks through the object store
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
    """Lets threads of one process wait for the queue together; a ring between a look and a wait is not missed."""

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


class _Worker:
    def __init__(self, ctx: Context, concurrency: int, reconcile: bool, pipeline: Pipeline) -> None:
        self._ctx, self._pipeline = ctx, pipeline
        self._name = leases.process_name()
        self._stopping = threading.Event()
        self._bell = _Bell()
        self._renew_index_role = 0.0  # by the monotonic clock; 0: it is not ours
        loops: list[tuple[str, Callable[[], float]]] = [("listen", self._listen), ("index", self._index)]
        loops += [(f"heavy {number}", lambda: self._work(heavy=True)) for number in range(concurrency)]
        loops += [(f"light {number}", lambda: self._work(heavy=False)) for number in range(max(1, concurrency // 2))]
        if reconcile:
            loops += [("reconcile", self._reconcile), ("sweep", self._sweep)]
        self._threads = [
            threading.Thread(target=self._until_stopped, args=(act,), name=name, daemon=True) for name, act in loops
        ]

    def start(self) -> None:
        """End what dead predecessors left running, take their jobs, then begin."""
        _log.info("worker_started", worker=self._name, strays_ended=strays.sweep())
        upkeep.release_dead(self._ctx, pipeline=self._pipeline)
        for thread in self._threads:
            thread.start()

    def stop(self) -> None:
        """Let the threads end: running steps hand their jobs back, roles are laid down."""
        self._stopping.set()
        self._bell.ring()
        until = time.monotonic() + STOP_SECONDS
        for thread in self._threads:
            thread.join(max(0.0, until - time.monotonic()))
        for role in (leases.RECONCILER, leases.SWEEPER, leases.INDEX_WRITER):
            leases.give(self._ctx, role, self._name)
        _log.info("worker_stopped", worker=self._name, late=[t.name for t in self._threads if t.is_alive()])

    def _until_stopped(self, act: Callable[[], float]) -> None:
        """Repeat ``act``, which answers how long to pause; what goes wrong in it is told and tried again."""
        while not self._stopping.is_set():
            heard = self._bell.heard()
            try:
                pause = act()
            except Exception:  # the database, the broker or the index is away, or a fault of ours: the thread goes on
                _log.exception("worker_part_failed", part=threading.current_thread().name)
                self._stopping.wait(AWAY_SECONDS)
                continue
            if pause:
                self._bell.wait(heard, pause)

    def _listen(self) -> float:
        self._ctx.queue.wait(POLL_SECONDS)
        self._bell.ring()
        return 0.0

    def _work(self, *, heavy: bool) -> float:
        worked = work_one(self._ctx, self._name, heavy, pipeline=self._pipeline, stopping=self._stopping.is_set)
        return 0.0 if worked else POLL_SECONDS

    def _reconcile(self) -> float:
        if leases.take(self._ctx, leases.RECONCILER, self._name, ROLE_SECONDS):
            self._tell(upkeep.reconcile_once(self._ctx, thorough=False, pipeline=self._pipeline))
        self._stopping.wait(self._ctx.settings.reconcile_seconds)
        return 0.0

    def _sweep(self) -> float:
        if leases.take(self._ctx, leases.SWEEPER, self._name, SWEEP_SECONDS):
            self._tell(upkeep.sweep_once(self._ctx))
        self._stopping.wait(SWEEP_SECONDS)
        return 0.0

    def _index(self) -> float:
        now = time.monotonic()
        if now >= self._renew_index_role:
            mine = leases.take(self._ctx, leases.INDEX_WRITER, self._name, ROLE_SECONDS)
            self._renew_index_role = now + ROLE_SECONDS / 3 if mine else 0.0
        return 0.0 if self._renew_index_role and indexing.drain(self._ctx) else POLL_SECONDS

    def _tell(self, report: upkeep.Report) -> None:
        if report.done or report.failed:
            _log.info("reconciled", failures=report.failures, **+report.counts)
