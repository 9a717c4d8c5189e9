"""What people do after the upload: review and publish one school's files, gather collections. Over the HTTP API.

The site is served for a moment on a free port of this machine; each person acts with a key of their own.
"""

import contextlib
import json
import os
import socket
import subprocess
import sys
import time
import tomllib
import urllib.error
import urllib.request
from collections.abc import Iterator
from pathlib import Path
from typing import Any

COLLECTIONS = Path(__file__).parent / "content" / "collections.toml"
START_SECONDS = 60.0


def curate(xuehai: str, keys: dict[str, str], reviewed: str) -> int:
    """Have the files of the institution ``reviewed`` pass its review, then make the collections; answer how many.

    ``keys``: an API key for ``system_admin``, ``reviewer`` and ``curator``. Exits with the reason when something fails.
    """
    with _site(xuehai) as address:
        for one in _pages(address, keys["system_admin"], f"/api/v1/resources?institution={reviewed}&state=draft"):
            path = f"/api/v1/resources/{one['id']}"
            _ask(address, keys["system_admin"], f"{path}/submit", {})
            _ask(address, keys["reviewer"], f"{path}/decisions", {"accept": True, "reason": "内容准确，字幕清楚。"})
            if _ask(address, keys["reviewer"], path)["state"] != "published":
                _ask(address, keys["reviewer"], f"{path}/publish", {})
        ids = {one["title"]: one["id"] for one in _pages(address, keys["curator"], "/api/v1/resources?limit=50")}
        wanted = tomllib.loads(COLLECTIONS.read_text(encoding="utf-8"))["collection"]
        for one in wanted:
            items = [{"resource_id": ids[title]} for title in one["items"]]
            _ask(address, keys["curator"], "/api/v1/collections", {**one, "items": items, "state": "published"})
    return len(wanted)


@contextlib.contextmanager
def _site(xuehai: str) -> Iterator[str]:
    """The address of a site that is served while the block runs."""
    port, content_port = _free_port(), _free_port()
    address = f"http://127.0.0.1:{port}"
    urls = {"XUEHAI_PUBLIC_URL": address, "XUEHAI_CONTENT_URL": f"http://localhost:{content_port}"}
    environment = {**os.environ, **urls, "XUEHAI_CONTENT_PORT": str(content_port)}
    none, argv = subprocess.DEVNULL, [xuehai, "serve", "--host", "127.0.0.1", "--port", str(port)]
    with subprocess.Popen(argv, stdin=none, stdout=none, stderr=none, env=environment) as server:
        try:
            until = time.monotonic() + START_SECONDS
            while not _is_well(address):
                if server.poll() is not None or time.monotonic() > until:
                    sys.exit("the site did not start; try: xuehai serve")
                time.sleep(0.1)
            yield address
        finally:
            server.terminate()


def _pages(address: str, key: str, path: str) -> Iterator[dict[str, Any]]:
    cursor = ""
    while True:
        page = _ask(address, key, path + (f"&cursor={cursor}" if cursor else ""))
        yield from page["items"]
        cursor = page.get("next_cursor") or ""
        if not cursor:
            return


def _ask(address: str, key: str, path: str, body: dict[str, Any] | None = None) -> dict[str, Any]:
    data = None if body is None else json.dumps(body).encode()
    headers = {"Authorization": f"Bearer {key}", "Content-Type": "application/json"}
    request = urllib.request.Request(address + path, data, headers)
    try:
        with urllib.request.urlopen(request, timeout=30) as answer:
            told: dict[str, Any] = json.load(answer)
            return told
    except urllib.error.HTTPError as error:
        sys.exit(f"{path} was refused: {error.read().decode(errors='replace')}")


def _is_well(address: str) -> bool:
    with contextlib.suppress(OSError), urllib.request.urlopen(f"{address}/healthz", timeout=2) as answer:
        return bool(answer.status == 200)
    return False


def _free_port() -> int:
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        port: int = probe.getsockname()[1]
        return port
