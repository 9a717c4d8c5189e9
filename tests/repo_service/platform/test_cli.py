"""The command line from outside: one JSON document, one sentence for an error, and the exit codes of the contract."""

import json
import os
import subprocess
from collections.abc import Callable
from importlib.metadata import version
from pathlib import Path
from typing import Any

import pytest

from tests.repo_service.platform import forked

Run = Callable[..., subprocess.CompletedProcess[str]]
LIBRARY = (
    "institution",
    "create",
    "--slug",
    "lib",
    "--name",
    "图书馆",
    "--kind",
    "library",
    "--division",
    "410100000000",
)


@pytest.fixture
def xuehai(tmp_path: Path) -> Run:
    """Run the program over a data folder of the test's own."""

    def run(*words: str, given: str = "", **settings: str) -> subprocess.CompletedProcess[str]:
        environment = {name: value for name, value in os.environ.items() if not name.startswith("XUEHAI_")}
        environment |= {"XUEHAI_DATA_DIR": str(tmp_path / "data"), "LC_ALL": "C.UTF-8"} | settings
        return forked.run(words, environment, given, tmp_path)

    return run


def document(done: subprocess.CompletedProcess[str]) -> Any:
    """The one JSON document of a command that went well."""
    assert done.returncode == 0, done.stderr
    assert done.stdout.count("\n") == 1
    return json.loads(done.stdout)


def test_an_operator_sets_up_an_installation(xuehai: Run) -> None:
    assert document(xuehai("migrate", "--json"))["changed"]
    made = document(xuehai(*LIBRARY, "--json"))
    assert made["slug"] == "lib"
    person = ("user", "create", "--email", "Li@example.org", "--name", "李馆员", "--role", "curator")
    user = document(xuehai(*person, "--institution", "lib", "--password-stdin", "--json", given="a long password\n"))
    assert user["email"] == "li@example.org"
    key = document(xuehai("key", "create", "--email", "li@example.org", "--scopes", "read,upload", "--json"))
    assert key["scopes"] == ["read", "upload"]
    assert key["key"].startswith("xh_")


def test_the_keeping_commands_answer_with_their_figures(xuehai: Run, tmp_path: Path) -> None:
    for words in (("reindex",), ("reprocess",), ("reconcile", "--once")):
        assert document(xuehai(*words, "--json")).keys() == {"done", "failed"}
    assert document(xuehai("doctor", "--json")) == {"findings": []}
    nothing = {"resources": 0, "blobs": 0, "bytes": 0, "problems": []}
    assert document(xuehai("backup", str(tmp_path / "backup"), "--json")) == nothing
    assert document(xuehai("verify", str(tmp_path / "backup"), "--json")) == nothing
    assert document(xuehai("verify", "--json")) == nothing
    there = str(tmp_path / "there")
    assert document(xuehai("restore", str(tmp_path / "backup"), "--json", XUEHAI_DATA_DIR=there)) == nothing
    assert document(xuehai("search", "书", "--json"))["total"] == 0


def test_doctor_exits_with_one_when_it_finds_something(xuehai: Run, tmp_path: Path) -> None:
    xuehai("migrate")
    stray = tmp_path / "data" / "objects" / "staging" / "stray"
    stray.write_bytes(b"stray")
    os.utime(stray, (0, 0))
    done = xuehai("doctor", "--json")
    assert done.returncode == 1
    assert [found["kind"] for found in json.loads(done.stdout)["findings"]] == ["orphan_staging"]
    assert xuehai("doctor", "--repair").returncode == 1
    assert xuehai("doctor").returncode == 0


def test_a_refusal_is_one_sentence_with_its_code(xuehai: Run) -> None:
    xuehai(*LIBRARY)
    chinese, english = xuehai(*LIBRARY), xuehai(*LIBRARY, "--json", LC_ALL="en_US.UTF-8")
    for done in (chinese, english):
        assert done.returncode == 1
        assert done.stderr.count("\n") == 1
        assert done.stderr.endswith("[slug_taken]\n")
        assert "\x1b" not in done.stderr
    assert chinese.stdout == ""
    assert "这个" in chinese.stderr
    assert "short name" in english.stderr
    assert json.loads(english.stdout)["error"]["code"] == "slug_taken"


def test_what_is_away_is_said_in_one_sentence(xuehai: Run, tmp_path: Path) -> None:
    (tmp_path / "data").mkdir()
    (tmp_path / "data" / "xuehai.db").write_bytes(b"not a database" * 1000)
    done = xuehai("doctor")
    assert (done.returncode, done.stderr.count("\n")) == (1, 1)
    assert done.stderr.endswith("file is not a database [unavailable]\n")


@pytest.mark.parametrize(
    ("words", "settings"),
    [
        (("nonsense",), {}),
        (("doctor", "--nonsense"), {}),
        ((*LIBRARY, "--kind", "shop"), {}),
        (("user", "create", "--email", "a@b.cn", "--name", "a", "--role", "learner"), {}),
        (("doctor",), {"XUEHAI_QUEUE_URL": "nats://there"}),
        (("doctor",), {"XUEHAI_PORT": "many"}),
    ],
)
def test_wrong_usage_exits_with_two(xuehai: Run, words: tuple[str, ...], settings: dict[str, str]) -> None:
    done = xuehai(*words, **settings)
    assert (done.returncode, done.stdout) == (2, "")
    assert done.stderr
    assert "Traceback" not in done.stderr


def test_the_version_is_that_of_the_distribution(xuehai: Run) -> None:
    assert xuehai("--version").stdout.strip() == version("xuehai")
