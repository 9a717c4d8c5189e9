"""A private RabbitMQ on loopback ports, with a node name, a cookie and an Erlang port mapper of its own."""

import contextlib
import os
import secrets
import socket
from collections.abc import Iterator
from pathlib import Path

from tests.servers.base import Missing, free_port, listens, program, running

LIBRARY = Path("/usr/lib/rabbitmq")  # Debian's command in PATH becomes another user first
USER = "xuehai"


@contextlib.contextmanager
def rabbit(folder: Path) -> Iterator[str]:
    """A RabbitMQ whose everything lies in ``folder``; its URL. The same folder again: the same broker come back.

    ``XUEHAI_TEST_RABBITMQ`` names another instead.
    """
    if given := os.environ.get("XUEHAI_TEST_RABBITMQ"):
        yield given
        return
    server = _server()
    data = folder / "rabbit"
    known = data / "url"
    if known.exists():
        url = known.read_text()
        port = int(url.rpartition(":")[2].rstrip("/"))
    else:
        data.mkdir()
        port, password = free_port(), secrets.token_hex(12)
        url = f"amqp://{USER}:{password}@127.0.0.1:{port}/"
        known.write_text(url)
        (data / "rabbitmq.conf").write_text(
            f"listeners.tcp.default = 127.0.0.1:{port}\ndefault_user = {USER}\ndefault_pass = {password}\n"
        )
        cookie = data / ".erlang.cookie"
        cookie.write_text(secrets.token_hex(16))
        cookie.chmod(0o400)
    mapper = free_port()
    env = {
        "HOME": str(data),
        "RABBITMQ_NODENAME": f"xuehai-{port}@localhost",
        "RABBITMQ_CONFIG_FILE": str(data / "rabbitmq.conf"),
        "RABBITMQ_CONF_ENV_FILE": str(data / "none"),
        "RABBITMQ_MNESIA_BASE": str(data / "mnesia"),
        "RABBITMQ_LOG_BASE": str(data / "log"),
        "RABBITMQ_ENABLED_PLUGINS_FILE": str(data / "plugins"),
        "RABBITMQ_DIST_PORT": str(free_port()),
        "ERL_EPMD_PORT": str(mapper),
        "ERL_EPMD_ADDRESS": "127.0.0.1",
        "RABBITMQ_SERVER_ADDITIONAL_ERL_ARGS": "+S 1:1 +sbwt none",  # a test's broker leaves the cores to the test
    }
    epmd = [program("epmd", "apt-get install rabbitmq-server"), "-port", str(mapper), "-address", "127.0.0.1"]
    with (
        running(epmd, lambda: listens(mapper), folder / "epmd.log", env=env),
        running([str(server)], lambda: _answers(port), folder / "rabbit.log", env=env),
    ):
        yield url


def _server() -> Path:
    found = sorted(LIBRARY.glob("lib/*/sbin/rabbitmq-server")) or sorted(LIBRARY.glob("bin/rabbitmq-server"))
    if not found:
        raise Missing("RabbitMQ is not here; apt-get install rabbitmq-server")
    return found[-1]


def _answers(port: int) -> bool:
    """Whether somebody speaks AMQP there: it answers a greeting with its Start method, or with its own version."""
    with contextlib.suppress(OSError), socket.create_connection(("127.0.0.1", port), timeout=1) as connection:
        connection.sendall(b"AMQP\x00\x00\x09\x01")
        return bool(connection.recv(8))
    return False
