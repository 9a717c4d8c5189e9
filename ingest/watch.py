"""Watching one child to its end: its output, its clock, and what it and its own children use."""

import contextlib
import json
import os
import selectors
import signal
import stat
import time
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import IO, Any, Protocol

from ingest.errors import IngestError

_TICK_SECONDS = 0.2
_SHORT_TICK_SECONDS = 0.05  # for what may fork
_STDERR_KEPT = 16 * 1024
_LINE_MAX = 64 * 1024
_GRACE_SECONDS = 5.0
_HIDDEN = 2**62
_PAGE = os.sysconf("SC_PAGE_SIZE")


@dataclass(frozen=True, slots=True)
class Limits:
    """What a child and all that it starts may use. Seconds and bytes; ``answer`` bounds standard output.

    With one process, as by default, the kernel lets it start threads only.
    """

    wall: float = 60.0
    cpu: float = 60.0
    memory: int = 2 * 2**30
    output: int = 2**30
    files: int = 20_000
    open_files: int = 256
    processes: int = 1
    answer: int = 64 * 2**20
    nice: int = 5


@dataclass(frozen=True, slots=True)
class Completed:
    """A program that ended by itself. ``status`` is 128 + signal after a crash; ``stderr`` is its tail."""

    status: int
    stdout: bytes
    stderr: str
    cpu_seconds: float
    wall_seconds: float


@dataclass(slots=True)
class Guard:
    """The limits of one child that the kernel does not hold: wall clock, whole group, whole output folder."""

    limits: Limits
    output: Path | None
    boxed: bool
    started: float = field(default_factory=time.monotonic)

    def members(self, pid: int, namespace: int) -> list[int]:
        """The child ``pid`` and what it started: all of its box, or of its session."""
        return _in_namespace(namespace) if self.boxed else _in_session(pid)

    def check(self, members: Sequence[int]) -> None:
        """Raise the IngestError of the first limit that these processes together passed."""
        if time.monotonic() - self.started > self.limits.wall:
            raise IngestError("took_too_long", f"{self.limits.wall:.0f} s by the clock", retryable=True)
        if len(members) > self.limits.processes:
            raise IngestError("too_many_processes", f"{len(members)} of {self.limits.processes}")
        resident = sum(map(_resident, members))
        if resident > self.limits.memory:
            raise IngestError("too_much_memory", f"{resident} of {self.limits.memory} bytes")
        self.check_output()

    def check_output(self) -> None:
        """Raise output_too_large when the output folder holds more bytes or files than it may."""
        if self.output is None:
            return
        size, files = _usage(self.output)
        if size > self.limits.output or files > self.limits.files:
            raise IngestError("output_too_large", f"{size} bytes in {files} files")


class Child(Protocol):
    """A started process, as `subprocess.Popen` gives it, leading a session of its own."""

    pid: int
    stdout: IO[bytes] | None
    stderr: IO[bytes] | None
    returncode: Any


