"""`xuehai serve` as a process of its own, for tests that look at it from outside."""

import json
import os
import subprocess
import sys
import time
import urllib.request
from pathlib import Path
from typing import Any

XUEHAI = Path(sys.executable).with_name("xuehai")
PATIENCE = 60.0


class Served:
    """A running `serve` over a folder of its own."""

    def __init__(self, folder: Path, port: int = 0, *words: str, **settings: str) -> None:
        environment = {name: value for name, value in os.environ.items() if not name.startswith("XUEHAI_")}
        self.environment = environment | {"XUEHAI_DATA_DIR": str(folder), "XUEHAI_CONTENT_PORT": "0"} | settings
        self.log = folder.parent / "serve.log"
        with self.log.open("ab") as log:
            command = [str(XUEHAI), "serve", "--port", str(port), "--json", *words]
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


class Worker:
    """A running `worker` with a folder of its own, and nothing else but the settings that lead to servers."""

    def __init__(self, folder: Path, **settings: str) -> None:
        environment = {name: value for name, value in os.environ.items() if not name.startswith("XUEHAI_")}
        self._environment = environment | {"XUEHAI_DATA_DIR": str(folder)} | settings
        self._log = folder.with_suffix(".log")
        self._start()

    @property
    def pid(self) -> int:
        """Of the process that runs now."""
        return self._process.pid

    def revive(self) -> None:
        """Start it again when it was killed."""
        time.sleep(0.05)  # the killed process is not gone at once
        if self._process.poll() is not None:
            self._start()

    def end(self) -> int:
        """SIGTERM, and the exit code."""
        self._process.terminate()
        return self._process.wait(PATIENCE)

    def _start(self) -> None:
        with self._log.open("ab") as log:
            self._process = subprocess.Popen([str(XUEHAI), "worker"], env=self._environment, stdout=log, stderr=log)
