"""The whole grown profile on this machine, without containers: python -m tests.servers.up [FOLDER] [--port N] [--down]

PostgreSQL, MinIO, Elasticsearch, Redis, the site and a worker. All data lie in FOLDER; up again finds them there.
"""

import argparse
import contextlib
import fcntl
import json
import os
import shutil
import signal
import socket
import subprocess
import sys
import time
from collections.abc import Iterator
from pathlib import Path

from tests.servers.base import free_port, is_well, running
from tests.servers.grown import missing, servers

XUEHAI = str(Path(sys.executable).with_name("xuehai"))
INGEST = {
    "ffmpeg": "ffmpeg",
    "soffice": "libreoffice-impress libreoffice-writer libreoffice-calc",
    "bwrap": "bubblewrap",
}
PORT = 8000
DOWN_SECONDS = 90.0
READY = "ready "


def main() -> int:
    """Bring it up, or take it down."""
    parser = argparse.ArgumentParser(prog="python -m tests.servers.up", description=(__doc__ or "").partition("\n")[0])
    parser.add_argument("folder", nargs="?", type=Path, help=f"of all data; {default_folder()}")
    parser.add_argument("--port", type=int, default=0, help=f"of the site; {PORT} or a free one")
    parser.add_argument("--down", action="store_true", help="end what is up")
    parser.add_argument("--hold", action="store_true", help=argparse.SUPPRESS)
    given = parser.parse_args()
    folder = (given.folder or default_folder()).resolve()
    if given.hold:
        return hold(folder, given.port)
    return down(folder) if given.down else up(folder, given.port)


def default_folder() -> Path:
    """Outside of every checkout, kept over restarts of the machine, and open to the servers' own users."""
    if os.geteuid() == 0:
        return Path("/var/lib/xuehai-up")
    return Path(os.environ.get("XDG_DATA_HOME") or Path.home() / ".local" / "share") / "xuehai-up"


def up(folder: Path, port: int) -> int:
    """Start everything in the background; return when the site is ready, or with what was missing or went wrong."""
    wanted = [*missing(), *(f"{name} is not here; apt-get install {package}" for name, package in absent().items())]
    if wanted:
        return _fail("Missing:\n  " + "\n  ".join(wanted))
    folder.mkdir(parents=True, exist_ok=True)
    if pid := holder(folder):
        sys.stderr.write(f"It is up already (process {pid}, settings in {folder / 'xuehai.env'}); make down ends it.\n")
        return 0
    argv = [sys.executable, "-m", "tests.servers.up", "--hold", "--port", str(port), str(folder)]
    with (folder / "up.log").open("ab") as log:
        child = subprocess.Popen(
            argv, stdin=subprocess.DEVNULL, stdout=subprocess.PIPE, stderr=log, text=True, start_new_session=True
        )
    assert child.stdout is not None
    try:
        for line in child.stdout:
            if line.startswith(READY):
                _welcome(folder, line.removeprefix(READY).strip())
                return 0
            sys.stderr.write(line)
    except KeyboardInterrupt:
        child.terminate()
    child.wait()
    return _fail(f"It did not come up; {folder / 'up.log'} ends with:\n{_tail(folder / 'up.log')}")


def down(folder: Path) -> int:
    """End what `up` began, and wait until it has ended."""
    pid = holder(folder)
    if pid is None:
        sys.stderr.write(f"Nothing is up in {folder}.\n")
        return 0
    os.kill(pid, signal.SIGTERM)
    until = time.monotonic() + DOWN_SECONDS
    while holder(folder) == pid:
        if time.monotonic() > until:
            return _fail(f"Process {pid} has not ended; see {folder / 'up.log'}.")
        time.sleep(0.1)
    sys.stderr.write(f"Ended. The data stay in {folder}.\n")
    return 0


