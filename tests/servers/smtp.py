"""A mail server of our own for tests: real sockets, RFC 5321 as far as a client goes, failing where a test says."""

import socketserver
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from email import message_from_bytes
from email.message import EmailMessage
from email.policy import SMTP


@dataclass
class Mailbox:
    """What arrived, and what the server is to do wrong: ``fail`` names a command, ``answer`` is what it says then.

    An empty answer cuts the line. ``DATA.`` is the end of the letter, which is taken before the line is cut.
    """

    port: int = 0
    fail: str = ""
    answer: str = ""
    letters: list[EmailMessage] = field(default_factory=list)
    envelopes: list[tuple[str, list[str]]] = field(default_factory=list)
    commands: list[str] = field(default_factory=list)


class _Cut(Exception):
    """The line is cut."""


class _Session(socketserver.StreamRequestHandler):
    box: Mailbox

    def handle(self) -> None:
        try:
            self._say("220 tests")
            while line := self.rfile.readline():
                self._command(line.decode("ascii").strip())
        except (_Cut, OSError):
            return

    def _say(self, text: str, command: str = "") -> bool:
        """Answer; False when the answer is the failure that was asked for."""
        wrong = bool(command) and self.box.fail == command
        if wrong and not self.box.answer:
            raise _Cut
        self.wfile.write(f"{self.box.answer if wrong else text}\r\n".encode())
        return not wrong

    def _command(self, line: str) -> None:
        verb = line.partition(" ")[0].upper()
        self.box.commands.append(line)
        if verb == "EHLO":
            self._say("250-tests\r\n250 AUTH PLAIN", verb)
        elif verb == "AUTH":
            self._say("235 welcome", verb)
        elif verb == "MAIL":
            self._sender, self._to = line, list[str]()
            self._say("250 ok", verb)
        elif verb == "RCPT":
            if self._say("250 ok", verb):
                self._to.append(line.partition("<")[2].rstrip(">"))
        elif verb == "DATA":
            if self._say("354 go on", verb):
                self._take()
        elif verb == "QUIT":
            self._say("221 bye")
            raise _Cut
        else:
            self._say("250 ok" if verb in ("RSET", "NOOP") else "502 not here")

    def _take(self) -> None:
        lines: list[bytes] = []
        while (line := self.rfile.readline()) != b".\r\n":
            if not line:
                raise _Cut
            lines.append(line[1:] if line.startswith(b"..") else line)
        letter = message_from_bytes(b"".join(lines), policy=SMTP)
        self.box.letters.append(letter)
        self.box.envelopes.append((self._sender, self._to))
        self._say("250 taken", "DATA.")


@contextmanager
def serving() -> Iterator[Mailbox]:
    """The server in a thread, while the block runs."""
    box = Mailbox()
    session = type("_Bound", (_Session,), {"box": box})
    with socketserver.ThreadingTCPServer(("127.0.0.1", 0), session) as server:
        server.daemon_threads = True
        box.port = server.server_address[1]
        thread = threading.Thread(target=server.serve_forever, kwargs={"poll_interval": 0.05}, daemon=True)
        thread.start()
        yield box
        server.shutdown()
        thread.join()
