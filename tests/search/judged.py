"""Judged questions: what was asked, which document answers, and how queries are bent to see whether that hurts."""

import json
import math
import random
import re
import time
from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass, replace
from functools import cache
from pathlib import Path

import opencc
from pypinyin import lazy_pinyin

from search.model import Document, Passage, Query
from search.port import SearchIndex
from search.query import understand

DEPTH = 10
_HAN = re.compile("[\u4e00-\u9fff]+")
Bend = Callable[[str], str]


@dataclass(frozen=True, slots=True)
class JudgedSet:
    """Documents, questions by id, and for each question the documents that answer it with their grade."""

    documents: tuple[Document, ...]
    questions: Mapping[str, str]
    answers: Mapping[str, Mapping[str, int]]


@dataclass(frozen=True, slots=True)
class Figures:
    """How well a run did, from 0 to 1, and how long its queries took, in milliseconds."""

    ndcg: float
    mrr: float
    p50: float
    p95: float


def cmrc(data: Path) -> JudgedSet:
    """CMRC 2018: questions about articles of an encyclopedia."""
    folder = data / "relevance" / "cmrc2018"
    answers: dict[str, dict[str, int]] = {}
    for line in (folder / "qrels.tsv").read_text(encoding="utf-8").splitlines():
        question, document, grade = line.split("\t")
        answers.setdefault(question, {})[document] = int(grade)
    return JudgedSet(
        tuple(Document(row["id"], 1, row["title"], text=row["text"]) for row in _rows(folder / "docs.jsonl")),
        {row["id"]: row["text"] for row in _rows(folder / "queries.jsonl")},
        answers,
    )


def colloquial(cmrc: JudgedSet, every: int = 1) -> JudgedSet:
    """Questions as people type them: in everyday words, with slips, in either script; each has one article."""
    lines = (Path(__file__).parent / "colloquial.tsv").read_text(encoding="utf-8").splitlines()
    rows = [line.split("\t") for line in lines if not line.startswith("#")][::every]
    asked = {f"said-{number}": row for number, row in enumerate(rows)}
    answers = {key: {document: 1} for key, (_, document) in asked.items()}
    return JudgedSet(cmrc.documents, {key: text for key, (text, _) in asked.items()}, answers)


def _rows(path: Path) -> list[dict[str, str]]:
    return [json.loads(line) for line in path.read_text(encoding="utf-8").splitlines()]


def paragraphs(document: Document) -> tuple[Passage, ...]:
    """The sentences of a document as its passages."""
    sentences = [sentence for sentence in document.text.split("。") if sentence]
    return tuple(Passage(f"{document.id}-{n}", "section", sentence) for n, sentence in enumerate(sentences))


def measure(index: SearchIndex, judged: JudgedSet, bend: Bend = str, every: int = 1) -> Figures:
    """nDCG@10 and MRR@10 over every n-th question, each bent before it is asked."""
    times: list[float] = []
    found: dict[str, list[str]] = {}
    for identity, text in list(judged.questions.items())[::every]:
        typed = bend(text)
        started = time.perf_counter()
        hits = index.search(Query(typed, limit=DEPTH, facets=())).hits
        times.append(1000 * (time.perf_counter() - started))
        found[identity] = [hit.id for hit in hits]
    times.sort()
    return Figures(*worth(judged, found), times[len(times) // 2], times[int(len(times) * 0.95)])


def worth(judged: JudgedSet, found: Mapping[str, Sequence[str]]) -> tuple[float, float]:
    """(nDCG@10, MRR@10) of the documents that were found for each question, the best first."""
    ndcg = mrr = 0.0
    for question, ids in found.items():
        grades = [judged.answers[question].get(one, 0) for one in ids[:DEPTH]]
        best = _gain(sorted(judged.answers[question].values(), reverse=True)[:DEPTH])
        ndcg += _gain(grades) / best
        mrr += next((1 / rank for rank, grade in enumerate(grades, 1) if grade), 0.0)
    return ndcg / len(found), mrr / len(found)


def bent(judged: JudgedSet, bend: Bend, every: int = 1) -> JudgedSet:
    """The same judgements with every n-th question, bent."""
    some = list(judged.questions.items())[::every]
    return replace(judged, questions={identity: bend(text) for identity, text in some})


def _gain(grades: Iterable[int]) -> float:
    return sum(grade / math.log2(rank + 1) for rank, grade in enumerate(grades, 1))


def keywords(text: str) -> str:
    """The first three telling words, as somebody types who asks no questions."""
    return " ".join(understand(text).words[:3])


def traditional(text: str) -> str:
    """In Traditional characters and Taiwan's words."""
    return str(_converter().convert(text))


def in_traditional(document: Document) -> Document:
    """The document as somebody in Taiwan would have written it."""
    return replace(document, title=traditional(document.title), text=traditional(document.text))


@cache
def _converter() -> opencc.OpenCC:
    return opencc.OpenCC("s2twp")


def pinyin_letters(text: str) -> str:
    """Each run of Chinese in letters, without spaces or tones."""
    return _HAN.sub(lambda run: f" {''.join(lazy_pinyin(run.group()))} ", text)


def slips(documents: Iterable[Document]) -> Bend:
    """A bend that puts one character into each query that only sounds right, out of those that the documents use."""
    alike: dict[str, list[str]] = {}
    for char in sorted({char for document in documents for char in document.text if _HAN.match(char)}):
        alike.setdefault(lazy_pinyin(char)[0], []).append(char)

    def bend(text: str) -> str:
        """Seeded by the text, so that every run makes the same slips."""
        chance = random.Random(text)
        places = [at for at, char in enumerate(text) if len(alike.get(lazy_pinyin(char)[0], ())) > 1]
        if not places:
            return text
        at = chance.choice(places)
        other = chance.choice([char for char in alike[lazy_pinyin(text[at])[0]] if char != text[at]])
        return text[:at] + other + text[at + 1 :]

    return bend
