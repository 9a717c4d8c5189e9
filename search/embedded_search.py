"""One search on the embedded engine: hits, total, facets and passages in a bounded number of executions."""

from collections import defaultdict
from collections.abc import Mapping, Sequence
from dataclasses import replace
from typing import Any

import tantivy
from tantivy import Occur
from tantivy import Query as Q

from search import embedded_query, schema
from search.engine import Engine, Searchers, found_count
from search.model import FACETS, Answer, Hit, PassageHit, Query, Sort
from search.query import Plan, understand
from search.stages import Stage, stages, with_others
from search.text import stem

MAX_DEPTH = 10_000
MAX_LIMIT = 100
FACET_VALUES = 1_000
PASSAGES_AT_ONCE = 500
_ORDER: Mapping[Sort, tuple[str, tantivy.Order]] = {
    "newest": ("newest", tantivy.Order.Desc),
    "shortest": ("shortest", tantivy.Order.Asc),
    "most_opened": ("most_opened", tantivy.Order.Desc),
}
Addresses = Sequence[tuple[Any, tantivy.DocAddress]]


class OneSearch:
    """One query, in a bounded number of executions, whatever was typed."""

    def __init__(self, engine: Engine, searchers: Searchers, query: Query) -> None:
        self._query = query
        self._searchers = searchers
        self._searcher = searchers.resources
        self._places = searchers.passages
        self._generation = searchers.generation
        self._schema = engine.resources.schema
        self._place_schema = engine.passages.schema
        self._stage = Stage(with_others(understand(query.text), query.synonyms), "everything")
        self._filters = _merged(query.filters, self._stage.plan.filters)

    def answer(self) -> Answer:
        """The page that was asked for."""
        if self._query.within:
            return self._answer_within()
        matching, total, hits = self._find()
        found = self._hits(hits)
        return Answer(
            total=total,
            hits=found,
            facets=self._facets(matching),
            terms=self._plan.terms,
            corrected=self._stage.corrected,
            notices=self._plan.notices,
            generation=self._generation,
        )

    def _find(self) -> tuple[Q, int, Addresses]:
        """Try the stages in turn. Filters never change which one is taken, so that counts and totals agree."""
        for stage in stages(self._query, self):
            self._stage = stage
            matching = embedded_query.matching(self._schema, stage)
            total, hits = self._execute(matching)
            if total or (self._filters and found_count(self._searcher.search(matching, limit=1))):
                break
        if self._query.pinned and self._query.sort == "relevance":
            matching = embedded_query.pinned(self._schema, matching, self._query.pinned)
            total, hits = self._execute(matching)
        return matching, total, hits

    @property
    def _plan(self) -> Plan:
        return self._stage.plan

    def known(self, word: str) -> bool:
        """Whether any document holds this word."""
        return any(self._searcher.doc_freq(name, stem(word)) for name in ("words", "parts"))

    def vocabulary(self, beginning: str, most: int) -> list[tuple[str, int]]:
        """Words of the index by their pinyin or initials."""
        return self._searchers.words(beginning, most)

    def _execute(self, matching: Q) -> tuple[int, Addresses]:
        query = self._narrowed(matching)
        limit = max(1, min(self._query.limit, MAX_LIMIT))
        offset = max(0, min(self._query.offset, MAX_DEPTH))
        order = _ORDER.get(self._query.sort)
        if order is None and self._plan.empty:
            order = _ORDER["newest"]
        if order is None:
            found = self._searcher.search(query, limit=limit, offset=offset, weight_by_field="weight")
        else:
            found = self._searcher.search(query, limit=limit, offset=offset, order_by_field=order[0], order=order[1])
        return found_count(found), () if self._query.limit < 1 else found.hits

    def _narrowed(self, matching: Q, without: str = "") -> Q:
        narrowing = embedded_query.filters(self._schema, self._filters, without)
        narrowing += embedded_query.hidden(self._schema, self._query.hidden)
        return Q.boolean_query([(Occur.Must, matching), *narrowing]) if narrowing else matching

    def _facets(self, matching: Q) -> dict[str, tuple[tuple[str, int], ...]]:
        """Counts that ignore the facet's own filter: one execution for the free facets, one for each filtered one."""
        wanted = [name for name in self._query.facets if name in FACETS]
        filtered = [name for name in wanted if self._filters.get(name)]
        free = [name for name in wanted if name not in filtered]
        counted = self._count(self._narrowed(matching), free) if free else {}
        for name in filtered:
            counted |= self._count(self._narrowed(matching, without=name), [name])
        return {name: counted[name] for name in wanted}

    def _count(self, query: Q, names: Sequence[str]) -> dict[str, tuple[tuple[str, int], ...]]:
        terms = {"size": FACET_VALUES, "segment_size": 65_000}
        asked = {name: {"terms": {"field": f"f_{name}", **terms}} for name in names}
        answered = self._searcher.aggregate(query, asked)
        counts: dict[str, tuple[tuple[str, int], ...]] = {}
        for name in names:
            buckets = [(str(bucket["key"]), int(bucket["doc_count"])) for bucket in answered[name]["buckets"]]
            counts[name] = tuple(sorted(buckets, key=lambda bucket: (-bucket[1], bucket[0])))
        return counts

    def _hits(self, hits: Addresses) -> tuple[Hit, ...]:
        relevance = self._query.sort == "relevance" and not self._plan.empty
        stored = [
            (self._searcher.doc(address).to_dict(), float(score) if relevance else 0.0) for score, address in hits
        ]
        ids = [read["id"][0] for read, _ in stored]
        why = self._why(ids)
        places, totals = self._passages(ids)
        return tuple(
            Hit(
                id=read["id"][0],
                rev=read["rev"][0],
                score=score,
                why=(*why.get(read["id"][0], ()), *(("passages",) if totals.get(read["id"][0]) else ())),
                passages=places.get(read["id"][0], ()),
                passages_total=totals.get(read["id"][0], 0),
            )
            for read, score in stored
        )

    def _why(self, ids: Sequence[str]) -> dict[str, tuple[str, ...]]:
        if not ids or not self._plan.asked:
            return {}
        query = embedded_query.why(self._schema, self._plan, ids)
        found: dict[str, tuple[str, ...]] = {}
        for score, address in self._searcher.search(query, limit=len(ids), count=False).hits:
            bits = round(score)
            fields = tuple(name for name, bit in embedded_query.WHY_BITS.items() if bits & bit)
            found[self._searcher.doc(address).to_dict()["id"][0]] = fields
        return found

    def _passages(self, ids: Sequence[str]) -> tuple[dict[str, tuple[PassageHit, ...]], dict[str, int]]:
        """The best passages of each hit, and how many there are.

        Two executions for all hits; one more for each hit whose passages were crowded out by those of others.
        """
        if not ids or not self._plan.asked or self._query.passages_per_hit < 1:
            return {}, {}
        parents = {schema.parent_number(identity): identity for identity in ids}
        query = self._places_query(ids)
        found = self._places.search(query, limit=PASSAGES_AT_ONCE, count=False)
        counted = self._places.aggregate(query, {"n": {"terms": {"field": "parent_number", "size": len(ids)}}})
        totals = {
            parents[int(bucket["key"])]: int(bucket["doc_count"])
            for bucket in counted["n"]["buckets"]
            if int(bucket["key"]) in parents
        }
        grouped = self._group(found.hits, parents)
        for identity, total in totals.items():
            if len(grouped.get(identity, ())) < min(total, self._query.passages_per_hit):
                own = self._places.search(self._places_query([identity]), limit=self._query.passages_per_hit)
                grouped[identity] = self._place_hits(own.hits)
        return grouped, totals

    def _places_query(self, ids: Sequence[str]) -> Q:
        return embedded_query.passages(self._place_schema, self._plan, list(ids))

    def _place_hits(self, hits: Addresses) -> tuple[PassageHit, ...]:
        return tuple(PassageHit(self._places.doc(address).to_dict()["id"][0], float(score)) for score, address in hits)

    def _group(self, hits: Addresses, parents: Mapping[int, str]) -> dict[str, tuple[PassageHit, ...]]:
        addresses = [address for _, address in hits]
        if not addresses:
            return {}
        numbers = self._places.fast_field_values("parent_number", addresses)
        grouped: dict[str, list[tuple[Any, tantivy.DocAddress]]] = defaultdict(list)
        for hit, number in zip(hits, numbers, strict=True):
            mine = grouped[parents[int(number or 0)]]
            if len(mine) < self._query.passages_per_hit:
                mine.append(hit)
        return {identity: self._place_hits(mine) for identity, mine in grouped.items()}

    def _answer_within(self) -> Answer:
        """Passages of one document only: they are the hit's, as many as were asked for."""
        plan, query = self._plan, self._query
        nothing = Answer(terms=plan.terms, notices=plan.notices, generation=self._generation)
        if not plan.asked:
            return nothing
        limit = max(1, min(query.limit, MAX_LIMIT))
        found = self._places.search(
            self._places_query([query.within]), limit=limit, offset=max(0, min(query.offset, MAX_DEPTH))
        )
        total = found_count(found)
        hit = Hit(query.within, 0, 0.0, ("passages",), self._place_hits(found.hits), total)
        return replace(nothing, total=total, hits=(hit,)) if total else nothing


def _merged(chosen: Mapping[str, tuple[str, ...]], typed: Mapping[str, tuple[str, ...]]) -> dict[str, tuple[str, ...]]:
    names = dict.fromkeys((*chosen, *typed))
    return {name: tuple(dict.fromkeys((*chosen.get(name, ()), *typed.get(name, ())))) for name in names}
