"""Pinyin of Chinese words, without tones: whole, by initials, and as pairs of neighbouring syllables."""

import re
from functools import cache, lru_cache
from itertools import pairwise

from pypinyin import Style, lazy_pinyin
from pypinyin.constants import PINYIN_DICT

_MAX_LETTERS = 120


@cache
def syllables() -> frozenset[str]:
    """Every syllable that some character has, in letters a to z (ü as v)."""
    found = {
        letters
        for code in PINYIN_DICT
        if 0x4E00 <= code < 0xA000
        for letters in lazy_pinyin(chr(code), style=Style.NORMAL, v_to_u=False)
    }
    return frozenset(item for item in found if re.fullmatch(r"[a-z]{1,6}", item)) - frozenset("mngbpfdtlhjqxrzcsyw")


@lru_cache(maxsize=300_000)
def of_word(word: str) -> tuple[str, ...]:
    """The syllables of a Chinese word; characters without a reading stand for themselves."""
    return tuple(lazy_pinyin(list(word) if len(word) > 4 else word, style=Style.NORMAL, v_to_u=False))


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