def hold(folder: Path, port: int) -> int:
    """Be the process behind `up`: everything runs as long as this does, and ends when any part of it ends."""
    signal.signal(signal.SIGTERM, _leave)
    signal.signal(signal.SIGINT, _leave)
    with _locked(folder), contextlib.ExitStack() as stack:
        _say("PostgreSQL, MinIO, Elasticsearch, Redis …")
        settings = stack.enter_context(servers(folder)) | _addresses(folder, port)
        _write_settings(folder / "xuehai.env", settings)
        environment = {name: value for name, value in os.environ.items() if not name.startswith("XUEHAI_")} | settings
        _say("xuehai migrate …")
        subprocess.run([XUEHAI, "migrate"], env=environment, check=True, stdout=sys.stderr)
        _say("xuehai serve, xuehai worker …")
        site = settings["XUEHAI_PUBLIC_URL"]
        parts = [
            stack.enter_context(running(argv, answers, folder / f"{argv[1]}.log", env=environment))
            for argv, answers in (
                ([XUEHAI, "worker"], lambda: True),
                ([XUEHAI, "serve"], lambda: is_well(f"{site}/readyz")),
            )
        ]
        _say(READY + site)
        os.dup2(sys.stderr.fileno(), sys.stdout.fileno())  # whoever waited for this has gone
        while all(part.poll() is None for part in parts):
            time.sleep(1)
        ended = [part.args for part in parts if part.poll() is not None]
        _say(f"ended: {ended}; so everything else is")
    return 1


def holder(folder: Path) -> int | None:
    """The process that holds this folder's servers up."""
    path = folder / "up.lock"
    if not path.exists():
        return None
    with path.open("r") as lock:
        try:
            fcntl.flock(lock, fcntl.LOCK_SH | fcntl.LOCK_NB)
        except BlockingIOError:
            return int(lock.read() or 0)
    return None


def absent() -> dict[str, str]:
    """Programs of ingest that are not here, with their packages."""
    return {name: package for name, package in INGEST.items() if shutil.which(name) is None}


@contextlib.contextmanager
def _locked(folder: Path) -> Iterator[None]:
    with (folder / "up.lock").open("a+") as lock:
        fcntl.flock(lock, fcntl.LOCK_EX | fcntl.LOCK_NB)
        lock.truncate(0)
        lock.write(str(os.getpid()))
        lock.flush()
        yield


def _addresses(folder: Path, port: int) -> dict[str, str]:
    """The settings beside the four URLs: the same site address as at the last time where it is free."""
    last = folder / "port"
    wanted = port or (int(last.read_text()) if last.exists() else PORT)
    site = wanted if _is_free(wanted) else free_port()
    last.write_text(str(site))
    content = free_port()
    return {
        "XUEHAI_DATA_DIR": str(folder / "data"),
        "XUEHAI_HOST": "127.0.0.1",
        "XUEHAI_PORT": str(site),
        "XUEHAI_CONTENT_PORT": str(content),
        "XUEHAI_PUBLIC_URL": f"http://127.0.0.1:{site}",
        "XUEHAI_CONTENT_URL": f"http://localhost:{content}",
    }


def _is_free(port: int) -> bool:
    with contextlib.suppress(OSError), socket.create_server(("127.0.0.1", port)):
        return True
    return False


def _write_settings(path: Path, settings: dict[str, str]) -> None:
    """For shells (``set -a; . FILE``) and for systemd; only its owner reads it, since passwords are in it."""
    path.touch(0o600)
    path.write_text("".join(f"{name}='{value}'\n" for name, value in settings.items()))


def _welcome(folder: Path, site: str) -> None:
    settings = folder / "xuehai.env"
    sys.stderr.write(
        f"""
学海已就绪 · Xuehai is ready: {site}

Settings:    {settings}   (a shell takes them by: set -a; . {settings}; set +a)
An account:  {XUEHAI} user create --email admin@example.org --name 管理员 --role system_admin --password-stdin
Logs, data:  {folder}
The end:     make down
"""
    )
    sys.stdout.write(json.dumps({"url": site, "settings": str(settings)}) + "\n")


def _say(line: str) -> None:
    sys.stdout.write(line + "\n")
    sys.stdout.flush()


def _fail(words: str) -> int:
    sys.stderr.write(words + "\n")
    return 1


def _tail(log: Path) -> str:
    return log.read_text(errors="replace")[-3000:]


def _leave(_signal: int, _frame: object) -> None:
    for number in (signal.SIGTERM, signal.SIGINT):  # once is enough: the end is orderly
        signal.signal(number, signal.SIG_IGN)
    raise SystemExit(0)


if __name__ == "__main__":
    sys.exit(main())
