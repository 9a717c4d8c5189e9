"""Connections cut, stalled, racing, a server killed: every upload goes on and ends with equal bytes."""

import asyncio
import hashlib
import os
import signal
import socket
import subprocess
import sys
import threading
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager
from pathlib import Path

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from repo_service.api import reception
from repo_service.errors import LostLease, Stalled
from repo_service.services import uploads
from tests.repo_service.uploads.conftest import (
    OCTETS,
    Answer,
    Client,
    Site,
    content,
    eventually,
    installed,
    serving,
    site_of,
)

DATA = content(3_000_000, seed=7)


def began(site: Site) -> str:
    return site.client.create(len(DATA)).headers["location"]


def check_whole(site: Site, resource: str) -> None:
    """One file with the very bytes, no more blobs or staged bytes than that."""
    (file,) = site.files(resource)
    assert file.sha256 == hashlib.sha256(DATA).hexdigest()
    assert hashlib.sha256(site.stored(file)).hexdigest() == file.sha256


def patch_head(address: str, offset: int = 0) -> tuple[str, dict[str, str]]:
    rest = str(len(DATA) - offset)
    return f"PATCH {address} HTTP/1.1", {"Content-Type": OCTETS, "Upload-Offset": str(offset), "Content-Length": rest}


def offset_of(site: Site, address: str) -> int:
    return site.client.ask("HEAD", address).offset


def insist(site: Site, address: str) -> Answer:
    """Go on as clients do: ask, bring the rest, ask again when somebody else was faster."""
    for _ in range(50):
        offset = offset_of(site, address)
        answer = site.client.patch(address, offset, DATA[offset:])
        if answer.status != 409:
            return answer
    raise AssertionError("it never ended")


def test_cut_again_and_again(served: Site) -> None:
    address = began(served)
    offset = 0
    for share in (100_000, 1, 700_000, 0, 1_000_000):
        with served.client.wire(*patch_head(address, offset)) as wire:
            wire.sendall(DATA[offset : offset + share])
            wire.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, b"\1\0\0\0\0\0\0\0")  # cut, not closed
        assert offset_of(served, address) >= offset
        offset = offset_of(served, address)
    answer = insist(served, address)
    check_whole(served, answer.headers["xuehai-resource"])


def test_what_came_before_a_polite_end_counts(served: Site) -> None:
    address = began(served)
    with served.client.wire(*patch_head(address)) as wire:
        wire.sendall(DATA[:200_000])
        wire.shutdown(socket.SHUT_WR)
        wire.recv(1000)
    assert eventually(lambda: offset_of(served, address)) == 200_000


def test_a_stalled_writer_gives_way_to_a_newer_one(served: Site) -> None:
    address = began(served)
    with served.client.wire(*patch_head(address)) as stalled:
        stalled.sendall(DATA[:500_000])
        offset = eventually(lambda: offset_of(served, address))
        assert offset == 500_000  # asked for, it was made durable
        answer = served.client.patch(address, offset, DATA[offset:])
        assert answer.status == 204
    check_whole(served, answer.headers["xuehai-resource"])


def test_a_newer_writer_wins_over_a_busy_one(served: Site) -> None:
    address = began(served)
    with served.client.wire(*patch_head(address)) as older:
        older.sendall(DATA[:1_000_000])
        eventually(lambda: list(served.ctx.store.scan("staging/")) or True)
        answer = insist(served, address)
        assert answer.status == 204
    check_whole(served, answer.headers["xuehai-resource"])


def test_many_writers_at_once(served: Site) -> None:
    address = began(served)

    def bring(_: int) -> str:
        for _attempt in range(100):
            head = served.client.ask("HEAD", address)
            if "xuehai-resource" in head.headers:
                return head.headers["xuehai-resource"]
            served.client.patch(address, head.offset, DATA[head.offset : head.offset + 600_000])
        raise AssertionError("it never ended")

    with ThreadPoolExecutor(4) as pool:
        found = set(pool.map(bring, range(4)))
    assert len(found) == 1
    check_whole(served, found.pop())


def test_an_outrun_writer_of_another_process_writes_nothing(site: Site) -> None:
    address = began(site).removeprefix("/files/")
    older = uploads.take(site.ctx, address, 0)
    uploads.append(site.ctx, older, 0, [DATA[:1000]])
    uploads.record(site.ctx, older, 1000, last=False)
    newer = uploads.take(site.ctx, address, 1000)
    assert newer.contested
    for late in (uploads.may_write, lambda ctx, writer: uploads.record(ctx, writer, 2000, last=True)):
        with pytest.raises(LostLease):
            late(site.ctx, older)
    uploads.append(site.ctx, newer, 1000, [DATA[1000:]])
    uploads.append(site.ctx, older, 500, [b"late bytes of a stopped process"])  # between its look and its write
    uploads.record(site.ctx, newer, len(DATA) - 1, last=True)
    assert uploads.find(site.ctx, address).offset == 531
    answer = site.client.patch(f"/files/{address}", 531, DATA[531:])
    (file,) = site.files(answer.headers["xuehai-resource"])
    assert file.sha256 == hashlib.sha256(site.stored(file)).hexdigest()


def test_processes_take_turns(site: Site) -> None:
    address = began(site)
    with serving(site.ctx) as second:  # with hashes and writers of its own
        for turn, start in enumerate(range(0, len(DATA), 600_000)):
            port = (site.port, second)[turn % 2]
            answer = Client(port).patch(address, start, DATA[start : start + 600_000])
            assert answer.offset == min(start + 600_000, len(DATA))
    check_whole(site, answer.headers["xuehai-resource"])


