"""The doorbell of one machine: a datagram to every Unix socket in a folder.

Each listener binds a socket of its own; whoever rings sends one datagram to each socket it finds
and sweeps away those that nobody holds any more. Nothing is kept: who is not listening polls.
"""

import contextlib
import errno
import os
import select
import socket
import threading
import uuid
from collections.abc import Iterator, Sequence
from pathlib import Path

from repo_service.queue.port import Heard

_SUFFIX = ".ring"
_LOOK_SECONDS = 0.5  # between two looks whether to stop
_DRAIN_LIMIT = 1000  # a listener that is rung faster than it reads must still get to work


class LocalQueue:
    """Rings and listens within one folder; processes and threads may do both at once."""

    def __init__(self, folder: Path) -> None:
        folder.mkdir(parents=True, exist_ok=True)
        # A socket's address holds 107 bytes; through the open folder its length does not depend on where it lies.
        self._folder = os.open(folder, os.O_RDONLY | os.O_DIRECTORY | os.O_CLOEXEC)

    def ring(self, job_ids: Sequence[str], *, heavy: bool = False) -> None:
        """Wake everybody who waits. One datagram says it all: the listeners look for jobs themselves."""
        if not job_ids:
            return
        with socket.socket(socket.AF_UNIX, socket.SOCK_DGRAM) as bell:
            bell.setblocking(False)
            for name in os.listdir(self._folder):
                if name.endswith(_SUFFIX):
                    self._send(bell, name)

    def listen(self, heard: Heard, stopping: threading.Event, *, heavy: bool) -> None:
        """Call ``heard(None)`` after each ring, or once after many, until ``stopping`` is set."""
        with self._listener() as listener:
            poll = select.poll()
            poll.register(listener, select.POLLIN)
            while not stopping.is_set():
                if poll.poll(_LOOK_SECONDS * 1000):
                    _drain(listener)
                    heard(None)

    def close(self) -> None:
        """Let go of the folder."""
        if self._folder >= 0:
            os.close(self._folder)
            self._folder = -1

    @contextlib.contextmanager
    def _listener(self) -> Iterator[socket.socket]:
        name = f"{os.getpid()}-{uuid.uuid4().hex[:8]}{_SUFFIX}"
        with socket.socket(socket.AF_UNIX, socket.SOCK_DGRAM) as listener:
            listener.setblocking(False)
            listener.bind(self._address(name))
            try:
                yield listener
            finally:
                self._sweep(name)

    def _address(self, name: str) -> str:
        return f"/proc/self/fd/{self._folder}/{name}"

    def _send(self, bell: socket.socket, name: str) -> None:
        try:
            bell.sendto(b"ring", self._address(name))
        except BlockingIOError:
            pass  # its buffer is full of rings: it will wake
        except OSError as error:
            if error.errno == errno.ECONNREFUSED:
                self._sweep(name)  # its process died
            elif error.errno != errno.ENOENT:
                raise ConnectionError(f"cannot ring {name}: {error.strerror}") from error

    def _sweep(self, name: str) -> None:
        with contextlib.suppress(FileNotFoundError):
            os.unlink(name, dir_fd=self._folder)


def _drain(listener: socket.socket) -> None:
    for _ in range(_DRAIN_LIMIT):
        try:
            listener.recv(64)
        except BlockingIOError:
            return
