"""``kill -9`` at each write, fsync, rename … of one step: after the restart all is right, and nothing is left over.

The victim is forked from a warm process and waits for strace, which kills it at the wanted call.
"""

import os
import shutil
import subprocess
import sys
from collections import Counter
from collections.abc import Iterator
from pathlib import Path

import pytest

from repo_service.migrations import run
from repo_service.services import doctor, indexing, upkeep
from tests.faults import generic_step
from tests.faults.generic_step import OneStep

CALLS = (
    "write",
    "pwrite64",
    "fsync",
    "fdatasync",
    "rename",
    "openat",
    "mkdir",
    "unlink",
    "unlinkat",
    "rmdir",
    "ftruncate",
    "sendto",
)
POINTS = int(os.environ.get("XUEHAI_KILL_POINTS", "150"))

pytestmark = [pytest.mark.kill, pytest.mark.slow]


@pytest.fixture(scope="module")
def victims() -> Iterator[subprocess.Popen[str]]:
    """The process that forks victims."""
    with subprocess.Popen(
        [sys.executable, "-m", "tests.faults.victims"],
        cwd=Path(__file__).parents[2],
        stdin=subprocess.PIPE,
        stdout=subprocess.PIPE,
        stderr=subprocess.DEVNULL,
        text=True,
    ) as server:
        yield server
        server.kill()


@pytest.fixture
def template(tmp_path: Path) -> tuple[Path, str]:
    """A migrated installation with one job to do, closed."""
    folder = tmp_path / "template"
    ctx = generic_step.open_context(folder)
    run.upgrade(ctx.db)
    resource_id = generic_step.furnish(ctx)
    ctx.close()
    return folder, resource_id


def strace(victims: subprocess.Popen[str], folder: Path, *options: str) -> int:
    """Let a victim work under strace; its exit code (negative: killed by that signal)."""
    assert victims.stdin is not None
    assert victims.stdout is not None
    print(folder, file=victims.stdin, flush=True)
    pid = victims.stdout.readline().strip()
    command = ["strace", "-f", "-q", "-p", pid, *options]
    with subprocess.Popen(command, stderr=subprocess.DEVNULL):
        return int(victims.stdout.readline())


def calls_of_a_whole_run(victims: subprocess.Popen[str], folder: Path, log: Path) -> Counter[str]:
    """How often each call happens while nobody is killed."""
    assert strace(victims, folder, "-e", f"trace={','.join(CALLS)}", "-o", str(log)) == 0
    names = (line.split()[1].partition("(")[0] for line in log.read_text(errors="replace").splitlines() if "(" in line)
    return Counter(name for name in names if name in CALLS)


def chosen(counts: Counter[str]) -> list[tuple[str, int]]:
    """All points, or an even sample of them that has each kind of call."""
    points = [(name, number) for name in CALLS for number in range(1, counts[name] + 1)]
    step = max(1, -(-len(points) // POINTS))
    return points[::step]


def recover(folder: Path, resource_id: str) -> list[str]:
    """Start again as `serve` does, and say what is wrong then."""
    ctx = generic_step.open_context(folder)
    try:
        upkeep.release_dead(ctx, pipeline=OneStep(), is_dead=lambda name: name.startswith("victim"))
        upkeep.reconcile_once(ctx, pipeline=OneStep())
        generic_step.finish(ctx)
        upkeep.reconcile_once(ctx, pipeline=OneStep())
        while indexing.drain(ctx):
            continue
        return generic_step.wrongs(ctx, resource_id) + [str(finding) for finding in doctor.examine(ctx)]
    finally:
        ctx.close()


@pytest.mark.timeout(1200)
def test_every_point_of_a_step_may_be_its_last(
    victims: subprocess.Popen[str], template: tuple[Path, str], tmp_path: Path
) -> None:
    folder, resource_id = template
    whole = shutil.copytree(folder, tmp_path / "whole")
    counts = calls_of_a_whole_run(victims, whole, tmp_path / "log")
    assert recover(whole, resource_id) == []
    assert {"fsync", "rename", "write", "openat"} <= counts.keys()
    killed = 0
    for name, number in chosen(counts):
        struck = shutil.copytree(folder, tmp_path / "struck")
        ended = strace(victims, struck, "-e", f"inject={name}:signal=SIGKILL:when={number}", "-o", "/dev/null")
        killed += ended == -9
        assert recover(struck, resource_id) == [], f"killed at {name} number {number}"
        shutil.rmtree(struck)
    assert killed > 0.8 * len(chosen(counts)), "most points must really be hit"
