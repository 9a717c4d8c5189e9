"""One search on a cluster, in few round trips: words to be respelled, hits with facets, passages with reasons."""

from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import replace
from itertools import islice
from typing import Any

from search import asking, elastic_query, explaining, suggest
from search.asking import AnyOf, Best, Clause, Flat, Mixed
from search.elastic_query import COUNTED_IN, Body
from search.elastic_schema import owner
from search.fields import KEY_SEPARATOR, frequency
from search.model import Answer, Hit, PassageHit, Query, ScorePart, Suggestion
from search.query import Plan, understand
from search.stages import Stage, stages, with_others
from search.text import stem

ROUNDS = 6  # of looking up what a query needs to know; each may lead to more questions
AT_ONCE = 64  # beginnings in one search
RESOURCES, PASSAGES = "resources", "passages"
Facets = dict[str, tuple[tuple[str, int], ...]]
Ask = Callable[[Sequence[tuple[str, Body]]], list[Mapping[str, Any]]]  # (which index, body) of each → answers


class Vocabulary:
    """What reading a query asks of an index. What is not known yet is noted, and looked up all at once."""

    def __init__(self, ask: Ask) -> None:
        self._ask = ask
        self._known: dict[str, bool] = {}
        self._begun: dict[tuple[str, int], list[tuple[str, int]]] = {}
        self._words: dict[str, None] = {}
        self._beginnings: dict[tuple[str, int], None] = {}

    def known(self, word: str) -> bool:
        """Whether any document holds this word; for now no, when that is not known."""
        if word not in self._known:
            self._words[word] = None
        return self._known.get(word, False)

    def vocabulary(self, beginning: str, most: int) -> list[tuple[str, int]]:
        """Words of the index by their pinyin or initials; for now none, when that is not known."""
        if (beginning, most) not in self._begun:
            self._beginnings[beginning, most] = None
        return self._begun.get((beginning, most), [])

    def fetch(self) -> bool:
        """Look up what was noted, in one round trip; whether there was anything."""
        if not self._words and not self._beginnings:
            return False
        words, begun = list(self._words), list(self._beginnings)
        groups = [begun[start : start + AT_ONCE] for start in range(0, len(begun), AT_ONCE)]
        bodies = [elastic_query.known(map(stem, words))] if words else []
        for group in groups:
            most = max(most for _, most in group)
            bodies.append(elastic_query.vocabulary([beginning for beginning, _ in group], most))
        answers = iter(self._ask([(RESOURCES, body) for body in bodies]))
        if words:
            counts = next(answers)["aggregations"]
            self._known |= {word: counts[str(n)]["doc_count"] > 0 for n, word in enumerate(words)}
        for group, answer in zip(groups, answers, strict=True):
            found = _frequencies(answer["aggregations"])
            for beginning, most in group:
                mine = [one for one in found if one[0].startswith(beginning)]
                self._begun[beginning, most] = mine[:most]
        self._words.clear()
        self._beginnings.clear()
        return True


def _frequencies(aggregations: Mapping[str, Any]) -> list[tuple[str, int]]:
    """Keys of the vocabulary with the number of documents of the field that has most, the frequent first."""
    found: dict[str, int] = {}
    for name in COUNTED_IN:
        for bucket in aggregations[f"spell_{name}"]["buckets"]:
            count = frequency(name, bucket["doc_count"])
            found[bucket["key"]] = max(count, found.get(bucket["key"], 0))
    return sorted(found.items(), key=lambda one: (-one[1], one[0]))


