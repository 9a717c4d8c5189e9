"""The doorbell of one machine: a datagram to every Unix socket in a folder.

A listener binds a socket of its own at its first ``wait``; whoever rings sends one datagram to each socket it finds
and sweeps away those that nobody holds any more. Nothing is kept: who is not listening polls.
"""

import contextlib
import errno
import os
import select
import socket
import threading
import uuid
from collections.abc import Sequence
from pathlib import Path

_SUFFIX = ".ring"
_DRAIN_LIMIT = 1000  # a listener that is rung faster than it reads must still get to work


class LocalQueue:
    """Rings and waits within one folder; processes may do both at once."""

    def __init__(self, folder: Path) -> None:
        folder.mkdir(parents=True, exist_ok=True)
        # A socket's address holds 107 bytes; through the open folder its length does not depend on where it lies.
        self._folder = os.open(folder, os.O_RDONLY | os.O_DIRECTORY | os.O_CLOEXEC)
        self._lock = threading.Lock()
        self._listener: socket.socket | None = None
        self._name = f"{os.getpid()}-{uuid.uuid4().hex[:8]}{_SUFFIX}"

    def ring(self, job_ids: Sequence[str], *, heavy: bool = False) -> None:
        """Wake everybody who waits. One datagram says it all: the listeners look for jobs themselves."""
        if not job_ids:
            return
        with socket.socket(socket.AF_UNIX, socket.SOCK_DGRAM) as bell:
            bell.setblocking(False)
            for name in os.listdir(self._folder):
                if name.endswith(_SUFFIX):
                    self._send(bell, name)

    def wait(self, seconds: float) -> None:
        """Return when it rang since the last wait, or after ``seconds``."""
        listener = self._listen()
        poll = select.poll()
        poll.register(listener, select.POLLIN)
        if not poll.poll(seconds * 1000):
            return
        for _ in range(_DRAIN_LIMIT):
            try:
                listener.recv(64)
            except BlockingIOError:
                return

    def close(self) -> None:
        """Take the socket away."""
        with self._lock:
            if self._folder < 0:
                return
            if self._listener is not None:
                self._listener.close()
                self._listener = None
                self._sweep(self._name)
            os.close(self._folder)
            self._folder = -1

    def _listen(self) -> socket.socket:
        with self._lock:
            if self._listener is None:
                listener = socket.socket(socket.AF_UNIX, socket.SOCK_DGRAM)
                listener.setblocking(False)
                listener.bind(self._address(self._name))
                self._listener = listener
            return self._listener

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
