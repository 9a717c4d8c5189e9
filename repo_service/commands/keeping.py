"""``migrate``, ``reprocess``, ``reindex``, ``reconcile``: what keeps an installation up to date."""

import time
from typing import Annotated

import typer
from rich.text import Text

from repo_service.commands import console
from repo_service.commands.console import Json
from repo_service.migrations import run
from repo_service.services import indexing, redo, upkeep


def migrate(as_json: Json = False) -> None:
    """把数据库升级到最新结构 · bring the schema to the newest."""
    with console.opened(migrated=False) as ctx:
        changed = console.prepare(ctx.db)
        revision = run.current(ctx.db)
    text = f"{revision} {'升级完成 · upgraded' if changed else '已是最新 · up to date already'}"
    console.show({"revision": revision, "changed": changed}, text, as_json=as_json)


def reprocess(
    step: Annotated[
        str | None, typer.Option(help="只重做这一步；缺省为所有过时的步骤 · this step; by default all outdated ones")
    ] = None,
    as_json: Json = False,
) -> None:
    """重新处理课件，由处理进程执行 · have steps done again by the worker."""
    with console.opened() as ctx:
        begun = redo.reprocess(ctx, step)
    _report(len(begun), {}, as_json=as_json)


def reindex(as_json: Json = False) -> None:
    """重建检索索引，期间检索照常 · build the index anew; search goes on meanwhile."""
    with console.opened(index_writer=True) as ctx, console.waiting("重建索引 · building the index"):
        result = indexing.reindex(ctx)
    _report(result.done, {one.id: one.reason for one in result.failed}, as_json=as_json)


def reconcile(
    once: Annotated[bool, typer.Option("--once", help="只运行一次 · one pass only")] = False,
    as_json: Json = False,
) -> None:
    """修复中断留下的状态 · put right what interruptions left behind."""
    with console.opened(index_writer=True) as ctx:
        while True:
            report = upkeep.reconcile_once(ctx)
            if once:
                break
            time.sleep(ctx.settings.reconcile_seconds)
    _report(report.done, report.failures, as_json=as_json)


def _report(done: int, failures: dict[str, str], *, as_json: bool) -> None:
    """How much was done; the command fails when a part of it did."""
    text = Text(f"完成 · done: {done}   失败 · failed: {len(failures)}")
    for name, reason in failures.items():
        text.append(f"\n{name}: {reason}")
    console.show({"done": done, "failed": len(failures)}, text, as_json=as_json)
    if failures:
        raise typer.Exit(1)
