"""The commands where the queue is a broker: `serve` only serves, workers are processes of their own."""

import json
import subprocess
import time
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest

from tests.serving import XUEHAI, Served

PATIENCE = 60.0
INSTITUTION = ("--slug", "s", "--name", "校", "--kind", "library", "--division", "410100000000")

pytestmark = pytest.mark.xdist_group("brokers")


@pytest.fixture
def served(tmp_path: Path, empty_broker: Callable[[str], str]) -> Iterator[Served]:
    """A running `serve` that rings through Redis."""
    queue = empty_broker("redis")
    with_broker = Served(tmp_path / "data", XUEHAI_QUEUE_URL=queue, XUEHAI_RECONCILE_SECONDS="2")
    yield with_broker
    with_broker.end()


def xuehai(served: Served, *words: str) -> Any:
    """What a command says as JSON."""
    command = [str(XUEHAI), *words, "--json"]
    done = subprocess.run(command, env=served.environment, capture_output=True, timeout=PATIENCE)
    assert done.returncode == 0, done.stderr
    return json.loads(done.stdout)


def processing(served: Served, given: Path, *words: str) -> str:
    """Deposit a file; how far it is when the command ends."""
    (row,) = xuehai(served, "deposit", str(given), "--institution", "s", *words)["resources"]
    return str(row["processing"])


@pytest.mark.slow
@pytest.mark.timeout(900)
def test_a_site_with_a_broker_leaves_the_work_to_workers(served: Served, tmp_path: Path) -> None:
    assert sorted(served.part(pid) for pid in served.children()) == ["api", "content"]
    xuehai(served, "institution", "create", *INSTITUTION)
    lessons = [tmp_path / f"{name}.txt" for name in ("first", "second", "third")]
    for lesson in lessons:
        lesson.write_text(f"焊接安全 {lesson.name}", encoding="utf-8")
    assert processing(served, lessons[0]) == "queued", "nobody is there to work"
    assert processing(served, lessons[1], "--wait") == "ready", "who waits where no worker is does the work"
    with subprocess.Popen([str(XUEHAI), "worker", "--concurrency", "1"], env=served.environment) as worker:
        try:
            assert processing(served, lessons[2], "--publish", "--wait") == "ready"
            until = time.monotonic() + PATIENCE
            while xuehai(served, "search", "焊接")["total"] != 1:
                assert time.monotonic() < until
                time.sleep(0.2)
        finally:
            worker.terminate()
            assert worker.wait(PATIENCE) == 0
    assert xuehai(served, "doctor")["findings"] == []
