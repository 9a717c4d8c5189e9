"""``serve`` and ``worker``: the commands that stay."""

import errno
import os
import socket
import time
from typing import Annotated, Any

import structlog
import typer

from repo_service import logs, worker
from repo_service.commands import console, ingesting
from repo_service.commands.console import Json
from repo_service.commands.supervisor import Part, Supervisor
from repo_service.db import Database
from repo_service.errors import Unavailable
from repo_service.migrations import run
from repo_service.settings import Settings

log = structlog.get_logger(__name__)
BIND_SECONDS = 5.0  # for the sockets of a crashed predecessor to be given back


def serve(
    host: Annotated[str | None, typer.Option(help="监听地址 · address to listen on")] = None,
    port: Annotated[
        int | None, typer.Option(min=0, max=65535, help="端口，0 为自选 · port, 0 picks a free one")
    ] = None,
    content_port: Annotated[
        int | None, typer.Option(min=0, max=65535, help="课件内容端口 · port of the content origin")
    ] = None,
    workers: Annotated[int, typer.Option(min=1, max=64, help="网站进程数 · processes of the site")] = 1,
    as_json: Json = False,
) -> None:
    """提供网站、接口、课件内容和一个处理进程 · serve pages, API, content origin and one worker process."""
    settings = console.read_settings()
    logs.configure(settings.log_level, part="serve")
    host = host or settings.host
    with console.alone(settings.data_dir):
        site = _bind(host, settings.port if port is None else port)
        content = _bind(host, settings.content_port if content_port is None else content_port)
        settings = _addressed(settings, host, site.getsockname()[1], content.getsockname()[1])
        _make_ready(settings)
        parts = [Part(f"api-{n}", "api", site) for n in range(1, workers + 1)]
        parts.append(Part("content", "content", content))
        if settings.rings_locally:
            parts.append(Part("worker", "worker"))
        supervisor = Supervisor(settings, parts, lambda: _announce(settings, as_json=as_json))
        raise typer.Exit(supervisor.run())


def work(
    concurrency: Annotated[
        int, typer.Option(min=0, max=64, help="同时处理的重步骤数，0 为每核一个 · heavy steps at a time, 0: one a core")
    ] = 0,
    until_idle: Annotated[
        bool, typer.Option("--until-idle", help="做完现有的工作就结束 · end when nothing is left to do")
    ] = False,
) -> None:
    """只处理课件，不提供网站 · a worker only."""
    if until_idle:
        with console.opened() as ctx:
            ingesting.until_ended(ctx, ingesting.unfinished(ctx))
        return
    with console.opened(index_writer=True) as ctx:
        logs.configure(ctx.settings.log_level, part="worker")
        worker.run(ctx, concurrency=concurrency)


def _make_ready(settings: Settings) -> None:
    """Over before the parts start: the supervisor itself holds no connection."""
    db = Database(settings.database_url)
    try:
        if console.make_ready(db):
            log.info("migrated", revision=run.current(db))
    finally:
        db.close()


def _announce(settings: Settings, *, as_json: bool) -> None:
    data = {"url": settings.public_url, "content_url": settings.content_url, "pid": os.getpid()}
    text = f"学海已就绪 · Xuehai is ready: {settings.public_url}  (课件内容 · content: {settings.content_url})"
    console.show(data, text, as_json=as_json)


def _addressed(settings: Settings, host: str, port: int, content_port: int) -> Settings:
    """Settings with the ports that were chosen, and with addresses that follow them unless the operator named some."""
    chosen: dict[str, Any] = {"host": host, "port": port, "content_port": content_port}
    if "public_url" not in settings.model_fields_set:
        chosen["public_url"] = f"http://127.0.0.1:{port}"
    if "content_url" not in settings.model_fields_set:
        chosen["content_url"] = f"http://localhost:{content_port}"
    return settings.model_copy(update=chosen)


def _bind(host: str, port: int) -> socket.socket:
    """A listening socket that the parts inherit; a port that is just being given back is waited for."""
    family = socket.AF_INET6 if ":" in host else socket.AF_INET
    until = time.monotonic() + BIND_SECONDS
    while True:
        try:
            return socket.create_server((host, port), family=family, backlog=2048)
        except OSError as error:
            if error.errno != errno.EADDRINUSE or time.monotonic() > until:
                raise Unavailable(f"{host}:{port}: {error.strerror}", code="address_refused") from None
            time.sleep(0.1)
