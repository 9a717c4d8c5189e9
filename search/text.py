"""One analysis of text for every engine: folded words, single characters and pinyin, with their places.

Engines get words joined by spaces and split them at spaces; so the same words are found everywhere, and a cluster
needs no plugin.
"""

import re
from collections.abc import Iterable, Iterator, Sequence
from functools import cache
from operator import add
from typing import NamedTuple

from search import pinyin
from search.fold import fold, fold_with_offsets
from search.words import MOST_REMEMBERED, Dictionary, dictionary, remembered, terms_of_taiwan

MAX_WORD = 40  # longer Latin or digit runs are keys and hashes; their head suffices to find them
HAN = "\u3007\u3400-\u9fff\uf900-\ufaff\U00020000-\U0003ffff"
LONGEST_REMEMBERED = 24  # characters between Chinese ones: punctuation, numbers, names; not whole texts
_CODES = (
    r"(?P<standard>(?<![a-z])(?:gb|jy|gy|gbz|iso|iec|din|db\d{2})(?:/[tz])?[ -]?\d+(?:[.\-:]\d+)*)"
    r"|(?P<latin>[a-z0-9]+(?:[.\-_/&'][a-z0-9]+)*(?:\+\+|\+|\#)?)"
)
_OTHER = rf"(?P<other>[^\W_a-z0-9{HAN}]+)"
_SCAN = re.compile(rf"{_CODES}|(?P<han>[{HAN}]+)|{_OTHER}")
_WESTERN = re.compile(rf"{_CODES}|{_OTHER}")
ASIDE = "\x01"  # stands where another script stood while Chinese is cut
_NO_WORD = re.compile(rf"[^\w.\-/&'+#: {HAN}]")  # what is part of no word, code or name
_GAP = re.compile(rf"([^{HAN}\n]+)")
_NO_HAN = re.compile(rf"[^{ASIDE}]+")
NO_WORDS = frozenset({"\n", ASIDE})
_SEPARATORS = re.compile(r"[.\-_/&' :+#]+")
_UNSEGMENTED = re.compile(r"[\u3040-\u30ff\uac00-\ud7af]")


class Token(NamedTuple):
    """A folded word and where it stands in the source text. ``han``: a Chinese word; ``part``: of a code before it."""

    text: str
    start: int
    end: int
    han: bool = False
    part: bool = False


class Analysis(NamedTuple):
    """What an engine indexes of one text.

    words in order, words inside long words, single characters, pairs of syllables, all joined by blanks; ``cut``: the
    Chinese words in order, with NO_WORDS between them; ``aside``: what is Latin, a code or of another script.
    """

    words: str
    parts: str
    chars: str
    sounds: str
    cut: Sequence[str]
    aside: Sequence[str]

    @property
    def han(self) -> frozenset[str]:
        """Its Chinese words, each once."""
        return frozenset(self.cut) - NO_WORDS


def stem(word: str) -> str:
    """Light English stemming: the plural goes, nothing else (Harman's S-stemmer)."""
    if len(word) < 4 or not word.isalpha() or not word.isascii():
        return word
    if word.endswith("ies") and word[-4] not in "ae":
        return word[:-3] + "y"
    if word.endswith("es") and word[-3] not in "aeo":
        return word[:-1]
    if word.endswith("s") and word[-2] not in "us":
        return word[:-1]
    return word


def tokens(text: str) -> list[Token]:
    """The words of a text in order, with their places in it."""
    folded = fold_with_offsets(text)
    found: list[Token] = []
    for match in _SCAN.finditer(folded.text):
        start, end = match.span()
        if match.lastgroup == "han":
            found += _han_tokens(match.group(), start)
        elif match.lastgroup == "latin" or match.lastgroup == "standard":
            found += _latin_tokens(match.group(), start, end)
        else:
            found += _other_tokens(match.group(), start, end)
    if folded.starts is None:
        return found
    return [Token(t.text, *folded.span(t.start, t.end), t.han, t.part) for t in found]


def _han_tokens(run: str, at: int) -> Iterator[Token]:
    """Words of a run of Chinese. Taiwan's terms are put into the mainland's before words are cut for good."""
    taiwan, known = terms_of_taiwan(), dictionary()
    cut = known.places(run)
    even = even_terms_of_taiwan()
    usual = "".join([even.get(word, word) for word, _, _ in cut])
    if usual != run:
        cut = known.places(usual)
    for word, start, end in cut:
        yield Token(taiwan.get(word, word), at + start, at + end, han=True)


def mainland(folded: str) -> str:
    """Folded text with Taiwan's terms replaced where that moves no character."""
    return _taiwan_pattern().sub(lambda found: terms_of_taiwan()[found.group()], folded)


@cache
def even_terms_of_taiwan() -> dict[str, str]:
    """Those of the terms that are as long as the mainland's."""
    return {word: other for word, other in terms_of_taiwan().items() if len(word) == len(other)}


@cache
def _taiwan_pattern() -> re.Pattern[str]:
    return re.compile("|".join(sorted(even_terms_of_taiwan(), key=lambda word: (-len(word), word))))


def _latin_tokens(run: str, start: int, end: int) -> Iterator[Token]:
    pieces = [piece for piece in _SEPARATORS.split(run) if piece]
    if len(pieces) == 1 and pieces[0] == run:
        yield Token(stem(run)[:MAX_WORD], start, end)
        return
    whole = run.replace(" ", "")
    yield Token(whole[:MAX_WORD], start, end)
    if len(pieces) > 1:
        place = 0
        for piece in pieces:
            place = run.index(piece, place)
            yield Token(stem(piece)[:MAX_WORD], start + place, start + place + len(piece), part=True)
            place += len(piece)


