"""Runs the program as a process of its own without paying for its imports each time: a server that has done them forks.

Everything else is as from a shell: environment, standard streams, exit code.
"""

import multiprocessing
import os
import subprocess
import sys
from collections.abc import Mapping, Sequence
from pathlib import Path

_forks = multiprocessing.get_context("forkserver")
_forks.set_forkserver_preload(["repo_service.cli"])
SECONDS = 100.0


def run(
    words: Sequence[str], environment: Mapping[str, str], given: str, scratch: Path
) -> subprocess.CompletedProcess[str]:
    """One command, to its end; ``scratch`` is a folder for what it reads and writes."""
    streams = [scratch / name for name in ("stdin", "stdout", "stderr")]
    streams[0].write_text(given, encoding="utf-8")
    process = _forks.Process(target=_be, args=(list(words), dict(environment), streams))
    process.start()
    process.join(SECONDS)
    assert process.exitcode is not None
    said = [stream.read_text(encoding="utf-8") for stream in streams[1:]]
    return subprocess.CompletedProcess(list(words), process.exitcode, *said)


def _be(words: list[str], environment: dict[str, str], streams: list[Path]) -> None:
    """Become the program."""
    os.environ.clear()
    os.environ.update(environment)
    anew = os.O_WRONLY | os.O_CREAT | os.O_TRUNC
    for number, (path, flags) in enumerate(zip(streams, (os.O_RDONLY, anew, anew), strict=True)):
        os.dup2(os.open(path, flags, 0o600), number)
    sys.stdin, sys.stdout, sys.stderr = (
        os.fdopen(number, mode, encoding="utf-8", closefd=False) for number, mode in enumerate(("r", "w", "w"))
    )
    sys.argv = ["xuehai", *words]
    from repo_service import cli

    cli.main()
