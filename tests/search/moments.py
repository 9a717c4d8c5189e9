"""The right sentence of a real course: what somebody remembers of a sentence that was said, and where it was said."""

import random
from collections.abc import Iterable
from dataclasses import dataclass
from pathlib import Path

import pysubs2

from search import passages
from search.fold import fold
from search.model import Document, Passage, Query
from search.port import SearchIndex
from search.synonyms import curated
from search.text import tokens
from tests.search import judged
from tests.search.judged import Bend
from tests.search.typed import FUNCTION_WORDS

SAMPLE = 200
SEED = 5
DEPTH = 3
LEAST_WORDS = 6  # or Chinese characters
_ENGLISH = "a an the of to in on at for is are was be and or but with this that we you it so as if i'm let's"
_TELLING_NOTHING = frozenset((*FUNCTION_WORDS, *_ENGLISH.split()))


@dataclass(frozen=True, slots=True)
class Moment:
    """A sentence, the lecture in which it is said, and what of it is asked for."""

    lecture: str
    sentence: Passage
    asked: str


def captions(data: Path) -> tuple[Document, ...]:
    """A real course: each file of captions a document, its cues joined to sentences."""
    files = sorted((data / "subtitles" / "hf-course").glob("*/*.srt"))
    return tuple(Document(f"{file.parent.name}/{file.stem}", 1, file.stem, passages=_cues(file)) for file in files)


def _cues(file: Path) -> tuple[Passage, ...]:
    lines = pysubs2.load(str(file), encoding="utf-8")
    cues = (
        Passage(f"{file.stem}-{n}", "cue", line.plaintext.replace("\n", " "), line.start / 1000, line.end / 1000)
        for n, line in enumerate(lines)
    )
    return tuple(passages.sentences(cues))


def moments(lectures: tuple[Document, ...]) -> list[Moment]:
    """Sentences of both languages, each reworded by one rule; the seed chooses both."""
    said = [(one.id, place) for one in lectures for place in one.passages if _telling(place.text)]
    chance = random.Random(SEED)
    asked = ((lecture, sentence, _in_one_language(sentence.text)) for lecture, sentence in chance.sample(said, SAMPLE))
    return [Moment(lecture, sentence, chance.choice(_rules(text))(text)) for lecture, sentence, text in asked]


def _in_one_language(text: str) -> str:
    """Only the Chinese of a sentence that stands there in Chinese and in English."""
    chinese = "".join(text[token.start : token.end] for token in tokens(text) if token.han)
    return chinese if len(chinese) >= LEAST_WORDS else text


def _telling(text: str) -> bool:
    return len({token.text for token in tokens(text) if not token.part}) >= LEAST_WORDS


def _rules(text: str) -> list[Bend]:
    """Ways to reword a sentence: in Chinese, it may be written in Traditional characters too."""
    chinese = any(token.han for token in tokens(text))
    return [shortened, middle, otherwise, *([judged.traditional] if chinese else [])]


def shortened(text: str) -> str:
    """Without words that tell nothing."""
    return _joined(word for word in _words(text) if fold(word) not in _TELLING_NOTHING)


def middle(text: str) -> str:
    """The half in the middle."""
    words = _words(text)
    return _joined(words[len(words) // 4 : len(words) - len(words) // 4])


def otherwise(text: str) -> str:
    """With another word of the same meaning, where the shipped list knows one, and without words that tell nothing."""
    others = curated().of([token.text for token in tokens(text) if not token.part])
    return _joined(others[fold(word)][0].text if fold(word) in others else word for word in _words(shortened(text)))


def _words(text: str) -> list[str]:
    return [text[token.start : token.end] for token in tokens(text) if not token.part]


def _joined(words: Iterable[str]) -> str:
    return " ".join(words)


@dataclass(frozen=True, slots=True)
class Found:
    """Shares of the moments, from 0 to 1: the first hit holds the sentence, and the reciprocal of the hit that does."""

    first: float
    mrr: float


def measure(index: SearchIndex, asked: list[Moment]) -> Found:
    """A hit is right when it is the lecture and one of its best passages is the sentence."""
    ranks = [_rank(index, one) for one in asked]
    return Found(sum(rank == 1 for rank in ranks) / len(ranks), sum(1 / rank for rank in ranks if rank) / len(ranks))


def _rank(index: SearchIndex, one: Moment) -> int:
    """Of the first three hits the right one, counted from 1; 0 for none."""
    for rank, hit in enumerate(index.search(Query(one.asked, limit=DEPTH, facets=())).hits, 1):
        if hit.id == one.lecture and one.sentence.id in [place.id for place in hit.passages]:
            return rank
    return 0
