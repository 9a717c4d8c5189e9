"""Vectors that are late, refused or not to be had: who asks for them goes on."""

from collections.abc import Iterator

import pytest

from search import openai_embeddings
from search.embedding import REMEMBERED, GuardedEmbedder
from search.model import Document, Hit, Query
from search.openai_embeddings import OpenAIEmbeddings
from search.semantic import EmbeddingRefused, EmbeddingUnavailable, is_question, nearness, ranked, text_of, unit
from tests.search.topics import Topics
from tests.servers.embeddings import Script


@pytest.fixture
def topics() -> Iterator[Topics]:
    """A model that can be made to wait; in the end it waits no more."""
    made = Topics()
    yield made
    made.free.set()


def test_a_question_has_a_deadline(topics: Topics) -> None:
    guarded = GuardedEmbedder(topics, deadline=0.05)
    topics.busy.set()
    assert [guarded.question(f"如何 {n}") for n in range(6)] == [None] * 6
    assert len(topics.asked) == 2, "those that nobody waits for any more are not asked"
    topics.busy.clear()
    topics.free.set()
    while guarded.question("如何") is None:
        continue
    assert guarded.wrong() == ""
    guarded.close()
    assert guarded.question("如何学习") is None


def test_after_a_failure_the_model_is_left_alone(topics: Topics) -> None:
    guarded = GuardedEmbedder(topics, deadline=20, pause=1000)
    assert guarded.question("如何") is not None
    topics.away = "out of memory"
    assert [guarded.question(f"如何 {n}") for n in range(3)] == [None] * 3
    assert guarded.wrong() == "out of memory"
    assert topics.asked == ["如何", "如何 0"]
    with pytest.raises(EmbeddingUnavailable, match="out of memory"):
        guarded.documents(["嫁接"])
    assert guarded.question("如何") is not None, "what is known needs no model"
    guarded.close()


def test_it_is_tried_again(topics: Topics) -> None:
    guarded = GuardedEmbedder(topics, deadline=20, pause=0)
    topics.away = "starting"
    assert guarded.wrong() == "starting"
    topics.away = ""
    assert guarded.wrong() == ""
    assert len(topics.asked) == 2
    guarded.wrong()
    assert len(topics.asked) == 2, "what is well is not asked again"
    guarded.close()


def test_questions_are_remembered_but_not_all(topics: Topics) -> None:
    guarded = GuardedEmbedder(topics, deadline=20)
    for number in range(REMEMBERED + 1):
        guarded.question(f"如何 {number}")
    asked = len(topics.asked)
    guarded.question("如何 5")
    assert len(topics.asked) == asked
    guarded.question("如何 0")
    assert len(topics.asked) == asked + 1
    guarded.close()


@pytest.fixture
def behind(endpoint: Script) -> Iterator[OpenAIEmbeddings]:
    """A model behind the endpoint."""
    made = OpenAIEmbeddings(openai_embeddings.parse(f"{endpoint.url}/?model=m&document_prefix=passage: ", "secret"))
    yield made
    made.close()


def test_what_is_asked_of_an_endpoint(endpoint: Script, behind: OpenAIEmbeddings) -> None:
    endpoint.answer([0.0, 2.0], [3.0, 0.0])
    assert behind.documents(["一", "二"]) == [(0.0, 1.0), (1.0, 0.0)]
    assert endpoint.asked == [
        {"path": "/v1/embeddings", "model": "m", "input": ["passage: 一", "passage: 二"], "encoding_format": "float"}
    ]
    assert endpoint.keys == ["Bearer secret"]
    assert "secret" not in repr(openai_embeddings.parse(f"{endpoint.url}?model=m", "secret"))


