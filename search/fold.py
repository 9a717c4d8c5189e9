"""Folding: one spelling for all spellings of a character, with the way back to the source.

Full width becomes half width (NFKC), capitals small, Traditional characters Simplified, Latin letters lose their
accents. Every character folds by itself, so that folding is idempotent and each folded character knows its place.
"""

import re
import unicodedata
from bisect import bisect_left
from dataclasses import dataclass
from functools import cache

_HAN_RANGES = ((0x3400, 0xA000), (0xF900, 0xFB00), (0x20000, 0x31350))
_COMPATIBLE = ((0x2E80, 0x3400), (0xF900, 0xFB00))  # blocks with other forms of Chinese characters
_RARE = "\U00010000"  # from here on: too many of them for a pattern that is fast
_VANISHING = "\u0300-\u036f"  # accents
_MAX_ROUNDS = 4  # NFKC, lower case and script each may open the way for another one


@cache
def script_table() -> dict[int, str]:
    """Traditional → Simplified, character by character, as OpenCC has it (about 5,000 entries)."""
    import opencc  # only here: most processes never need the table

    characters = [chr(code) for start, end in _HAN_RANGES for code in range(start, end)]
    simplified = opencc.OpenCC("t2s").convert("\n".join(characters)).split("\n")
    return {ord(old): new for old, new in zip(characters, simplified, strict=True) if old != new and len(new) == 1}


def _plain_letter(char: str) -> str:
    """A Latin letter without its accent; any other character as NFKC has it."""
    if "\u0300" <= char <= "\u036f":
        return ""
    base = unicodedata.normalize("NFKD", char)
    if len(base) > 1 and base[0].isascii() and base[0].isalpha():
        return "".join(part for part in base if not unicodedata.combining(part))
    return unicodedata.normalize("NFKC", char)


def _fold_character(char: str) -> str:
    script = script_table()
    for _ in range(_MAX_ROUNDS):
        folded = "".join(_plain_letter(part) for part in char).lower().translate(script)
        if folded == char:
            break
        char = folded
    return char


class _Table(dict[int, str]):
    """A table for `str.translate` that fills itself; ``uneven`` are the characters that change the length."""

    def __init__(self) -> None:
        super().__init__()
        self.uneven: set[str] = set()
        self._known = 0, re.compile("(?!)")

    def __missing__(self, code: int) -> str:
        folded = _fold_character(chr(code))
        if len(folded) != 1:
            self.uneven.add(chr(code))
        self[code] = folded
        return folded

    def any_uneven(self) -> re.Pattern[str]:
        """One of the characters met so far that change the length; there are few, so it seldom changes."""
        count, pattern = self._known
        if count != len(self.uneven):
            uneven = self.uneven.copy()
            pattern = re.compile(f"[{re.escape(''.join(uneven))}]")
            self._known = len(uneven), pattern
        return pattern


_TABLE = _Table()


@dataclass(frozen=True, slots=True)
class Folded:
    """Folded text; ``starts`` gives the source index of each of its characters, None when they are the same."""

    text: str
    source_length: int
    starts: tuple[int, ...] | None = None

    def span(self, start: int, end: int) -> tuple[int, int]:
        """Where the folded characters from ``start`` to ``end`` stand in the source."""
        if self.starts is None:
            return start, end
        last = self.starts[end - 1] if end > start else self.starts[start] if start < len(self.starts) else start
        after = bisect_left(self.starts, last + 1, lo=min(end, len(self.starts)))
        return self.starts[start], self.starts[after] if after < len(self.starts) else self.source_length


@cache
def strange_han() -> re.Pattern[str]:
    """Characters that may fold to Chinese ones other than themselves, or to nothing.

    Where a text has none of them, Chinese words stand in it as they stand in the folded text, at the same places.
    """
    compatible = (chr(code) for start, end in _COMPATIBLE for code in range(start, end))
    changed = (one for one in compatible if _fold_character(one) != one)
    usual = sorted(one for one in {*map(chr, script_table()), *changed} if one < _RARE)
    return re.compile(f"[{re.escape(''.join(usual))}{_VANISHING}{_RARE}-\U0010ffff]")


def fold(text: str) -> str:
    """Only the folded text."""
    return text.translate(_TABLE)


def fold_with_offsets(text: str) -> Folded:
    """The folded text and the way back. Lone surrogates and control characters pass through unharmed."""
    folded = text.translate(_TABLE)
    starts: list[int] = []
    after = 0
    for found in _TABLE.any_uneven().finditer(text):
        at = found.start()
        starts += range(after, at)
        starts += [at] * len(_TABLE[ord(text[at])])
        after = at + 1
    if not after:
        return Folded(folded, len(text))
    starts += range(after, len(text))
    return Folded(folded, len(text), tuple(starts))
