"""Meaning beside words: what it may change, and what it never does; over both engines."""

import time
from collections.abc import Callable, Iterator
from dataclasses import replace
from pathlib import Path

import pytest

from search import elastic, elastic_address
from search.elastic_vectors import ElasticVectors
from search.embedded import EmbeddedIndex
from search.embedding import GuardedEmbedder
from search.explaining import MEANING
from search.model import Document, Query, Tombstone
from search.port import SearchIndex
from search.semantic import FIRST, Vectors
from search.semantic_index import SemanticIndex
from search.vector_file import VectorFile
from tests.search.topics import UNREADABLE, Topics

QUESTION = "孩子被热水弄伤了怎么处理"
LECTURES = (
    Document("school", 1, "怎么教育孩子：孩子成长手册", description="处理孩子的学习问题", facets={"year": ("2024",)}),
    Document("burn", 1, "家庭急救", description="孩子被开水烫了，怎么冲凉水", facets={"year": ("2023",)}),
    Document("tree", 1, "果树嫁接", description="怎么处理枝条的伤口", facets={"year": ("2023",)}),
    Document("phone", 1, "手机入门", description="和孩子视频", facets={"year": ("2024",)}),
)
# On every rank a little worse by words, so that their order is known; all of them are found by the question.
MANY = tuple(Document(f"{n:03}", 1, "怎么处理", description="孩子 处理 " + "别的 " * n) for n in range(120))


class Site:
    """An engine with meaning, and without."""

    def __init__(self, plain: SearchIndex, vectors: Vectors) -> None:
        self.plain, self.topics, self.vectors = plain, Topics(), vectors
        self.index = SemanticIndex(plain, GuardedEmbedder(self.topics, deadline=20, pause=0), vectors)

    def fill(self, *documents: Document) -> None:
        """Index documents that are new or changed, and learn what they mean; a cluster shows them a moment later."""
        assert self.index.write(documents) == []
        left, until = len(documents), time.monotonic() + 30
        while left:
            assert time.monotonic() < until
            left -= self.index.learn()

    def ids(self, **asked: object) -> list[str]:
        """What the question finds."""
        return [hit.id for hit in self.index.search(Query(QUESTION, **asked)).hits]  # type: ignore[arg-type]

    def gained(self, identity: str) -> float:
        """What meaning adds to a document's score."""
        parts = self.index.search(Query(QUESTION, explain=identity)).explained
        return sum(part.score for part in parts if part.field == MEANING)


@pytest.fixture(params=["embedded", pytest.param("elasticsearch", marks=pytest.mark.xdist_group("servers"))])
def site(request: pytest.FixtureRequest, tmp_path: Path) -> Iterator[Site]:
    """An empty index with meaning, on each engine."""
    if request.param == "embedded":
        made = Site(EmbeddedIndex(tmp_path / "index", writer=True), VectorFile(tmp_path / "vectors", "topics"))
    else:
        url = request.getfixturevalue("new_prefix")()
        made = Site(elastic.connect(url), ElasticVectors(elastic_address.parse(url), "topics"))
    yield made
    made.index.close()


def test_what_a_question_means_comes_first(site: Site) -> None:
    site.fill(*LECTURES)
    plain, meant = (index.search(Query(QUESTION)) for index in (site.plain, site.index))
    assert plain.hits[0].id == "school"
    assert meant.hits[0].id == "burn"
    assert {hit.id for hit in meant.hits} == {hit.id for hit in plain.hits}
    assert replace(meant, hits=()) == replace(plain, hits=()), "what is found and counted is the same"
    by_id = {hit.id: hit for hit in plain.hits}
    assert all(replace(hit, score=by_id[hit.id].score) == by_id[hit.id] for hit in meant.hits)
    scores = [hit.score for hit in meant.hits]
    assert scores == sorted(scores, reverse=True)


@pytest.mark.parametrize(
    "query",
    [
        Query("孩子 处理"),
        Query("处理"),
        Query(""),
        Query("haizi"),
        Query("孩子 学习 手册 成长 教育 问题 处理 家庭"),
        Query(QUESTION, exact=True),
        Query(QUESTION, like=True),
        Query(QUESTION, sort="newest"),
        Query(QUESTION, within="burn"),
        Query(QUESTION, limit=0),
        Query("怎么处理“孩子”"),
        Query("怎么处理 -手机"),
        Query("怎么处理 标题:孩子"),
        Query("怎么处理孩子 年份:2024"),
    ],
)
def test_all_else_is_answered_by_words_alone(site: Site, query: Query) -> None:
    site.fill(*LECTURES)
    assert site.index.search(query) == site.plain.search(query)
    assert site.topics.asked == []


