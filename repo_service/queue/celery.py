"""The doorbell between machines: Celery over Redis or RabbitMQ.

A message is a job's id and nothing else; what is to be done stands in its row, and so do attempts, leases and pauses.
So a message that is lost, doubled, late or redelivered while its job still runs does no harm, and the broker may
forget everything at any time.
"""

import contextlib
import threading
import time
from collections.abc import Callable, Sequence
from typing import Any

from celery import Celery
from celery.bootsteps import RUN
from celery.exceptions import OperationalError, Reject, WorkerShutdown
from celery.worker import WorkController
from celery.worker.consumer import Consumer

from repo_service.queue.port import Heard

TASK = "xuehai.step"
LIGHT, HEAVY = "xuehai.light", "xuehai.heavy"  # apart, so that a film of two hours never delays a leaflet
PATIENCE = 2.0  # seconds for the broker to answer anything
RESPITE = 5.0  # after it was away: for so long nobody tries again, so that requests do not wait one after another
REDELIVERY = 24 * 3600  # Redis gives back what was not acknowledged; nobody needs it, since leases end much sooner

SETTINGS: dict[str, Any] = {
    "task_acks_late": True,
    "task_reject_on_worker_lost": False,
    "worker_prefetch_multiplier": 1,
    "task_ignore_result": True,
    "result_backend": None,
    "task_serializer": "json",
    "accept_content": ["json"],
    "worker_enable_remote_control": False,
    "worker_send_task_events": False,
    "worker_hijack_root_logger": False,
    # Who lost the connection ends and begins anew: no loop of Celery's own that could not be stopped.
    "broker_connection_retry": False,
    "broker_connection_retry_on_startup": False,
    "broker_connection_timeout": PATIENCE,
}
_ending = threading.Lock()


class CeleryQueue:
    """Rings through a broker. One listener is one Celery worker of one slot, in the thread that called."""

    def __init__(self, url: str) -> None:
        self._url = url
        self._app = _application(url, _patience(url))
        self._lock = threading.Lock()
        self._producer: Any = None
        self._silent_until = 0.0

    def ring(self, job_ids: Sequence[str], *, heavy: bool = False) -> None:
        """Send each id to the queue of its kind. Raises ConnectionError within seconds, or at once in a respite."""
        if not job_ids:
            return
        if time.monotonic() < self._silent_until:
            raise ConnectionError("the broker was away a moment ago")
        if not self._lock.acquire(timeout=2 * PATIENCE):
            raise ConnectionError("the broker keeps another ring waiting")
        try:
            for job_id in job_ids:
                self._send(job_id, HEAVY if heavy else LIGHT)
        except (OperationalError, OSError) as error:
            self._hang_up()
            self._silent_until = time.monotonic() + RESPITE
            raise ConnectionError(f"the broker is away: {type(error.__cause__ or error).__name__}") from error
        finally:
            self._lock.release()

    def listen(self, heard: Heard, stopping: threading.Event, *, heavy: bool) -> None:
        """Call ``heard`` with each id that comes; what comes while stopping goes back to the broker."""

        def step(job_id: str) -> None:
            if not stopping.is_set():
                heard(job_id)
            if stopping.is_set():  # perhaps handed back: whoever goes on shall hear of it
                raise Reject("stopping", requeue=True)

        app = _application(self._url, {"visibility_timeout": REDELIVERY})
        app.task(name=TASK, shared=False)(step)
        app.set_current()  # in this thread: a message's task is looked up there
        _Slot(
            app=app,
            queues=[HEAVY if heavy else LIGHT],
            pool_cls="solo",
            consumer_cls=_stopping_with(stopping.is_set),
            use_eventloop=False,
            without_mingle=True,
            without_gossip=True,
            without_heartbeat=True,
        ).start()
        if not stopping.is_set():
            raise ConnectionError("the broker is away")

    def close(self) -> None:
        """Hang up."""
        with self._lock:
            self._hang_up()

    def _send(self, job_id: str, queue: str) -> None:
        """Publish one id, once more over a new connection when the one that was kept is broken."""
        kept = self._producer is not None
        try:
            self._publish(job_id, queue)
        except (OperationalError, OSError):
            self._hang_up()
            if not kept:
                raise
            self._publish(job_id, queue)

    def _publish(self, job_id: str, queue: str) -> None:
        if self._producer is None:
            self._producer = self._app.amqp.Producer(self._app.connection_for_write(), auto_declare=False)
        self._app.send_task(
            TASK, args=[job_id], queue=queue, producer=self._producer, retry=False, confirm_timeout=PATIENCE
        )

    def _hang_up(self) -> None:
        producer, self._producer = self._producer, None
        if producer is not None:
            with contextlib.suppress(OperationalError, OSError):
                producer.connection.close()


def _application(url: str, options: dict[str, Any]) -> Any:
    """A Celery application of its own: which queues it consumes is a state of the application."""
    app = Celery("xuehai", broker=url, set_as_current=False)
    app.conf.update(SETTINGS, broker_transport_options={"max_retries": 0, **options})
    return app


def _patience(url: str) -> dict[str, Any]:
    """Limits of waiting, in the words of each client; RabbitMQ has to confirm, or nobody knows."""
    if url.startswith("redis"):
        return {"socket_connect_timeout": PATIENCE, "socket_timeout": PATIENCE}
    return {"confirm_publish": True, "read_timeout": PATIENCE, "write_timeout": PATIENCE}


class _Slot(WorkController):  # type: ignore[misc]
    """A Celery worker that ends alone: while it does, it changes the time limit of all new sockets of the process."""

    def _shutdown(self, warm: bool = True) -> None:
        with _ending:
            super()._shutdown(warm)


def _stopping_with(stopping: Callable[[], bool]) -> type:
    """A consumer that looks between two messages, and twice in a few seconds without any, whether to stop."""

    class Stopping(Consumer):  # type: ignore[misc]
        def perform_pending_operations(self) -> None:
            if stopping() and self.blueprint.state == RUN:  # it is called once more on the way out
                raise WorkerShutdown(0)
            super().perform_pending_operations()

    return Stopping
