"""``xuehai import`` from outside: its words, killed and run again, and beside a running ``serve``."""

import json
import os
import random
import signal
import sqlite3
import subprocess
import time
import urllib.parse
import urllib.request
from pathlib import Path
from typing import Any

import pytest

from tests.serving import XUEHAI, Served

ROWS = 6_000
SENTENCES = (
    "紫砂壶适合冲泡武夷岩茶",
    "焊接前先检查气瓶",
    "老年人用智能手机挂号",
    "数据库系统的事务与恢复",
    "果树的冬季修剪",
)


@pytest.fixture
def rows(tmp_path: Path) -> Path:
    """A file with thousands of records and two bad lines."""
    chance = random.Random(7)
    path = tmp_path / "rows.jsonl"
    with path.open("w", encoding="utf-8") as file:
        for number in range(ROWS):
            text = "。".join(chance.choices(SENTENCES, k=12))
            record = {"id": f"r{number}", "title": f"{chance.choice(SENTENCES)} {number}", "text": text}
            file.write(json.dumps(record, ensure_ascii=False) + "\n")
        file.write('{"id": "half"\n{"id": "untitled"}\n')
    return path


def xuehai(data: Path, *words: str | Path) -> subprocess.CompletedProcess[bytes]:
    """One command over this data folder."""
    environment = {name: value for name, value in os.environ.items() if not name.startswith("XUEHAI_")}
    environment |= {"XUEHAI_DATA_DIR": str(data), "LC_ALL": "C.UTF-8"}
    return subprocess.run([XUEHAI, *map(str, words)], env=environment, capture_output=True, check=False)


def importing(rows: Path, *more: str) -> tuple[str | Path, ...]:
    """The words of an import of these rows."""
    return ("import", rows, "--format", "jsonl", "--institution", "chaguan", "--publish", "--json", *more)


def found(data: Path, query: str) -> int:
    """How many hits the command line finds."""
    done = xuehai(data, "search", query, "--limit", "1", "--json")
    return int(json.loads(done.stdout)["total"])


@pytest.fixture
def data(tmp_path: Path) -> Path:
    """A data folder with one institution."""
    folder = tmp_path / "data"
    words = ("--slug", "chaguan", "--name", "茶馆", "--kind", "cultural_centre", "--division", "350100000000")
    done = xuehai(folder, "institution", "create", *words)
    assert done.returncode == 0, done.stderr
    return folder


def test_usage_is_told_from_bad_rows(data: Path, tmp_path: Path) -> None:
    good = tmp_path / "good.csv"
    good.write_bytes('\ufeffid;title;colour\n1;"茶;经";red\n'.encode())
    csv = ("--format", "csv", "--institution", "chaguan")
    done = xuehai(data, "import", good, *csv)
    assert (done.returncode, "colour" in done.stderr.decode()) == (0, True)
    assert xuehai(data, "import", tmp_path / "none.csv", *csv).returncode == 2
    assert xuehai(data, "import", good, "--format", "xml", "--institution", "chaguan").returncode == 2
    assert xuehai(data, "import", good, "--format", "csv", "--institution", "nowhere").returncode == 1
    assert xuehai(data, "import", good, "--format", "csv").returncode == 2


@pytest.mark.slow
@pytest.mark.kill
def test_killed_at_any_moment_and_run_again_it_ends_the_same(data: Path, rows: Path) -> None:
    environment = {**os.environ, "XUEHAI_DATA_DIR": str(data)}
    for seconds in (0.9, 1.6, 2.2, 3.0):
        child = subprocess.Popen(
            [XUEHAI, *map(str, importing(rows))], env=environment, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL
        )
        time.sleep(seconds)
        child.send_signal(signal.SIGKILL)
        child.wait()
    done = xuehai(data, *importing(rows))
    said: dict[str, Any] = json.loads(done.stdout)
    assert done.returncode == 1
    assert [(error["line"], error["code"]) for error in said["errors"]] == [
        (ROWS + 1, "bad_json"),
        (ROWS + 2, "required"),
    ]
    assert said["created"] + said["unchanged"] == ROWS
    assert said["updated"] == 0
    assert found(data, "") == ROWS
    assert json.loads(xuehai(data, "doctor", "--json").stdout) == {"findings": []}
    with sqlite3.connect(data / "xuehai.db") as database:
        assert database.execute("select count(*), count(distinct external_id) from resource").fetchone() == (ROWS, ROWS)
        assert database.execute("select count(*) from outbox where done_at is null").fetchone() == (0,)


@pytest.mark.slow
@pytest.mark.xdist_group("serve")
def test_beside_a_running_site_what_was_imported_is_found_at_once(data: Path, rows: Path) -> None:
    served = Served(data)
    try:
        done = xuehai(data, *importing(rows))
        assert json.loads(done.stdout)["created"] == ROWS, done.stderr
        query = urllib.parse.urlencode({"q": "紫砂壶", "limit": 1})
        with urllib.request.urlopen(f"{served.ready['url']}/api/v1/search?{query}", timeout=10) as answer:
            page = json.loads(answer.read())
        assert (page["total"] > ROWS / 2, page["degraded"]) == (True, False)
    finally:
        assert served.end() == 0
