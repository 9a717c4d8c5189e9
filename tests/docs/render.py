"""Tables of the documentation, made from the code. ``python -m tests.docs.render`` writes them into their documents.

Each table lies between ``<!-- name -->`` and ``<!-- /name -->``; `test_tables` compares it with what the code says.
"""

import inspect
import re
import tempfile
from collections.abc import Iterator, Mapping, Sequence
from pathlib import Path
from typing import Any

import typer.main
from fastapi import FastAPI
from fastapi.routing import iter_route_contexts

from ingest.errors import CODES
from repo_service import app, cli, wiring
from repo_service.settings import PREFIX, Settings
from repo_service.web.messages import ALL, sentence

ROOT = Path(__file__).parents[2]
README = ROOT / "README.md"
REFERENCE = ROOT / "repo_service" / "README.md"
HIDDEN = {"help"}


def settings_table() -> str:
    """Every setting: variable, default, meaning."""
    rows = []
    for name, field in Settings.model_fields.items():
        default = default_of(name)
        rows.append((f"`{PREFIX}{name.upper()}`", f"`{default}`" if default else "", field.description or ""))
    return _table(("variable", "default", "meaning"), rows)


def default_of(name: str) -> str:
    """A setting's default as one would write it into the environment; empty where it follows from others."""
    default = Settings.model_fields[name].default
    if isinstance(default, Path):
        return f"./{default}"
    return f"{default:g}" if isinstance(default, float) else str(default)


def commands_table() -> str:
    """Every command with its options and its one line of help."""
    return _table(("command", "does"), [(f"`{usage}`", words) for usage, words in commands()])


def commands() -> Iterator[tuple[str, str]]:
    """(usage, help) of every command of the program."""
    for path, command in _leaves(typer.main.get_command(cli.app), ()):
        parts = [_part(parameter) for parameter in command.params if parameter.name not in HIDDEN]
        yield " ".join((*path, *sorted(parts, key=lambda part: part.startswith("[")))), command.help or ""


def codes_table() -> str:
    """Every stable code with its sentence in both languages; those of failed steps are told apart."""
    rows = []
    for code in ALL:
        facts = dict.fromkeys(re.findall(r"%\((\w+)\)", ALL[code]), "…")
        said = (sentence(code, "zh", **facts), sentence(code, "en", **facts))
        rows.append((f"`{code}`", "step" if code in CODES else "", *said))
    return _table(("code", "of", "中文", "English"), rows)


def routes_table() -> str:
    """Every route of the application with its methods."""
    with tempfile.TemporaryDirectory() as folder:
        ctx = wiring.build(Settings(data_dir=Path(folder)))
        rows = [(f"`{methods}`", f"`{path}`", words) for methods, path, words in routes(app.create_app(ctx))]
        ctx.close()
    return _table(("method", "address", "gives"), rows)


def routes(application: FastAPI) -> Iterator[tuple[str, str, str]]:
    """(methods, path, what it gives), in order of path."""
    found = set()
    for route in iter_route_contexts(application.routes):
        methods = " ".join(sorted(set(route.methods or ()) - {"HEAD"})) or "GET"
        said = inspect.getdoc(getattr(route.original_route, "endpoint", None)) or ""
        found.add((str(route.path), methods, said.partition("\n\n")[0]))
    for path, methods, said in sorted(found):
        yield methods, path, said


TABLES = {
    "settings": (README, settings_table),
    "commands": (README, commands_table),
    "codes": (REFERENCE, codes_table),
    "routes": (REFERENCE, routes_table),
}


def rendered(document: Path) -> str:
    """The text of a document with every table of it made anew."""
    text = document.read_text(encoding="utf-8")
    for name, (place, make) in TABLES.items():
        if place != document:
            continue
        begin, end = f"<!-- {name} -->", f"<!-- /{name} -->"
        assert text.count(begin) == text.count(end) == 1, name
        head, _, rest = text.partition(begin)
        text = f"{head}{begin}\n{make()}\n{end}{rest.partition(end)[2]}"
    return text


def _leaves(command: Any, path: tuple[str, ...]) -> Iterator[tuple[tuple[str, ...], Any]]:
    """The commands that do something, with the words that lead to them."""
    inner: Mapping[str, Any] = getattr(command, "commands", {})
    if not inner:
        yield path, command
    for name, one in inner.items():
        if not one.hidden:
            yield from _leaves(one, (*path, name))


def _part(parameter: Any) -> str:
    """A parameter as one writes it: optional ones in brackets, many with dots, options with the name of their value."""
    if parameter.param_type_name == "argument":
        name = (parameter.metavar or parameter.name.upper()).strip("[]").removesuffix("...")
        said = f"{name}…" if parameter.nargs == -1 else name
    else:
        said = (
            parameter.opts[-1] if parameter.is_flag else f"{parameter.opts[-1]} {parameter.opts[-1].strip('-').upper()}"
        )
    return said if parameter.required else f"[{said}]"


def _table(head: tuple[str, ...], rows: Sequence[tuple[str, ...]]) -> str:
    lines = [head, tuple("---" for _ in head), *rows]
    return "\n".join(
        "| " + " | ".join(cell.replace("|", "\\|").replace("\n", " ") for cell in line) + " |" for line in lines
    )


if __name__ == "__main__":
    for document in (README, REFERENCE):
        document.write_text(rendered(document), encoding="utf-8")
