"""P1: one search in the core (page, exact total, five facets), against bare tantivy and SQLite on the same words.

The subject is what the program asks of its index: words in title, text and inside longer words, single characters,
neighbours, weights, reasons for each hit. The peers look words up in one field. ``XUEHAI_BENCH_P1`` names a folder that
keeps the indexes, which a million documents take minutes to fill, from one measurement to the next.
"""

import json
import os
import random
import shutil
import sqlite3
import time
from collections import Counter
from collections.abc import Callable, Iterator, Mapping, Sequence
from itertools import accumulate, islice
from pathlib import Path
from typing import Any

import rjieba
import tantivy
from tantivy import Occur
from tantivy import Query as Q

from search.embedded import EmbeddedIndex
from search.fold import fold
from search.model import Document, Query
from tests.bench.harness import SEED, Goal, Measures, Verdict, column, ratio

DOCUMENTS, DOCUMENTS_SMALL = 1_000_000, 20_000
WORDS = 30  # of a text
TITLES, TITLE_WORDS = 10_000, 4
COMMON, RARE = 100, 3_000  # ranks between which the words of queries lie
QUERIES = 200
REPEATS, REPEATS_SLOW = 5, 2  # of which the fastest counts
PAGE = 10
BATCH = 10_000
HEAP = 256_000_000
FACETS: Mapping[str, int] = {"institution": 200, "kind": 8, "subject": 60, "level": 5, "year": 25}  # values of each
FILLED = "filled"  # a file that says for how many documents


def setup(folder: Path, small: bool) -> None:
    """The same documents into all three; kept ones are taken as they are."""
    place, wanted = _place(folder), _count(small)
    done = place / FILLED
    if done.exists() and done.read_text(encoding="utf-8") == str(wanted):
        return
    shutil.rmtree(place, ignore_errors=True)
    place.mkdir(parents=True)
    for fill in (fill_subject, fill_bare, fill_sqlite):
        fill(place, wanted)
    done.write_text(str(wanted), encoding="utf-8")


def _place(folder: Path) -> Path:
    return Path(os.environ.get("XUEHAI_BENCH_P1") or folder / "p1")


def _count(small: bool) -> int:
    return DOCUMENTS_SMALL if small else int(os.environ.get("XUEHAI_BENCH_P1_DOCUMENTS", DOCUMENTS))


def _corpus() -> Path:
    given = os.environ.get("XUEHAI_TEST_DATA")
    folder = Path(given) if given else Path(__file__).parents[3] / "shared" / "data"
    return folder / "relevance" / "cmrc2018" / "docs.jsonl"


def ranked() -> list[tuple[str, int]]:
    """Words of real articles and how often each occurs, the frequent first."""
    segmenter, counted = rjieba.Jieba(), Counter[str]()
    for line in _corpus().read_text(encoding="utf-8").splitlines():
        counted.update(word for word in segmenter.cut(fold(json.loads(line)["text"]), False) if word.isalnum())
    return sorted(counted.items(), key=lambda one: (-one[1], one[0]))


def documents(count: int) -> Iterator[Document]:
    """Words as frequent as they are in articles; always the same ones."""
    chance, known = random.Random(SEED), ranked()
    words, weights = [word for word, _ in known], list(accumulate(times for _, times in known))
    titles = ["".join(chance.choices(words, cum_weights=weights, k=TITLE_WORDS)) for _ in range(TITLES)]
    for number in range(count):
        yield Document(
            id=f"{number:012}",
            rev=1,
            title=titles[number % TITLES],
            institution=f"第{number % FACETS['institution']}大学",
            text="".join(chance.choices(words, cum_weights=weights, k=WORDS)),
            facets={name: (f"{name}-{chance.randrange(values)}",) for name, values in FACETS.items()},
            published_at=1.6e9 + number,
        )


def queries(words: int) -> list[tuple[str, ...]]:
    """Words of middling frequency that stand in one document, as people ask for what is there."""
    chance, segmenter = random.Random(SEED + words), rjieba.Jieba()
    usual = {word for word, _ in ranked()[COMMON:RARE] if len(word) > 1}
    found: list[tuple[str, ...]] = []
    for document in documents(DOCUMENTS_SMALL):
        held = sorted(usual.intersection(segmenter.cut(document.text, False)))
        if len(held) >= words:
            found.append(tuple(chance.sample(held, words)))
        if len(found) == QUERIES:
            break
    return found


def fill_subject(place: Path, count: int) -> None:
    """Our own index, in one rebuild."""
    assert not EmbeddedIndex(place / "subject", writer=True).rebuild(documents(count))


def fill_bare(place: Path, count: int) -> None:
    """One field of words, and the facets."""
    (place / "bare").mkdir()
    writer = tantivy.Index(_schema(), path=str(place / "bare")).writer(HEAP, 1)
    for document, words in _cut(count):
        laid = tantivy.Document()
        laid.add_text("id", document.id)
        laid.add_text("words", words)
        for name in FACETS:
            laid.add_text(name, document.facets[name][0])
        writer.add_document(laid)
    writer.commit()
    writer.wait_merging_threads()


