"""P13: type-ahead over HTTP while somebody types titles, prefix by prefix: as written, by pinyin, by initials.

``xuehai serve`` with one process of the site, one connection, each prefix asked for the first time. The limit is a
time, since that is what a person who types waits for; on a busy machine a miss is called noisy.
"""

import http.client
import json
import random
import subprocess
import time
from collections.abc import Iterator, Mapping, Sequence
from itertools import islice
from pathlib import Path
from urllib.parse import quote, urlsplit

from search import pinyin
from search.text import tokens
from tests.bench import p1_core, p7_import
from tests.bench.harness import SEED, Goal, Measures, Verdict, column, judged
from tests.serving import Served

TITLES, TITLES_SMALL = 100_000, 5_000
TITLE = 14  # characters
TYPED, TYPED_SMALL = 200, 30
LONGEST = {"written": 8, "pinyin": 12, "initials": 6}  # of the prefixes that are typed
LIMIT = 50.0  # milliseconds, at p95
RECORDS_FILE = "titles.jsonl"


def setup(folder: Path, small: bool) -> None:
    """An installation with so many different titles, made of words as frequent as they are."""
    with (folder / RECORDS_FILE).open("w", encoding="utf-8") as file:
        for number, title in enumerate(_titles(TITLES_SMALL if small else TITLES)):
            record = {"id": f"title-{number}", "title": title, "description": title}
            file.write(json.dumps(record, ensure_ascii=False) + "\n")
    installation(folder, folder / RECORDS_FILE)


def installation(folder: Path, records: Path) -> None:
    """One school with these records, all published."""
    place = ("--slug", "bench", "--name", "学校", "--kind", "university", "--division", "410100000000")
    words = ("--format", "jsonl", "--institution", "bench", "--publish", "--json")
    run(folder, "institution", "create", *place)
    said = json.loads(run(folder, "import", str(records), *words))
    assert not said["errors"], said["errors"][:3]


def run(folder: Path, *words: str, given: bytes = b"") -> bytes:
    """A command over the installation of this folder; what it prints."""
    environment = {"XUEHAI_DATA_DIR": str(folder / "installation"), "PATH": "/usr/bin:/bin"}
    command = [str(p7_import.XUEHAI), *words]
    return subprocess.run(command, env=environment, input=given, stdout=subprocess.PIPE, check=True).stdout


def _titles(count: int) -> Iterator[str]:
    return (document.text[:TITLE] for document in islice(p1_core.documents(count), count))


def typed(folder: Path, small: bool) -> list[str]:
    """All that is typed for some of the titles, each prefix once."""
    lines = (folder / RECORDS_FILE).read_text(encoding="utf-8").splitlines()
    chosen = random.Random(SEED).sample(lines, TYPED_SMALL if small else TYPED)
    prefixes: dict[str, None] = {}
    for number, line in enumerate(chosen):
        title = json.loads(line)["title"]
        words = [token.text for token in tokens(title) if token.han]
        spoken = {
            "written": title,
            "pinyin": "".join(part for word in words for part in pinyin.of_word(word)),
            "initials": "".join(map(pinyin.initials, words)),
        }
        form = list(LONGEST)[number % len(LONGEST)]
        prefixes |= {spoken[form][:end]: None for end in range(1, LONGEST[form] + 1)}
    return [prefix for prefix in prefixes if prefix]


def subject(folder: Path, small: bool) -> Measures:
    """Milliseconds from the question to the last byte of the answer."""
    served = Served(folder / "installation", 0, XUEHAI_LOG_LEVEL="WARNING")
    try:
        connection = http.client.HTTPConnection(urlsplit(served.ready["url"]).netloc)
        _ask(connection, "xuehai")  # what is loaded with the first answer
        took, found = [], 0
        prefixes = typed(folder, small)
        for prefix in prefixes:
            begun = time.perf_counter()
            found += bool(_ask(connection, prefix))
            took.append((time.perf_counter() - begun) * 1000)
        connection.close()
    finally:
        served.end()
    took.sort()
    return {"p50": took[len(took) // 2], "p95": took[int(len(took) * 0.95)], "found": found / len(prefixes)}


def _ask(connection: http.client.HTTPConnection, prefix: str) -> list[object]:
    connection.request("GET", f"/api/v1/suggest?q={quote(prefix)}")
    answer = connection.getresponse()
    assert answer.status == 200, answer.status
    offered: list[object] = json.loads(answer.read())
    return offered


def check(runs: Mapping[str, Sequence[Measures]]) -> list[Verdict]:
    """The slow ones; and that there was something to offer."""
    ours = runs["subject"]
    return [
        judged("type-ahead over HTTP, p95", min(column(ours, "p95")), LIMIT, at_least=False, unit="ms"),
        judged("prefixes with an offer", min(column(ours, "found")), 0.8, at_least=True, unit=""),
        Verdict("type-ahead over HTTP, p50", min(column(ours, "p50")), 0.0, at_least=False, unit="ms"),
    ]


GOAL = Goal("P13", "Type-ahead", setup, {"subject": subject}, check, rounds=3, rounds_small=1, steady="p95")
