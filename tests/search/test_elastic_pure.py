"""What goes to Elasticsearch, without a server: addresses, queries, documents."""

import re

import orjson
import pytest
from hypothesis import given
from hypothesis import strategies as st

from search import asking, elastic_query, elastic_schema
from search.asking import AnyOf, Best, Flat, Mixed, Term, Together
from search.elastic_address import parse
from search.fields import GAP
from search.model import FACETS, Document, Passage, Query, Tombstone
from search.query import understand
from search.stages import Stage


def test_an_address_names_nodes_prefix_and_who_asks() -> None:
    read = parse(
        "https://elastic:p%40ss%2Cword@one.example:9243,two.example,[::1]:9200/city?ca_certs=/etc/ca.pem&shards=3"
    )
    assert read.nodes == ("https://one.example:9243", "https://two.example:443", "https://[::1]:9200")
    assert (read.user, read.password, read.prefix) == ("elastic", "p@ss,word", "city")
    assert (read.ca_certs, read.shards, read.api_key) == ("/etc/ca.pem", 3, "")
    assert parse("http://h?api_key=aWQ6a2V5%3D%3D").api_key == "aWQ6a2V5=="
    assert parse("http://h/").nodes == ("http://h:9200",)
    assert parse("http://h/").prefix == "xuehai"
    assert "p@ss" not in repr(read)


@pytest.mark.parametrize(
    "url",
    [
        "http:///x",
        "http://user:geheim@/x",
        "http://geheim@h:99999/x",
        "http://h:port/x",
        "http://h/Big",
        "http://h/a/b",
        "http://h/x?geheim=1",
        "http://h/x?shards=0",
        "http://h/x?timeout=geheim",
        "http://h/x?ca_certs=/a&ca_cert=geheim",
    ],
)
def test_an_address_that_cannot_be_read_is_a_value_error(url: str) -> None:
    with pytest.raises(ValueError):
        parse(url)


def test_clauses_become_queries() -> None:
    assert elastic_query.build(Term("title", "网络", 0.5)) == {"term": {"title": {"value": "网络", "boost": 0.5}}}
    assert elastic_query.build(Together("words", ("网络", "基础"))) == {
        "match_phrase": {"words": {"query": "网络 基础", "boost": 1.0}}
    }
    assert elastic_query.build(Best((Term("a", "b"),)))["dis_max"]["queries"]
    keys = elastic_query.build(Flat(AnyOf("f_year", ("2024",))))["constant_score"]
    assert keys["boost"] == 0.0
    mixed = Mixed(must=(Term("a", "b"),), should=(Term("a", "c"),), without=(AnyOf("id", ("x",)),), least=1)
    assert set(elastic_query.build(mixed)["bool"]) == {"must", "should", "must_not", "minimum_should_match"}


@given(st.text(max_size=200))
def test_whatever_is_typed_becomes_a_search(text: str) -> None:
    plan = understand(text)
    query = Query(text)
    for mode in ("everything", "strict", "loose", "forgiving", "spoken"):
        clause = asking.matching(Stage(plan, mode))
        assert orjson.loads(orjson.dumps(elastic_query.hits(query, plan, clause, FACETS)))["track_total_hits"]


@given(st.text(max_size=50))
def test_a_literal_expression_matches_its_text_alone(text: str) -> None:
    escaped = elastic_query.literal(text)
    assert re.sub(r"\\(.)", r"\1", escaped, flags=re.DOTALL) == text
    assert not re.search(r'(?<!\\)(?:\\\\)*[.?+*|{}\[\]()"#@&<>~^$-]', escaped)


def test_a_document_is_laid_into_the_fields_of_the_mapping() -> None:
    lecture = Document(
        *("a", 5, "计算机网络"),
        facets={"year": ("2024",), "strange": ("x",)},
        passages=(Passage("p1", "cue", "路由器。交换机"), Passage("p2", "cue", "")),
    )
    laid = elastic_schema.lay(lecture)
    source = orjson.loads(laid.source)
    assert source.keys() <= elastic_schema.resources(complete=True)["properties"].keys()
    assert (source["id"], source["rev"], source["passages"], source["f_year"]) == ("a", 5, 2, ["2024"])
    assert "jsjwl" in {key.partition("\x1f")[0] for key in source["spell_title"]}
    assert list(laid.passages) == ["a@5#0", "a@5#1"]
    for passage in map(orjson.loads, laid.passages.values()):
        assert passage.keys() <= elastic_schema.passages()["properties"].keys()
        assert all(passage[name] for name in ("words", "parts", "chars")), "an empty field has no length to compare"
        assert GAP not in passage["words"]


def test_what_cannot_be_told_is_refused() -> None:
    with pytest.raises(TypeError):
        elastic_schema.lay(Document("a", 1, "\ud800"))
    with pytest.raises(ValueError, match="longer"):
        elastic_schema.lay(Tombstone("a" * 500, 1))
