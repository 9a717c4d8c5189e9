"""What a document's score is made of: each term of each field, as the query weighs it."""

from collections.abc import Callable, Iterable, Iterator

from search.asking import AnyOf, Best, Clause, Flat, Mixed, Term, Together
from search.model import ScorePart

Score = Callable[[Clause], float]  # what a clause alone gives to the document; 0 when it does not match
FACTOR = "factor"  # the part of quality, freshness and opens
PLACED = "placed"  # the part of a pin
WHOLE = "whole"  # the part of a title that is all that was typed, as it is written or as it sounds
EVERY = "every"  # the part of what holds every word, or of everything where no word was typed
MEANING = "meaning"  # the part of how near the meaning of a question is


def parts(clause: Clause, score: Score, whole: float) -> tuple[ScorePart, ...]:
    """The parts of the score ``whole`` that the document has, the largest first; none when it does not match."""
    found: dict[tuple[str, str], float] = {}
    for part in _parts(clause, score):
        found[part.field, part.term] = found.get((part.field, part.term), 0.0) + part.score
    if not found:
        return ()
    found[FACTOR, ""] = whole - sum(found.values())
    ordered = sorted(found.items(), key=lambda item: (-item[1], item[0]))
    return tuple(ScorePart(field, term, worth) for (field, term), worth in ordered)


def _parts(clause: Clause, score: Score) -> Iterator[ScorePart]:
    match clause:
        case Term(field, text, _):
            yield from _scored(field, text, score(clause))
        case Together(field, terms, _):
            yield from _scored(field, " ".join(terms), score(clause))
        case AnyOf():
            return
        case Flat(inner, worth):
            yield from _scored(_flat(inner), "", score(clause) if worth else 0.0)
        case Best(clauses):
            yield from _parts(max(clauses, key=score), score)
        case Mixed(must, should, _, _):
            if score(clause) > 0:
                yield from _all((*must, *should), score)


def _flat(inner: Clause) -> str:
    """What a part is called that is worth the same whatever it matches."""
    match inner:
        case AnyOf("id"):
            return PLACED
        case AnyOf("complete"):
            return WHOLE
        case _:
            return EVERY


def _all(clauses: Iterable[Clause], score: Score) -> Iterator[ScorePart]:
    for clause in clauses:
        yield from _parts(clause, score)


def _scored(field: str, term: str, worth: float) -> Iterator[ScorePart]:
    if worth > 0:
        yield ScorePart(field, term, worth)
