"""Takes the bytes of uploads in: in batches, off the event loop, one writer per upload in this process.

What `services/uploads.py` counts is durable; what is held here, hashes on their way and who is writing, may be lost at
any moment: the stored bytes are then hashed at the end instead.
"""

import asyncio
import hashlib
import time
from collections import OrderedDict
from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import suppress
from dataclasses import dataclass, field
from functools import partial
from typing import ParamSpec, TypeVar

from starlette.types import Receive

from repo_service.api.tus import Checksum
from repo_service.context import Context
from repo_service.errors import Stalled, TooLarge, WrongChecksum
from repo_service.models import Upload
from repo_service.services import uploads
from repo_service.services.uploads import Writer

# Bytes: large enough that a flush to disk is rare and that S3 takes each as a part of its own, small enough that two
# of them are no memory.
BATCH = 5 * 2**20
FLUSH_SECONDS = 2.0  # bytes wait no longer for their batch to fill
STALL_SECONDS = 60.0  # a silent client is let go; what it sent stays
RECORD_BYTES = 32 * 2**20  # between two notes of how far it is: what a killed server forgets at most
RECORD_SECONDS = 5.0
ASK_SECONDS = 0.5  # between two looks whether a writer in another process has taken over
GRACE_SECONDS = 0.3  # for a busy writer to end by itself before a newer one
HASHES_KEPT = 1000
THREADS = 8

P = ParamSpec("P")
T = TypeVar("T")


@dataclass(slots=True)
class Hold:
    """One request that writes an upload in this process."""

    ended: asyncio.Event = field(default_factory=asyncio.Event)
    stopped: bool = False
    heard: float = field(default_factory=time.monotonic)
    clock: asyncio.Timeout | None = None

    def stop(self) -> None:
        """Make it end with what it has: a newer writer is there."""
        self.stopped = True
        if self.clock is not None:
            self.clock.reschedule(asyncio.get_running_loop().time())


@dataclass(slots=True)
class Batch:
    """Some bytes of a body; ``last`` when the body ended with them, ``gone`` when the connection did."""

    chunks: list[bytes] = field(default_factory=list)
    size: int = 0
    last: bool = False
    gone: bool = False


class Reception:
    """The writers, hashes and threads of this process."""

    def __init__(self, ctx: Context, *, flush: float = FLUSH_SECONDS, stall: float = STALL_SECONDS) -> None:
        self._ctx = ctx
        self._flush, self._stall = flush, stall
        self._holds: dict[str, Hold] = {}
        self._hashes: OrderedDict[str, tuple[int, hashlib._Hash]] = OrderedDict()
        self._finishing: dict[str, asyncio.Task[str]] = {}
        self._threads = ThreadPoolExecutor(THREADS, thread_name_prefix="upload")

    async def evict(self, secret: str, *, quiet: float = 0.0) -> None:
        """Stop the writer of this upload in this process and wait until what it has counts.

        Only one that has heard nothing for ``quiet`` seconds: whose connection is dead without having said so. One
        that is at work may end by itself first, so that clients in a race get on.
        """
        while (hold := self._holds.get(secret)) is not None and time.monotonic() - hold.heard >= quiet:
            with suppress(TimeoutError):
                async with asyncio.timeout(max(0.0, hold.heard + GRACE_SECONDS - time.monotonic())):
                    await hold.ended.wait()
            hold.stop()
            await hold.ended.wait()

    async def receive(
        self,
        secret: str,
        body: Receive,
        *,
        offset: int,
        length: int | None,
        size: int | None,
        checksum: Checksum | None,
    ) -> Upload:
        """Become the one writer of an upload and store a body; answer the row as it is then.

        ``length`` and ``size`` are what the headers say of the whole and of this body. What came before a
        connection broke counts, unless a checksum was to hold for all of it. Raises what `uploads.take` does,
        LostLease for a newer writer, TooLarge, WrongChecksum, Stalled, StorageError.
        """
        await self.evict(secret)
        hold = self._holds[secret] = Hold()
        try:
            writer = await self.run(uploads.take, self._ctx, secret, offset, length, size)
            intake = Intake(self._ctx, writer, self._digest_so_far(writer), checksum)
            try:
                await self._store_all(intake, body, hold)
            finally:
                upload = await asyncio.shield(self.run(intake.close))
            self._remember(intake)
            return upload
        finally:
            del self._holds[secret]
            hold.ended.set()

    async def finish(self, upload: Upload) -> str:
        """Make a file of an upload with all its bytes, once however many ask; answer the resource's id.

        It goes on when the request that asked for it breaks off.
        """
        task = self._finishing.get(upload.id)
        if task is None:
            offset, digest = self._hashes.pop(upload.id, (-1, None))
            known = digest.hexdigest() if digest is not None and offset == upload.length else None
            task = asyncio.ensure_future(self.run(uploads.finish, self._ctx, upload.id, known))
            self._finishing[upload.id] = task
            task.add_done_callback(lambda _: self._finishing.pop(upload.id, None))
        return await asyncio.shield(task)

    async def run(self, function: Callable[P, T], *args: P.args, **kwargs: P.kwargs) -> T:
        """Run blocking work in this desk's own threads, so that slow disks do not use up those of the pages."""
        return await asyncio.get_running_loop().run_in_executor(self._threads, partial(function, *args, **kwargs))

    async def _store_all(self, intake: "Intake", body: Receive, hold: Hold) -> None:
        """Read batches while the one before is hashed and stored: two are held at most."""
        storing: asyncio.Future[None] | None = None
        try:
            while True:
                batch = await _next_batch(body, hold, self._flush)
                if storing is not None:
                    await storing
                    storing = None
                intake.check_room(batch)
                storing = asyncio.ensure_future(self.run(intake.store, batch))
                if batch.last or batch.gone or hold.stopped:
                    break
                if time.monotonic() - hold.heard > self._stall:
                    raise Stalled
        finally:
            if storing is not None:
                await storing
        intake.complete = batch.last

    def _digest_so_far(self, writer: Writer) -> "hashlib._Hash | None":
        """The hash of all bytes before this writer's offset; None when this process has not seen them all."""
        if writer.offset == 0:
            return hashlib.sha256()
        offset, digest = self._hashes.pop(writer.upload_id, (-1, None))
        return digest if offset == writer.offset and not writer.contested else None

    def _remember(self, intake: "Intake") -> None:
        if intake.digest is None:
            return
        self._hashes[intake.writer.upload_id] = (intake.offset, intake.digest)
        while len(self._hashes) > HASHES_KEPT:
            self._hashes.popitem(last=False)


