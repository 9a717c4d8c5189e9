"""``import``: records in bulk, from JSON Lines or CSV."""

from dataclasses import asdict
from pathlib import Path
from typing import Annotated, get_args

import typer
from rich.text import Text

from repo_service.commands import console
from repo_service.commands.console import Json
from repo_service.policy import OPERATOR
from repo_service.services import exchange
from repo_service.services.exchange import Imported
from repo_service.services.exchange_rows import Format
from repo_service.web.messages import sentence

SHOWN = 20  # bad rows that people are told of; --json tells of all


def import_records(
    file: Annotated[Path, typer.Argument(exists=True, dir_okay=False, help="记录文件 · file of records")],
    form: Annotated[str, typer.Option("--format", callback=console.one_of(get_args(Format)), help="jsonl / csv")],
    institution: Annotated[str, typer.Option(help="机构代号 · slug of the institution")],
    publish: Annotated[bool, typer.Option("--publish", help="直接公开，记入审计 · publish at once, audited")] = False,
    as_json: Json = False,
) -> None:
    """批量导入记录，检索可见后结束 · import records in bulk; ends when search finds them."""
    chosen: Format = "csv" if form == "csv" else "jsonl"
    with console.opened(index_writer=True) as ctx, console.progress("导入 · importing") as advance:
        result = exchange.import_file(ctx, OPERATOR, file, chosen, institution, publish=publish, told=advance)
    conclude(result, as_json=as_json)


def conclude(result: Imported, *, as_json: bool) -> None:
    """Tell what became of the records. Raises Exit (1) where not all rows are in and found."""
    if result.ignored:
        console.say("未用的列 · columns that are not used: " + ", ".join(sorted(result.ignored)))
    console.show(_document(result), _told(result), as_json=as_json)
    if result.index_behind:
        console.say(f"{sentence('index_behind', 'zh')} · {sentence('index_behind', 'en')} [index_behind]")
    if result.failed or result.index_behind:
        raise typer.Exit(1)


def _document(result: Imported) -> dict[str, object]:
    return {
        "created": result.created,
        "updated": result.updated,
        "unchanged": result.unchanged,
        "failed": result.failed,
        "errors": [asdict(error) for error in result.errors],
        "ignored": sorted(result.ignored),
        "index_behind": result.index_behind,
    }


def _told(result: Imported) -> Text:
    counts = (
        f"新建 · created: {result.created}   更新 · updated: {result.updated}   未变 · unchanged: {result.unchanged}"
    )
    text = Text(f"{counts}   未取 · not taken: {result.failed}")
    if result.index_behind:
        text.append(f"   待索引 · not indexed yet: {result.index_behind}", style="yellow")
    for error in result.errors[:SHOWN]:
        text.append(f"\n{error.line}: {error.code} {error.detail}", style="red")
    if result.failed > SHOWN:
        text.append(f"\n… +{result.failed - SHOWN}", style="dim")
    return text
