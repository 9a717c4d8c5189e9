"""Growth of the index from 10,000 to 1,000,000 records with passages: rate, size, memory, and how queries fare.

``python -m tests.bench.scale [--records N…] [--folder FOLDER] [--out FOLDER]``. For each size a new installation gets
its rows (records of three to five cues, words as frequent as they are in articles), and the real command
``xuehai reindex`` builds the index from them in a process of its own. Then 200 queries of two and of three words are
asked, each as a page, an exact total, all facets and the best passages, and the worst that can be typed: as many words
as are looked at, of the most frequent ones.
"""

import argparse
import json
import os
import random
import shutil
import subprocess
import sys
import tempfile
import time
from collections.abc import Iterator, Sequence
from dataclasses import asdict, dataclass
from datetime import UTC, datetime, timedelta
from itertools import accumulate, islice
from pathlib import Path
from typing import Any

from sqlalchemy import insert, select

from repo_service import wiring
from repo_service.context import Context
from repo_service.models import Blob, File, Institution, Passage, Resource
from repo_service.settings import Settings
from search.embedded import EmbeddedIndex
from search.model import Query
from search.query import MAX_WORDS
from tests.bench.harness import SEED, machine
from tests.bench.p1_core import TITLE_WORDS, TITLES, queries, ranked

SIZES = (10_000, 100_000, 1_000_000)
PASSAGES = (3, 5)  # of a record
WORDS = (5, 11)  # of a passage
SECONDS = 5.0  # of a cue
KINDS = ("professional", "workers", "community", "elders")
BATCH = 2_000
REPEATS = 3  # of a query; its fastest counts
FREQUENT, WORST = 200, 10  # words that the worst questions are made of, and how many such questions
XUEHAI = Path(sys.executable).with_name("xuehai")
SHA256 = "0" * 64  # one object that all files name: nobody reads it here
DAY = datetime(2026, 11, 23, tzinfo=UTC)

Rows = dict[type, list[dict[str, Any]]]


@dataclass(frozen=True, slots=True)
class Growth:
    """One size: what building cost, what lies on the disk, and milliseconds of CPU of a query."""

    records: int
    passages: int
    wall: float
    cpu: float
    memory: float  # MiB at the peak
    index_bytes: int
    database_bytes: int
    load: float  # of the machine when building began
    queries: dict[str, float]

    @property
    def rate(self) -> float:
        """Records a second of CPU."""
        return self.records / self.cpu


def measure(folder: Path, records: int) -> Growth:
    """Fill, build, ask."""
    environment = {name: value for name, value in os.environ.items() if not name.startswith("XUEHAI_")}
    environment["XUEHAI_DATA_DIR"] = str(folder)
    place = ("--slug", "bench", "--name", "学校", "--kind", "university", "--division", "410100000000")
    subprocess.run([XUEHAI, "institution", "create", *place], env=environment, stdout=subprocess.DEVNULL, check=True)
    ctx = wiring.build(Settings(data_dir=folder))
    try:
        passages = fill(ctx, records)
    finally:
        ctx.close()
    load, begun = os.getloadavg()[0], time.perf_counter()
    child = subprocess.Popen([XUEHAI, "reindex", "--json"], env=environment, stdout=subprocess.PIPE)
    said = child.stdout.read() if child.stdout else b""
    _, status, used = os.wait4(child.pid, 0)
    child.returncode = os.waitstatus_to_exitcode(status)
    assert json.loads(said) == {"done": records, "failed": 0}, said
    return Growth(
        records=records,
        passages=passages,
        wall=time.perf_counter() - begun,
        cpu=used.ru_utime + used.ru_stime,
        memory=used.ru_maxrss / 1024,
        index_bytes=size(folder / "index"),
        database_bytes=size(folder / "xuehai.db"),
        load=load,
        queries=ask(folder / "index"),
    )


def fill(ctx: Context, records: int) -> int:
    """Rows of published records with their cues; how many cues."""
    with ctx.db.write() as session:
        giver = session.scalars(select(Institution.id)).one()
        session.execute(insert(Blob), [{"sha256": SHA256, "size": 1, "created_at": DAY}])
    stream, passages = _records(records, giver), 0
    while some := list(islice(stream, BATCH)):
        with ctx.db.write() as session:
            for table in (Resource, File, Passage):
                session.execute(insert(table), [row for rows in some for row in rows[table]])
        passages += sum(len(rows[Passage]) for rows in some)
    return passages


def _records(count: int, giver: str) -> Iterator[Rows]:
    """Always the same ones."""
    chance, known = random.Random(SEED), ranked()
    words, weights = [word for word, _ in known], list(accumulate(times for _, times in known))

    def said(length: int) -> str:
        return "".join(chance.choices(words, cum_weights=weights, k=length))

    titles = [said(TITLE_WORDS) for _ in range(TITLES)]
    for number in range(count):
        moment = DAY - timedelta(minutes=number)
        resource = {
            "id": f"r{number:09}",
            "external_id": str(number),
            "institution_id": giver,
            "state": "published",
            "title": titles[number % TITLES],
            "kinds": [chance.choice(KINDS)],
            "year": 2000 + chance.randrange(25),
            "media_kind": "video",
            "duration": chance.uniform(60.0, 6000.0),
            "has_captions": True,
            "created_at": moment,
            "updated_at": moment,
            "published_at": moment,
        }
        file = _file(resource)
        texts = [said(chance.randint(*WORDS)) + "。" for _ in range(chance.randint(*PASSAGES))]
        yield {Resource: [resource], File: [file], Passage: _cues(file, texts)}


