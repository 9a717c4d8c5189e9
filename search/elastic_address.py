"""The URL of an Elasticsearch cluster: ``http(s)://USER:PASSWORD@HOST:PORT,HOST:PORT/PREFIX?option=…``."""

import re
from dataclasses import dataclass, field
from urllib.parse import parse_qsl, unquote, urlsplit

DEFAULT_PREFIX = "xuehai"
_PREFIX = re.compile(r"[a-z0-9][a-z0-9_-]{0,99}")
_NODE = re.compile(r"(?P<host>\[[0-9a-fA-F:.]+\]|[^:\[\]@/]+)(?::(?P<port>\d{1,5}))?")
_PORTS = {"http": 9200, "https": 443}


@dataclass(frozen=True, slots=True)
class Address:
    """Nodes as URLs, the prefix of our indexes, and how to sign in. ``timeout``: seconds that a search may take.

    Options of the URL: ``api_key`` (in the place of user and password), ``ca_certs`` (file of the authority that signed
    the nodes' certificates), ``shards`` of each index, ``timeout``.
    """

    nodes: tuple[str, ...]
    prefix: str = DEFAULT_PREFIX
    user: str = ""
    password: str = field(default="", repr=False)
    api_key: str = field(default="", repr=False)
    ca_certs: str = ""
    shards: int = 1
    timeout: float = 5.0


def parse(url: str) -> Address:
    """Read the URL. Raises ValueError, which never holds a secret."""
    try:
        parts = urlsplit(url)
    except ValueError:
        raise ValueError("this is no URL") from None
    credentials, _, hosts = parts.netloc.rpartition("@")
    user, _, password = credentials.partition(":")
    options = dict(parse_qsl(parts.query))
    if strange := sorted(set(options) - {"api_key", "ca_certs", "shards", "timeout"}):
        raise ValueError(f"unknown options: {', '.join(strange)}")
    prefix = unquote(parts.path).strip("/") or DEFAULT_PREFIX
    if not _PREFIX.fullmatch(prefix):
        raise ValueError("the prefix of the indexes is not lower-case letters, digits, - and _")
    shards, timeout = int(options.get("shards", "1")), float(options.get("timeout", "5"))
    if not (1 <= shards <= 64 and 0 < timeout <= 60):
        raise ValueError("shards are 1 to 64, timeout is up to 60 seconds")
    return Address(
        nodes=tuple(_node(parts.scheme, host) for host in hosts.split(",")),
        prefix=prefix,
        user=unquote(user),
        password=unquote(password),
        api_key=options.get("api_key", ""),
        ca_certs=options.get("ca_certs", ""),
        shards=shards,
        timeout=timeout,
    )


def _node(scheme: str, text: str) -> str:
    read = _NODE.fullmatch(text.strip())
    port = int(read["port"] or _PORTS[scheme]) if read else 0
    if read is None or not 0 < port < 65_536:
        raise ValueError("a node is HOST or HOST:PORT; several are separated by commas")
    return f"{scheme}://{read['host']}:{port}"
