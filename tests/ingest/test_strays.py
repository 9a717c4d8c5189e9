"""Boxes without a worker end; boxes of the living stay."""

import os
import signal
import subprocess
import sys
import time
from collections.abc import Callable

from ingest import strays
from ingest.sandbox import Sandbox

_OWNER = """
import os, subprocess, sys
from ingest import strays
none = subprocess.DEVNULL
box = {**os.environ, **strays.mark()}
child = subprocess.Popen(["sleep", "600"], env=box, stdin=none, stdout=none, start_new_session=True)
print(child.pid, flush=True)
sys.stdin.read()
"""


def owner() -> tuple["subprocess.Popen[str]", int]:
    """A process with a child that carries its name, as a box does that is not yet tied to its worker."""
    process = subprocess.Popen([sys.executable, "-c", _OWNER], stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True)
    assert process.stdout is not None
    return process, int(process.stdout.readline())


def soon(true: Callable[[], bool]) -> bool:
    until = time.monotonic() + 10
    while not true() and time.monotonic() < until:
        time.sleep(0.02)
    return true()


def test_what_a_dead_worker_left_is_ended_and_the_rest_is_not() -> None:
    living, kept = owner()
    killed, left = owner()
    try:
        os.kill(killed.pid, signal.SIGKILL)
        killed.wait()
        assert strays.started(left) != "0"
        strays.sweep()
        assert soon(lambda: strays.started(left) == "0")
        assert strays.started(kept) != "0"
    finally:
        living.kill()
        killed.communicate()
        living.communicate()
        strays.sweep()
    assert soon(lambda: strays.started(kept) == "0")


def test_every_box_carries_the_name_of_its_worker() -> None:
    said = Sandbox().run(["env"]).stdout.decode().splitlines()
    (name, value), *_ = strays.mark().items()
    assert f"{name}={value}" in said