def test_pages_go_on_where_the_one_before_ended(site: Site) -> None:
    near = replace(MANY[100], id="near", title="怎么处理 烫")
    site.fill(*MANY, near, *LECTURES)
    whole = [hit.id for offset in (0, 100) for hit in site.plain.search(Query(QUESTION, offset=offset, limit=100)).hits]
    pages = [site.index.search(Query(QUESTION, offset=offset, limit=7)) for offset in range(0, len(whole) + 7, 7)]
    turned = [hit.id for page in pages for hit in page.hits]
    assert sorted(turned) == sorted(whole)
    assert {page.total for page in pages} == {len(whole)}
    assert len({str(page.facets) for page in pages}) == 1
    scores = [hit.score for page in pages for hit in page.hits]
    assert scores == sorted(scores, reverse=True)
    assert [hit.id for hit in site.index.search(Query(QUESTION, offset=20, limit=90)).hits] == turned[20:110]
    assert whole.index("near") > FIRST
    if isinstance(site.vectors, ElasticVectors):
        assert turned.index("near") < 10, "it is among the nearest of all, and the words find it too"
    else:
        assert turned.index("near") == whole.index("near")


def test_filters_pins_and_what_is_hidden_hold(site: Site) -> None:
    site.fill(*LECTURES)
    assert site.ids(filters={"year": ("2024",)})[0] == "school"
    assert "burn" not in site.ids(hidden=("burn",))
    assert site.ids(pinned=("phone", "school"))[:3] == ["phone", "school", "burn"]


def test_only_some_are_asked_for(site: Site) -> None:
    site.fill(*LECTURES)
    for query in (Query("孩子", among=("burn", "phone", "nobody")), Query("", among=("phone", "burn"))):
        answer = site.plain.search(query)
        assert answer.total == 2
        assert {hit.id for hit in answer.hits} == {"burn", "phone"}
        assert sum(count for _, count in answer.facets["year"]) == 2


def test_the_score_is_explained(site: Site) -> None:
    site.fill(*LECTURES)
    answer = site.index.search(Query(QUESTION, explain="burn"))
    (hit,) = (hit for hit in answer.hits if hit.id == "burn")
    assert sum(part.score for part in answer.explained) == pytest.approx(hit.score, rel=1e-4)
    assert MEANING in {part.field for part in answer.explained}
    assert site.index.search(Query(QUESTION, explain="nobody")).explained == ()


def test_until_vectors_are_made_words_alone_decide(site: Site) -> None:
    site.index.write(LECTURES)
    assert site.index.search(Query(QUESTION)) == site.plain.search(Query(QUESTION))
    site.topics.away = "away"
    assert site.index.learn() == 0
    site.topics.away = ""
    while site.ids()[0] != "burn":
        site.index.learn()


def test_meaning_follows_what_changes(site: Site) -> None:
    site.fill(*LECTURES, Document("water", 1, "烧开水", description="怎么处理孩子和开水"))
    most = site.gained("burn")
    site.fill(replace(LECTURES[1], rev=2, description="孩子被猫抓了，先冲凉水"))
    assert site.gained("burn") < most / 2
    site.index.write([Tombstone("burn", 3)])
    assert "burn" not in site.ids()
    site.fill(replace(LECTURES[1], rev=4))
    assert site.gained("burn") > most / 2


def test_a_rebuild_learns_what_it_does_not_know(site: Site) -> None:
    site.plain.rebuild(LECTURES)
    assert site.index.rebuild(iter(LECTURES)) == []
    while site.ids()[0] != "burn":
        site.index.learn()


def test_a_text_that_is_refused_stands_in_nobodys_way(site: Site) -> None:
    refused = Document("refused", 1, f"怎么处理孩子：{UNREADABLE}")
    site.fill(refused, *LECTURES)
    assert site.ids()[0] == "burn"
    assert "refused" in site.ids()
    assert site.index.search(Query(f"怎么处理孩子的{UNREADABLE}")).hits, "nor a question"


def test_whatever_fails_words_answer(site: Site, tmp_path: Path) -> None:
    site.fill(*LECTURES)
    site.topics.away = "the model is away"
    assert site.index.search(Query(QUESTION)) == site.plain.search(Query(QUESTION))
    assert site.index.wrong() == "the model is away"
    site.topics.away = ""
    assert site.ids()[0] == "burn"
    assert site.index.wrong() == ""


@pytest.fixture
def without_a_place(tmp_path: Path) -> Callable[[], SemanticIndex]:
    """A maker of an index whose vectors have no place to be."""
    (tmp_path / "vectors").write_text("a file where the folder should be")
    plain = EmbeddedIndex(tmp_path / "index", writer=True)
    vectors = VectorFile(tmp_path / "vectors", "topics")
    return lambda: SemanticIndex(plain, GuardedEmbedder(Topics()), vectors)


def test_without_a_place_for_vectors_words_are_indexed(without_a_place: Callable[[], SemanticIndex]) -> None:
    index = without_a_place()
    assert index.write(LECTURES) == []
    assert index.learn() == 0
    assert index.search(Query(QUESTION)).hits[0].id == "school"
    assert index.rebuild(LECTURES) == []
    index.close()