class OneSearch:
    """One query on one generation, in a bounded number of round trips, whatever was typed."""

    def __init__(self, ask: Ask, generation: str, query: Query, held_rev: Callable[[str], int | None]) -> None:
        self._ask = ask
        self._generation = generation
        self._query = query
        self._held_rev = held_rev
        self._vocabulary = Vocabulary(ask)
        self._stage = Stage(with_others(understand(query.text), query.synonyms), "everything")
        self._filters = asking.merged(query.filters, self._stage.plan.filters)

    def answer(self) -> Answer:
        """The page that was asked for."""
        if self._query.within:
            return self._answer_within()
        matching, page, facets = self._find()
        return Answer(
            total=page["hits"]["total"]["value"],
            hits=self._hits(page["hits"]["hits"]),
            facets=facets,
            terms=self._plan.terms,
            corrected=self._stage.corrected,
            notices=self._plan.notices,
            generation=self._generation,
            explained=self._explained(matching) if self._query.explain else (),
        )

    def _explained(self, matching: Clause) -> tuple[ScorePart, ...]:
        """The parts of one document's score: every clause is asked for alone, all in one round trip."""
        one = Flat(AnyOf("id", (self._query.explain,)))
        every = list(dict.fromkeys(_with_inner(matching)))
        bodies = [elastic_query.score(elastic_query.build(Mixed(must=(clause, one)))) for clause in every]
        bodies.append(elastic_query.score(elastic_query.weighed(Mixed(must=(matching, one)))))
        *scores, whole = (
            sum(float(hit["_score"]) for hit in answer["hits"]["hits"])
            for answer in self._ask([(RESOURCES, body) for body in bodies])
        )
        return explaining.parts(matching, dict(zip(every, scores, strict=True)).__getitem__, whole)

    @property
    def _plan(self) -> Plan:
        return self._stage.plan

    def _stages(self) -> Iterator[Stage]:
        """The ways to try the query. Each is worked out again whenever something was looked up for it."""
        for number in range(10):
            stage = self._worked_out(number)
            for _ in range(ROUNDS):
                if not self._vocabulary.fetch():
                    break
                stage = self._worked_out(number)
            if stage is None:
                return
            yield stage

    def _worked_out(self, number: int) -> Stage | None:
        return next(islice(stages(self._query, self._vocabulary), number, None), None)

    def _find(self) -> tuple[Clause, Mapping[str, Any], Facets]:
        """Try the stages in turn. Filters never change which one is taken, so that counts and totals agree."""
        found = 0
        for stage in self._stages():
            if stage.skipped(found):
                continue
            self._stage = stage
            matching = asking.matching(stage)
            page, facets, found = self._execute(matching)
            if stage.taken(found):
                break
        if self._query.pinned and self._query.sort == "relevance":
            matching = asking.pinned(matching, self._query.pinned)
            page, facets, _ = self._execute(matching)
        return matching, page, facets

    def _execute(self, matching: Clause) -> tuple[Mapping[str, Any], Facets, int]:
        """(the page, counts that ignore the facet's own filter, total without filters), in one round trip."""
        query = self._query
        wanted, filtered, free = asking.split(query, self._filters)
        bodies = [elastic_query.hits(query, self._plan, self._narrowed(matching), free)]
        bodies += [elastic_query.counted(self._narrowed(matching, name), [name]) for name in filtered]
        if self._filters:
            bodies.append(elastic_query.counted(matching))
        page, *others = self._ask([(RESOURCES, body) for body in bodies])
        counted = {name: _counts(page, name) for name in free}
        counted |= {name: _counts(other, name) for name, other in zip(filtered, others, strict=False)}
        total = (others[-1] if self._filters else page)["hits"]["total"]["value"]
        return page, {name: counted[name] for name in wanted}, total

    def _narrowed(self, matching: Clause, without: str = "") -> Clause:
        query = self._query
        return asking.narrowed(matching, self._filters, query.hidden, without, query.among)

    def _hits(self, found: Sequence[Mapping[str, Any]]) -> tuple[Hit, ...]:
        ranked = asking.order(self._query, self._plan) == "relevance"
        owners = {hit["_id"]: owner(hit["_id"], hit["_source"]["rev"]) for hit in found}
        why, places = self._details(owners)
        return tuple(
            Hit(
                id=hit["_id"],
                rev=hit["_source"]["rev"],
                score=float(hit["_score"]) if ranked else 0.0,
                why=(*why.get(hit["_id"], ()), *(("passages",) if owners[hit["_id"]] in places else ())),
                passages=places.get(owners[hit["_id"]], ((), 0))[0],
                passages_total=places.get(owners[hit["_id"]], ((), 0))[1],
            )
            for hit in found
        )

    def _details(
        self, owners: Mapping[str, str]
    ) -> tuple[dict[str, tuple[str, ...]], dict[str, tuple[tuple[PassageHit, ...], int]]]:
        """(reasons by document, best passages and their number by owner), in one round trip."""
        if not owners or not self._plan.asked:
            return {}, {}
        reasons = asking.reasons(self._plan)
        bodies = [(RESOURCES, elastic_query.why(reasons, list(owners)))]
        most = self._query.passages_per_hit
        if most > 0:
            bodies.append((PASSAGES, elastic_query.places(self._plan, list(owners.values()), most)))
        matched, *placed = self._ask(bodies)
        why = {
            hit["_id"]: tuple(name for name in reasons if name in hit.get("matched_queries", ()))
            for hit in matched["hits"]["hits"]
        }
        places = {
            bucket["key"]: (_place_hits(bucket["best"]), int(bucket["doc_count"]))
            for answer in placed
            for bucket in answer["aggregations"]["owners"]["buckets"]
        }
        return why, places

    def _answer_within(self) -> Answer:
        """Passages of one document only: they are the hit's, as many as were asked for."""
        query = self._query
        nothing = Answer(terms=self._plan.terms, notices=self._plan.notices, generation=self._generation)
        rev = self._held_rev(query.within) if self._plan.asked else None
        if rev is None:
            return nothing
        for stage in self._stages():
            self._stage = stage
            if not self._plan.asked:
                continue
            (page,) = self._ask([(PASSAGES, elastic_query.within(query, self._plan, owner(query.within, rev)))])
            if total := page["hits"]["total"]["value"]:
                hit = Hit(query.within, 0, 0.0, ("passages",), _place_hits(page), total)
                terms, corrected = self._plan.terms, stage.corrected
                return replace(nothing, total=total, hits=(hit,), terms=terms, corrected=corrected)
        return nothing