class Watched:
    """One running child and the three pipes that it writes to."""

    def __init__(
        self,
        process: Child,
        status: IO[bytes],
        guard: Guard,
        on_line: Callable[[str], None] | None,
        poll: Callable[[], None] | None,
    ) -> None:
        self.process, self.guard, self.on_line, self.poll = process, guard, on_line, poll
        self.stdout, self.stderr, self.status = bytearray(), bytearray(), bytearray()
        self.cpu_seconds = 0.0
        self.selector = selectors.DefaultSelector()
        assert process.stdout is not None
        assert process.stderr is not None
        for stream, take in (
            (process.stdout, self._take_stdout),
            (process.stderr, self._take_stderr),
            (status, self.status.extend),
        ):
            self.selector.register(stream, selectors.EVENT_READ, take)

    def to_the_end(self) -> Completed:
        """Read what it says, hold it to the guard's limits, and leave nothing of it running."""
        process, guard = self.process, self.guard
        try:
            tick = _TICK_SECONDS if guard.limits.processes == 1 else _SHORT_TICK_SECONDS
            checked = 0.0
            while not self._ended():
                self._read(tick)
                if time.monotonic() - checked < tick:
                    continue
                if self.poll is not None:
                    self.poll()
                guard.check(self._members())
                checked = time.monotonic()
            self._read_rest()
        finally:
            self._kill()
            self.selector.close()
            for stream in (process.stdout, process.stderr):
                if stream is not None:
                    stream.close()
        _tidy(guard.output)
        guard.check_output()
        return self._completed()

    def _completed(self) -> Completed:
        code = self.process.returncode
        stderr = self.stderr.decode("utf-8", "replace").strip()
        if self.guard.boxed and "exit-code" not in self._status():
            raise IngestError("sandbox_unavailable", stderr or f"bwrap: status {code}", retryable=True)
        status = code if code >= 0 else 128 - code
        allowed = self.guard.limits.cpu  # the kernel counts by ticks, so it may be a little early
        if status == 128 + signal.SIGKILL and self.cpu_seconds >= max(allowed - 1, 0.8 * allowed):
            raise IngestError("took_too_long", f"{self.cpu_seconds:.0f} s of CPU")
        wall = time.monotonic() - self.guard.started
        return Completed(status, bytes(self.stdout), stderr, self.cpu_seconds, wall)

    def _ended(self) -> bool:
        """Whether it ended; its CPU seconds are then known. A zombie is reaped here, so that its id is not reused."""
        if self.process.returncode is None:
            pid, status, used = os.wait4(self.process.pid, os.WNOHANG)
            if pid:
                self.process.returncode = os.waitstatus_to_exitcode(status)
                self.cpu_seconds = used.ru_utime + used.ru_stime
        return self.process.returncode is not None

    def _kill(self) -> None:
        """End the child with all that it started, and come back when they are gone."""
        first = self._status().get("child-pid", 0)
        if self.process.returncode is not None and self.guard.boxed:
            return  # the box ended with its first process, and everything in it
        for pid in [first] if first else self._members():
            with contextlib.suppress(ProcessLookupError):
                os.kill(pid, signal.SIGKILL)
        with contextlib.suppress(ProcessLookupError):
            os.killpg(self.process.pid, signal.SIGKILL)
        deadline = time.monotonic() + _GRACE_SECONDS
        while not self._ended() or (first and Path(f"/proc/{first}").exists() and time.monotonic() < deadline):
            time.sleep(0.002)

    def _members(self) -> list[int]:
        return self.guard.members(self.process.pid, self._status().get("pid-namespace", 0))

    def _read(self, seconds: float) -> bool:
        """Take what the pipes hold, waiting at most ``seconds`` for something; whether there was anything."""
        if not self.selector.get_map():
            time.sleep(0.005)
            return False
        events = self.selector.select(seconds)
        for key, _ in events:
            chunk = os.read(key.fd, 65536)
            if chunk:
                key.data(chunk)
            else:
                self.selector.unregister(key.fileobj)
        return bool(events)

    def _read_rest(self) -> None:
        while self.selector.get_map() and self._read(0):
            pass

    def _take_stdout(self, chunk: bytes) -> None:
        self.stdout += chunk
        if self.on_line is None:
            if len(self.stdout) > self.guard.limits.answer:
                raise IngestError("output_too_large", f"more than {self.guard.limits.answer} bytes of answer")
            return
        *lines, rest = self.stdout.split(b"\n")
        self.stdout = rest[:_LINE_MAX]
        for line in lines:
            self.on_line(line.decode("utf-8", "replace"))

    def _take_stderr(self, chunk: bytes) -> None:
        self.stderr += chunk
        del self.stderr[:-_STDERR_KEPT]

    def _status(self) -> dict[str, int]:
        """What bubblewrap said about the box: several small JSON documents, one a line."""
        told: dict[str, int] = {}
        for line in bytes(self.status).splitlines():
            with contextlib.suppress(ValueError):
                told.update(json.loads(line))
        return told


def _processes() -> list[int]:
    return [int(name) for name in os.listdir("/proc") if name.isdigit()]


def _in_namespace(namespace: int) -> list[int]:
    """The processes of one PID namespace; it is unique, so nothing that a child does takes it out."""
    wanted, found = f"pid:[{namespace}]", []
    for pid in _processes():
        with contextlib.suppress(OSError):
            if os.readlink(f"/proc/{pid}/ns/pid") == wanted:
                found.append(pid)
    return found


def _in_session(session: int) -> list[int]:
    found = []
    for pid in _processes():
        with contextlib.suppress(OSError):
            if os.getsid(pid) == session:
                found.append(pid)
    return found


def _resident(pid: int) -> int:
    try:
        return int(Path(f"/proc/{pid}/statm").read_text().split()[1]) * _PAGE
    except (OSError, IndexError):
        return 0


def _usage(folder: Path) -> tuple[int, int]:
    """Declared bytes and number of entries below a folder; one that hides its content is beyond every cap."""
    size = files = 0
    try:
        with os.scandir(folder) as entries:
            for entry in entries:
                files += 1
                with contextlib.suppress(FileNotFoundError):
                    if entry.is_dir(follow_symlinks=False):
                        below = _usage(Path(entry.path))
                        size, files = size + below[0], files + below[1]
                    else:
                        size += entry.stat(follow_symlinks=False).st_size
    except PermissionError:
        return _HIDDEN, files
    except FileNotFoundError:
        return size, files
    return size, files


def _tidy(folder: Path | None) -> None:
    """Take links, sockets and devices out of the output: the worker reads it, and must read only what was made."""
    if folder is None:
        return
    for where, folders, files in os.walk(folder):
        for name in (*folders, *files):
            path = Path(where, name)
            mode = path.lstat().st_mode
            if stat.S_ISDIR(mode):
                path.chmod(0o700)  # entered next, and removed one day
            elif not stat.S_ISREG(mode):
                path.unlink()
