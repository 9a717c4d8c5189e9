"""P9: an upload costs little more than bytes to disk and a SHA-256, far less than ``UploadFile``, and no memory."""

import os
import re
import shutil
import socket
import subprocess
import sys
import time
from collections.abc import Callable, Mapping, Sequence
from pathlib import Path

from tests.bench.harness import Goal, Measures, Verdict, column, judged, ratio

SIZE, SIZE_SMALL = 2 * 2**30, 256 * 2**20
WARM = 2**20
BLOCK = bytes(range(256)) * 4096  # 1 MiB
TICKS = os.sysconf("SC_CLK_TCK")
BOUNDARY = b"xuehai-bench"


class Server:
    """One of `upload_servers` in a process of its own, and what it cost."""

    def __init__(self, which: str, folder: Path, storage: str = "") -> None:
        shutil.rmtree(folder, ignore_errors=True)
        folder.mkdir(parents=True)
        with socket.socket() as probe:
            probe.bind(("127.0.0.1", 0))
            self.port: int = probe.getsockname()[1]
        command = [sys.executable, "-m", "tests.bench.upload_servers", which, str(folder), str(self.port), storage]
        self.process = subprocess.Popen(command, stdout=subprocess.PIPE, text=True)
        assert self.process.stdout is not None
        self.key = self.process.stdout.readline().strip()  # said when it is about to listen
        self._await()

    def cpu(self) -> float:
        """CPU seconds so far, of all threads."""
        fields = Path(f"/proc/{self.process.pid}/stat").read_text().rpartition(")")[2].split()
        return (int(fields[11]) + int(fields[12])) / TICKS

    def memory(self, line: str) -> float:
        """``VmRSS`` or ``VmHWM`` in MiB."""
        status = Path(f"/proc/{self.process.pid}/status").read_text()
        found = re.search(rf"{line}:\s+(\d+) kB", status)
        assert found is not None
        return int(found[1]) / 1024

    def forget_peak(self) -> None:
        """Let the peak of memory begin anew."""
        Path(f"/proc/{self.process.pid}/clear_refs").write_text("5")

    def send(self, head: str, size: int, *, before: bytes = b"", after: bytes = b"") -> str:
        """One request with a long body; the head of its answer."""
        with socket.create_connection(("127.0.0.1", self.port), timeout=600) as wire:
            wire.sendall(
                f"{head}\r\nHost: 127.0.0.1\r\nContent-Length: {size + len(before) + len(after)}\r\n\r\n".encode()
            )
            wire.sendall(before)
            left = size
            while left:
                block = BLOCK if left >= len(BLOCK) else BLOCK[:left]
                wire.sendall(block)
                left -= len(block)
            wire.sendall(after)
            answer = wire.recv(65536).decode()
        assert answer.split()[1].startswith("2"), answer
        return answer

    def stop(self) -> None:
        """End it."""
        self.process.terminate()
        self.process.wait(30)

    def _await(self) -> None:
        for _ in range(600):
            try:
                socket.create_connection(("127.0.0.1", self.port), timeout=1).close()
                return
            except ConnectionRefusedError:
                time.sleep(0.05)
        raise AssertionError("the server did not listen")


def tus(server: Server, size: int) -> None:
    """The application's own way: create, then one PATCH; rows and blob are there when it answers."""
    protocol = "Tus-Resumable: 1.0.0"
    create = f"POST /files/ HTTP/1.1\r\n{protocol}\r\nAuthorization: Bearer {server.key}\r\nUpload-Length: {size}"
    answer = server.send(f"{create}\r\nUpload-Metadata: filename YmVuY2gubXA0", 0)
    address = re.search(r"location: (\S+)", answer)
    assert address is not None
    octets = "Content-Type: application/offset+octet-stream"
    answer = server.send(f"PATCH {address[1]} HTTP/1.1\r\n{protocol}\r\nUpload-Offset: 0\r\n{octets}", size)
    assert "xuehai-resource: " in answer


def subject(folder: Path, small: bool) -> Measures:
    """The application over a folder."""
    return measured("subject", folder, small, tus)


def bare(folder: Path, small: bool) -> Measures:
    """A bare ASGI application that writes the stream to a file and hashes it."""
    return measured("bare", folder, small, lambda server, size: server.send("PUT / HTTP/1.1", size))


def upload_file(folder: Path, small: bool) -> Measures:
    """FastAPI's ``UploadFile``, copied to where it shall stay and hashed."""
    part = b'--%s\r\nContent-Disposition: form-data; name="file"; filename="bench.mp4"\r\n\r\n' % BOUNDARY
    end = b"\r\n--%s--\r\n" % BOUNDARY
    head = f"POST / HTTP/1.1\r\nContent-Type: multipart/form-data; boundary={BOUNDARY.decode()}"
    return measured("upload_file", folder, small, lambda server, size: server.send(head, size, before=part, after=end))


def check(runs: Mapping[str, Sequence[Measures]]) -> list[Verdict]:
    """Rates are the inverse of what one run costs."""
    cpu = {name: column(of, "cpu") for name, of in runs.items()}
    wall = {name: column(of, "wall") for name, of in runs.items()}
    growth = max(column(runs["subject"], "growth"))
    stated = ratio(
        "upload, against bare ASGI stream + SHA-256, wall", wall["bare"], wall["subject"], 0.8, at_least=True
    )
    return [
        ratio("upload, against bare ASGI stream + SHA-256, CPU", cpu["bare"], cpu["subject"], 0.8, at_least=True),
        ratio("upload, against UploadFile, CPU", cpu["upload_file"], cpu["subject"], 1.7, at_least=True),
        judged("memory growth of one upload", growth, 32, at_least=False, unit="MB"),
        Verdict(stated.what, stated.figure, stated.limit, at_least=True),
    ]


def _setup(folder: Path, small: bool) -> None:
    """Nothing: the bytes are made while they are sent."""


def measured(
    which: str, folder: Path, small: bool, send: Callable[[Server, int], object], storage: str = ""
) -> Measures:
    """What one large body costs a server that has seen a small one before."""
    size = SIZE_SMALL if small else SIZE
    server = Server(which, folder / which, storage)
    try:
        send(server, WARM)
        server.forget_peak()
        memory, cpu, begun = server.memory("VmRSS"), server.cpu(), time.monotonic()
        send(server, size)
        wall = time.monotonic() - begun
        return {
            "cpu": server.cpu() - cpu,
            "wall": wall,
            "rate": size / 2**20 / wall,
            "growth": server.memory("VmHWM") - memory,
        }
    finally:
        server.stop()
        shutil.rmtree(folder / which)


GOAL = Goal(
    name="P9",
    title="Upload",
    setup=_setup,
    contenders={"subject": subject, "bare": bare, "upload_file": upload_file},
    check=check,
    rounds=3,
)
