"""The parent of `xuehai serve`: starts its parts, restarts those that die, ends them all when told to.

It is one thread that does nothing but wait. A part reads its settings as the first line of its standard input and
watches the rest of it: when the supervisor is gone, however it went, the pipe ends and the part goes too.
"""

import os
import selectors
import signal
import socket
import subprocess
import sys
import time
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager, suppress
from dataclasses import dataclass, field

import structlog

from repo_service.settings import Settings

ENDING_SECONDS = 8.0  # a part that has not ended by then is killed
STABLE_SECONDS = 60.0  # after that a death is a new one, not the same again
LONGEST_PAUSE = 30.0
FIRST_TRIES = 3  # deaths before everything was up once: then it is a fault, not an accident
log = structlog.get_logger(__name__)


@dataclass(frozen=True, slots=True)
class Part:
    """One child process: ``kind`` is what `child` shall be, ``listener`` the socket that it serves."""

    name: str
    kind: str
    listener: socket.socket | None = None


@dataclass(slots=True)
class _Running:
    part: Part
    process: subprocess.Popen[bytes] | None = None
    started: float = 0.0
    deaths: int = 0
    again_at: float = 0.0


@dataclass(slots=True)
class Supervisor:
    """Keeps ``parts`` running with ``settings`` until a signal; ``on_ready`` is called once, when all are up."""

    settings: Settings
    parts: Sequence[Part]
    on_ready: Callable[[], None]
    _running: list[_Running] = field(default_factory=list)
    _ready: set[str] = field(default_factory=set)
    _announced: bool = False

    def run(self) -> int:
        """Run until SIGTERM or SIGINT; answer the exit code: 1 when a part could never be brought up."""
        with _signals() as signals, _pipe() as (reading, writing), selectors.DefaultSelector() as selector:
            selector.register(signals, selectors.EVENT_READ)
            selector.register(reading, selectors.EVENT_READ)
            self._running = [_Running(part) for part in self.parts]
            try:
                return self._keep_running(selector, signals, reading, writing)
            finally:
                self._end_all()

    def _keep_running(
        self, selector: selectors.BaseSelector, signals: socket.socket, reading: int, writing: int
    ) -> int:
        while True:
            for child in self._running:
                self._revive(child, writing)
            if not self._announced and any(child.deaths >= FIRST_TRIES for child in self._running):
                return 1
            for key, _ in selector.select(self._patience()):
                if key.fileobj is signals:
                    if {signal.SIGTERM, signal.SIGINT} & set(signals.recv(64)):
                        return 0
                else:
                    self._note_ready(os.read(reading, 4096).decode().split())

    def _note_ready(self, names: list[str]) -> None:
        self._ready.update(names)
        if not self._announced and self._ready >= {part.name for part in self.parts}:
            self._announced = True
            self.on_ready()

    def _revive(self, child: _Running, ready_fd: int) -> None:
        """Start a part that does not run, later each time when it dies young."""
        now = time.monotonic()
        if child.process is not None and child.process.poll() is not None:
            code, child.process = _bury(child.process), None
            child.deaths = 1 if now - child.started > STABLE_SECONDS else child.deaths + 1
            child.again_at = now + min(2.0 ** (child.deaths - 2), LONGEST_PAUSE)
            log.error("part_died", part=child.part.name, code=code, again_in=round(child.again_at - now, 1))
        if child.process is None and now >= child.again_at:
            child.process = self._start(child.part, ready_fd)
            child.started = now

    def _start(self, part: Part, ready_fd: int) -> subprocess.Popen[bytes]:
        listener = part.listener.fileno() if part.listener else -1
        process = subprocess.Popen(
            [sys.executable, "-m", "repo_service.commands.child", part.kind, part.name, str(listener), str(ready_fd)],
            stdin=subprocess.PIPE,
            pass_fds=[fd for fd in (listener, ready_fd) if fd >= 0],
            start_new_session=True,  # Ctrl-C is for the supervisor, which ends the parts in order
        )
        assert process.stdin is not None
        with suppress(BrokenPipeError):  # it is dead already, which is found out like any other death
            process.stdin.write(self.settings.model_dump_json().encode() + b"\n")
            process.stdin.flush()
        return process

    def _patience(self) -> float | None:
        """Seconds until a part is due again; None: nothing is, wait for a signal."""
        due = [child.again_at for child in self._running if child.process is None]
        return max(0.0, min(due) - time.monotonic()) if due else None

    def _end_all(self) -> None:
        alive = [child.process for child in self._running if child.process is not None]
        for process in alive:
            process.terminate()
        until = time.monotonic() + ENDING_SECONDS
        for process in alive:
            try:
                process.wait(max(0.0, until - time.monotonic()))
            except subprocess.TimeoutExpired:
                log.warning("part_killed", pid=process.pid)
                process.kill()
                process.wait()
            _bury(process)


def _bury(process: subprocess.Popen[bytes]) -> int:
    """Let go of the pipe to a process that has ended; answer how it did."""
    if process.stdin is not None:
        with suppress(BrokenPipeError):
            process.stdin.close()
    return int(process.returncode)


@contextmanager
def _signals() -> Iterator[socket.socket]:
    """Signals as bytes on a socket, so that one `select` waits for everything."""
    reading, writing = socket.socketpair()
    reading.setblocking(False)
    writing.setblocking(False)
    watched = (signal.SIGTERM, signal.SIGINT, signal.SIGCHLD)
    before = [signal.signal(number, lambda *_: None) for number in watched]
    wakeup = signal.set_wakeup_fd(writing.fileno(), warn_on_full_buffer=False)
    try:
        yield reading
    finally:
        signal.set_wakeup_fd(wakeup)
        for number, handler in zip(watched, before, strict=True):
            signal.signal(number, handler)
        reading.close()
        writing.close()


@contextmanager
def _pipe() -> Iterator[tuple[int, int]]:
    reading, writing = os.pipe()
    try:
        yield reading, writing
    finally:
        os.close(reading)
        os.close(writing)
