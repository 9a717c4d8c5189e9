"""P14: how long until a published record is found, while people write and search.

``xuehai serve`` with its worker on the embedded engine. Twice a second a record with a word of its own is made and
published through the API; twenty times a second somebody searches; from the answer to "publish" on, the word of the new
record is searched for until it is found. The limit is a time; on a busy machine a miss is called noisy.
"""

import http.client
import json
import random
import threading
import time
from collections.abc import Callable, Mapping, Sequence
from pathlib import Path
from typing import Any
from urllib.parse import quote, urlsplit

from tests.bench import p7_import, p13_typing
from tests.bench.harness import SEED, Goal, Measures, Verdict, column, judged
from tests.serving import Served

WRITES, SEARCHES = 2.0, 20.0  # a second
SECONDS, SECONDS_SMALL = 60, 15
PAUSE = 0.1  # between two looks for a new record
PATIENCE = 30.0
LIMIT = 2.0  # seconds, at p95
SCOPES = "upload,review,admin"
PASSWORD = b"correct horse battery staple"


def setup(folder: Path, small: bool) -> None:
    """An installation with the records of P7, and a key that may publish."""
    p7_import.setup(folder, small)
    p13_typing.installation(folder, folder / p7_import.RECORDS_FILE)
    person = ("--email", "bench@example.org", "--name", "测", "--role", "system_admin", "--password-stdin")
    p13_typing.run(folder, "user", "create", *person, given=PASSWORD)
    said = p13_typing.run(folder, "key", "create", "--email", "bench@example.org", "--scopes", SCOPES, "--json")
    (folder / "key").write_text(json.loads(said)["key"], encoding="utf-8")


class Client:
    """One connection; with a key, or as anybody."""

    def __init__(self, url: str, key: str = "") -> None:
        self._connection = http.client.HTTPConnection(urlsplit(url).netloc, timeout=PATIENCE)
        self._headers = {"Content-Type": "application/json"} | ({"Authorization": f"Bearer {key}"} if key else {})

    def ask(self, method: str, path: str, body: Mapping[str, object] | None = None) -> Any:
        """The answer; anything but success is an error."""
        sent = json.dumps(body).encode() if body is not None else None
        self._connection.request(method, path, sent, self._headers)
        answer = self._connection.getresponse()
        read = answer.read()
        assert answer.status < 300, (answer.status, read[:500])
        return json.loads(read)

    def total(self, q: str) -> int:
        """How many resources are found."""
        return int(self.ask("GET", f"/api/v1/search?q={quote(q)}")["total"])


def subject(folder: Path, small: bool) -> Measures:
    """Seconds from "published" to "found", and how many searches and writes really came to pass."""
    seconds = SECONDS_SMALL if small else SECONDS
    key = (folder / "key").read_text(encoding="utf-8")
    lines = (folder / p7_import.RECORDS_FILE).read_text(encoding="utf-8").splitlines()
    queries = [json.loads(line)["title"][:4] for line in random.Random(SEED).sample(lines, 200)]
    took: list[float] = []
    failed: list[BaseException] = []
    served = Served(folder / "installation", 0, XUEHAI_LOG_LEVEL="WARNING")
    try:
        url = served.ready["url"]
        waiting: list[threading.Thread] = []
        writer, reader = Client(url, key), Client(url)

        def write(number: int) -> None:
            word = f"xh{number:05d}q"
            record = {"title": f"{queries[number % 200]} {word}", "institution": "bench", "language": "zh-Hans"}
            made = writer.ask("POST", "/api/v1/resources", record)
            writer.ask("POST", f"/api/v1/resources/{made['id']}/publish")
            waiting.append(_thread(lambda: took.append(_found_after(url, word)), failed))

        searching = _thread(lambda: _steadily(SEARCHES, seconds, lambda n: reader.total(queries[n % 200])), failed)
        writing = _thread(lambda: _steadily(WRITES, seconds, write), failed)
        for thread in (searching, writing, *waiting):
            thread.join()
        for thread in waiting:
            thread.join()
    finally:
        served.end()
    if failed:
        raise failed[0]
    took.sort()
    return {"p50": took[len(took) // 2], "p95": took[int(len(took) * 0.95)], "published": float(len(took))}


def _thread(act: Callable[[], object], failed: list[BaseException]) -> threading.Thread:
    """Something done beside all else; what goes wrong is noted."""

    def run() -> None:
        try:
            act()
        except BaseException as error:
            failed.append(error)

    thread = threading.Thread(target=run)
    thread.start()
    return thread


def _steadily(rate: float, seconds: float, act: Callable[[int], object]) -> None:
    """So many times a second, each at its time, or as soon as the one before has ended."""
    begun = time.monotonic()
    for number in range(int(rate * seconds)):
        time.sleep(max(0.0, begun + number / rate - time.monotonic()))
        act(number)


def _found_after(url: str, word: str) -> float:
    """Seconds until this word is found. Raises TimeoutError when it never is."""
    begun, client = time.monotonic(), Client(url)
    while time.monotonic() - begun < PATIENCE:
        if client.total(word):
            return time.monotonic() - begun
        time.sleep(PAUSE)
    raise TimeoutError(word)


def check(runs: Mapping[str, Sequence[Measures]]) -> list[Verdict]:
    """The slow ones; the others are stated."""
    ours = runs["subject"]
    return [
        judged("published until found, p95", min(column(ours, "p95")), LIMIT, at_least=False, unit="s"),
        Verdict("published until found, p50", min(column(ours, "p50")), 0.0, at_least=False, unit="s"),
        Verdict("published in one run", min(column(ours, "published")), 0.0, at_least=True, unit=""),
    ]


GOAL = Goal("P14", "Fresh", setup, {"subject": subject}, check, rounds=3, rounds_small=1, steady="p95")
