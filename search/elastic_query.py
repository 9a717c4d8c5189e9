"""Clauses → queries of Elasticsearch, and the bodies of searches. Pure: nothing here asks a server.

Its BM25 is the embedded engine's. Its field_value_factor knows the decimal logarithm alone; `SCALE` makes up for that,
so that a score means the same on either engine.
"""

import math
import re
from collections.abc import Iterable, Mapping, Sequence
from typing import Any

from search import asking
from search.asking import AnyOf, Best, Clause, Flat, Mixed, Term, Together
from search.model import Query
from search.query import Plan

Body = dict[str, Any]
SCALE = 1 / math.log10(2)
COUNTED_IN = ("words", "parts", "title", "subjects", "institution")  # fields that say how frequent a word is
_REGEX = re.compile(r'[.?+*|{}\[\]()"\\#@&<>~^$-]')


def build(clause: Clause) -> Body:
    """The query of a clause."""
    match clause:
        case Term(field, text, weight):
            return {"term": {field: {"value": text, "boost": weight}}}
        case Together(field, terms, weight):
            return {"match_phrase": {field: {"query": " ".join(terms), "boost": weight}}}
        case AnyOf(field, keys):
            return {"constant_score": {"filter": {"terms": {field: list(keys)}}, "boost": 0.0}}
        case Flat(inner, score):
            return {"constant_score": {"filter": build(inner), "boost": score}}
        case Best(clauses):
            return {"dis_max": {"queries": [build(one) for one in clauses]}}
        case Mixed(must, should, without, least):
            parts = {"must": must, "should": should, "must_not": without}
            built: Body = {name: [build(one) for one in some] for name, some in parts.items() if some}
            return {"bool": built | ({"minimum_should_match": least} if least else {})}


def weighed(clause: Clause) -> Body:
    """What a clause matches, with scores as those of the embedded engine: times log2(2 + weight)."""
    factor = {"field": "weight", "modifier": "log2p", "missing": 0.0}
    return {"function_score": {"query": build(clause), "field_value_factor": factor, "boost": SCALE}}


def sort(query: Query, plan: Plan) -> list[Body]:
    """The order of hits; equal ones in order of id."""
    order = asking.order(query, plan)
    if order == "relevance":
        return [{"_score": "desc"}, {"id": "asc"}]
    return [{order: "asc" if order == "shortest" else "desc"}, {"id": "asc"}]


def hits(query: Query, plan: Plan, clause: Clause, facets: Iterable[str]) -> Body:
    """A page of hits with the exact total and counts of these facets."""
    offset, limit = asking.page(query)
    ranked = asking.order(query, plan) == "relevance"
    return {
        "query": weighed(clause) if ranked else {"bool": {"filter": [build(clause)]}},
        "from": offset,
        "size": limit if query.limit > 0 else 0,
        "sort": sort(query, plan),
        "track_total_hits": True,
        "_source": ["rev"],
        "aggs": counts(facets),
    }


def counted(clause: Clause, facets: Iterable[str] = ()) -> Body:
    """The total, with counts of these facets."""
    return {
        "query": {"bool": {"filter": [build(clause)]}},
        "size": 0,
        "track_total_hits": True,
        "aggs": counts(facets),
    }


NOTHING: Body = {"size": 0, "track_total_hits": False}  # whether there is an answer at all


def score(query: Body) -> Body:
    """What a query of one document is worth: that of the hit, when there is one."""
    return {"query": query, "size": 1, "_source": False, "track_total_hits": False}


def counts(facets: Iterable[str]) -> Body:
    """Values of facets with the number of documents, the most frequent first."""
    size = {"size": asking.FACET_VALUES, "shard_size": 10 * asking.FACET_VALUES}
    return {name: {"terms": {"field": f"f_{name}", **size}} for name in facets}


def why(reasons: Mapping[str, Clause], ids: Sequence[str]) -> Body:
    """Of these documents, which fields hold one of the words: the queries that matched, by name."""
    named = [{"bool": {"filter": [build(clause)], "_name": name}} for name, clause in reasons.items()]
    return {
        "query": {"bool": {"filter": [{"terms": {"id": list(ids)}}], "should": named}},
        "size": len(ids),
        "_source": False,
        "track_total_hits": False,
    }


def places(plan: Plan, owners: Sequence[str], most: int) -> Body:
    """The best passages of each of these owners (document and revision), and how many each has."""
    best = {"top_hits": {"size": most, "sort": _PLACES, "track_scores": True, "_source": ["id"]}}
    return {
        "query": build(asking.passages(plan, AnyOf("owner", tuple(owners)))),
        "size": 0,
        "track_total_hits": False,
        "aggs": {"owners": {"terms": {"field": "owner", "size": len(owners)}, "aggs": {"best": best}}},
    }


def within(query: Query, plan: Plan, owner: str) -> Body:
    """A page of the passages of one owner."""
    offset, limit = asking.page(query)
    return {
        "query": build(asking.passages(plan, AnyOf("owner", (owner,)))),
        "from": offset,
        "size": limit,
        "sort": _PLACES,
        "track_total_hits": True,
        "_source": ["id"],
    }


_PLACES = [{"_score": "desc"}, {"number": "asc"}]


def known(words: Iterable[str]) -> Body:
    """For each word, by its number, how many documents hold it."""
    filters = {
        str(number): {"filter": {"bool": {"should": [{"term": {name: word}} for name in ("words", "parts")]}}}
        for number, word in enumerate(words)
    }
    return {"size": 0, "track_total_hits": False, "aggs": filters}


def vocabulary(beginnings: Sequence[str], most: int) -> Body:
    """Keys of the vocabulary that begin so, with the number of documents that hold the word, by field."""
    names = [f"spell_{name}" for name in COUNTED_IN]
    some = "|".join(map(literal, beginnings))
    prefixes = [{"prefix": {name: beginning}} for name in names for beginning in beginnings]
    terms = {"include": f"({some}).*", "size": most * len(beginnings)}
    return {
        "query": {"bool": {"filter": [{"bool": {"should": prefixes}}]}},
        "size": 0,
        "track_total_hits": False,
        "aggs": {name: {"terms": {"field": name, **terms}} for name in names},
    }


def beginning(field: str, prefix: str, most: int) -> Body:
    """Keys of a field that begin so, the most frequent first, of living documents."""
    return {
        "query": {"bool": {"filter": [{"prefix": {field: prefix}}, {"term": {"live": "1"}}]}},
        "size": 0,
        "track_total_hits": False,
        "aggs": {"keys": {"terms": {"field": field, "include": f"{literal(prefix)}.*", "size": most}}},
    }


def titled(keys: Sequence[str], most: int) -> Body:
    """Documents whose title has one of these keys, the most opened first."""
    return {
        "query": {"bool": {"filter": [{"terms": {"complete": list(keys)}}]}},
        "size": most,
        "sort": [{"most_opened": "desc"}, {"id": "asc"}],
        "track_total_hits": False,
        "_source": ["label"],
    }


def literal(text: str) -> str:
    """A text as a regular expression of Lucene that matches it alone."""
    return _REGEX.sub(r"\\\g<0>", text)