def _other_tokens(run: str, start: int, end: int) -> Iterator[Token]:
    if _UNSEGMENTED.search(run):
        for index, char in enumerate(run):
            yield Token(char, start + index, start + index + 1)
    else:
        yield Token(run[:MAX_WORD], start, end)


@remembered(200_000)
def subwords(word: str) -> tuple[str, ...]:
    """The dictionary words inside a long Chinese word: 计算机网络 → 计算, 计算机, 网络."""
    return dictionary().inside(word)


@remembered(20_000)
def pieces(word: str) -> tuple[str, ...]:
    """A long word as shorter ones, side by side: 计算机网络 → 计算机, 网络; empty when it cannot be cut so."""
    best: list[tuple[str, ...] | None] = [()] + [None] * len(word)
    for end in range(2, len(word) + 1):
        heads = ((best[end - len(part)], part) for part in subwords(word) if word.endswith(part, 0, end))
        cuts = [(*head, part) for head, part in heads if head is not None]
        best[end] = min(cuts, key=len, default=None)
    return best[-1] or ()


def sounds(found: Iterable[Token]) -> list[str]:
    """Pairs of neighbouring syllables, across words but not across what stands between runs of Chinese."""
    pairs: list[str] = []
    last, end = "", -1
    for token in found:
        if not token.han:
            last = ""
            continue
        spoken = pinyin.of_word(token.text)
        if last and spoken and token.start == end:
            pairs.append(f"{last}'{spoken[0]}")
        pairs += pinyin.pairs(spoken)
        last, end = spoken[-1] if spoken else "", token.end
    return pairs


def analyse(text: str) -> Analysis:
    """What an engine indexes of a text: the words of `tokens`, found without their places, which makes it fast."""
    if not text:
        return _NOTHING
    parts = _GAP.split(text.translate(_MARKED))
    gaps = [_GAPS[gap] for gap in parts[1::2]]
    parts[1::2] = [gap.marks for gap in gaps]
    known = dictionary()
    words = _words_of("".join(parts), known)
    joined = " ".join(words)
    between = [word for gap in gaps for word in gap.words]
    if between:
        pieces = joined.split(ASIDE)
        pieces[1:] = map(add, between, pieces[1:])
        joined = "".join(pieces)
    return Analysis(
        words=joined,
        parts="".join([known.parts[word] for word in words if len(word) > 2]),
        chars=" ".join("".join(words).replace(ASIDE, "\n")),
        sounds=_sounds_of(words),
        cut=words,
        aside=between,
    )


_NOTHING = Analysis("", "", "", "", (), ())


class _Marked(dict[int, str]):
    """A table for `str.translate`: folding, and a new line for what is part of no word."""

    def __missing__(self, code: int) -> str:
        self[code] = marked = _NO_WORD.sub("\n", fold(chr(code)))
        return marked


class _Gap(NamedTuple):
    """What is no Chinese in one line: ``words`` in order, and a mark for each and for what is between them."""

    marks: str
    words: tuple[str, ...]


class _Gaps(dict[str, _Gap]):
    """Gap → what is made of it; those that come again and again are remembered."""

    def __missing__(self, gap: str) -> _Gap:
        words = tuple(_set_aside(str(found.lastgroup), found.group()) for found in _WESTERN.finditer(gap))
        read = _Gap(_NO_HAN.sub("\n", _WESTERN.sub(ASIDE, gap) if words else gap), words)
        if len(gap) <= LONGEST_REMEMBERED:
            if len(self) > MOST_REMEMBERED:
                self.clear()
            self[gap] = read
        return read


def _set_aside(kind: str, run: str) -> str:
    """Latin words, codes and other scripts: they stand aside while Chinese is cut."""
    found = _other_tokens(run, 0, len(run)) if kind == "other" else _latin_tokens(run, 0, len(run))
    return " ".join(token.text for token in found)


def _words_of(run: str, known: Dictionary) -> list[str]:
    """Chinese cut into words as `_han_tokens` does; what stands between runs is left among them."""
    taiwan = terms_of_taiwan()
    words = known.cut(run)
    if taiwan.keys().isdisjoint(words):
        return words
    even = even_terms_of_taiwan()
    usual = "".join([even.get(word, word) for word in words])
    if usual != run:
        words = known.cut(usual)
    return [taiwan.get(word, word) for word in words]


def _sounds_of(words: list[str]) -> str:
    """The pairs of `sounds`.

    Each word ends with its last syllable and the mark of a pair, and begins with its first syllable, so that joining
    them makes the pairs across words. Halves of a pair are left at both ends of a run of Chinese, and cut off.
    """
    runs = "".join(map(_SPOKEN.__getitem__, words)).split("\n")
    pairs = [run[run.index(" ") + 1 : run.rindex(" ")] for run in runs if run]
    return " ".join(filter(None, pairs))


class _Spoken(dict[str, str]):
    """Word → its first syllable, the pairs inside it, its last syllable with the mark of a pair; a new line for none.

    计算机 → ``ji ji'suan suan'ji ji'``.
    """

    def __missing__(self, word: str) -> str:
        if len(self) > MOST_REMEMBERED:
            self.clear()
        said = () if word in NO_WORDS else pinyin.of_word(word)
        self[word] = found = " ".join((said[0], *pinyin.pairs(said), f"{said[-1]}'")) if said else "\n"
        return found


_MARKED, _GAPS, _SPOKEN = _Marked(), _Gaps(), _Spoken()
