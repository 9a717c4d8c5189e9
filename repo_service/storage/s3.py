"""Objects on any S3 server, by plain calls that every server has (AWS S3 API reference, 2006-03-01).

A blob is one object. A staged object is a row of parts ``staging/ID/OFFSET``, all but the last of at least 5 MiB, so
that keeping it is a copy on the server (UploadPartCopy) and no byte travels twice. Each part is sent with its checksum
(the signed SHA-256 of the payload, over TLS its MD5), which the server compares before it answers.
"""

import io
import threading
from collections.abc import Generator, Iterable, Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from typing import Self
from urllib.parse import parse_qs, quote, unquote, urlsplit

import structlog
import urllib3
from minio import Minio
from minio.commonconfig import ENABLED, ComposeSource, CopySource, Filter
from minio.error import MinioException, S3Error
from minio.lifecycleconfig import AbortIncompleteMultipartUpload, Expiration, LifecycleConfig, Rule

from repo_service.storage import keys
from repo_service.storage.port import BLOBS, STAGING, Chunks, ObjectMissing, StorageError, Stored

PART = 8 * 2**20
LEAST_PART = 5 * 2**20  # S3 refuses smaller parts that are not the last
CHUNK = 256 * 1024
REDIRECT_SECONDS = 60
STAGING_DAYS = 90  # the store's own broom, far behind ours: no upload lives so long
TORN_DAYS = 2  # a copy in parts that was cut short is in no listing, and only the store can sweep it
_ABSENT = frozenset({"NoSuchKey", "NoSuchObject", "NotFound"})
_STAGED = Rule(ENABLED, rule_filter=Filter(prefix=STAGING), rule_id="staged", expiration=Expiration(days=STAGING_DAYS))
_TORN = Rule(
    ENABLED,
    rule_filter=Filter(prefix=""),
    rule_id="torn",
    abort_incomplete_multipart_upload=AbortIncompleteMultipartUpload(days_after_initiation=TORN_DAYS),
)
_log = structlog.get_logger(__name__)


@dataclass(frozen=True, slots=True)
class _Part:
    key: str
    start: int
    size: int
    modified: datetime

    @property
    def end(self) -> int:
        return self.start + self.size


