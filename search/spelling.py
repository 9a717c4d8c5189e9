"""What was meant by letters or by a slip: pinyin, initials, homophones and Latin words, read with the index's words."""

import math
import re
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from itertools import chain

from search import pinyin
from search.fields import BACKWARD, FORWARD, KEY_SEPARATOR
from search.fold import fold, fold_with_offsets
from search.text import HAN, stem
from search.words import dictionary

LONGEST = 6  # syllables of one word
MOST_SOUNDS = 400  # looked up for one query: a run of all the syllables that are read at once needs 273
ASKED = 200  # words looked at for one sound
ALIKE = 1_000  # words looked at for one half of a Latin word
LEAST_LATIN, MOST_LATIN = 5, 24  # letters of a Latin word that may be a slip
LEAST_CHANGED = 6  # the same where one letter stands for another: short words are rather other words (latex, later)
Vocabulary = Callable[[str, int], list[tuple[str, int]]]  # (beginning, most) → [(key, documents)]
Known = Callable[[str], bool]  # whether any document holds this word
_RUN = re.compile(rf"(?<![^\s{HAN}])[a-z']+(?:[ ]+[a-z']+)*(?![^\s{HAN}])")
_LETTER = re.compile(r"[a-z]")
_HAN_OR_NOT = re.compile(rf"(?P<han>[{HAN}]+)|(?P<rest>[^{HAN}]+)")
_MOST_SYLLABLES = 48
_UNKNOWN = -18.0  # worth of a syllable that no word covers
WORD_COST = 6.0  # fewer and longer words are likelier
INITIALS_COST = 6.0  # the same where an initial stands for each character: far more words fit, and long ones tell most
SINGLE, SINGLE_COST = 1.0, 12.0  # a word of one character is the last resort
MOST_INITIALS = 10
_TYPED = 4.0  # a character that was typed so weighs this much more


@dataclass(frozen=True, slots=True)
class Reading:
    """Syllables read as words; ``complete``: every syllable is in one of the index's words."""

    words: tuple[str, ...]
    complete: bool

    @property
    def text(self) -> str:
        """The words as one would write them."""
        return "".join(self.words)


def words_that_sound(key: str, vocabulary: Vocabulary) -> list[tuple[str, int]]:
    """Words of the index with this pinyin, or these initials, the most frequent first."""
    found = vocabulary(key + KEY_SEPARATOR, ASKED)
    return sorted(
        ((term.split(KEY_SEPARATOR)[1], count) for term, count in found), key=lambda item: (-item[1], item[0])
    )


def read(syllables: Sequence[str], vocabulary: Vocabulary, typed: str = "", *, cost: float = 0.0) -> Reading:
    """The likeliest words for these syllables. ``typed`` are the characters that stand there, one a syllable.

    ``cost``: what each further word costs on top.
    """
    best: list[tuple[float, tuple[str, ...], bool]] = [(0.0, (), True)]
    for end in range(1, len(syllables) + 1):
        worth, words, whole = best[end - 1]
        own = typed[end - 1 : end]
        choices = [(worth + _UNKNOWN + _TYPED * len(own), (*words, own) if own else words, whole and bool(own))]
        for start in range(max(0, end - LONGEST), end):
            word, value = _likeliest("".join(syllables[start:end]), vocabulary, typed[start:end], end - start)
            if word:
                worth, words, whole = best[start]
                choices.append((worth + value - cost, (*words, word), whole))
        best.append(max(choices, key=lambda choice: choice[0]))
    _, words, whole = best[-1]
    return Reading(words, whole and bool(words))


def _likeliest(sound: str, vocabulary: Vocabulary, typed: str, length: int) -> tuple[str, float]:
    choices = [
        (_worth(word, count) + _TYPED * _same(word, typed), word)
        for word, count in words_that_sound(sound, vocabulary)
        if len(word) == length
    ]
    if not choices:
        return "", 0.0
    value, word = max(choices)
    return word, value


def _worth(word: str, count: int) -> float:
    if len(word) == 1:
        return math.log(count) * SINGLE - SINGLE_COST
    return math.log(count) - WORD_COST


def _same(word: str, typed: str) -> int:
    return sum(left == right for left, right in zip(word, typed, strict=False))


def letters(typed: str, vocabulary: Vocabulary) -> Reading:
    """Letters as pinyin, as a Latin word with a slip, or as initials: the first of these that has words in the index.

    Many syllables that only make words of one character are rather a Latin word: langage.
    """
    syllables = pinyin.split(typed)[:_MOST_SYLLABLES]
    spoken = read(syllables, vocabulary) if syllables else Reading((), False)
    if spoken.complete and (len(syllables) <= 2 or any(len(word) > 1 for word in spoken.words)):
        return spoken
    if meant := latin(typed, vocabulary):
        return Reading((meant,), True)
    if spoken.complete:
        return spoken
    if not 2 <= len(typed) <= MOST_INITIALS:
        return Reading((), False)
    short = read(tuple(typed), vocabulary, cost=INITIALS_COST)
    return short if short.complete else Reading((), False)


