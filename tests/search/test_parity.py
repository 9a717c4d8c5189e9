"""The embedded engine and Elasticsearch give the same answers: judged questions, and whatever anybody may type."""

import os
import random
from collections.abc import Callable, Iterable, Iterator
from dataclasses import replace
from pathlib import Path

import pytest

from search import elastic
from search.embedded import EmbeddedIndex
from search.model import Answer, Document, Hit, Query, Sort
from search.port import SearchIndex
from tests.search import judged

pytestmark = pytest.mark.xdist_group("servers")
QUERIES = int(os.environ.get("XUEHAI_FUZZ_QUERIES", "300"))
SEED = int(os.environ.get("XUEHAI_FUZZ_SEED", "4"))
FACETS = ("media_kind", "year", "institution", "division")
CLOSE = 1e-4  # share of a score: the engines add up in different orders
Both = tuple[SearchIndex, SearchIndex]


@pytest.fixture(scope="module")
def cmrc(data_dir: Path) -> judged.JudgedSet:
    """The judged questions; their articles with facets, people and passages, so that there is something to count."""
    questions = judged.cmrc(data_dir)
    return replace(questions, documents=tuple(map(_dressed, range(len(questions.documents)), questions.documents)))


def _dressed(number: int, document: Document) -> Document:
    facets = {
        "media_kind": (("video", "audio", "document")[number % 3],),
        "year": (str(2000 + number % 7),),
        "institution": (f"i{number % 11}",),
        "division": ("41", f"4101{number % 5:02}"),
    }
    passages = judged.paragraphs(document)
    return replace(
        document, facets=facets, passages=passages, published_at=1.7e9 + number // 3 * 3600, opens=number % 50
    )


@pytest.fixture(scope="module")
def both(cmrc: judged.JudgedSet, elasticsearch_url: str, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Both]:
    """Both engines, with the same documents."""
    cluster = elastic.connect(f"{elasticsearch_url}/parity-{os.getpid()}")
    embedded = EmbeddedIndex(tmp_path_factory.mktemp("parity") / "index", writer=True)
    for index in (embedded, cluster):
        assert index.rebuild(cmrc.documents) == []
    yield embedded, cluster
    cluster.close()


def test_judged_questions_fare_alike(both: Both, cmrc: judged.JudgedSet) -> None:
    every = 1 if QUERIES > 300 else 4
    embedded, cluster = (judged.measure(index, cmrc, every=every) for index in both)
    assert abs(embedded.ndcg - cluster.ndcg) <= 0.005, (embedded, cluster)
    assert cluster.ndcg >= 0.985


def _differences(here: Answer, there: Answer) -> list[str]:
    """What differs but for the names of generations and the last digits of scores."""
    found = [
        name
        for name in ("total", "facets", "corrected", "terms", "notices")
        if getattr(here, name) != getattr(there, name)
    ]
    if [round(hit.score, 3) for hit in here.hits] != pytest.approx(
        [hit.score for hit in there.hits], rel=CLOSE, abs=2e-3
    ):
        found.append("scores")
    if _in_order(here) != _in_order(there):
        found.append("hits")
    details = {hit.id: _details(hit) for hit in there.hits}
    found += [f"{hit.id}: {_details(hit)}" for hit in here.hits if details.get(hit.id, _details(hit)) != _details(hit)]
    return found


def _all_differences(both: Both, queries: Iterable[Query]) -> dict[str, list[str]]:
    embedded, cluster = both
    found = {query.text[:200]: _differences(embedded.search(query), cluster.search(query)) for query in queries}
    return {text: differences for text, differences in found.items() if differences}


def _in_order(answer: Answer) -> list[list[str]]:
    """The ids, those of scores that differ by rounding alone put together; the last such group may go on after it."""
    groups: list[list[str]] = []
    last = None
    for hit in answer.hits:
        if last is None or not hit.score or abs(last - hit.score) > CLOSE * hit.score:
            groups.append([])
        groups[-1].append(hit.id)
        last = hit.score
    if len(groups) > 1 and answer.hits[-1].score:
        groups.pop()
    return [sorted(group) for group in groups]


def _details(hit: Hit) -> tuple[object, ...]:
    """Why it was found, and where: passages of scores that differ by rounding alone in order of id."""
    places = sorted((-round(place.score, 2), place.id) for place in hit.passages)
    return hit.rev, hit.why, hit.passages_total, [identity for _, identity in places]


