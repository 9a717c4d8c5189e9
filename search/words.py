"""The words that Chinese is cut into: the segmenter's dictionary, our lists, and what people add while all runs.

A dictionary is made whole and then never changed: readers use the one that they began with while another thread makes
its successor (the segmenter lets others run while it cuts, and fails when it is taught a word in that moment).
"""

import threading
from collections.abc import Callable, Hashable, Iterable, Iterator
from functools import cache, lru_cache, wraps
from itertools import count
from pathlib import Path
from typing import TypeVar

from search.fold import fold

DATA = Path(__file__).parent / "data"
MOST_REMEMBERED = 300_000  # words of which we know by heart how they are analysed
_numbers = count(1)

K = TypeVar("K", bound=Hashable)
T = TypeVar("T")


def lines(name: str) -> list[str]:
    """The lines of one of our lists of words, without remarks."""
    read = (DATA / name).read_text(encoding="utf-8").splitlines()
    return [line.strip() for line in read if line.strip() and not line.startswith("#")]


@cache
def terms_of_taiwan() -> dict[str, str]:
    """Taiwan's terms (folded) → the mainland's: 资料库 → 数据库."""
    rows = (line.split("\t") for line in lines("taiwan.tsv"))
    return {taiwan: mainland for taiwan, mainland, _ in rows}


class Dictionary:
    """What Chinese is cut by at one moment. ``own``: words beside our lists; ``number``: no other one has it."""

    def __init__(self, own: frozenset[str]) -> None:
        import rjieba  # its dictionary takes a tenth of a second, which commands that cut no text need not pay

        self.own = own
        self.number = next(_numbers)
        self.parts = _Parts(self)
        self._segmenter = rjieba.Jieba()
        for word in map(fold, lines("words.txt")):
            self._segmenter.add_word(word, None, None)
        for line in lines("taiwan.tsv"):
            word, _, frequency = line.split("\t")
            self._segmenter.add_word(word, int(frequency), None)
        for word in sorted(own):
            if not self._segmenter.has_word(word):
                self._segmenter.add_word(word, None, None)

    def cut(self, run: str) -> list[str]:
        """Chinese as words, one after the other."""
        words: list[str] = self._segmenter.cut(run, False)
        return words

    def places(self, run: str) -> list[tuple[str, int, int]]:
        """The words of `cut`, each with where it begins and ends."""
        found: list[tuple[str, int, int]] = self._segmenter.tokenize(run, "default", False)
        return found

    def inside(self, word: str) -> tuple[str, ...]:
        """The words inside a long one."""
        if len(word) < 3:
            return ()
        taiwan = terms_of_taiwan()
        found = [*self._segmenter.cut_for_search(word, False), *self._longer_inside(word)]
        return tuple(dict.fromkeys(taiwan.get(part, part) for part in found if 1 < len(part) < len(word)))

    def _longer_inside(self, word: str) -> Iterator[str]:
        """Words of four characters and more, which the segmenter's own search mode leaves out."""
        for length in range(4, len(word)):
            for start in range(len(word) - length + 1):
                part = word[start : start + length]
                if self._segmenter.has_word(part) and self.cut(part) == [part]:  # else it is a word's beginning
                    yield part


class _Parts(dict[str, str]):
    """Word → the words inside it, each with a space after it."""

    def __init__(self, dictionary: Dictionary) -> None:
        super().__init__()
        self._dictionary = dictionary

    def __missing__(self, word: str) -> str:
        if len(self) > MOST_REMEMBERED:
            self.clear()
        self[word] = found = "".join(f"{part} " for part in self._dictionary.inside(word))
        return found


class _Held:
    """The dictionary that is in use. Readers wait for nobody, but for the first one to be made."""

    def __init__(self) -> None:
        self._making = threading.Lock()
        self._held: Dictionary | None = None

    def get(self) -> Dictionary:
        """As it is now."""
        return self._held or self.learn(None)

    def learn(self, own: frozenset[str] | None) -> Dictionary:
        """With these own words, whatever it had before; ``None``: whatever there is."""
        with self._making:
            held = self._held
            if held is None or own not in (None, held.own):
                self._held = held = Dictionary(own or frozenset())
            return held


_held = _Held()
dictionary = _held.get


def set_words(words: Iterable[str]) -> None:
    """Cut text by these words beside our lists from here on (subjects, institutions, a librarian's own).

    Words of an earlier call that are not among them are unlearned.
    """
    _held.learn(frozenset(word for word in map(fold, words) if len(word) > 1))


def remembered(most: int) -> Callable[[Callable[[K], T]], Callable[[K], T]]:
    """Remember what a function of one argument answers, for as long as the dictionary is the same.

    The number is read before the work is done: what a successor helped to find may be kept for one that is out of use
    by then, never the other way round.
    """

    def remembering(function: Callable[[K], T]) -> Callable[[K], T]:
        @lru_cache(maxsize=most)
        def known(_number: int, argument: K) -> T:
            return function(argument)

        @wraps(function)
        def answer(argument: K) -> T:
            return known(dictionary().number, argument)

        return answer

    return remembering