def _with_inner(clause: Clause) -> Iterator[Clause]:
    yield clause
    match clause:
        case Best(clauses):
            inner = clauses
        case Mixed(must, should):
            inner = (*must, *should)
        case _:
            inner = ()
    for one in inner:
        yield from _with_inner(one)


def _place_hits(answer: Mapping[str, Any]) -> tuple[PassageHit, ...]:
    return tuple(PassageHit(hit["_source"]["id"], float(hit["_score"])) for hit in answer["hits"]["hits"])


def _counts(answer: Mapping[str, Any], name: str) -> tuple[tuple[str, int], ...]:
    return asking.counts(answer["aggregations"][name]["buckets"])


def complete(ask: Ask, prefix: str, limit: int) -> list[Suggestion]:
    """Completions of what was typed, worked out again with what was looked up in between: two round trips at most."""
    names: dict[tuple[str, int], list[tuple[str, int]]] = {}
    titles: dict[tuple[str, int], list[tuple[str, str]]] = {}
    asked: list[tuple[str, str, int]] = []

    def named(beginning: str, most: int) -> list[tuple[str, int]]:
        """Institutions, subjects and people."""
        asked.append(("named", beginning, most))
        return names.get((beginning, most), [])

    def titled(beginning: str, most: int) -> list[tuple[str, str]]:
        """The documents whose title goes on like this."""
        asked.append(("complete", beginning, most))
        return titles.get((beginning, most), [])

    suggest.complete(prefix, named, titled, limit)
    wanted = list(dict.fromkeys(asked))
    bodies = [
        elastic_query.beginning(field, beginning, most if field == "named" else suggest.LOOKED_AT)
        for field, beginning, most in wanted
    ]
    begun = ask([(RESOURCES, body) for body in bodies])
    more: list[tuple[str, int, Body]] = []
    for (field, beginning, most), answer in zip(wanted, begun, strict=True):
        keys = [(str(one["key"]), int(one["doc_count"])) for one in answer["aggregations"]["keys"]["buckets"]]
        if field == "named":
            names[beginning, most] = [key for key in keys if key[0].count(KEY_SEPARATOR) == 2]
        elif keys:
            more.append((beginning, most, elastic_query.titled([key for key, _ in keys], most)))
    for (beginning, most, _), answer in zip(more, ask([(RESOURCES, body) for *_, body in more]), strict=True):
        titles[beginning, most] = [(hit["_id"], hit["_source"]["label"]) for hit in answer["hits"]["hits"]]
    return suggest.complete(prefix, named, titled, limit)
