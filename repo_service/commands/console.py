"""What all commands share: the running parts, one JSON document or text for people, progress, one-sentence errors."""

import fcntl
import sys
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path
from typing import Annotated, Any

import orjson
import typer
from pydantic import ValidationError
from rich.console import Console, RenderableType
from rich.progress import BarColumn, MofNCompleteColumn, Progress, TextColumn, TimeRemainingColumn
from rich.text import Text

from repo_service import logs, wiring
from repo_service.context import Context
from repo_service.db import Database
from repo_service.errors import Invalid, Misconfigured, Unavailable, XuehaiError
from repo_service.migrations import run
from repo_service.services import seed
from repo_service.settings import PREFIX, Settings
from repo_service.web.look import Locale
from repo_service.web.messages import sentence

Json = Annotated[bool, typer.Option("--json", help="只输出一份 JSON · print one JSON document")]
Advance = Callable[[int, int], None]  # done, total

USAGE = 2


def read_settings() -> Settings:
    """The settings of the environment; a value that is out of its range is a usage error that names its variable."""
    try:
        return Settings()
    except ValidationError as error:
        wrong = [f"{PREFIX}{'_'.join(map(str, one['loc'])).upper()}: {one['msg']}" for one in error.errors()]
        raise Misconfigured("; ".join(wrong)) from None


@contextmanager
def opened(*, index_writer: bool = False, migrated: bool = True) -> Iterator[Context]:
    """The running parts for one command; unless told otherwise, its database is made ready before.

    ``index_writer`` for commands that change the index: the engine itself lets one process write at a time.
    """
    settings = read_settings()
    logs.configure("WARNING" if settings.log_level == "INFO" else settings.log_level)
    ctx = wiring.build(settings, index_writer=index_writer)
    try:
        if migrated:
            make_ready(ctx.db)
        yield ctx
    finally:
        ctx.close()


def make_ready(db: Database) -> bool:
    """Migrate an embedded database; refuse one on a server that `migrate` has not brought to the newest schema."""
    if db.is_sqlite:
        return prepare(db)
    run.require_newest(db)
    return False


def prepare(db: Database) -> bool:
    """The newest schema, and the divisions and subjects that it is shipped with; answer whether the schema changed."""
    changed = run.upgrade(db)
    seed.seed(db)
    return changed


def show(data: Any, text: RenderableType, *, as_json: bool) -> None:
    """The answer of a command: the JSON document, or the text for people."""
    if as_json:
        sys.stdout.buffer.write(orjson.dumps(data, option=orjson.OPT_APPEND_NEWLINE))
        sys.stdout.flush()
    else:
        Console(soft_wrap=True).print(text)


def say(text: str) -> None:
    """A word to the person beside the answer, on standard error."""
    Console(stderr=True, soft_wrap=True).print(Text(text))


@contextmanager
def progress(what: str) -> Iterator[Advance]:
    """A bar on standard error that the block moves by (done, total); silent where nobody looks at a terminal."""
    console = Console(stderr=True)
    columns = (TextColumn("{task.description}"), BarColumn(), MofNCompleteColumn(), TimeRemainingColumn())
    with Progress(*columns, console=console, disable=not console.is_terminal, transient=True) as bar:
        task = bar.add_task(what, total=None)
        yield lambda done, total: bar.update(task, completed=done, total=total)


@contextmanager
def waiting(what: str) -> Iterator[None]:
    """A sign of life on standard error for work of unknown length; silent where nobody looks at a terminal."""
    console = Console(stderr=True)
    if not console.is_terminal:
        yield
        return
    with console.status(what):
        yield


@contextmanager
def alone(data_dir: Path) -> Iterator[None]:
    """Hold the data folder against `serve`. Raises Unavailable (``already_served``) when one runs over it."""
    data_dir.mkdir(parents=True, exist_ok=True)
    with (data_dir / "serve.lock").open("w") as file:
        try:
            fcntl.flock(file, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except BlockingIOError:
            raise Unavailable(f"xuehai serve: {data_dir}", code="already_served") from None
        yield


def one_of(words: Sequence[str]) -> Callable[[str], str]:
    """A check of an option's value against the words of the contract."""

    def check(value: str) -> str:
        if value and value not in words:
            raise typer.BadParameter(f"{value!r} ∉ {', '.join(words)}")
        return value

    return check


def refuse(error: XuehaiError, locale: Locale, *, as_json: bool) -> int:
    """Say why a command ended, in one sentence with its code; answer the exit code."""
    said = sentence(error.stable_code, locale, **error.facts)
    fields = error.errors if isinstance(error, Invalid) else ()
    details = [error.detail, *(" ".join(part for part in field if part) for field in fields)]
    said = " ".join([said, *(detail for detail in details if detail)])
    if as_json:
        show({"error": {"code": error.stable_code, "detail": said}}, "", as_json=True)
    Console(stderr=True, soft_wrap=True).print(Text(f"xuehai: {said} [{error.stable_code}]"))
    return USAGE if isinstance(error, Misconfigured) else 1
