"""What all servers share: a free port, a folder of their own, waiting until they answer, a good end."""

import contextlib
import os
import shutil
import signal
import socket
import subprocess
import time
import urllib.request
from collections.abc import Callable, Iterator, Mapping, Sequence
from pathlib import Path

START_SECONDS = 90.0


class Missing(RuntimeError):
    """A server's program is not on this machine, and how it gets there."""


def cache() -> Path:
    """Where built or downloaded servers are kept, outside of any checkout."""
    given = os.environ.get("XUEHAI_SERVERS")
    folder = Path(given) if given else Path.home() / ".cache" / "xuehai-servers"
    folder.mkdir(parents=True, exist_ok=True)
    return folder


def free_port() -> int:
    """A loopback port that nobody listens on just now."""
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        port: int = probe.getsockname()[1]
        return port


def program(name: str, how: str) -> str:
    """The path of a program from PATH or the cache."""
    found = shutil.which(name) or shutil.which(name, path=str(cache() / "bin"))
    if found is None:
        raise Missing(f"{name} is not here; {how}")
    return found


@contextlib.contextmanager
def running(
    argv: Sequence[str],
    answers: Callable[[], bool],
    log: Path,
    *,
    env: Mapping[str, str] | None = None,
    user: str | None = None,
    stop: signal.Signals = signal.SIGTERM,
) -> Iterator[subprocess.Popen[bytes]]:
    """A child with its output in ``log``, from its first answer to its end."""
    with log.open("ab") as output:
        child = subprocess.Popen(
            argv,
            stdin=subprocess.DEVNULL,
            stdout=output,
            stderr=output,
            env={**os.environ, **(env or {})},
            user=user,
            start_new_session=True,
        )
    try:
        wait(answers, child, log)
        yield child
    finally:
        end(child, stop)


def wait(answers: Callable[[], bool], child: subprocess.Popen[bytes], log: Path) -> None:
    """Return at the first answer; say the end of the log when the child ends or stays silent."""
    until = time.monotonic() + START_SECONDS
    while not answers():
        if child.poll() is not None or time.monotonic() > until:
            said = log.read_text(errors="replace")[-2000:]
            raise RuntimeError(f"{child.args!r} did not start:\n{said}")
        time.sleep(0.1)


def end(child: subprocess.Popen[bytes], stop: signal.Signals = signal.SIGTERM) -> None:
    """Ask the child's whole group to end; insist after ten seconds."""
    for ask, patience in ((stop, 10.0), (signal.SIGKILL, 10.0)):
        if child.poll() is not None:
            return
        with contextlib.suppress(ProcessLookupError):
            os.killpg(child.pid, ask)
        with contextlib.suppress(subprocess.TimeoutExpired):
            child.wait(patience)


def listens(port: int) -> bool:
    """Whether somebody accepts connections on this loopback port."""
    with contextlib.suppress(OSError), socket.create_connection(("127.0.0.1", port), timeout=1):
        return True
    return False


def is_well(url: str) -> bool:
    """Whether this address answers 200."""
    with contextlib.suppress(OSError), urllib.request.urlopen(url, timeout=2) as answer:
        return bool(answer.status == 200)
    return False