def _file(resource: dict[str, Any]) -> dict[str, Any]:
    return {
        "id": f"f{resource['id'][1:]}",
        "resource_id": resource["id"],
        "version": 1,
        "role": "source",
        "path": "film",
        "name": "film.mp4",
        "media_type": "video/mp4",
        "sha256": SHA256,
        "size": 1,
        "created_at": resource["created_at"],
    }


def _cues(file: dict[str, Any], texts: list[str]) -> list[dict[str, Any]]:
    return [
        {
            "id": f"p{file['id'][1:]}{at}",
            "resource_id": file["resource_id"],
            "version": 1,
            "file_id": file["id"],
            "step": "captions",
            "ordinal": at,
            "kind": "cue",
            "text": text,
            "start": at * SECONDS,
            "end": (at + 1) * SECONDS,
        }
        for at, text in enumerate(texts)
    ]


def ask(folder: Path) -> dict[str, float]:
    """Milliseconds of CPU of all threads, p50 and p95 over the queries, each at its fastest."""
    index = EmbeddedIndex(folder, writer=False)
    found: dict[str, float] = {}
    for words in (2, 3):
        took = sorted(_fastest(index, " ".join(query)) for query in queries(words))
        found |= {f"{words} words p{share}": took[len(took) * share // 100 - 1] for share in (50, 95)}
    found["worst"] = max(_fastest(index, query) for query in worst())
    index.close()
    return found


def worst() -> list[str]:
    """Questions of frequent words, as many as are looked at."""
    chance, frequent = random.Random(SEED), [word for word, _ in ranked()[:FREQUENT] if len(word) > 1]
    return [" ".join(chance.sample(frequent, MAX_WORDS)) for _ in range(WORST)]


def _fastest(index: EmbeddedIndex, text: str) -> float:
    took: list[float] = []
    for _ in range(REPEATS):
        begun = time.process_time()
        index.search(Query(text))
        took.append((time.process_time() - begun) * 1000)
    return min(took)


def size(place: Path) -> int:
    """Bytes of a file, or of all files of a folder."""
    return sum(file.stat().st_size for file in (place.rglob("*") if place.is_dir() else [place]) if file.is_file())


def table(found: Sequence[Growth]) -> str:
    """One Markdown table; growth is the cost of a record over that of a record at the smallest size."""
    asked = list(found[0].queries)
    head = ["records", "passages", "records/s of CPU", "wall, s", "growth", "index", "bytes a record", "memory", *asked]
    lines = [f"| {' | '.join(head)} | load |", "|" + "---|" * (len(head) + 1)]
    for one in found:
        cells = [
            f"{one.records:,}",
            f"{one.passages:,}",
            f"{one.rate:,.0f}",
            f"{one.wall:,.0f}",
            f"{found[0].rate / one.rate:.2f} ×",
            f"{one.index_bytes / 2**20:,.0f} MiB",
            f"{one.index_bytes / one.records:,.0f}",
            f"{one.memory:,.0f} MiB",
            *(f"{one.queries[name]:.2f} ms" for name in asked),
            f"{one.load:.1f}",
        ]
        lines.append(f"| {' | '.join(cells)} |")
    return "\n".join(lines)


def main() -> None:
    """Measure the sizes one after the other; write JSON and a Markdown table."""
    parser = argparse.ArgumentParser(prog="python -m tests.bench.scale", description=__doc__)
    parser.add_argument("--records", type=int, nargs="+", default=SIZES, help="sizes, the smallest first")
    parser.add_argument("--folder", type=Path, help="where the data may lie meanwhile (about 6 GiB for a million)")
    parser.add_argument("--out", type=Path, default=Path("build/bench"), help="folder for JSON and the table")
    given = parser.parse_args()
    given.out.mkdir(parents=True, exist_ok=True)
    found: list[Growth] = []
    for records in given.records:
        folder = Path(tempfile.mkdtemp(prefix="xuehai-scale-", dir=given.folder))
        try:
            found.append(measure(folder, records))
        finally:
            shutil.rmtree(folder, ignore_errors=True)
        said = {"machine": machine(), "sizes": [asdict(one) for one in found]}
        (given.out / "scale.json").write_text(json.dumps(said, indent=2), encoding="utf-8")
        (given.out / "scale.md").write_text(table(found) + "\n", encoding="utf-8")
        sys.stderr.write(f"{found[-1]}\n")
    sys.stdout.write(table(found) + "\n")


if __name__ == "__main__":
    main()
