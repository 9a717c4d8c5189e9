"""`xuehai serve` as a whole: it answers, revives what dies, leaves nothing behind, and is alone over its folder."""

import json
import os
import signal
import subprocess
import sys
import time
import urllib.request
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest

XUEHAI = Path(sys.executable).with_name("xuehai")
PATIENCE = 60.0


class Served:
    """A running `serve` over a folder of its own."""

    def __init__(self, folder: Path, port: int = 0) -> None:
        environment = {name: value for name, value in os.environ.items() if not name.startswith("XUEHAI_")}
        self.environment = environment | {"XUEHAI_DATA_DIR": str(folder), "XUEHAI_CONTENT_PORT": "0"}
        self.log = folder.parent / "serve.log"
        with self.log.open("ab") as log:
            command = [str(XUEHAI), "serve", "--port", str(port), "--json"]
            self.process = subprocess.Popen(command, env=self.environment, stdout=subprocess.PIPE, stderr=log)
        assert self.process.stdout is not None
        self.ready: dict[str, Any] = json.loads(self.process.stdout.readline() or b"{}")
        assert self.ready, self.log.read_text(encoding="utf-8")

    def children(self) -> set[int]:
        """The parts, by process id."""
        listed = Path(f"/proc/{self.process.pid}/task/{self.process.pid}/children").read_text(encoding="ascii")
        return {int(pid) for pid in listed.split()}

    def part(self, pid: int) -> str:
        """What a child process is: api, content or worker."""
        return Path(f"/proc/{pid}/cmdline").read_bytes().split(b"\0")[3].decode()

    def status(self, url: str, path: str = "/healthz") -> int:
        """The status of an answer, 0 when there is none."""
        try:
            with urllib.request.urlopen(self.ready[url] + path, timeout=5) as answer:
                return int(answer.status)
        except OSError:
            return 0

    def end(self) -> int:
        """SIGTERM, and the exit code."""
        self.process.terminate()
        code = self.process.wait(PATIENCE)
        assert self.process.stdout is not None
        self.process.stdout.close()
        return code


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
