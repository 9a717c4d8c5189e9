"""A plan → queries of the embedded engine. Pure: nothing here touches an index."""

from collections.abc import Iterable, Mapping, Sequence

import tantivy
from tantivy import Occur
from tantivy import Query as Q

from search import ways, weights
from search.model import FACETS
from search.query import Phrase, Plan
from search.stages import Stage

LEAST_SHARE = 0.3  # of the words of a question must occur
LEAST_SOUNDS = 0.5  # of the pairs of syllables, where words were found nowhere
PINNED = 2.0**40  # more than any words are worth
WHY_BITS = {"title": 1, "description": 2, "subjects": 4, "people": 8, "institution": 16}


def matching(schema: tantivy.Schema, stage: Stage) -> Q:
    """What a stage asks for, before filters."""
    plan = stage.plan
    if stage.mode == "everything":
        return Q.boolean_query([(Occur.Must, live(schema)), *phrases(schema, plan.phrases)])
    if stage.mode == "strict":
        words = [(Occur.Must, _word(schema, plan, word, alone=True)) for word in plan.words]
        return _with_extras(schema, plan, words)
    if stage.mode == "spoken":
        return _spoken(schema, plan)
    return _loose(schema, plan, by_sound=stage.mode == "forgiving")


def _spoken(schema: tantivy.Schema, plan: Plan) -> Q:
    """Everything that was typed in pinyin must occur as it sounds, whatever its characters; the words only rank."""
    said = [(Occur.Must, _term(schema, "sounds", pair, weights.SOUND_TYPED)) for pair in plan.sounds]
    words = [(Occur.Should, _word(schema, plan, word)) for word in plan.words]
    return _with_extras(schema, plan, [*said, *words])


def _loose(schema: tantivy.Schema, plan: Plan, *, by_sound: bool) -> Q:
    """Some of the words must occur, or one of them in the title; with a phrase, that suffices.

    ``by_sound``: what sounds alike matches too, for words that were found nowhere.
    """
    words = [(Occur.Should, _word(schema, plan, word)) for word in plan.words]
    weight = weights.SOUND_TYPED if plan.spoken else weights.SOUND
    said = [(Occur.Should, _term(schema, "sounds", pair, weight)) for pair in plan.sounds]
    if not words or any(not phrase.negated for phrase in plan.phrases):
        return _with_extras(schema, plan, [*words, *said])
    least = max(1, round(len(words) * LEAST_SHARE))
    ways = [Q.boolean_query(words, minimum_number_should_match=least)]
    if least > 1:
        ways.append(_titled(schema, plan, words))
    if by_sound and said:
        alike = max(1, round(len(said) * LEAST_SOUNDS))
        ways.append(Q.const_score_query(Q.boolean_query(said, minimum_number_should_match=alike), 0.0))
    return _with_extras(schema, plan, [(Occur.Must, Q.disjunction_max_query(ways)), *said])


def _titled(schema: tantivy.Schema, plan: Plan, words: list[tuple[Occur, Q]]) -> Q:
    """One of the words stands in the title; the score is that of all words, as for other ways to match."""
    title = Q.boolean_query([(Occur.Should, Q.term_query(schema, "title", word)) for word in plan.words])
    return Q.boolean_query([(Occur.Must, Q.const_score_query(title, 0.0)), *words])


def _with_extras(schema: tantivy.Schema, plan: Plan, musts: list[tuple[Occur, Q]]) -> Q:
    clauses = [*musts, *phrases(schema, plan.phrases)]
    clauses += [(Occur.Should, _way(schema, way)) for way in ways.in_heads(plan)]
    clauses += [(Occur.Should, _term(schema, "words", word, weights.SMALL_WORD)) for word in plan.small]
    clauses += [(Occur.Should, _term(schema, "chars", char, weights.CHARACTER)) for char in plan.chars]
    for pair in plan.pairs:
        near = Q.phrase_query(schema, "words", list(pair), slop=weights.PAIR_SLOP)
        clauses.append((Occur.Should, Q.boost_query(near, weights.PAIR)))
    return Q.boolean_query(clauses)


