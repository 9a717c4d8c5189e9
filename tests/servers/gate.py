"""A gate of TLS and passwords before a server that has neither, as clusters of others have one."""

import contextlib
import http.client
import http.server
import ssl
import subprocess
import threading
from collections.abc import Iterator
from pathlib import Path
from urllib.parse import urlsplit

_ASKED = ("Content-Type", "Accept")
_ANSWERED = ("Content-Type", "X-Elastic-Product")


class _Server(http.server.ThreadingHTTPServer):
    """What the gate knows: the server behind, and who may pass."""

    daemon_threads = True
    behind = ""
    signed_in: frozenset[str] = frozenset()


class _Gate(http.server.BaseHTTPRequestHandler):
    """One connection."""

    protocol_version = "HTTP/1.1"
    server: _Server

    def pass_on(self) -> None:
        """Ask the server behind, and hand its answer back."""
        body = self.rfile.read(int(self.headers.get("Content-Length", "0")))
        if self.headers.get("Authorization") not in self.server.signed_in:
            self._answer(401, {"Content-Type": "application/json"}, b'{"error":{"type":"security_exception"}}')
            return
        server = http.client.HTTPConnection(self.server.behind, timeout=30)
        kept = {name: self.headers[name] for name in _ASKED if name in self.headers}
        server.request(self.command, self.path, body, kept)
        answer = server.getresponse()
        headers = {name: value for name in _ANSWERED if (value := answer.getheader(name))}
        self._answer(answer.status, headers, answer.read())
        server.close()

    do_GET = do_POST = do_PUT = do_DELETE = do_HEAD = pass_on

    def _answer(self, status: int, headers: dict[str, str], body: bytes) -> None:
        self.send_response(status)
        for name, value in (headers | {"Content-Length": str(len(body))}).items():
            self.send_header(name, value)
        self.end_headers()
        self.wfile.write(body)

    def log_message(self, *said: object) -> None:
        """Nothing: a test reads the answers."""


@contextlib.contextmanager
def gate(folder: Path, url: str, signed_in: set[str]) -> Iterator[tuple[int, Path]]:
    """Port of the gate, and the certificate to trust; it lets these values of ``Authorization`` pass."""
    key, certificate = _certificate(folder)
    server = _Server(("127.0.0.1", 0), _Gate)
    server.behind, server.signed_in = urlsplit(url).netloc, frozenset(signed_in)
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    context.load_cert_chain(certificate, key)
    server.socket = context.wrap_socket(server.socket, server_side=True)
    thread = threading.Thread(target=server.serve_forever)
    thread.start()
    try:
        yield server.server_address[1], certificate
    finally:
        server.shutdown()
        server.server_close()
        thread.join()


def _certificate(folder: Path) -> tuple[Path, Path]:
    key, certificate = folder / "key.pem", folder / "certificate.pem"
    subprocess.run(
        [
            *("openssl", "req", "-x509", "-newkey", "ec", "-pkeyopt", "ec_paramgen_curve:prime256v1", "-nodes"),
            *("-days", "2", "-subj", "/CN=localhost", "-addext", "subjectAltName=DNS:localhost"),
            *("-keyout", key, "-out", certificate),
        ],
        check=True,
        capture_output=True,
    )
    return key, certificate
