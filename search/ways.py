"""By which terms of which fields a word is found, and what each is worth: the same for every engine."""

from collections.abc import Iterator
from typing import NamedTuple

from search import weights
from search.query import Plan
from search.text import pieces

HEADS = (
    ("title", weights.TITLE),
    ("subjects", weights.SUBJECT),
    ("people", weights.PEOPLE),
    ("institution", weights.INSTITUTION),
    ("description", weights.DESCRIPTION),
)


class Way(NamedTuple):
    """Terms of a field that all occur; ``together``: side by side. ``weight``: of each term, or of the phrase."""

    field: str
    terms: tuple[str, ...]
    weight: float
    together: bool = False


def of_word(plan: Plan, word: str, *, alone: bool = False) -> list[Way]:
    """A word: whole, inside a longer one, in its pieces, or by what means the same.

    ``alone``: a single character is found in any word.
    """
    return [*plain(word, alone=alone), *_others(plan, word)]


def plain(word: str, *, alone: bool = False) -> list[Way]:
    """A word itself, without what means the same."""
    found = [Way("words", (word,), weights.WORD)]
    if len(word) > 1:
        found.append(Way("parts", (word,), weights.PART))
        if cut := pieces(word):
            found.append(Way("words", cut, weights.PIECE))
    elif alone:
        found.append(Way("chars", (word,), weights.CHARACTER))
    return found


def _others(plan: Plan, word: str) -> Iterator[Way]:
    for other in plan.others.get(word, ()):
        worth = weights.SYNONYM * other.share
        if len(other.words) > 1:
            yield Way("words", other.words, worth, together=True)
        else:
            yield Way("words", other.words, worth)
            yield Way("parts", other.words, worth * weights.PART)


def in_heads(plan: Plan) -> Iterator[Way]:
    """What words are worth on top, where they stand in the title and the like."""
    for field, usual in HEADS:
        weight = weights.TITLE_ASKED if plan.loose and field == "title" else usual
        yield from (Way(field, (word,), weight) for word in plan.words)
        for word in plan.words:
            for other in plan.others.get(word, ()):
                yield Way(field, other.words, weights.SYNONYM * other.share * weight / len(other.words))


def reasons(plan: Plan) -> list[tuple[str, ...]]:
    """Terms that, all in one field, make it a reason for a hit."""
    own = [(word,) for word in plan.asked]
    cut = [(piece,) for word in plan.asked for piece in pieces(word)]
    return list(dict.fromkeys((*own, *cut, *(other.words for some in plan.others.values() for other in some))))
