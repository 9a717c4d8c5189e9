"""P7: records in bulk through the real command, against the same work in a bare loop with the same libraries.

The peer does what every import must: JSON, a SHA-256, a row in SQLite, folding, cutting into words, words and single
characters into tantivy, commits. The command does more: rules for each field, rights, decisions, the outbox and the
audit trail, pinyin, type-ahead, facets; it starts a program and ends when a search finds the records.
"""

import hashlib
import json
import os
import random
import resource
import shutil
import sqlite3
import subprocess
import sys
import time
from collections.abc import Mapping, Sequence
from itertools import islice
from pathlib import Path

import rjieba
import tantivy

from search.fold import fold
from tests.bench.harness import SEED, Goal, Measures, Verdict, column, ratio

RECORDS, RECORDS_SMALL = 10_000, 2_000
LETTERS = 500  # characters of a text, as an article of the corpus has on average
TITLE = 16
BATCH = 1_000
HEAP = 64_000_000
XUEHAI = Path(sys.executable).with_name("xuehai")
RECORDS_FILE = "records.jsonl"


def setup(folder: Path, small: bool) -> None:
    """Records made of real sentences, so that words are as frequent as they are; always the same ones."""
    articles = [json.loads(line) for line in _corpus().read_text(encoding="utf-8").splitlines()]
    sentences = [sentence for article in articles for sentence in article["text"].split("。") if sentence]
    chance = random.Random(SEED)
    with (folder / RECORDS_FILE).open("w", encoding="utf-8") as file:
        for number in range(RECORDS_SMALL if small else RECORDS):
            text = ""
            while len(text) < LETTERS:
                text += chance.choice(sentences) + "。"
            record = {"id": f"record-{number}", "title": chance.choice(sentences)[:TITLE], "text": text[:LETTERS]}
            file.write(json.dumps(record, ensure_ascii=False) + "\n")


def _corpus() -> Path:
    given = os.environ.get("XUEHAI_TEST_DATA")
    folder = Path(given) if given else Path(__file__).parents[3] / "shared" / "data"
    return folder / "relevance" / "cmrc2018" / "docs.jsonl"


def subject(folder: Path, small: bool) -> Measures:
    """``xuehai import --publish`` into a new installation, from the start of the program to its end."""
    data = folder / "installation"
    shutil.rmtree(data, ignore_errors=True)
    place = ("--slug", "bench", "--name", "学校", "--kind", "university", "--division", "410100000000")
    _xuehai(data, "institution", "create", *place)
    before, begun = resource.getrusage(resource.RUSAGE_CHILDREN), time.perf_counter()
    words = ("--format", "jsonl", "--institution", "bench", "--publish", "--json")
    said = json.loads(_xuehai(data, "import", str(folder / RECORDS_FILE), *words))
    wall, after = time.perf_counter() - begun, resource.getrusage(resource.RUSAGE_CHILDREN)
    assert (said["created"], said["errors"]) == (RECORDS_SMALL if small else RECORDS, [])
    cpu = after.ru_utime + after.ru_stime - before.ru_utime - before.ru_stime
    return {"cpu": cpu, "wall": wall, "rate": said["created"] / wall, "memory": after.ru_maxrss / 1024}


def _xuehai(data: Path, *words: str) -> bytes:
    """Its modules are compiled already, as those of an installed program are."""
    environment = {name: value for name, value in os.environ.items() if not name.startswith("XUEHAI_")}
    environment.pop("PYTHONDONTWRITEBYTECODE", None)
    environment["XUEHAI_DATA_DIR"] = str(data)
    return subprocess.run([XUEHAI, *words], env=environment, stdout=subprocess.PIPE, check=True).stdout


def bare(folder: Path, small: bool) -> Measures:
    """The loop alone, its tables and dictionaries loaded before the clock starts."""
    own = folder / "bare"
    shutil.rmtree(own, ignore_errors=True)
    (own / "index").mkdir(parents=True)
    segmenter = rjieba.Jieba()
    segmenter.cut(fold("預熱"), False)
    begun, cpu = time.perf_counter(), time.process_time()
    database = sqlite3.connect(own / "records.db", isolation_level=None)
    database.execute("PRAGMA journal_mode=WAL")
    database.execute("CREATE TABLE record (id TEXT PRIMARY KEY, sha256 TEXT, title TEXT, text TEXT)")
    writer = _index(own / "index")
    with (folder / RECORDS_FILE).open("rb") as file:
        while lines := list(islice(file, BATCH)):
            database.execute("BEGIN IMMEDIATE")
            database.executemany("INSERT INTO record VALUES (?, ?, ?, ?)", [_put(writer, segmenter, x) for x in lines])
            database.execute("COMMIT")
    writer.commit()
    writer.wait_merging_threads()
    wall = time.perf_counter() - begun
    return {"cpu": time.process_time() - cpu, "wall": wall, "rate": (RECORDS_SMALL if small else RECORDS) / wall}


def _index(folder: Path) -> tantivy.IndexWriter:
    builder = tantivy.SchemaBuilder()
    builder.add_text_field("id", stored=True, tokenizer_name="raw", index_option="basic")
    builder.add_text_field("title", tokenizer_name="whitespace", index_option="position")
    builder.add_text_field("words", tokenizer_name="whitespace", index_option="position")
    builder.add_text_field("chars", tokenizer_name="whitespace", index_option="freq")
    return tantivy.Index(builder.build(), path=str(folder)).writer(HEAP, 1)


def _put(writer: tantivy.IndexWriter, segmenter: rjieba.Jieba, line: bytes) -> tuple[str, str, str, str]:
    """Index one record; its row."""
    record = json.loads(line)
    text = fold(record["text"])
    document = tantivy.Document()
    document.add_text("id", record["id"])
    document.add_text("title", " ".join(segmenter.cut(fold(record["title"]), False)))
    document.add_text("words", " ".join(segmenter.cut(text, False)))
    document.add_text("chars", " ".join(text))
    writer.add_document(document)
    return record["id"], hashlib.sha256(line).hexdigest(), record["title"], record["text"]


def check(runs: Mapping[str, Sequence[Measures]]) -> list[Verdict]:
    """Rates are the inverse of what one run costs."""
    cpu = {name: column(of, "cpu") for name, of in runs.items()}
    wall = {name: column(of, "wall") for name, of in runs.items()}
    rate = max(column(runs["subject"], "rate"))
    memory = max(column(runs["subject"], "memory"))
    return [
        ratio("bulk import, against the bare loop, CPU", cpu["bare"], cpu["subject"], 0.5, at_least=True),
        ratio("bulk import, against the bare loop, wall", wall["bare"], wall["subject"], 0.5, at_least=True),
        Verdict("records a second", rate, 0.0, at_least=True, unit="/s"),
        Verdict("memory of the command at its peak", memory, 0.0, at_least=False, unit="MiB"),
    ]


GOAL = Goal("P7", "Bulk import", setup, {"subject": subject, "bare": bare}, check, rounds=3, rounds_small=3)