def test_a_silent_client_is_let_go_and_what_it_sent_stays(site: Site) -> None:
    address = began(site).removeprefix("/files/")
    sent = iter([{"type": "http.request", "body": DATA[:12345], "more_body": True}])

    async def body() -> dict[str, object]:
        for message in sent:
            return message
        await asyncio.Event().wait()  # silent for good
        raise AssertionError

    async def receive() -> None:
        desk = reception.Reception(site.ctx, flush=0.05, stall=0.3)
        await desk.receive(address, body, offset=0, length=None, size=len(DATA), checksum=None)

    with pytest.raises(Stalled), ThreadPoolExecutor(1) as pool:  # a browser test's loop may live in this thread
        pool.submit(asyncio.run, receive()).result()
    assert uploads.find(site.ctx, address).offset == 12345


def test_a_part_with_a_checksum_counts_whole_or_not_at_all(served: Site) -> None:
    address = began(served)
    head, sent = patch_head(address)
    digest = "sha1 2jmj7l5rSw0yVb/vlWAYkK/YBwk="
    with served.client.wire(head, {**sent, "Upload-Checksum": digest}) as wire:
        wire.sendall(DATA[:400_000])
    assert offset_of(served, address) == 0
    check_whole(served, served.client.patch(address, 0, DATA).headers["xuehai-resource"])


@contextmanager
def process(folder: Path, port: int) -> Iterator[subprocess.Popen[bytes]]:
    """The application in a process of its own."""
    code = (
        "import sys, uvicorn; from repo_service import wiring; from repo_service.app import create_app;"
        "from repo_service.settings import Settings; from pathlib import Path;"
        "ctx = wiring.build(Settings(data_dir=Path(sys.argv[1])));"
        "uvicorn.run(create_app(ctx), port=int(sys.argv[2]), log_config=None)"
    )
    running = subprocess.Popen([sys.executable, "-c", code, str(folder), str(port)], stdout=subprocess.DEVNULL)
    try:
        eventually(lambda: _listens(port), 60)
        yield running
    finally:
        running.kill()
        running.wait()


def _listens(port: int) -> bool:
    with socket.socket() as probe:
        return probe.connect_ex(("127.0.0.1", port)) == 0


@pytest.mark.kill
def test_a_server_killed_in_the_middle(tmp_path: Path) -> None:
    ctx = installed(tmp_path / "data")
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        port = probe.getsockname()[1]
    site = site_of(ctx, port)
    with process(tmp_path / "data", port) as running:
        address = began(site)
        with site.client.wire(*patch_head(address)) as wire:
            wire.sendall(DATA[:1_400_000])
            eventually(lambda: any(one.size for one in ctx.store.scan("staging/")))
            os.kill(running.pid, signal.SIGKILL)
    with process(tmp_path / "data", port):
        offset = offset_of(site, address)
        answer = site.client.patch(address, offset, DATA[offset:])
        check_whole(site, answer.headers["xuehai-resource"])
    ctx.close()


@pytest.mark.parametrize("reached", ["recorded", "hashed", "kept"])
def test_finishing_goes_on_where_it_stopped(site: Site, reached: str) -> None:
    address = began(site)
    secret = address.removeprefix("/files/")
    writer = uploads.take(site.ctx, secret, 0)
    uploads.append(site.ctx, writer, 0, [DATA])
    row = uploads.record(site.ctx, writer, len(DATA), last=True)
    if reached != "recorded":
        digest = uploads.write_down_hash(site.ctx, row, None)
        if reached == "kept":
            site.ctx.store.keep(row.id, digest)
    with ThreadPoolExecutor(4) as pool:  # a client, the reconciler, another client: all at once
        heads = [pool.submit(site.client.ask, "HEAD", address) for _ in range(3)]
        pool.submit(uploads.finish_stuck, site.ctx, -1).result()
        found = {head.result().headers["xuehai-resource"] for head in heads}
    assert len(found) == 1
    check_whole(site, found.pop())
    assert len(site.jobs()) == 1
    assert uploads.finish_stuck(site.ctx, older_than=-1) == 0


def test_slow_uploads_do_not_hold_up_the_site(served: Site) -> None:
    wires = [served.client.wire(*patch_head(began(served))) for _ in range(60)]
    opened = [wire.__enter__() for wire in wires]
    for wire in opened:
        wire.sendall(DATA[:10_000])
    done = threading.Event()
    threading.Timer(20, done.set).start()
    answer = Client(served.port).ask("GET", "/healthz")
    assert answer.status == 200
    assert not done.is_set()
    for wire_context in wires:
        wire_context.__exit__(None, None, None)


@settings(max_examples=60, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(
    st.dictionaries(
        st.sampled_from(
            ["Upload-Length", "Upload-Defer-Length", "Upload-Metadata", "Upload-Checksum", "Upload-Offset"]
        ),
        st.text(st.characters(min_codepoint=33, max_codepoint=255, exclude_categories=["Cc"]), max_size=200),
    )
)
def test_no_header_makes_the_server_fail(served: Site, sent: dict[str, str]) -> None:
    headers = {"Authorization": f"Bearer {served.client.key}", **sent}
    assert served.client.ask("POST", "/files/", headers).status in (201, 400, 413, 415, 422)


@settings(max_examples=60, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(
    st.dictionaries(
        st.sampled_from(["filename", "filetype", "role", "institution", "resource_id", "relativePath", "title", "x"]),
        st.binary(max_size=600),
        max_size=8,
    )
)
def test_no_metadata_make_the_server_fail(served: Site, said: dict[str, bytes]) -> None:
    answer = served.client.create(0, **said)  # type: ignore[arg-type]
    assert answer.status in (201, 403, 404, 415, 422), answer.body