def latin(typed: str, vocabulary: Vocabulary) -> str:
    """The most frequent word that was meant by a Latin word with one slip, empty when there is none: pyhton → python.

    Wherever the slip is, half of the word is right, from its beginning or from its end on: so those words are looked at
    that begin or end alike.
    """
    typed = stem(typed)  # as the index has it
    if not LEAST_LATIN <= len(typed) <= MOST_LATIN:
        return ""
    half = (len(typed) - 1) // 2
    alike = chain(vocabulary(FORWARD + typed[:half], ALIKE), vocabulary(BACKWARD + typed[::-1][:half], ALIKE))
    meant = ((count, key.partition(KEY_SEPARATOR)[2]) for key, count in alike)
    choices = [(word[0] == typed[0], count, word) for count, word in meant if _one_slip(typed, word)]
    return max(choices, default=(False, 0, ""))[-1]


def _one_slip(typed: str, word: str) -> bool:
    """Whether one letter is missing, too many or another one, or two stand the wrong way round (Damerau 1964)."""
    least = min(len(typed), len(word))
    head = next((at for at in range(least) if typed[at] != word[at]), least)
    tail = next((at for at in range(least - head) if typed[-1 - at] != word[-1 - at]), least - head)
    one, other = typed[head : len(typed) - tail], word[head : len(word) - tail]
    if len(one) == len(other) == 1:
        return len(typed) >= LEAST_CHANGED
    return len(one) + len(other) == 1 or (len(one) == 2 and one == other[::-1])


def _bounded(vocabulary: Vocabulary) -> Vocabulary:
    """Each sound of a query is looked up once, and no more than `MOST_SOUNDS`: what comes after is not known."""
    known: dict[tuple[str, int], list[tuple[str, int]]] = {}

    def words(beginning: str, most: int) -> list[tuple[str, int]]:
        """Words of the index by their pinyin or initials."""
        place = beginning, most
        if place not in known and len(known) < MOST_SOUNDS:
            known[place] = vocabulary(beginning, most)
        return known.get(place, [])

    return words


@dataclass(frozen=True, slots=True)
class Respelled:
    """A query with its pinyin written out, and the pairs of syllables that were typed.

    ``spoken``: some of it was pinyin; ``mixed``: not all of it was.
    """

    text: str
    sounds: tuple[str, ...] = ()
    spoken: bool = False
    mixed: bool = False


def respell(text: str, known: Known, vocabulary: Vocabulary) -> Respelled:
    """A query with its pinyin and initials written out; the same text when there are none.

    Only letters that no document holds are touched, beside Chinese too (计算机wangluo). Letters that stand beside other
    characters (a field, a code) stay.
    """
    remembered = _bounded(vocabulary)
    folded = fold_with_offsets(text)
    pieces: list[str] = []
    others: list[str] = []
    spoken = False
    sounds: list[str] = []
    at = 0
    for run in _RUN.finditer(folded.text):
        start, end = folded.span(*run.span())
        written, syllables = _written(run.group(), known, remembered)
        if written != run.group():
            pieces += (text[at:start], written)
            others += (text[at:start], *_LETTER.findall(written))
            sounds += pinyin.pairs(tuple(syllables))
            spoken |= bool(syllables)
            at = end
    mixed = any(map(str.isalnum, "".join(others) + text[at:]))
    return Respelled("".join(pieces) + text[at:], tuple(dict.fromkeys(sounds)), spoken, mixed)


def homophones(text: str, vocabulary: Vocabulary) -> str:
    """A query with characters that only sound right put right: 计蒜机 → 计算机; empty when there are none.

    What is a word as it stands was meant so, whether any document holds it or not: 种树 is no slip for 中暑.
    """
    remembered = _bounded(vocabulary)
    pieces: list[str] = []
    for kind, run in _runs(text):
        if kind != "han":
            pieces.append(run)
            continue
        typed = fold(run)
        syllables = pinyin.of_word(typed)[:_MOST_SYLLABLES]
        if len(typed) != len(run) or len(syllables) != len(typed):
            return ""
        pieces += _mended(read(syllables, remembered, typed).words, typed)
    meant = "".join(pieces)
    return meant if fold(meant) != fold(text) else ""


def _mended(words: Sequence[str], typed: str) -> Iterator[str]:
    """These words where they change characters that belong to no word; else what was typed."""
    right = {at for word, start, end in dictionary().places(typed) if len(word) > 1 for at in range(start, end)}
    at = 0
    for word in words:
        own = typed[at : at + len(word)]
        changed = {at + place for place, (new, old) in enumerate(zip(word, own, strict=True)) if new != old}
        yield word if len(word) > 1 and right.isdisjoint(changed) else own
        at += len(word)


def _runs(text: str) -> Iterator[tuple[str, str]]:
    for match in _HAN_OR_NOT.finditer(text):
        yield str(match.lastgroup), match.group()


def _written(run: str, known: Known, vocabulary: Vocabulary) -> tuple[str, list[str]]:
    """What the letters mean, and their syllables."""
    typed = run.split()
    strange = {word for word in typed if not known(word)}
    if not strange:
        return run, []
    joined = [part for word in typed for part in pinyin.split(word)]
    one_by_one = len(joined) == len(typed)  # ji suan ji
    if len(typed) > 1 and all(map(pinyin.split, typed)) and (one_by_one or strange.issuperset(typed)):
        spoken = read(joined[:_MOST_SYLLABLES], vocabulary)
        if spoken.complete:
            return spoken.text, joined
    meant = [letters(word, vocabulary).text or word if word in strange else word for word in typed]
    syllables = [part for word in typed if word in strange for part in pinyin.split(word)]
    return " ".join(meant), syllables
