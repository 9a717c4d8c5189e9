"""P10: answers that many ask for, ``xuehai serve`` against a bare ASGI application that sends the same bytes.

Both are one process under the same server; wrk asks for one record, once as a new reader and once as one who holds it
already (``If-None-Match``). The peer answers with the same body, type, tag and length, and does nothing else. Without
wrk the figures are skipped.
"""

import json
import shutil
import subprocess
import sys
import time
import urllib.request
from collections.abc import Mapping, Sequence
from contextlib import suppress
from pathlib import Path

import uvicorn
from starlette.types import Receive, Scope, Send

from tests.bench import p2_http, p7_import
from tests.bench.harness import Goal, Measures, Verdict, column, ratio
from tests.servers.base import free_port
from tests.serving import Served

SETTLED = 3.0  # seconds until the installation has nothing left to write
SKIPPED: Measures = {"hot": 0.0, "unchanged": 0.0, "errors": 0.0}


def setup(folder: Path, small: bool) -> None:
    """An installation with the records of P7."""
    p7_import.setup(folder, small)
    p7_import.subject(folder, small)


def subject(folder: Path, small: bool) -> Measures:
    """The site as it is installed, with its headers, its metrics and its look at the database."""
    if shutil.which("wrk") is None:
        return SKIPPED
    served = Served(folder / "installation", 0)
    try:
        url = served.ready["url"]
        with urllib.request.urlopen(f"{url}/api/v1/resources?limit=1") as answer:
            path = f"/api/v1/resources/{json.load(answer)['items'][0]['id']}"
        with urllib.request.urlopen(url + path) as answer:
            told = {"path": path, "etag": answer.headers["ETag"], "body": answer.read().decode()}
        (folder / "hot.json").write_text(json.dumps(told), encoding="utf-8")
        time.sleep(SETTLED)
        return _driven(folder, url, told, small)
    finally:
        served.end()


def bare(folder: Path, small: bool) -> Measures:
    """The same bytes out of a variable."""
    if shutil.which("wrk") is None:
        return SKIPPED
    told, port = json.loads((folder / "hot.json").read_text(encoding="utf-8")), free_port()
    process = subprocess.Popen([sys.executable, "-m", "tests.bench.p10_hot", str(folder / "hot.json"), str(port)])
    try:
        url = f"http://127.0.0.1:{port}"
        until = time.monotonic() + 20
        while time.monotonic() < until:
            with suppress(OSError), urllib.request.urlopen(url + told["path"]):
                break
            time.sleep(0.1)
        return _driven(folder, url, told, small)
    finally:
        process.terminate()
        process.wait()


def check(runs: Mapping[str, Sequence[Measures]]) -> list[Verdict]:
    """Requests a second, of both kinds."""
    ours, theirs = runs["subject"], runs["bare"]
    if not column(ours, "hot")[0]:
        return [Verdict("hot reads, against a bare application", 0.0, 0.85, at_least=True, status="skipped")]
    assert not any(column(ours, "errors") + column(theirs, "errors"))
    return [
        ratio("hot reads, against a bare application", column(ours, "hot"), column(theirs, "hot"), 0.85, at_least=True),
        ratio("the same as 304", column(ours, "unchanged"), column(theirs, "unchanged"), 1.0, at_least=True),
        ratio("304 against its 200", column(ours, "unchanged"), column(theirs, "hot"), 1.0, at_least=True),
        Verdict("hot reads a second, one process", max(column(ours, "hot")), 0.0, at_least=True, unit="/s"),
    ]


def _driven(folder: Path, url: str, told: Mapping[str, str], small: bool) -> Measures:
    rates = {}
    for name, header in (("hot", ""), ("unchanged", told["etag"])):
        headers = {"If-None-Match": header} if header else {}
        script = folder / f"{name}.lua"
        pairs = ", ".join(f"[{json.dumps(key)}] = {json.dumps(value)}" for key, value in headers.items())
        script.write_text(
            "local asked\nfunction init()  -- called when the host is known\n"
            f"  asked = wrk.format('GET', {json.dumps(told['path'])}, {{{pairs}}})\nend\n"
            "function request() return asked end\n",
            encoding="utf-8",
        )
        rates[name], wrong = p2_http.rate(url, script, small)
        rates["errors"] = rates.get("errors", 0.0) + wrong
    return rates


def main() -> None:
    """Be the peer until killed."""
    told = json.loads(Path(sys.argv[1]).read_text(encoding="utf-8"))
    body, tag = told["body"].encode(), told["etag"].encode()
    whole = [
        (b"content-length", str(len(body)).encode()),
        (b"content-type", b"application/json"),
        (b"etag", tag),
    ]

    async def app(scope: Scope, _receive: Receive, send: Send) -> None:
        if scope["type"] != "http":
            return
        known = any(name == b"if-none-match" and value == tag for name, value in scope["headers"])
        status, headers, sent = (304, [(b"etag", tag)], b"") if known else (200, whole, body)
        await send({"type": "http.response.start", "status": status, "headers": headers})
        await send({"type": "http.response.body", "body": sent})

    uvicorn.run(app, host="127.0.0.1", port=int(sys.argv[2]), log_config=None, access_log=False, server_header=False)


GOAL = Goal(
    "P10",
    "Hot reads",
    setup,
    {"subject": subject, "bare": bare},
    check,
    rounds=3,
    rounds_small=1,
    steady="hot",
)

if __name__ == "__main__":
    main()
