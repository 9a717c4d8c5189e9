"""Boxes whose worker was killed while they were being set up: bubblewrap then waits for ever for its dead parent.

``--die-with-parent`` holds once the box runs. Before that, between its start and its first word to the kernel, nothing
ends it; so each box carries the name of its worker, and whoever starts next looks for those without one.
"""

import contextlib
import os
import signal
from pathlib import Path

_MARK = "XUEHAI_BOX_OF"


def mark() -> dict[str, str]:
    """The variable of a child's environment that names this process: its number and when it started."""
    return {_MARK: f"{os.getpid()}:{started(os.getpid())}"}


def sweep() -> int:
    """End the boxes of this user whose worker is no more; answer how many."""
    ended = 0
    for pid in (int(name) for name in os.listdir("/proc") if name.isdigit()):
        owner = _owner(pid)
        if owner is None or started(owner[0]) == owner[1]:
            continue
        with contextlib.suppress(ProcessLookupError, PermissionError):
            os.kill(pid, signal.SIGKILL)
            ended += 1
    return ended


def _owner(pid: int) -> tuple[int, str] | None:
    """Whose box this process belongs to; None when it is none, or another user's."""
    try:
        variables = Path(f"/proc/{pid}/environ").read_bytes().split(b"\0")
    except OSError:
        return None
    told = next((one for one in variables if one.startswith(f"{_MARK}=".encode())), b"").decode("ascii", "replace")
    number, _, started = told.partition("=")[2].partition(":")
    return (int(number), started) if number.isdigit() else None


def started(pid: int) -> str:
    """When a process began, in clock ticks since the machine did; "0" where there is none, or no /proc."""
    try:
        stat = Path(f"/proc/{pid}/stat").read_text(encoding="utf-8", errors="replace")
    except OSError:
        return "0"
    state, *rest = stat.rpartition(")")[2].split()  # the program's name stands in brackets and may hold anything
    return "0" if state in "ZX" else rest[18]
