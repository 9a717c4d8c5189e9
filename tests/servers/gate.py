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

_PASSED = ("Content-Type", "Accept")


@contextlib.contextmanager
def gate(folder: Path, url: str, signed_in: set[str]) -> Iterator[tuple[int, Path]]:
    """Port of the gate, and the certificate that it trusts in; it lets these values of ``Authorization`` pass."""
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
    behind = urlsplit(url).netloc

    class Gate(http.server.BaseHTTPRequestHandler):
        """One connection."""

        protocol_version = "HTTP/1.1"

        def pass_on(self) -> None:
            """Ask the server behind, and hand its answer back."""
            body = self.rfile.read(int(self.headers.get("Content-Length", "0")))
            if self.headers.get("Authorization") not in signed_in:
                self.answer(401, b'{"error":{"type":"security_exception"},"status":401}', {})
                return
            server = http.client.HTTPConnection(behind, timeout=30)
            kept = {name: self.headers[name] for name in _PASSED if name in self.headers}
            server.request(self.command, self.path, body, kept)
            answer = server.getresponse()
            self.answer(answer.status, answer.read(), dict(answer.getheaders()))
            server.close()

        do_GET = do_POST = do_PUT = do_DELETE = do_HEAD = pass_on

        def answer(self, status: int, body: bytes, headers: dict[str, str]) -> None:
            """With the length that the body has here."""
            self.send_response(status)
            for name in ("Content-Type", "X-Elastic-Product"):
                if value := {key.lower(): value for key, value in headers.items()}.get(name.lower()):
                    self.send_header(name, value)
            self.send_header("Content-Length", str(len(body)))
            self.end_headers()
            self.wfile.write(body)

        def log_message(self, *said: object) -> None:
            """Nothing: a test reads the answers."""

    server = http.server.ThreadingHTTPServer(("127.0.0.1", 0), Gate)
    server.daemon_threads = True
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
