"""`xuehai serve` as a whole: it answers, revives what dies, leaves nothing behind, and is alone over its folder."""

import os
import signal
import subprocess
import time
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest

from tests.serving import PATIENCE, XUEHAI, Served


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    return tmp_path / "data"


@pytest.fixture
def served(folder: Path) -> Iterator[Served]:
    running = Served(folder)
    yield running
    if running.process.poll() is None:
        running.end()


def eventually(holds: Callable[[], bool]) -> None:
    until = time.monotonic() + PATIENCE
    while not holds():
        assert time.monotonic() < until
        time.sleep(0.1)


def gone(pids: set[int]) -> bool:
    return not any(Path(f"/proc/{pid}").exists() for pid in pids)


@pytest.mark.slow
def test_serve_answers_revives_and_ends(served: Served, folder: Path) -> None:
    assert served.status("url") == served.status("content_url") == 200
    again = subprocess.run(
        [XUEHAI, "serve", "--port", "0"], env=served.environment, capture_output=True, text=True, check=False
    )
    assert (again.returncode, "already_served" in again.stderr) == (1, True)
    before = served.children()
    assert sorted(served.part(pid) for pid in before) == ["api", "content", "worker"]
    for pid in before:
        os.kill(pid, signal.SIGKILL)
    eventually(lambda: len(served.children() - before) == len(before) and served.status("url") == 200)
    parts = served.children()
    began = time.monotonic()
    assert served.end() == 0
    assert time.monotonic() - began < 12
    assert gone(parts)


@pytest.mark.slow
def test_a_killed_supervisor_leaves_no_orphans_and_its_port(served: Served, folder: Path) -> None:
    parts = served.children()
    served.process.kill()
    served.process.wait()
    assert served.process.stdout is not None
    served.process.stdout.close()
    eventually(lambda: gone(parts))
    successor = Served(folder, port=int(served.ready["url"].rpartition(":")[2]))
    assert successor.ready["url"] == served.ready["url"]
    assert successor.end() == 0