class Intake:
    """How far one body is: ``offset`` is durable, ``digest`` goes over all of that. Its methods run in a thread."""

    def __init__(self, ctx: Context, writer: Writer, digest: "hashlib._Hash | None", checksum: Checksum | None) -> None:
        self.writer = writer
        self.offset = writer.offset
        self.digest = digest
        self.complete = False
        self._ctx = ctx
        self._checksum = checksum
        self._body_digest = checksum.hasher() if checksum else None
        self._before = digest.copy() if checksum and digest else None
        self._noted = (writer.offset, time.monotonic())
        self._asked = time.monotonic()

    def check_room(self, batch: Batch) -> None:
        """Raises TooLarge for a batch beyond the declared length, or beyond what any file may have."""
        limit = self._ctx.settings.upload_max_bytes if self.writer.length is None else self.writer.length
        if self.offset + batch.size > limit:
            raise TooLarge(code="upload_overflow", limit=limit)

    def store(self, batch: Batch) -> None:
        """Make a batch durable; from time to time let it count."""
        if not batch.size and self.offset:
            return
        if time.monotonic() - self._asked >= ASK_SECONDS:
            uploads.may_write(self._ctx, self.writer)
            self._asked = time.monotonic()
        try:
            self.offset = uploads.append(self._ctx, self.writer, self.offset, self._hashed(batch.chunks))
        except BaseException:
            self.digest = None  # it has seen bytes that may not be there
            raise
        offset, at = self._noted
        far = self.offset - offset >= RECORD_BYTES or time.monotonic() - at >= RECORD_SECONDS
        if far and self._checksum is None and self.offset != self.writer.length:
            uploads.record(self._ctx, self.writer, self.offset, last=False)
            self._noted = (self.offset, time.monotonic())

    def close(self) -> Upload:
        """Let what is durable count, none of it when the announced checksum does not hold. Raises WrongChecksum."""
        wrong = False
        if self._checksum is not None and self._body_digest is not None:
            wrong = self.complete and self._body_digest.digest() != self._checksum.digest
            if wrong or not self.complete:
                self.offset, self.digest = self.writer.offset, self._before
        upload = uploads.record(self._ctx, self.writer, self.offset, last=True)
        if wrong:
            raise WrongChecksum
        return upload

    def _hashed(self, chunks: list[bytes]) -> Iterator[bytes]:
        for chunk in chunks:
            if self.digest is not None:
                self.digest.update(chunk)
            if self._body_digest is not None:
                self._body_digest.update(chunk)
            yield chunk


async def _next_batch(body: Receive, hold: Hold, seconds: float) -> Batch:
    """Read until the batch is full, its time is over, the body ended or the writer was stopped."""
    batch = Batch()
    try:
        async with asyncio.timeout(seconds) as hold.clock:
            while batch.size < BATCH and not hold.stopped:
                message = await body()
                if message["type"] != "http.request":
                    batch.gone = True
                    break
                chunk = message.get("body", b"")
                if chunk:
                    batch.chunks.append(chunk)
                    batch.size += len(chunk)
                    hold.heard = time.monotonic()
                if not message.get("more_body", False):
                    batch.last = True
                    break
    except TimeoutError:
        pass  # what is there shall be durable before more comes
    finally:
        hold.clock = None
    return batch
