"""Pinyin of Chinese words, without tones: whole, by initials, and as pairs of neighbouring syllables."""

import re
from functools import cache, lru_cache
from itertools import pairwise
from pathlib import Path

_MAX_LETTERS = 120
_LONGEST = 4  # characters of a word that has a reading of its own
_TABLE = Path(__file__).parent / "data" / "readings.tsv"


@cache
def _readings() -> tuple[dict[str, str], dict[str, tuple[str, ...]]]:
    """(character → its usual syllable, word → its syllables where they are others)."""
    single: dict[str, str] = {}
    words: dict[str, tuple[str, ...]] = {}
    for line in _TABLE.read_text(encoding="utf-8").splitlines():
        if line.startswith("#"):
            continue
        left, right = line.split("\t")
        if left.isascii():
            single.update(dict.fromkeys(right, left))
        else:
            words[left] = tuple(right.split(" "))
    return single, words


@cache
def syllables() -> frozenset[str]:
    """Every syllable that some character has, in letters a to z (ü as v)."""
    found = {said for char, said in _readings()[0].items() if "\u4e00" <= char < "\ua000"}
    return frozenset(item for item in found if re.fullmatch(r"[a-z]{1,6}", item)) - frozenset("mngbpfdtlhjqxrzcsyw")


@lru_cache(maxsize=300_000)
def of_word(word: str) -> tuple[str, ...]:
    """The syllables of a Chinese word; characters without a reading stand for themselves."""
    single, words = _readings()
    if word in words:
        return words[word]
    if not 2 < len(word) <= _LONGEST:
        return tuple([single.get(char, char) for char in word])
    found: list[str] = []
    while len(found) < len(word):
        at = len(found)
        known = (words.get(word[at:end]) for end in range(len(word), at + 1, -1))
        found += next(filter(None, known), (single.get(word[at], word[at]),))
    return tuple(found)


def initials(word: str) -> str:
    """The first letters: 计算机 → jsj."""
    return "".join(syllable[0] for syllable in of_word(word) if syllable)


@lru_cache(maxsize=300_000)
def pairs(spoken: tuple[str, ...]) -> tuple[str, ...]:
    """Neighbouring syllables: what is left equal when a homophone was typed."""
    return tuple(f"{left}'{right}" for left, right in pairwise(spoken) if left and right)


@lru_cache(maxsize=4096)
def split(letters: str) -> tuple[str, ...]:
    """Letters typed as pinyin in syllables, the fewest that fit; empty when they are no pinyin.

    An apostrophe separates: xi'an. At most 120 letters are looked at.
    """
    found: list[str] = []
    for piece in letters[:_MAX_LETTERS].replace("ü", "v").split("'"):
        parts = _split_piece(piece)
        if not parts:
            return ()
        found += parts
    return tuple(found)


def _split_piece(letters: str) -> list[str]:
    known = syllables()
    best: list[list[str] | None] = [[]] + [None] * len(letters)
    for end in range(1, len(letters) + 1):
        for start in range(max(0, end - 6), end):
            head = best[start]
            if head is None or letters[start:end] not in known:
                continue
            current = best[end]
            if current is None or len(head) + 1 < len(current):
                best[end] = [*head, letters[start:end]]
    return best[len(letters)] or []