def _word(schema: tantivy.Schema, plan: Plan, word: str, *, alone: bool = False) -> Q:
    return _any(schema, ways.of_word(plan, word, alone=alone))


def _any(schema: tantivy.Schema, some: Iterable[ways.Way]) -> Q:
    return Q.boolean_query([(Occur.Should, _way(schema, way)) for way in some])


def _way(schema: tantivy.Schema, way: ways.Way) -> Q:
    """All terms of a way, side by side or anywhere in its field."""
    if len(way.terms) == 1:
        return _term(schema, way.field, way.terms[0], way.weight)
    if way.together:
        return Q.boost_query(Q.phrase_query(schema, way.field, list(way.terms)), way.weight)
    return Q.boolean_query([(Occur.Must, _term(schema, way.field, term, way.weight)) for term in way.terms])


def _term(schema: tantivy.Schema, name: str, word: str, weight: float) -> Q:
    query = Q.term_query(schema, name, word)
    return query if weight == 1.0 else Q.boost_query(query, weight)


def phrases(schema: tantivy.Schema, asked: Iterable[Phrase]) -> list[tuple[Occur, Q]]:
    """A clause for each phrase: it must occur, or must not."""
    return [(Occur.MustNot if phrase.negated else Occur.Must, _phrase(schema, phrase)) for phrase in asked]


def _phrase(schema: tantivy.Schema, phrase: Phrase) -> Q:
    if phrase.field:
        terms = [(Occur.Must, Q.term_query(schema, phrase.field, word)) for word in phrase.words]
        return Q.boolean_query(terms)
    if len(phrase.words) == 1:
        return _any(schema, ways.plain(phrase.words[0], alone=True))
    return Q.phrase_query(schema, "words", list(phrase.words))


def filters(schema: tantivy.Schema, chosen: Mapping[str, Sequence[str]], without: str = "") -> list[tuple[Occur, Q]]:
    """One clause per facet: any of its values. ``without`` names a facet whose own filter does not count."""
    return [
        (Occur.Must, Q.const_score_query(Q.term_set_query(schema, f"f_{name}", list(values)), 0.0))
        for name, values in chosen.items()
        if name in FACETS and values and name != without
    ]


def live(schema: tantivy.Schema) -> Q:
    """Everything that is no tombstone."""
    return Q.const_score_query(Q.term_query(schema, "live", "1"), 1.0)


def pinned(schema: tantivy.Schema, matching: Q, ids: Sequence[str]) -> Q:
    """What matches, and before it these documents, in this order: each weighs twice as much as the next."""
    first = [
        Q.const_score_query(Q.term_query(schema, "id", identity), PINNED / 2**place)
        for place, identity in enumerate(ids)
    ]
    return Q.disjunction_max_query([matching, *first])


def hidden(schema: tantivy.Schema, ids: Sequence[str]) -> list[tuple[Occur, Q]]:
    """Documents that must not come."""
    return [(Occur.MustNot, Q.term_set_query(schema, "id", list(ids)))] if ids else []


def why(schema: tantivy.Schema, plan: Plan, ids: Sequence[str]) -> Q:
    """For each of these documents a score whose bits say which fields hold one of the words."""
    clauses = [(Occur.Must, Q.const_score_query(Q.term_set_query(schema, "id", list(ids)), 0.0))]
    reasons = ways.reasons(plan)
    for name, bit in WHY_BITS.items():
        any_word = _any(schema, (ways.Way(name, terms, 1.0) for terms in reasons))
        clauses.append((Occur.Should, Q.const_score_query(any_word, float(bit))))
    return Q.boolean_query(clauses)


def passages(schema: tantivy.Schema, plan: Plan, parents: Sequence[str]) -> Q:
    """Passages of these documents that hold one of the words, the most telling first."""
    any_word = Q.boolean_query([(Occur.Should, _word(schema, plan, word)) for word in plan.asked])
    clauses = [(Occur.Must, any_word)]
    clauses.append((Occur.Must, Q.const_score_query(Q.term_set_query(schema, "parent", list(parents)), 0.0)))
    clauses += [(Occur.Should, _term(schema, "chars", char, weights.PASSAGE_CHARACTER)) for char in plan.chars]
    return Q.boolean_query(clauses)
