"""One part of `xuehai serve` as a process: ``api``, ``content`` or ``worker``. Started by `supervisor` alone."""

import os
import signal
import socket
import sys
import threading
import time
from collections.abc import Callable

import structlog
import uvicorn
from starlette.types import ASGIApp

from repo_service import logs, wiring
from repo_service.commands.protocol import Protocol
from repo_service.context import Context
from repo_service.settings import Settings

NICENESS = 5  # of the worker and the programs that it starts: a page is never slow because a film is on its way
ORPHAN_SECONDS = 3.0  # from the supervisor's death to the hard end of this process
log = structlog.get_logger(__name__)
DRAIN_SECONDS = 5  # for requests that are being answered when the end is asked for


def main(kind: str, name: str, listener: int, ready_fd: int) -> None:
    """Be the part until told to end; say so on ``ready_fd`` when up."""
    settings = Settings.model_validate_json(sys.stdin.buffer.readline())
    threading.Thread(target=_watch_parent, daemon=True).start()
    logs.configure(settings.log_level, part=name)
    ctx = wiring.build(settings, index_writer=kind == "worker")

    def ready() -> None:
        log.info("part_ready")
        os.write(ready_fd, f"{name}\n".encode())

    try:
        if kind == "worker":
            _work(ctx, ready)
        else:
            _listen(_application(kind, ctx), socket.socket(fileno=listener), ready)
    finally:
        ctx.close()


class _Server(uvicorn.Server):
    """uvicorn, with a word when it accepts connections."""

    def __init__(self, config: uvicorn.Config, ready: Callable[[], None]) -> None:
        super().__init__(config)
        self._say_ready = ready

    async def startup(self, sockets: list[socket.socket] | None = None) -> None:
        await super().startup(sockets)
        self._say_ready()


def _listen(application: ASGIApp, listener: socket.socket, ready: Callable[[], None]) -> None:
    config = uvicorn.Config(
        application,
        http=Protocol,
        log_config=None,
        access_log=False,
        server_header=False,
        timeout_graceful_shutdown=DRAIN_SECONDS,
    )
    _Server(config, ready).run(sockets=[listener])


def _application(kind: str, ctx: Context) -> ASGIApp:
    """Imported here: a worker needs no web framework in its memory."""
    from repo_service import app
    from repo_service.api.hot import Hot

    return Hot(app.create_app(ctx)) if kind == "api" else app.create_content_app(ctx)


def _work(ctx: Context, ready: Callable[[], None]) -> None:
    from repo_service import worker

    os.nice(NICENESS)
    ready()
    worker.run(ctx)


def _watch_parent() -> None:
    """End with the supervisor: politely first, then at once."""
    while os.read(0, 4096):
        continue
    os.kill(os.getpid(), signal.SIGTERM)
    time.sleep(ORPHAN_SECONDS)
    os._exit(1)


if __name__ == "__main__":
    main(sys.argv[1], sys.argv[2], int(sys.argv[3]), int(sys.argv[4]))