def test_questions_are_answered_alike(both: Both, cmrc: judged.JudgedSet) -> None:
    bends: tuple[Callable[[str], str], ...] = (str, judged.keywords, judged.traditional, judged.pinyin_letters)
    questions = random.Random(SEED).sample(list(cmrc.questions.values()), QUERIES)
    texts = [bends[number % len(bends)](text) for number, text in enumerate(questions)]
    assert _all_differences(both, [Query(text, facets=FACETS) for text in texts]) == {}


def test_whatever_is_typed_is_found_alike(both: Both, cmrc: judged.JudgedSet) -> None:
    chance = random.Random(SEED)
    vocabulary = [word for text in cmrc.questions.values() for word in judged.keywords(text).split()]
    queries = [_anything(chance, vocabulary) for _ in range(QUERIES)]
    assert _all_differences(both, queries) == {}


def _anything(chance: random.Random, vocabulary: list[str]) -> Query:
    """What somebody may type, sensible or not."""
    kinds: tuple[Callable[[str], str], ...] = (
        str,
        str,
        judged.pinyin_letters,
        judged.traditional,
        lambda word: word + judged.pinyin_letters(chance.choice(vocabulary)).strip(),
        lambda word: f"“{word}{chance.choice(vocabulary)}”",
        lambda word: f"-{word}",
        lambda word: f"title:{word}",
        lambda word: f"年份:{chance.randint(1999, 2007)} {word}",
        lambda word: "".join(chance.choices("([{<*?~^\\/|&!\"'“「", k=chance.randint(1, 5))) + word,
        lambda word: word * chance.choice((1, 3, 2_000)),
        lambda word: "".join(chance.sample(word, len(word))),
        lambda word: chr(chance.randint(0x20, 0x9FFF)),
        lambda word: "".join(chance.choices("abcdefghijklmnopqrstuvwxyz", k=4)),
    )
    text = " ".join(chance.choice(kinds)(chance.choice(vocabulary)) for _ in range(chance.randint(0, 4)))
    filters = {name: (chance.choice(values),) for name, values in _CHOSEN.items() if chance.random() < 0.15}
    sorts: tuple[Sort, ...] = ("relevance", "relevance", "newest", "shortest", "most_opened")
    return Query(
        text, filters=filters, sort=chance.choice(sorts), offset=chance.choice((0, 0, 0, 5, 40)), facets=FACETS
    )


_CHOSEN = {"media_kind": ("video", "audio"), "year": ("2001", "2005"), "division": ("41", "410103")}


def test_completions_are_the_same(both: Both, cmrc: judged.JudgedSet) -> None:
    chance = random.Random(SEED)
    titles = chance.sample([document.title for document in cmrc.documents], 40)
    typed = [title[:length] for title in titles for length in (1, 2)]
    typed += [judged.pinyin_letters(title).strip()[:length] for title in titles for length in (1, 3, 6)]
    here, there = ([index.suggest(text) for text in typed] for index in both)
    assert here == there


def test_passages_of_one_document_are_the_same(both: Both, cmrc: judged.JudgedSet) -> None:
    for document in cmrc.documents[:20]:
        asked = Query(judged.keywords(document.title + document.text[:40]), within=document.id)
        here, there = (index.search(asked) for index in both)
        assert here.total == there.total
        assert [[place.id for place in hit.passages] for hit in here.hits] == [
            [place.id for place in hit.passages] for hit in there.hits
        ]


def test_scores_are_explained_alike(both: Both, cmrc: judged.JudgedSet) -> None:
    for identity, text in list(cmrc.questions.items())[::400]:
        asked = Query(text, explain=next(iter(cmrc.answers[identity])))
        here, there = (
            {(part.field, part.term): part.score for part in index.search(asked).explained} for index in both
        )
        assert here == pytest.approx(there, rel=1e-3, abs=1e-3)
        assert here


def test_pins_and_hidden_ones_hold_alike(both: Both, cmrc: judged.JudgedSet) -> None:
    embedded, cluster = both
    for text in list(cmrc.questions.values())[::400]:
        found = [hit.id for hit in embedded.search(Query(text)).hits]
        asked = Query(text, pinned=("cd00003", found[-1]), hidden=(found[0],), facets=FACETS)
        assert _differences(embedded.search(asked), cluster.search(asked)) == []
        assert [hit.id for hit in cluster.search(asked).hits[:2]] == ["cd00003", found[-1]]
        assert found[0] not in [hit.id for hit in cluster.search(asked).hits]
