"""``deposit``: files of this machine into the catalogue, with or without a running ``serve``."""

import json
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Annotated, Any

import typer
from pydantic import ValidationError
from rich.text import Text

from repo_service.commands import console, ingesting
from repo_service.commands.console import Json
from repo_service.context import Context
from repo_service.errors import Invalid, XuehaiError
from repo_service.policy import OPERATOR
from repo_service.services import curation, deposits, filenames
from repo_service.services.drafts import ResourceChanges
from repo_service.storage.port import StorageError

LITTER = frozenset({"thumbs.db", "desktop.ini"})
Records = Mapping[str, dict[str, Any]]


@dataclass(slots=True)
class Deposited:
    """What became of the files that belong together: one resource, or the reason why there is none."""

    files: list[str] = field(default_factory=list)
    id: str | None = None
    error: str | None = None
    detail: str = ""


def deposit(
    files: Annotated[list[Path], typer.Argument(metavar="FILE", help="文件或文件夹 · files or folders")],
    institution: Annotated[str, typer.Option(help="机构代号 · slug of the institution")],
    title: Annotated[str | None, typer.Option(help="题名，只用于一个资源 · title, for one resource only")] = None,
    metadata: Annotated[
        Path | None,
        typer.Option(exists=True, dir_okay=False, help="JSON：文件名 → 著录 · JSON: file name → record"),
    ] = None,
    publish: Annotated[bool, typer.Option("--publish", help="直接公开，记入审计 · publish at once, audited")] = False,
    wait: Annotated[bool, typer.Option("--wait", help="等到处理结束 · until they are processed")] = False,
    as_json: Json = False,
) -> None:
    """把文件放进资源库，同名字幕归入其视频 · bring files in; captions of the same name join their video."""
    groups = grouped(collect(files))
    if title is not None and len(groups) != 1:
        raise typer.BadParameter("--title: 1 resource, 1 个资源")
    records = _records(metadata)
    with console.opened() as ctx:
        with ingesting.transfer(sum(_size(path) for group in groups for path in group)) as advance:
            done = [
                _deposit_group(ctx, group, institution, title, records, publish=publish, report=advance)
                for group in groups
            ]
        ids = [one.id for one in done if one.id]
        if wait:
            ingesting.until_ended(ctx, ids)
        states = ingesting.states(ctx, ids)
    rows = [_row(one, states.get(one.id or "")) for one in done]
    console.show({"resources": rows}, _told(rows), as_json=as_json)
    if any(one.error for one in done) or any(row["processing"] == "failed" for row in rows):
        raise typer.Exit(1)


def collect(given: Iterable[Path]) -> list[Path]:
    """The files that are meant: those named, and of folders all that people see, in order of their names."""
    found: dict[Path, None] = {}
    for path in given:
        for one in _inside(path) if path.is_dir() else [path]:
            found.setdefault(one)
    return list(found)


def grouped(files: Sequence[Path]) -> list[list[Path]]:
    """Files that make one resource, in the order given: a video before its captions, all else alone."""
    names = {path: filenames.parse(path.name) for path in files}
    played = {(path.parent, names[path].stem): path for path in reversed(files) if names[path].played}
    waiting: dict[tuple[Path, str], list[Path]] = {}
    groups: dict[Path, list[Path]] = {path: [path] for path in files if not names[path].captions}
    for path in (path for path in files if names[path].captions):
        owner = next(
            (video for (folder, _), video in played.items()
             if folder == path.parent and filenames.belongs(names[path], names[video])),
            None,
        )  # fmt: skip
        if owner is not None:
            groups[owner].append(path)
        else:
            waiting.setdefault((path.parent, names[path].key), []).append(path)
    return [*groups.values(), *waiting.values()]


def _inside(folder: Path) -> Iterator[Path]:
    for path in sorted(folder.iterdir()):
        if path.name.startswith((".", "~$")) or path.name.lower() in LITTER:
            continue
        if path.is_dir() and not path.is_symlink():
            yield from _inside(path)
        elif path.is_file():
            yield path


def _deposit_group(
    ctx: Context,
    group: list[Path],
    institution: str,
    title: str | None,
    records: Records,
    *,
    publish: bool,
    report: ingesting.Report,
) -> Deposited:
    """Bring the files of one resource in; what fails is written down, the others go on."""
    result = Deposited(files=[str(path) for path in group])
    has_source = False
    for path in group:
        try:
            fields = records.get(path.name, {})
            file = deposits.deposit_path(ctx, OPERATOR, path, institution, title, fields=fields, report=report)
            result.id = file.resource_id
            has_source |= file.role == "source"
        except (XuehaiError, StorageError, OSError) as error:
            result.error = error.stable_code if isinstance(error, XuehaiError) else "file_unreadable"
            result.detail = str(error) or path.name
    if publish and has_source and result.id:
        curation.publish(ctx, OPERATOR, result.id)
    return result


def _records(path: Path | None) -> Records:
    """The records by file name. Raises Invalid that names the field for one that the catalogue would refuse."""
    if path is None:
        return {}
    try:
        said = json.loads(path.read_text(encoding="utf-8-sig"))
        checked = {name: ResourceChanges.model_validate(fields) for name, fields in said.items()}
    except ValidationError as error:
        wrong = tuple((".".join(map(str, one["loc"])), one["type"], str(one["input"])[:80]) for one in error.errors())
        raise Invalid(path.name, errors=wrong) from None
    except (ValueError, AttributeError):
        raise Invalid(f"{path.name}: JSON {{name: {{field: value}}}}") from None
    return {name: record.model_dump(exclude_unset=True) for name, record in checked.items()}


def _size(path: Path) -> int:
    return path.stat().st_size if path.is_file() else 0


def _row(one: Deposited, state: ingesting.State | None) -> dict[str, Any]:
    failure = state.error if state else None
    return {
        "id": one.id,
        "file": one.files[0],
        "files": one.files,
        "state": state.state if state else None,
        "processing": state.processing if state else None,
        "error": one.error or failure,
        "detail": one.detail or (state.detail if state else ""),
    }


def _told(rows: Sequence[Mapping[str, Any]]) -> Text:
    text = Text()
    for row in rows:
        style = "red" if row["error"] else "green"
        text.append(f"{row['processing'] or row['error']:<8} ", style=style).append(f"{row['id'] or '':<36} ")
        text.append(" + ".join(Path(name).name for name in row["files"]))
        text.append(f"  {row['error']} {row['detail']}\n" if row["error"] else "\n", style="dim")
    return text