def fill_sqlite(place: Path, count: int) -> None:
    """A table for full text without contents, and one of the facets with the same row numbers."""
    database = sqlite3.connect(place / "sqlite.db", isolation_level=None)
    database.execute("CREATE VIRTUAL TABLE text USING fts5(words, content='', detail=none)")
    database.execute(f"CREATE TABLE facet (id INTEGER PRIMARY KEY, {', '.join(FACETS)})")
    stream = _cut(count)
    marks = ", ".join("?" * (len(FACETS) + 1))
    number = 0
    while some := list(islice(stream, BATCH)):
        database.execute("BEGIN")
        database.executemany(
            "INSERT INTO text (rowid, words) VALUES (?, ?)",
            [(number + at, words) for at, (_, words) in enumerate(some)],
        )
        rows = [(number + at, *(one.facets[name][0] for name in FACETS)) for at, (one, _) in enumerate(some)]
        database.executemany(f"INSERT INTO facet VALUES ({marks})", rows)
        database.execute("COMMIT")
        number += len(some)
    database.execute("INSERT INTO text (text) VALUES ('optimize')")


def _cut(count: int) -> Iterator[tuple[Document, str]]:
    """Documents, and the words of title and text joined by blanks."""
    segmenter = rjieba.Jieba()
    for one in documents(count):
        yield one, " ".join(segmenter.cut(fold(f"{one.title}\n{one.text}"), False))


def _schema() -> tantivy.Schema:
    builder = tantivy.SchemaBuilder()
    builder.add_text_field("id", stored=True, tokenizer_name="raw", index_option="basic")
    builder.add_text_field("words", tokenizer_name="whitespace", index_option="position")
    for name in FACETS:
        builder.add_text_field(name, tokenizer_name="raw", index_option="basic", fast=True)
    return builder.build()


def subject(folder: Path, small: bool) -> Measures:
    """`EmbeddedIndex.search`: all words, and any of the words as for texts that are alike."""
    index = EmbeddedIndex(_place(folder) / "subject", writer=False)

    def ask(words: Sequence[str], any_word: bool) -> int:
        text = " ".join(words)
        query = Query(text, limit=PAGE, facets=tuple(FACETS), passages_per_hit=0, like=any_word)
        return index.search(query).total

    return {"and2": _p95(2, lambda words: ask(words, False)), "or3": _p95(3, lambda words: ask(words, True))}


def bare(folder: Path, small: bool) -> Measures:
    """Two executions: the page with its total, and the facets."""
    schema = _schema()
    index = tantivy.Index(schema, path=str(_place(folder) / "bare"))
    wanted = {name: {"terms": {"field": name, "size": 1_000, "segment_size": 65_000}} for name in FACETS}
    searcher = index.searcher()

    def ask(words: Sequence[str], occur: Occur) -> int:
        query = Q.boolean_query([(occur, Q.term_query(schema, "words", word)) for word in words])
        found: Any = searcher.search(query, limit=PAGE)
        ids = [searcher.doc(address).to_dict()["id"][0] for _, address in found.hits]
        searcher.aggregate(query, wanted)
        return int(found.count) if ids else 0

    return {
        "and2": _p95(2, lambda words: ask(words, Occur.Must)),
        "or3": _p95(3, lambda words: ask(words, Occur.Should)),
    }


def sqlite(folder: Path, small: bool) -> Measures:
    """Three statements: the page by BM25, the total, and all facets over what matched, found once."""
    database = sqlite3.connect(_place(folder) / "sqlite.db")
    counts = " UNION ALL ".join(f"SELECT '{n}', {n}, count(*) FROM facet WHERE id IN hit GROUP BY {n}" for n in FACETS)
    facets = f"WITH hit AS MATERIALIZED (SELECT rowid FROM text WHERE text MATCH ?) {counts}"

    def ask(words: Sequence[str]) -> int:
        match = (" OR ".join(f'"{word}"' for word in words),)
        database.execute(f"SELECT rowid FROM text WHERE text MATCH ? ORDER BY rank LIMIT {PAGE}", match).fetchall()
        database.execute(facets, match).fetchall()
        return int(database.execute("SELECT count(*) FROM text WHERE text MATCH ?", match).fetchone()[0])

    return {"or3": _p95(3, ask, REPEATS_SLOW)}


def _p95(words: int, ask: Callable[[Sequence[str]], int], repeats: int = REPEATS) -> float:
    """Milliseconds of CPU of all threads that 95 of 100 queries do not exceed, each at its fastest."""
    fastest: list[float] = []
    for query in queries(words):
        took: list[float] = []
        for _ in range(repeats):
            begun = time.process_time()
            assert ask(query), query
            took.append(time.process_time() - begun)
        fastest.append(min(took) * 1000)
    return sorted(fastest)[int(len(fastest) * 0.95) - 1]


def check(runs: Mapping[str, Sequence[Measures]]) -> list[Verdict]:
    """Ours over each peer's."""
    own = {name: column(runs["subject"], name) for name in ("and2", "or3")}
    verdicts = [
        ratio(
            f"search core, {name}, p95, against bare tantivy",
            own[name],
            column(runs["bare"], name),
            1.25,
            at_least=False,
        )
        for name in own
    ]
    slow = column(runs["sqlite"], "or3")
    return [
        *verdicts,
        ratio("search core, or3, p95, against SQLite's full text", own["or3"], slow, 0.10, at_least=False),
        *(Verdict(f"{name}, p95 by CPU", min(some), 0.0, at_least=False, unit="ms") for name, some in own.items()),
    ]


GOAL = Goal(
    "P1",
    "Search core",
    setup,
    {"subject": subject, "bare": bare, "sqlite": sqlite},
    check,
    rounds=3,
    rounds_small=3,
    steady="or3",
)
