"""An embeddings endpoint as OpenAI, and many servers of models after it, offer: ``POST …/embeddings``."""

import http.client
import json
import ssl
import time
from collections import deque
from collections.abc import Sequence
from contextlib import suppress
from dataclasses import dataclass, field
from typing import Any
from urllib.parse import parse_qsl, urlsplit

from search.semantic import EmbeddingRefused, EmbeddingUnavailable, Vector, unit

QUESTION_SECONDS = 1.0  # a search has gone on by words long before; this ends the connection
DOCUMENTS_SECONDS = 30.0
MOST_BYTES = 8_000_000  # of an answer
MOST_NUMBERS = 4_096  # of a vector
_CHUNK = 65_536
_REFUSED = (400, 413, 422)


@dataclass(frozen=True, slots=True)
class Endpoint:
    """``http(s)://HOST:PORT/PATH?model=NAME``.

    Options: ``query_model``, where questions have a name of the model of their own; ``query_prefix`` and
    ``document_prefix`` stand before texts.
    """

    host: str
    port: int
    path: str
    secure: bool
    model: str
    query_model: str
    query_prefix: str = ""
    document_prefix: str = ""
    key: str = field(default="", repr=False)


def parse(url: str, key: str = "") -> Endpoint:
    """Read the URL. Raises ValueError, which never holds a secret."""
    parts = urlsplit(url)
    options = dict(parse_qsl(parts.query))
    if strange := sorted(set(options) - {"model", "query_model", "query_prefix", "document_prefix"}):
        raise ValueError(f"unknown options: {', '.join(strange)}")
    if parts.scheme not in ("http", "https") or not parts.hostname or parts.username:
        raise ValueError("the endpoint is http(s)://HOST:PORT/PATH, without user and password")
    if not options.get("model"):
        raise ValueError("?model= is missing")
    secure = parts.scheme == "https"
    try:
        port = parts.port or (443 if secure else 80)
        key.encode("ascii")
    except ValueError:
        raise ValueError("the port is no number, or the key is not ASCII") from None
    options = {"query_model": options["model"]} | options
    return Endpoint(parts.hostname, port, f"{parts.path.rstrip('/')}/embeddings", secure, **options, key=key)


class OpenAIEmbeddings:
    """The vectors of an endpoint. Connections are kept for the next request; an answer has its time and its size."""

    def __init__(self, endpoint: Endpoint) -> None:
        self._endpoint = endpoint
        self._idle: deque[http.client.HTTPConnection] = deque()

    @property
    def name(self) -> str:
        """The model with what stands before documents, since that too changes their vectors."""
        return f"openai-{self._endpoint.model}-{self._endpoint.document_prefix}"

    def question(self, text: str) -> Vector:
        """The vector of a question."""
        one = self._endpoint
        return self._ask(one.query_model, [one.query_prefix + text], QUESTION_SECONDS)[0]

    def documents(self, texts: Sequence[str]) -> list[Vector]:
        """The vectors of texts that may answer one, in their order."""
        if not texts:
            return []
        one = self._endpoint
        return self._ask(one.model, [one.document_prefix + text for text in texts], DOCUMENTS_SECONDS)

    def close(self) -> None:
        """Let the connections go."""
        while self._idle:
            self._idle.pop().close()

    def _ask(self, model: str, texts: list[str], seconds: float) -> list[Vector]:
        until = time.monotonic() + seconds
        body = json.dumps({"model": model, "input": texts, "encoding_format": "float"}).encode()
        try:
            try:
                status, answer = self._exchange(body, until)
            except (http.client.RemoteDisconnected, ConnectionError):  # a kept one that was closed over there
                self.close()
                status, answer = self._exchange(body, until)
        except (OSError, http.client.HTTPException) as error:
            raise EmbeddingUnavailable(f"the embeddings endpoint: {type(error).__name__}: {error}") from error
        if status != 200:
            kind = EmbeddingRefused if status in _REFUSED else EmbeddingUnavailable
            raise kind(f"the embeddings endpoint answers {status}")
        return _vectors(answer, len(texts))

    def _exchange(self, body: bytes, until: float) -> tuple[int, bytes]:
        """One request and its answer, however slowly that drips in, until ``until`` by the monotonic clock."""
        connection = self._connection(_left(until))
        headers = {"Content-Type": "application/json", "Accept": "application/json"}
        if self._endpoint.key:
            headers["Authorization"] = f"Bearer {self._endpoint.key}"
        try:
            connection.request("POST", self._endpoint.path, body, headers)
            answer = connection.getresponse()
            read = bytearray()
            while some := answer.read1(_CHUNK):
                read += some
                if len(read) > MOST_BYTES:
                    raise OSError(f"an answer of more than {MOST_BYTES} bytes")
                if connection.sock is not None:
                    connection.sock.settimeout(_left(until))
            answer.close()  # else the connection takes no other request
        except BaseException:
            connection.close()
            raise
        self._idle.append(connection)
        return answer.status, bytes(read)

    def _connection(self, seconds: float) -> http.client.HTTPConnection:
        with suppress(IndexError):
            kept = self._idle.pop()
            if kept.sock is not None:
                kept.sock.settimeout(seconds)
            kept.timeout = seconds
            return kept
        one = self._endpoint
        if one.secure:
            safe = ssl.create_default_context()
            return http.client.HTTPSConnection(one.host, one.port, timeout=seconds, context=safe)
        return http.client.HTTPConnection(one.host, one.port, timeout=seconds)


def _left(until: float) -> float:
    seconds = until - time.monotonic()
    if seconds <= 0:
        raise TimeoutError("too slow")
    return seconds


def _vectors(answer: bytes, count: int) -> list[Vector]:
    """The vectors of an answer in the order of the texts. Raises EmbeddingUnavailable for anything else."""
    try:
        data: list[Any] = json.loads(answer)["data"]
        by_place = {int(one["index"]): one["embedding"] for one in data}
        found = [unit(by_place[place]) for place in range(count)]
    except (ValueError, TypeError, KeyError, AttributeError, RecursionError) as error:
        raise EmbeddingUnavailable(f"the embeddings endpoint answers nonsense: {type(error).__name__}") from None
    if len({len(vector) for vector in found}) != 1 or not 0 < len(found[0]) <= MOST_NUMBERS:
        raise EmbeddingUnavailable("the embeddings endpoint answers vectors of another length")
    return found
