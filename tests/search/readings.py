"""Makes the table of readings: ``python -m tests.search.readings`` writes search/data/readings.tsv from pypinyin's.

Characters by their usual reading, then the words (2 to 4 characters) that are read otherwise than character by
character. The whole library with its 47,000 words takes a third of a second to load, and each program would pay it.
"""

from collections import defaultdict
from pathlib import Path

from pypinyin import Style, lazy_pinyin
from pypinyin.constants import PHRASES_DICT, PINYIN_DICT

TABLE = Path(__file__).parents[2] / "search" / "data" / "readings.tsv"
HEAD = """\
# Readings without tones (ü as v), from pypinyin (MIT, github.com/mozillazg/python-pinyin); tests/search makes it.
# syllable, characters that are read so; then words that are read otherwise, with their syllables.
"""
LONGEST = 4


def read(word: str) -> list[str]:
    """A word's syllables as pypinyin has them."""
    return lazy_pinyin(word, style=Style.NORMAL, v_to_u=False)


def table() -> str:
    """The file's text."""
    single = {chr(code): read(chr(code)) for code in PINYIN_DICT}
    by_syllable: dict[str, list[str]] = defaultdict(list)
    for char, readings in sorted(single.items()):
        if len(readings) == 1:
            by_syllable[readings[0]].append(char)
    lines = [f"{syllable}\t{''.join(chars)}" for syllable, chars in sorted(by_syllable.items())]
    for word in sorted(PHRASES_DICT):
        usual = [part for char in word for part in single.get(char, [char])]
        said = read(word)
        if 1 < len(word) <= LONGEST and said != usual and len(said) == len(word):
            lines.append(f"{word}\t{' '.join(said)}")
    return HEAD + "\n".join(lines) + "\n"


if __name__ == "__main__":
    TABLE.write_text(table(), encoding="utf-8")