class S3Store:
    """The object store of many machines."""

    def __init__(
        self,
        client: Minio,
        bucket: str,
        *,
        presigner: Minio | None = None,
        connections: Sequence[urllib3.PoolManager] = (),
    ) -> None:
        """``presigner`` signs addresses for browsers; without one, all bytes go through the application.

        ``connections`` are those of the clients, which give no way to close them.
        """
        self._connection = client
        self._bucket = bucket
        self._presigner = presigner
        self._connections = connections
        self._bucket_is_there = False
        self._making = threading.Lock()

    @property
    def _client(self) -> Minio:
        """The connection, once the bucket is known to be there: a store that is away must not keep us from starting."""
        if not self._bucket_is_there:
            with self._making, _own_errors(self._bucket):
                if not self._connection.bucket_exists(self._bucket):
                    self._make_bucket()
                self._bucket_is_there = True
        return self._connection

    def write(self, staged: str, offset: int, chunks: Iterable[bytes]) -> int:
        """Extend a staged object; see the port. At most one part is held in memory."""
        base = STAGING + keys.split(STAGING + staged)[1]
        found = list(self._list(f"{base}/"))
        if offset > _length(_whole(found)):
            raise StorageError(f"{staged} ends before {offset}")
        start, buffer = self._cut(base, found, offset)
        try:
            for chunk in chunks:
                buffer += chunk
                while len(buffer) >= PART:
                    start = self._put_part(base, start, buffer[:PART])
                    del buffer[:PART]
        finally:
            if buffer or start == 0:
                start = self._put_part(base, start, buffer)
        return start

    def keep(self, staged: str, sha256: str) -> Stored:
        """Copy the parts to their name by hash inside the server, then let them go."""
        target = BLOBS + keys.split(BLOBS + sha256)[1]
        parts = self._parts(STAGING + keys.split(STAGING + staged)[1])
        with _own_errors(staged):
            if len(parts) == 1:
                self._client.copy_object(self._bucket, target, CopySource(self._bucket, parts[0].key))
            elif parts:
                self._client.compose_object(
                    self._bucket, target, [ComposeSource(self._bucket, part.key) for part in parts]
                )
            found = self._client.stat_object(self._bucket, target)
            if parts and found.size != _length(parts):
                raise StorageError(f"{target} became {found.size} bytes of {_length(parts)}")
            for part in parts:  # from the first: a torn row without its beginning is nothing, and never a shorter blob
                self._client.remove_object(self._bucket, part.key)
        return Stored(target, found.size or 0, found.last_modified or datetime.now(UTC))

    def read(self, key: str, start: int = 0, length: int | None = None) -> Chunks:
        """Stream bytes; the first request is made at the call, so that a missing object is told at once."""
        area, _ = keys.split(key)
        if area == BLOBS:
            return self._read_object(key, start, length)
        parts = self._parts(key)
        if not parts:
            raise ObjectMissing(key)
        return self._read_parts(parts, start, _length(parts) if length is None else start + length)

    def scan(self, prefix: str) -> Iterator[Stored]:
        """The objects under a prefix, in order of key; the parts of a staged object are one."""
        if BLOBS.startswith(prefix) or prefix.startswith(BLOBS):
            for part in self._list(prefix if prefix.startswith(BLOBS) else BLOBS):
                yield Stored(part.key, part.size, part.modified)
        if STAGING.startswith(prefix) or prefix.startswith(STAGING):
            yield from self._scan_staged(prefix if prefix.startswith(STAGING) else STAGING)

    def delete(self, key: str) -> None:
        """Remove an object, with all parts of a staged one."""
        area, _ = keys.split(key)
        with _own_errors(key):
            if area == BLOBS:
                self._client.remove_object(self._bucket, key)
                return
            for part in list(self._list(f"{key}/")):
                self._client.remove_object(self._bucket, part.key)

    def url(self, key: str, *, filename: str, media_type: str, inline: bool) -> str | None:
        """A presigned GET that lives a minute and says name and type (RFC 6266)."""
        keys.split(key)
        if self._presigner is None:
            return None
        shown = "inline" if inline else "attachment"
        with _own_errors(key):
            return self._presigner.presigned_get_object(
                self._bucket,
                key,
                expires=timedelta(seconds=REDIRECT_SECONDS),
                response_headers={
                    "response-content-disposition": f"{shown}; filename*=UTF-8''{quote(filename, safe='')}",
                    "response-content-type": media_type,
                },
            )

    def close(self) -> None:
        """Hang up on the server."""
        for kept in self._connections:
            kept.clear()

    def _make_bucket(self) -> None:
        try:
            self._connection.make_bucket(self._bucket)
        except S3Error as error:
            if error.code not in ("BucketAlreadyOwnedByYou", "BucketAlreadyExists"):  # another process was faster
                raise
        self._let_the_store_sweep()

    def _let_the_store_sweep(self) -> None:
        """Set the lifecycle as far as this server has it: MinIO sweeps torn copies unasked, and refuses the rule.

        A server without any leaves it all to us: staged bytes are swept by the worker long before.
        """
        for rules in ([_STAGED, _TORN], [_STAGED]):
            try:
                self._connection.set_bucket_lifecycle(self._bucket, LifecycleConfig(rules))
            except MinioException as error:
                _log.info("lifecycle_refused", bucket=self._bucket, rules=len(rules), error=str(error)[:200])
            else:
                return

    def _list(self, prefix: str) -> Iterator[_Part]:
        with _own_errors(prefix):
            for found in self._client.list_objects(self._bucket, prefix=prefix, recursive=True):
                name, start = str(found.object_name), 0
                if name.startswith(STAGING):
                    start = int(name.rpartition("/")[2])
                yield _Part(name, start, found.size or 0, found.last_modified or datetime.now(UTC))

    def _parts(self, base: str) -> list[_Part]:
        """The parts of a staged object up to the first gap, which only a torn deletion can leave."""
        return _whole(list(self._list(f"{base}/")))

    def _cut(self, base: str, parts: list[_Part], offset: int) -> tuple[int, bytearray]:
        """Drop what lies beyond ``offset``; answer where the next part begins and the bytes that it begins with.

        A last part that is too small to stand in the middle is taken back and written again, longer.
        """
        for part in reversed([part for part in parts if part.start >= offset]):
            with _own_errors(base):
                self._client.remove_object(self._bucket, part.key)
        left = [part for part in parts if part.start < offset]
        if not left:
            return 0, bytearray()
        last = left[-1]
        kept = offset - last.start
        if last.end == offset and last.size >= LEAST_PART:
            return offset, bytearray()
        head = bytearray(b"".join(self._read_object(last.key, 0, kept)))
        if last.end > offset:
            self._put_part(base, last.start, head)
        return last.start, head

    def _put_part(self, base: str, start: int, data: bytearray) -> int:
        with _own_errors(base):
            self._client.put_object(
                self._bucket, f"{base}/{start:020}", io.BytesIO(data), len(data), part_size=2 * PART
            )
        return start + len(data)

    def _read_object(self, key: str, start: int, length: int | None) -> Chunks:
        with _own_errors(key):
            if length is not None and length <= 0:
                self._client.stat_object(self._bucket, key)  # for the error when it is missing
                return _nothing()
            try:
                answer = self._client.get_object(self._bucket, key, offset=start, length=length or 0)
            except S3Error as error:
                if error.code == "InvalidRange":  # it ends before ``start``
                    return _nothing()
                raise
        return _Body(key, answer)

    def _read_parts(self, parts: list[_Part], start: int, end: int) -> Generator[bytes]:
        for part in parts:
            first, last = max(start, part.start), min(end, part.end)
            if first < last:
                yield from self._read_object(part.key, first - part.start, last - first)

    def _scan_staged(self, prefix: str) -> Iterator[Stored]:
        found: dict[str, Stored] = {}
        for part in self._list(prefix):
            key = part.key.rpartition("/")[0]
            before = found.get(key)
            size = part.size + (before.size if before else 0)
            found[key] = Stored(key, size, max(part.modified, before.modified) if before else part.modified)
        yield from (found[key] for key in sorted(found))


