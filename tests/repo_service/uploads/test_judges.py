"""Outside judges: clients that others wrote upload with equal hashes, also when the connection breaks on the way."""

import base64
import hashlib
import io
import socket
import threading
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from pathlib import Path

import pytest
from playwright.sync_api import Browser
from tusclient import client as tuspy

from tests.repo_service.uploads.conftest import Site, content

DATA = content(2_500_000, seed=11)


class Fickle:
    """A way to the server that breaks after so many bytes, as often as told, then holds."""

    def __init__(self, port: int, after: int, times: int) -> None:
        self._to, self._after, self._left = port, after, times
        self._listener = socket.create_server(("127.0.0.1", 0))
        self.port: int = self._listener.getsockname()[1]
        threading.Thread(target=self._accept, daemon=True).start()

    def close(self) -> None:
        """Take no more connections."""
        self._listener.close()

    def _accept(self) -> None:
        with suppress(OSError):
            while True:
                near, _ = self._listener.accept()
                threading.Thread(target=self._both_ways, args=(near,), daemon=True).start()

    def _both_ways(self, near: socket.socket) -> None:
        with near, socket.create_connection(("127.0.0.1", self._to)) as far:
            back = threading.Thread(target=self._carry, args=(far, near, False), daemon=True)
            back.start()
            self._carry(near, far, True)
            back.join()

    def _carry(self, source: socket.socket, target: socket.socket, counts: bool) -> None:
        carried = 0
        with suppress(OSError):
            while block := source.recv(65536):
                target.sendall(block)
                carried += len(block)
                if counts and self._left and carried > self._after:
                    self._left -= 1
                    break
        for end in (source, target):
            with suppress(OSError):
                end.shutdown(socket.SHUT_RDWR)


@contextmanager
def fickle(site: Site, after: int, times: int) -> Iterator[int]:
    """The port of a way that breaks."""
    way = Fickle(site.port, after, times)
    try:
        yield way.port
    finally:
        way.close()


def check(site: Site) -> None:
    """The one resource has the very bytes."""
    (resource,) = site.resources()
    (file,) = site.files(resource.id)
    assert file.sha256 == hashlib.sha256(DATA).hexdigest()
    assert (file.name, file.size) == ("课件 one.mp4", len(DATA))


@pytest.mark.parametrize("chunk", [300_000, len(DATA)])
def test_tuspy(site: Site, chunk: int) -> None:
    with fickle(site, 700_000, 2) as port:
        given = tuspy.TusClient(f"http://127.0.0.1:{port}/files/", {"Authorization": f"Bearer {site.client.key}"})
        uploader = given.uploader(
            file_stream=io.BytesIO(DATA),
            chunk_size=chunk,
            metadata={"filename": "课件 one.mp4"},
            retries=8,
            retry_delay=0,
            upload_checksum=True,
        )
        uploader.upload()
    check(site)


SCRIPT = """
async ([endpoint, key, size, block, stopAt]) => {
  const part = Uint8Array.from(atob(block), (c) => c.charCodeAt(0));
  const bytes = new Uint8Array(size);
  for (let at = 0; at < size; at += part.length) bytes.set(part.subarray(0, Math.min(part.length, size - at)), at);
  const file = new File([bytes], "课件 one.mp4", { type: "video/mp4" });
  const options = {
    endpoint, chunkSize: 400000, retryDelays: [0, 50, 200, 500, 1000, 2000],
    headers: { Authorization: `Bearer ${key}` }, metadata: { filename: file.name, filetype: file.type },
    removeFingerprintOnSuccess: true,
  };
  const run = (stop) => new Promise(async (done, failed) => {
    let resource = null;
    const upload = new tus.Upload(file, {
      ...options,
      onError: failed,
      onSuccess: () => done({ resource, url: upload.url }),
      onAfterResponse: (request, response) => { resource = response.getHeader("Xuehai-Resource") ?? resource; },
      onChunkComplete: (_, sent) => { if (sent >= stop) upload.abort().then(() => done({ stopped: sent })); },
    });
    const before = await upload.findPreviousUploads();
    if (before.length) upload.resumeFromPreviousUpload(before[0]);
    upload.start();
  });
  const first = await run(stopAt);
  return [first, await run(Infinity)];
}
"""


@pytest.mark.browser
def test_tus_js_client_in_chromium(site: Site, chromium: Browser) -> None:
    library = Path(__file__).parents[3] / "node_modules" / "tus-js-client" / "dist" / "tus.min.js"
    with fickle(site, 900_000, 2) as port, chromium.new_context(bypass_csp=True) as context:
        page = context.new_page()
        page.goto(f"http://127.0.0.1:{port}/healthz")
        page.add_script_tag(path=library)
        block = content(64, seed=11)
        first, second = page.evaluate(
            SCRIPT,
            [
                f"http://127.0.0.1:{port}/files/",
                site.client.key,
                len(DATA),
                base64.b64encode(block).decode(),
                1_000_000,
            ],
        )
    assert first["stopped"] >= 1_000_000
    assert second["resource"] == site.resources()[0].id
    check(site)
