"""Clauses → queries of the embedded engine. Pure: nothing here touches an index."""

from collections.abc import Mapping, Sequence

import tantivy
from tantivy import Occur
from tantivy import Query as Q

from search.asking import AnyOf, Best, Clause, Flat, Mixed, Term, Together

FEW_KEYS = 128
WHY_BITS = {"title": 1, "description": 2, "subjects": 4, "people": 8, "institution": 16}


def build(schema: tantivy.Schema, clause: Clause) -> Q:
    """The query of a clause."""
    match clause:
        case Term(field, text, weight):
            return _weighed(Q.term_query(schema, field, text), weight)
        case Together(field, terms, weight):
            return _weighed(Q.phrase_query(schema, field, list(terms)), weight)
        case AnyOf(field, keys):
            return _any_of(schema, field, keys)
        case Flat(inner, score):
            return Q.const_score_query(build(schema, inner), score)
        case Best(clauses):
            return Q.disjunction_max_query([build(schema, one) for one in clauses])
        case Mixed(must, should, without, least):
            parts = ((Occur.Must, must), (Occur.Should, should), (Occur.MustNot, without))
            built = [(occur, build(schema, one)) for occur, some in parts for one in some]
            return Q.boolean_query(built, minimum_number_should_match=least or None)


def _any_of(schema: tantivy.Schema, field: str, keys: Sequence[str]) -> Q:
    """Few keys are looked up one by one; for many, one walk through all terms of the field costs less."""
    if len(keys) > FEW_KEYS:
        return Q.term_set_query(schema, field, list(keys))
    terms = [Q.term_query(schema, field, key) for key in keys]
    return terms[0] if len(terms) == 1 else Q.boolean_query([(Occur.Should, term) for term in terms])


def _weighed(query: Q, weight: float) -> Q:
    return query if weight == 1.0 else Q.boost_query(query, weight)


def why(schema: tantivy.Schema, reasons: Mapping[str, Clause], ids: Sequence[str]) -> Q:
    """For each of these documents a score whose bits say which fields hold one of the words."""
    clauses = [(Occur.Must, build(schema, Flat(AnyOf("id", tuple(ids)))))]
    for name, bit in WHY_BITS.items():
        clauses.append((Occur.Should, build(schema, Flat(reasons[name], float(bit)))))
    return Q.boolean_query(clauses)