@pytest.mark.parametrize(
    "body",
    [
        b"",
        b"{",
        b"[]",
        b'{"data": []}',
        b'{"data": [{"index": 0, "embedding": []}]}',
        b'{"data": [{"index": 0, "embedding": [0, 0]}]}',
        b'{"data": [{"index": 0, "embedding": ["a"]}]}',
        b'{"data": [{"index": 0, "embedding": [NaN, 1]}]}',
        b'{"data": [{"index": 0, "embedding": [1e999]}]}',
        b'{"data": [{"index": 0, "embedding": 5}]}',
        b'{"data": [{"index": 7, "embedding": [1]}]}',
        b'{"data": [{"index": 0, "embedding": [' + b"1," * 5000 + b"1]}]}",
        b"[" * 200_000,
        b" " * (openai_embeddings.MOST_BYTES + 1),
    ],
    ids=range(14),
)
def test_nonsense_is_no_vector(endpoint: Script, behind: OpenAIEmbeddings, body: bytes) -> None:
    endpoint.body = body
    with pytest.raises(EmbeddingUnavailable):
        behind.question("如何")
    endpoint.answer([1.0])
    assert behind.question("如何") == (1.0,)


@pytest.mark.parametrize(("status", "refused"), [(400, True), (413, True), (401, False), (404, False), (500, False)])
def test_an_endpoint_refuses_a_text_or_everything(
    endpoint: Script, behind: OpenAIEmbeddings, status: int, refused: bool
) -> None:
    endpoint.status = status
    with pytest.raises(EmbeddingUnavailable) as raised:
        behind.question("如何")
    assert isinstance(raised.value, EmbeddingRefused) == refused


def test_an_answer_that_drips_in_has_an_end(endpoint: Script, behind: OpenAIEmbeddings) -> None:
    endpoint.body, endpoint.slow = b" " * 1_000_000, True
    with pytest.raises(EmbeddingUnavailable, match="Timeout"):
        behind.question("如何")


def test_an_endpoint_that_is_away(behind: OpenAIEmbeddings, endpoint: Script) -> None:
    endpoint.answer([1.0])
    assert behind.question("如何") == (1.0,)
    endpoint.shutdown()
    endpoint.server_close()
    nobody = OpenAIEmbeddings(openai_embeddings.parse(f"{endpoint.url}?model=m"))
    with pytest.raises(EmbeddingUnavailable, match="Refused"):
        nobody.documents(["一"])


@pytest.mark.parametrize(
    "url",
    [
        "ftp://host/v1?model=m",
        "http:///v1?model=m",
        "http://user:geheim@host/v1?model=m",
        "http://host:port/v1?model=m",
        "http://host/v1",
        "http://host/v1?model=m&strange=1",
        "http://[host/v1?model=m",
    ],
)
def test_an_address_that_cannot_be_used(url: str) -> None:
    with pytest.raises(ValueError) as refused:
        openai_embeddings.parse(url)
    assert "geheim" not in str(refused.value)


@pytest.mark.parametrize(
    ("typed", "asks"),
    [
        ("如何嫁接果树", True),
        ("孩子烫伤怎么办", True),
        ("what is grafting", True),
        ("誰發明了造紙術", True),
        ("果树嫁接", False),
        ("果树 嫁接 枝条 砧木 春季 产量 品种 技术", False),
        ("如何“嫁接”", False),
        ("ruhe jiajie", False),
        ("", False),
    ],
)
def test_what_is_a_question(typed: str, asks: bool) -> None:
    assert is_question(Query(typed)) == asks


def test_title_and_summary_are_read_and_no_more() -> None:
    text = text_of(Document("a", 1, "資料庫\0", description="  第一行\n第二行 \ud800" + "長" * 5000)).text
    assert text.startswith("资料库 第一行 第二行")
    assert len(text) < 140
    assert text_of(Document("a", 1, "题", text="正文")).text == "题 正文"


def test_where_nothing_is_known_nothing_changes() -> None:
    hits = [Hit("a", 1, 3.0), Hit("b", 1, 2.0), Hit("c", 1, 2.0)]
    assert nearness(hits, (), {}) == nearness(hits, (), {"b": 0.9}) == nearness(hits, (), {"a": 0.5, "b": 0.5}) == {}
    assert ranked(hits, (), {}) == hits
    assert ranked(hits, [Hit("far", 1, 0.5)], {"far": 1.0}) == hits, "it overtakes nobody"
    assert [hit.id for hit in ranked(hits, [Hit("far", 1, 0.5)], {"far": 2.0})] == ["a", "far", "b", "c"]
    with pytest.raises(EmbeddingUnavailable):
        unit([0.0])
