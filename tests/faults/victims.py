"""A process that forks victims: it has loaded everything that a step needs, so that they do nothing but the step.

Each line of standard input is the folder of an installation; the answers are the victim's process id and, when it has
ended, its exit code (negative: killed by that signal).
"""

import os
import sys
import tempfile
from pathlib import Path

import structlog

from repo_service.migrations import run
from tests.faults import generic_step


def warm_up() -> None:
    """Work through one installation, so that nothing is left to be imported or compiled."""
    with tempfile.TemporaryDirectory() as scratch:
        ctx = generic_step.open_context(Path(scratch) / "data")
        run.upgrade(ctx.db)
        generic_step.furnish(ctx)
        generic_step.finish(ctx)
        ctx.close()


def main() -> None:
    """Fork until standard input ends."""
    structlog.configure(wrapper_class=structlog.make_filtering_bound_logger("CRITICAL"))
    warm_up()
    for line in sys.stdin:
        pid = os.fork()
        if pid == 0:
            generic_step.work_through(Path(line.strip()))
            os._exit(0)
        print(pid, flush=True)
        print(os.waitstatus_to_exitcode(os.waitpid(pid, 0)[1]), flush=True)


if __name__ == "__main__":
    main()
