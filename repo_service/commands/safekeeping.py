"""``doctor``, ``backup``, ``restore``, ``verify``: whether everything is there, and stays there."""

from dataclasses import asdict
from pathlib import Path
from typing import Annotated

import typer
from rich.text import Text

from repo_service.commands import console
from repo_service.commands.console import Json
from repo_service.services import backup as backups
from repo_service.services import doctor as doctors
from repo_service.services import indexing
from repo_service.services import restore as restores
from repo_service.services.backup_folder import Outcome
from repo_service.services.invariants import Finding

Folder = Annotated[Path, typer.Argument(metavar="DIR", help="备份文件夹 · folder of the backup")]


def doctor(
    repair: Annotated[bool, typer.Option("--repair", help="修复可以修复的 · mend what can be mended")] = False,
    as_json: Json = False,
) -> None:
    """检查数据库、文件与索引是否一致 · check database, files and index against each other."""
    with console.opened(index_writer=repair) as ctx, console.waiting("检查 · examining"):
        findings = doctors.examine(ctx)
        if repair:
            findings = doctors.repair(ctx, findings)
            while indexing.drain(ctx):
                continue
    _tell(findings, as_json=as_json)


def backup(folder: Folder, as_json: Json = False) -> None:
    """在运行中备份到空文件夹 · back up into an empty folder while everything runs."""
    with console.opened() as ctx, console.progress("备份 · backup") as advance:
        outcome = backups.backup(ctx, folder, advance)
    _conclude(outcome, as_json=as_json)


def restore(folder: Folder, as_json: Json = False) -> None:
    """把备份恢复到空的数据文件夹 · restore a backup into an empty data folder."""
    with (
        console.opened(migrated=False, index_writer=True) as ctx,
        console.alone(ctx.settings.data_dir),
        console.progress("恢复 · restore") as advance,
    ):
        outcome = restores.restore(ctx, folder, advance)
        outcome.problems += [f"{one.id}: {one.reason}" for one in indexing.reindex(ctx).failed]
    _conclude(outcome, as_json=as_json)


def verify(
    folder: Annotated[
        Path | None,
        typer.Argument(metavar="[DIR]", help="备份文件夹；缺省为本安装 · a backup; by default the data itself"),
    ] = None,
    as_json: Json = False,
) -> None:
    """核对每个文件的校验和 · check every byte of a backup, or of the installation."""
    with console.progress("核对 · verify") as advance:
        if folder is not None:
            outcome = backups.verify(folder, advance)
        else:
            with console.opened() as ctx:
                outcome = backups.verify_live(ctx, advance)
    _conclude(outcome, as_json=as_json)


def _tell(findings: list[Finding], *, as_json: bool) -> None:
    text = Text()
    for found in findings:
        text.append(found.kind, style="bold").append(f"  {found.object}  {found.detail}")
        text.append(f"  → {found.repaired}\n" if found.repaired else "\n")
    text.append(f"发现 · findings: {len(findings)}" if findings else "一切正常 · everything holds")
    console.show({"findings": [asdict(found) for found in findings]}, text, as_json=as_json)
    if findings:
        raise typer.Exit(1)


def _conclude(outcome: Outcome, *, as_json: bool) -> None:
    text = Text(
        f"资源 · resources: {outcome.resources}   文件 · blobs: {outcome.blobs}   字节 · bytes: {outcome.bytes}"
    )
    for problem in outcome.problems:
        text.append(f"\n{problem}", style="red")
    console.show(asdict(outcome), text, as_json=as_json)
    if outcome.problems:
        raise typer.Exit(1)