def connect(url: str) -> S3Store:
    """The store of ``s3://KEY:SECRET@HOST:PORT/BUCKET?secure=false&region=us-east-1``.

    ``public=https://FILES.EXAMPLE`` is where browsers reach the same server, ``redirect=false`` when they cannot. No
    request is made here.
    """
    parts = urlsplit(url)
    options = {name: values[0] for name, values in parse_qs(parts.query).items()}
    scheme = "http" if options.get("secure") == "false" else "https"
    own = f"{scheme}://{parts.netloc.rpartition('@')[2]}"

    connections: list[urllib3.PoolManager] = []

    def client(address: str) -> Minio:
        kept = urllib3.PoolManager(
            maxsize=32,
            timeout=urllib3.Timeout(connect=5, read=60),
            # A busy server is asked again; one that is away is soon said to be, so that no request hangs on it.
            retries=urllib3.Retry(total=5, connect=2, backoff_factor=0.2, status_forcelist=(500, 502, 503, 504)),
        )
        connections.append(kept)
        return Minio(
            urlsplit(address).netloc,
            access_key=unquote(parts.username or ""),
            secret_key=unquote(parts.password or ""),
            secure=urlsplit(address).scheme == "https",
            region=options.get("region", "us-east-1"),
            http_client=kept,
        )

    redirects = options.get("redirect") != "false"
    presigner = client(options.get("public", own)) if redirects else None
    return S3Store(client(own), parts.path.strip("/"), presigner=presigner, connections=connections)


def _nothing() -> Generator[bytes]:
    yield from ()


def _whole(parts: list[_Part]) -> list[_Part]:
    whole: list[_Part] = []
    for part in parts:
        if part.start != _length(whole):
            break
        whole.append(part)
    return whole


def _length(parts: list[_Part]) -> int:
    return parts[-1].end if parts else 0


class _Body(Iterator[bytes]):
    """The bytes of an answer, chunk by chunk; it lets go of the connection when it ends or is forgotten."""

    def __init__(self, key: str, answer: urllib3.BaseHTTPResponse) -> None:
        self._key = key
        self._answer = answer
        self._chunks = answer.stream(CHUNK)

    def __iter__(self) -> Self:
        return self

    def __next__(self) -> bytes:
        with _own_errors(self._key):
            chunk = next(self._chunks, b"")
        if not chunk:
            self._answer.release_conn()  # read to its end: the connection serves the next request
            raise StopIteration
        return chunk

    def close(self) -> None:
        """Break off: what was not read yet is worth less than the connection."""
        self._answer.close()
        self._answer.release_conn()

    def __del__(self) -> None:
        self.close()


@contextmanager
def _own_errors(key: str) -> Iterator[None]:
    try:
        yield
    except S3Error as error:
        if error.code in _ABSENT:
            raise ObjectMissing(key) from error
        raise StorageError(f"{key}: {error.code}") from error
    except (MinioException, urllib3.exceptions.HTTPError, OSError) as error:
        raise StorageError(f"{key}: {error}") from error
