"""Expressions that mean the same: whoever asks for one finds the others too, a little further down."""

from collections.abc import Iterable, Mapping, Sequence
from functools import cache
from typing import NamedTuple

from search.text import tokens
from search.words import lines

MAX_OTHERS = 6  # of one word; more would make a query slow and vague
SEPARATOR = "="


class Other(NamedTuple):
    """Words that may stand, side by side, in the place of a word. ``share``: of the word's worth, from 0 to 1."""

    words: tuple[str, ...]
    share: float = 1.0

    @property
    def text(self) -> str:
        """The words with spaces between them, as they are highlighted."""
        return " ".join(self.words)


class Synonyms:
    """Groups of expressions; of each, the words that it is cut into. A group of one expression says nothing."""

    def __init__(self, groups: Iterable[Sequence[str]]) -> None:
        self._by_first: dict[str, list[tuple[tuple[str, ...], tuple[tuple[str, ...], ...]]]] = {}
        for group in groups:
            cut = tuple(dict.fromkeys(words for words in map(words_of, group) if words))
            for words in cut if len(cut) > 1 else ():
                others = tuple(other for other in cut if other != words)
                self._by_first.setdefault(words[0], []).append((words, others))

    def of(self, words: Sequence[str]) -> dict[str, tuple[Other, ...]]:
        """For each of these words that is (part of) an expression of a group: what may stand in its place."""
        found: dict[str, list[Other]] = {}
        for at, first in enumerate(words):
            for expression, others in self._by_first.get(first, ()):
                if tuple(words[at : at + len(expression)]) != expression:
                    continue
                share = 1.0 / len(expression)
                for word in expression:
                    found.setdefault(word, []).extend(Other(other, share) for other in others)
        return {word: tuple(dict.fromkeys(others))[:MAX_OTHERS] for word, others in found.items()}


NONE = Synonyms(())


def words_of(expression: str) -> tuple[str, ...]:
    """The words that an expression is cut into, as a query would be."""
    return tuple(token.text for token in tokens(expression) if not token.part)


def curated_groups() -> list[tuple[str, ...]]:
    """The groups that come with the programme: a line each, the expressions separated by ``=``."""
    rows = (line.split(SEPARATOR) for line in lines("synonyms.txt"))
    return [tuple(part.strip() for part in row if part.strip()) for row in rows]


@cache
def curated() -> Synonyms:
    """The groups that come with the programme, cut into words."""
    return Synonyms(curated_groups())


def written(others: Mapping[str, Sequence[Other]]) -> tuple[str, ...]:
    """What stands in the place of words, each once, its own words with spaces between them."""
    return tuple(dict.fromkeys(other.text for some in others.values() for other in some))
