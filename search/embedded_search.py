"""One search on the embedded engine: hits, total, facets and passages in a bounded number of executions."""

from collections import defaultdict
from collections.abc import Callable, Mapping, Sequence
from dataclasses import replace
from itertools import groupby
from typing import Any

import tantivy
from tantivy import Query as Q

from search import asking, embedded_query, explaining, schema
from search.asking import AnyOf, Clause, Flat, Mixed
from search.embedded_query import build
from search.engine import Engine, Searchers, found_count
from search.model import Answer, Hit, PassageHit, Query, ScorePart
from search.query import Plan, understand
from search.stages import Stage, stages, with_others
from search.text import stem

BLOCK = 100  # hits that are put in order together, from the first one on, whatever page is asked for
PASSAGES_AT_ONCE = 500
Addresses = Sequence[tuple[Any, tantivy.DocAddress]]


def settled(hits: Addresses, start: int, end: int, identity: Callable[[tantivy.DocAddress], str]) -> Addresses:
    """From ``start`` to ``end`` of these hits, those of the same score in order of id.

    Without this their order would be that in which they happen to lie in the index. ``hits`` begin with a block: in
    blocks, so that pages fit together however many have the same score.
    """
    ordered: list[tuple[Any, tantivy.DocAddress]] = []
    for _, group in groupby(enumerate(hits), lambda one: (one[0] // BLOCK, one[1][0])):
        same = [hit for _, hit in group]
        if len(same) > 1 and len(ordered) < end and len(ordered) + len(same) > start:
            same.sort(key=lambda hit: identity(hit[1]))
        ordered += same
    return ordered[start:end]


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
        self._filters = asking.merged(query.filters, self._stage.plan.filters)

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
            explained=self._explained(matching) if self._query.explain else (),
        )

    def _explained(self, matching: Clause) -> tuple[ScorePart, ...]:
        """The parts of one document's score; an execution for each clause, so only for those who ask for it."""
        one = Flat(AnyOf("id", (self._query.explain,)))

        def score(clause: Clause, weight: str | None = None) -> float:
            query = build(self._schema, Mixed(must=(clause, one)))
            hits = self._searcher.search(query, limit=1, count=False, weight_by_field=weight).hits
            return float(hits[0][0]) if hits else 0.0

        return explaining.parts(matching, score, score(matching, "weight"))

    def _find(self) -> tuple[Clause, int, Addresses]:
        """Try the stages in turn. Filters never change which one is taken, so that counts and totals agree."""
        found = 0
        for stage in stages(self._query, self):
            if stage.skipped(found):
                continue
            self._stage = stage
            matching = asking.matching(stage)
            total, hits = self._execute(matching)
            found = self._count_all(matching) if self._filters and not stage.taken(total) else total
            if stage.taken(found):
                break
        if self._query.pinned and self._query.sort == "relevance":
            matching = asking.pinned(matching, self._query.pinned)
            total, hits = self._execute(matching)
        return matching, total, hits

    def _count_all(self, matching: Clause) -> int:
        return found_count(self._searcher.search(build(self._schema, asking.unranked(matching)), limit=1))

    @property
    def _plan(self) -> Plan:
        return self._stage.plan

    def known(self, word: str) -> bool:
        """Whether any document holds this word."""
        return any(self._searcher.doc_freq(name, stem(word)) for name in ("words", "parts"))

    def vocabulary(self, beginning: str, most: int) -> list[tuple[str, int]]:
        """Words of the index by their pinyin or initials."""
        return self._searchers.words(beginning, most)

    def _execute(self, matching: Clause) -> tuple[int, Addresses]:
        query = self._narrowed(matching)
        offset, limit = asking.page(self._query)
        order = asking.order(self._query, self._plan)
        if order == "relevance":
            before = offset % BLOCK
            whole = -(-(before + limit) // BLOCK) * BLOCK
            found = self._searcher.search(query, limit=whole, offset=offset - before, weight_by_field="weight")
            hits = settled(found.hits, before, before + limit, self._id)
        else:
            way = tantivy.Order.Asc if order == "shortest" else tantivy.Order.Desc
            found = self._searcher.search(query, limit=limit, offset=offset, order_by_field=order, order=way)
            hits = found.hits
        return found_count(found), () if self._query.limit < 1 else hits

    def _id(self, address: tantivy.DocAddress) -> str:
        return str(self._searcher.doc(address).to_dict()["id"][0])

    def _narrowed(self, matching: Clause, without: str = "") -> Q:
        query = self._query
        return build(self._schema, asking.narrowed(matching, self._filters, query.hidden, without, query.among))

    def _facets(self, matching: Clause) -> dict[str, tuple[tuple[str, int], ...]]:
        """Counts that ignore the facet's own filter: one execution for the free facets, one for each filtered one."""
        wanted, filtered, free = asking.split(self._query, self._filters)
        matching = asking.unranked(matching)
        counted = self._count(self._narrowed(matching), free) if free else {}
        for name in filtered:
            counted |= self._count(self._narrowed(matching, without=name), [name])
        return {name: counted[name] for name in wanted}

    def _count(self, query: Q, names: Sequence[str]) -> dict[str, tuple[tuple[str, int], ...]]:
        terms = {"size": asking.FACET_VALUES, "segment_size": 65_000}
        asked = {name: {"terms": {"field": f"f_{name}", **terms}} for name in names}
        answered = self._searcher.aggregate(query, asked)
        return {name: asking.counts(answered[name]["buckets"]) for name in names}

    def _hits(self, hits: Addresses) -> tuple[Hit, ...]:
        ranked = asking.order(self._query, self._plan) == "relevance"
        stored = [(self._searcher.doc(address).to_dict(), float(score) if ranked else 0.0) for score, address in hits]
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
        query = embedded_query.why(self._schema, asking.reasons(self._plan), ids)
        found: dict[str, tuple[str, ...]] = {}
        for score, address in self._searcher.search(query, limit=len(ids), count=False).hits:
            bits = round(score)
            fields = tuple(name for name, bit in embedded_query.WHY_BITS.items() if bits & bit)
            found[self._searcher.doc(address).to_dict()["id"][0]] = fields
        return found

    def _passages(self, ids: Sequence[str]) -> tuple[dict[str, tuple[PassageHit, ...]], dict[str, int]]:
        """The best passages of each hit, and how many there are.

        One execution for all hits where they have few passages that match, else two, and one more for each hit whose
        passages were crowded out by those of others.
        """
        if not ids or not self._plan.asked or self._query.passages_per_hit < 1 or not self._places.num_docs:
            return {}, {}
        parents = {schema.parent_number(identity): identity for identity in ids}
        query = self._places_query(ids)
        found = self._places.search(query, limit=PASSAGES_AT_ONCE)
        grouped, totals = self._group(found.hits, parents)
        if found_count(found) > len(found.hits):
            counted = self._places.aggregate(query, {"n": {"terms": {"field": "parent_number", "size": len(ids)}}})
            numbers = {int(bucket["key"]): int(bucket["doc_count"]) for bucket in counted["n"]["buckets"]}
            totals = {parents[number]: total for number, total in numbers.items() if number in parents}
        for identity, total in totals.items():
            if len(grouped.get(identity, ())) < min(total, self._query.passages_per_hit):
                own = self._places.search(self._places_query([identity]), limit=self._query.passages_per_hit)
                grouped[identity] = self._place_hits(own.hits)
        return grouped, totals

    def _places_query(self, ids: Sequence[str]) -> Q:
        return build(self._place_schema, asking.passages(self._plan, AnyOf("parent", tuple(ids))))

    def _place_hits(self, hits: Addresses) -> tuple[PassageHit, ...]:
        return tuple(PassageHit(self._places.doc(address).to_dict()["id"][0], float(score)) for score, address in hits)

    def _group(
        self, hits: Addresses, parents: Mapping[int, str]
    ) -> tuple[dict[str, tuple[PassageHit, ...]], dict[str, int]]:
        """These passages by their document: the best ones, and how many they are."""
        addresses = [address for _, address in hits]
        numbers = self._places.fast_field_values("parent_number", addresses) if addresses else []
        grouped: dict[str, list[tuple[Any, tantivy.DocAddress]]] = defaultdict(list)
        for hit, number in zip(hits, numbers, strict=True):
            grouped[parents[int(number or 0)]].append(hit)
        best = {identity: self._place_hits(mine[: self._query.passages_per_hit]) for identity, mine in grouped.items()}
        return best, {identity: len(mine) for identity, mine in grouped.items()}

    def _answer_within(self) -> Answer:
        """Passages of one document only: they are the hit's, as many as were asked for."""
        query = self._query
        nothing = Answer(terms=self._plan.terms, notices=self._plan.notices, generation=self._generation)
        offset, limit = asking.page(query)
        for stage in stages(query, self):
            self._stage = stage
            if not self._plan.asked:
                continue
            found = self._places.search(self._places_query([query.within]), limit=limit, offset=offset)
            if total := found_count(found):
                hit = Hit(query.within, 0, 0.0, ("passages",), self._place_hits(found.hits), total)
                terms, corrected = self._plan.terms, stage.corrected
                return replace(nothing, total=total, hits=(hit,), terms=terms, corrected=corrected)
        return nothing
