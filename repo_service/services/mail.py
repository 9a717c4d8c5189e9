"""Sending mail by SMTP (RFC 5321): where it goes by setting, and what is surely not delivered told from what may be."""

import smtplib
import ssl
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from dataclasses import dataclass
from email.errors import HeaderParseError
from email.headerregistry import Address
from email.message import EmailMessage
from email.policy import SMTP
from email.utils import format_datetime, parseaddr
from typing import Literal
from urllib.parse import parse_qs, unquote, urlsplit

from repo_service.context import Context
from repo_service.errors import Misconfigured
from repo_service.settings import Settings

TIMEOUT = 15.0  # seconds for each word with the server
PORTS = {"smtp": 587, "smtps": 465}
_SUPPORTED = (
    "smtp://USER:PASSWORD@HOST:PORT?tls=starttls, ?tls=none without encryption, smtps://USER:PASSWORD@HOST:PORT"
)
Encryption = Literal["starttls", "tls", "none"]


class NotSent(Exception):
    """The server surely did not take the mail; ``code`` has a sentence for people."""

    def __init__(self, code: str) -> None:
        super().__init__(code)
        self.code = code


class MaybeSent(Exception):
    """The connection broke after the mail had gone out and before the server said that it took it."""


@dataclass(frozen=True, slots=True)
class Server:
    """Where mail is handed in."""

    host: str
    port: int
    user: str
    password: str
    encryption: Encryption


@dataclass(frozen=True, slots=True)
class Letter:
    """What a person gets: one text in two forms, and the address that ends such letters (RFC 8058)."""

    to: str
    subject: str
    text: str
    html: str
    language: str
    key: str  # the same for the same letter, so that a server that gets it twice can tell
    unsubscribe: str


def server_of(settings: Settings) -> Server | None:
    """The server of ``MAIL_URL``; None where mail is switched off. Raises Misconfigured, without the password."""
    if not settings.mail_url:
        return None
    try:
        url = urlsplit(settings.mail_url)
        port = url.port or PORTS[url.scheme]
    except (KeyError, ValueError):
        raise Misconfigured(f"XUEHAI_MAIL_URL: not understood; supported: {_SUPPORTED}") from None
    chosen = parse_qs(url.query).get("tls", ["starttls"])[0] if url.scheme == "smtp" else "tls"
    encryption = next((one for one in ("starttls", "tls", "none") if one == chosen), None)
    if not url.hostname or encryption is None:
        raise Misconfigured(f"XUEHAI_MAIL_URL: not understood; supported: {_SUPPORTED}")
    if not parseaddr(settings.mail_from)[1].partition("@")[2]:
        raise Misconfigured("XUEHAI_MAIL_FROM: an address is needed to send mail: Xuehai <noreply@example.org>")
    return Server(url.hostname, port, unquote(url.username or ""), unquote(url.password or ""), encryption)


def send(ctx: Context, server: Server, letter: Letter) -> None:
    """Hand one letter in. Raises NotSent and MaybeSent."""
    content = _bytes(ctx, letter)
    with _connected(server) as client:
        try:
            told = client.mail(parseaddr(ctx.settings.mail_from)[1]), client.rcpt(_routed(letter.to))
        except (smtplib.SMTPException, OSError):
            raise NotSent("mail_away") from None
        if any(code >= 400 for code, _ in told):
            raise NotSent("mail_refused")
        try:
            code, _ = client.data(content)
        except smtplib.SMTPDataError:  # refused before a byte of it went out
            raise NotSent("mail_refused") from None
        except (smtplib.SMTPException, OSError):
            raise MaybeSent from None
        if code >= 400:
            raise NotSent("mail_refused")


def _routed(address: str) -> str:
    """An address as every server takes it: its domain in the letters of the DNS (RFC 5890). Raises NotSent."""
    name, _, domain = address.rpartition("@")
    try:
        return f"{name}@{domain.encode('idna').decode()}"
    except UnicodeError:
        raise NotSent("mail_refused") from None


@contextmanager
def _connected(server: Server) -> Iterator[smtplib.SMTP]:
    """A connection, signed in. Raises NotSent ``mail_away`` and ``mail_sign_in``."""
    safe = ssl.create_default_context()
    try:
        if server.encryption == "tls":
            client: smtplib.SMTP = smtplib.SMTP_SSL(server.host, server.port, timeout=TIMEOUT, context=safe)
        else:
            client = smtplib.SMTP(server.host, server.port, timeout=TIMEOUT)
    except (smtplib.SMTPException, OSError):
        raise NotSent("mail_away") from None
    try:
        _sign_in(client, server, safe)
        yield client
    finally:
        with suppress(smtplib.SMTPException, OSError):
            client.quit()
        client.close()


def _sign_in(client: smtplib.SMTP, server: Server, safe: ssl.SSLContext) -> None:
    try:
        if server.encryption == "starttls":
            client.starttls(context=safe)
        client.ehlo_or_helo_if_needed()
        if server.user:
            client.login(server.user, server.password)
    except smtplib.SMTPAuthenticationError:
        raise NotSent("mail_sign_in") from None
    except (smtplib.SMTPException, OSError):
        raise NotSent("mail_away") from None


def _bytes(ctx: Context, letter: Letter) -> bytes:
    """The letter as it goes over the wire. No line of a header can come from outside: controls are taken out."""
    host = urlsplit(ctx.settings.public_url).hostname or "localhost"
    name, sender = parseaddr(ctx.settings.mail_from)
    message = EmailMessage(policy=SMTP)
    try:
        message["From"] = Address(_line(name), addr_spec=sender)
        message["To"] = Address(addr_spec=letter.to)
    except (HeaderParseError, ValueError, IndexError):
        raise NotSent("mail_refused") from None
    message["Subject"] = _line(letter.subject)
    message["Date"] = format_datetime(ctx.clock())
    message["Message-ID"] = f"<{letter.key}@{host}>"
    message["Auto-Submitted"] = "auto-generated"
    message.set_content(letter.text, cte="base64")
    message.add_alternative(letter.html, subtype="html", cte="base64")
    message["Content-Language"] = letter.language
    # Set by hand: the library would fold and encode an address that is longer than a line.
    ending = f"List-Unsubscribe: <{letter.unsubscribe}>\r\nList-Unsubscribe-Post: List-Unsubscribe=One-Click\r\n"
    return ending.encode("ascii") + message.as_bytes()


def _line(text: str) -> str:
    return " ".join("".join(char if char.isprintable() else " " for char in text).split())
