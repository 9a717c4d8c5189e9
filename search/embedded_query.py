"""A plan → queries of the embedded engine. Pure: nothing here touches an index."""

from collections.abc import Iterable, Mapping, Sequence

import tantivy
from tantivy import Occur
from tantivy import Query as Q

from search import weights
from search.model import FACETS
from search.query import Phrase, Plan

_FIELD_WEIGHTS = (
    ("title", weights.TITLE),
    ("subjects", weights.SUBJECT),
    ("people", weights.PEOPLE),
    ("institution", weights.INSTITUTION),
    ("description", weights.DESCRIPTION),
)
WHY_BITS = {"title": 1, "description": 2, "subjects": 4, "people": 8, "institution": 16}


def strict(schema: tantivy.Schema, plan: Plan) -> Q:
    """Every word must occur."""
    musts = [(Occur.Must, _word(schema, word)) for word in plan.words]
    return _with_extras(schema, plan, musts)


def loose(schema: tantivy.Schema, plan: Plan) -> Q:
    """Some of the words must occur: one of two, two of three to five, then two in five."""
    words = [(Occur.Should, _word(schema, word)) for word in plan.words]
    least = min(len(words), max(1, 2 if len(words) > 2 else 1, len(words) * 2 // 5))
    matched = Q.boolean_query(words, minimum_number_should_match=least)
    return _with_extras(schema, plan, [(Occur.Must, matched)] if words else [])


def _with_extras(schema: tantivy.Schema, plan: Plan, musts: list[tuple[Occur, Q]]) -> Q:
    clauses = [*musts, *phrases(schema, plan.phrases)]
    for name, weight in _FIELD_WEIGHTS:
        clauses += [(Occur.Should, _term(schema, name, word, weight)) for word in plan.words]
    clauses += [(Occur.Should, _term(schema, "chars", char, weights.CHARACTER)) for char in plan.chars]
    for pair in plan.pairs:
        near = Q.phrase_query(schema, "words", list(pair), slop=weights.PAIR_SLOP)
        clauses.append((Occur.Should, Q.boost_query(near, weights.PAIR)))
    return Q.boolean_query(clauses)


def _word(schema: tantivy.Schema, word: str) -> Q:
    return Q.boolean_query(
        [
            (Occur.Should, _term(schema, "words", word, weights.WORD)),
            (Occur.Should, _term(schema, "parts", word, weights.PART)),
        ]
    )


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
        return _word(schema, phrase.words[0])
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


def why(schema: tantivy.Schema, words: Sequence[str], ids: Sequence[str]) -> Q:
    """For each of these documents a score whose bits say which fields hold one of the words."""
    clauses = [(Occur.Must, Q.const_score_query(Q.term_set_query(schema, "id", list(ids)), 0.0))]
    for name, bit in WHY_BITS.items():
        any_word = Q.boolean_query([(Occur.Should, Q.term_query(schema, name, word)) for word in words])
        clauses.append((Occur.Should, Q.const_score_query(any_word, float(bit))))
    return Q.boolean_query(clauses)


def passages(schema: tantivy.Schema, words: Sequence[str], chars: Sequence[str], parents: Sequence[str]) -> Q:
    """Passages of these documents that hold one of the words, the most telling first."""
    any_word = Q.boolean_query([(Occur.Should, _word(schema, word)) for word in words])
    clauses = [(Occur.Must, any_word)]
    clauses.append((Occur.Must, Q.const_score_query(Q.term_set_query(schema, "parent", list(parents)), 0.0)))
    clauses += [(Occur.Should, _term(schema, "chars", char, weights.PASSAGE_CHARACTER)) for char in chars]
    return Q.boolean_query(clauses)
