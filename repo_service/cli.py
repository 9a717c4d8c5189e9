"""The command `xuehai`: which commands there are, and how they end (0 done, 1 found or failed, 2 wrong usage)."""

import gc
import os
import sys
from importlib.metadata import version
from typing import Annotated

import typer
from sqlalchemy.exc import SQLAlchemyError

from repo_service.commands import accounts, console, deposit, finding, importing, keeping, safekeeping, serving
from repo_service.errors import Unavailable, XuehaiError
from repo_service.storage.port import StorageError
from repo_service.web.look import Locale
from search.errors import SearchUnavailable

COLLECTED_EVERY = 20_000  # objects; records in bulk make many, and hardly any circles

app = typer.Typer(
    name="xuehai",
    help="学海：开放课程资源库 · Xuehai, an open course repository",
    no_args_is_help=True,
    add_completion=False,
    pretty_exceptions_enable=False,
)


def _print_version(wanted: bool) -> None:
    if wanted:
        typer.echo(version("xuehai"))
        raise typer.Exit


@app.callback()
def _everything(
    _version: Annotated[
        bool, typer.Option("--version", callback=_print_version, is_eager=True, help="版本 · version")
    ] = False,
) -> None:
    pass


def _group(name: str, words: str) -> typer.Typer:
    group = typer.Typer(help=words, no_args_is_help=True)
    app.add_typer(group, name=name)
    return group


app.command()(serving.serve)
app.command("worker")(serving.work)
app.command()(keeping.migrate)
_group("institution", "机构 · institutions").command("create")(accounts.institution_create)
_group("user", "用户 · users").command("create")(accounts.user_create)
_group("key", "接口密钥 · API keys").command("create")(accounts.key_create)
app.command()(deposit.deposit)
app.command("import")(importing.import_records)
app.command()(finding.search)
app.command()(keeping.reprocess)
app.command()(keeping.reindex)
app.command()(keeping.reconcile)
app.command()(safekeeping.doctor)
app.command()(safekeeping.backup)
app.command()(safekeeping.restore)
app.command()(safekeeping.verify)


def spoken() -> Locale:
    """The language to answer in: English where the terminal's locale is English, else Chinese."""
    found = next((os.environ[name] for name in ("LC_ALL", "LC_MESSAGES", "LANG") if os.environ.get(name)), "")
    return "en" if found.startswith("en") else "zh"


def main() -> None:
    """Run one command; what it refuses is said in one sentence, with the stable code."""
    gc.freeze()  # what is imported by now is never garbage, and need not be looked through again and again
    gc.set_threshold(COLLECTED_EVERY)
    try:
        app()
    except XuehaiError as error:
        sys.exit(_refuse(error))
    except BrokenPipeError:  # the reader of our output went away
        os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())
        sys.exit(1)
    except (SQLAlchemyError, StorageError, SearchUnavailable, OSError) as error:
        reason = str(getattr(error, "orig", None) or error).partition("\n")[0]
        sys.exit(_refuse(Unavailable(f"{type(error).__name__}: {reason}")))


def _refuse(error: XuehaiError) -> int:
    return console.refuse(error, spoken(), as_json="--json" in sys.argv)
