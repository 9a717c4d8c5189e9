"""What every engine indexes of a document: fields of words joined by spaces, and keys. No engine is known here."""

import math
from collections.abc import Iterable
from dataclasses import dataclass
from functools import lru_cache

from search import pinyin, weights
from search.model import Document, Passage
from search.text import Analysis, analyse, subwords, tokens

GAP = "\u2029"  # stands between texts, so that no phrase crosses them
HEADS = ("title", "subjects", "people", "institution", "description")
KEY_SEPARATOR = "\x1f"
MAX_LABEL = 200
MAX_STARTS = 16
MAX_UNITS = 12
MAX_KEY = 40
NO_DURATION = 2**40
_FRESH_SECONDS = 2 * 365 * 86400.0
_NOW = 1.8e9  # fixed, so that equal documents always weigh the same whenever they were indexed


@dataclass(frozen=True, slots=True)
class PassageFields:
    """A passage: its words, the words inside them, and its characters."""

    id: str
    words: str
    parts: str
    chars: str


@dataclass(frozen=True, slots=True)
class Fields:
    """A document: ``texts`` are words joined by spaces by field; ``keys`` are whole terms by field."""

    label: str
    texts: dict[str, str]
    keys: dict[str, list[str]]
    passages: list[PassageFields]


def fields(document: Document) -> Fields:
    """Analyse a document, each of its texts once."""
    heads = {
        "title": analyse(document.title),
        "subjects": analyse(f" {GAP} ".join((*document.subjects, *document.keywords))),
        "people": analyse(f" {GAP} ".join(document.people)),
        "institution": analyse(document.institution),
        "description": analyse(document.description),
    }
    places = [analyse(f"{passage.heading} {passage.text}") for passage in document.passages]
    everything = [*heads.values(), analyse(document.text), *places]
    named = frozenset().union(*(heads[name].han for name in ("title", "subjects", "institution")))
    label = document.title.strip()[:MAX_LABEL]
    return Fields(
        label=label,
        texts={name: " ".join((*found.words, *found.parts)) for name, found in heads.items()} | _all_texts(everything),
        keys={
            "spell": spellings(_with_subwords(frozenset().union(*(t.han for t in everything))), _with_subwords(named)),
            "complete": list(completions(label)),
            "named": _named(document),
        },
        passages=[_passage(*pair) for pair in zip(document.passages, places, strict=True)],
    )


def _all_texts(everything: Iterable[Analysis]) -> dict[str, str]:
    found = [text for text in everything if text.words]
    return {
        "words": f" {GAP} {GAP} ".join(" ".join(text.words) for text in found),
        "parts": " ".join(part for text in found for part in text.parts),
        "chars": " ".join(char for text in found for char in text.chars),
        "sounds": " ".join(sound for text in found for sound in text.sounds),
    }


def _passage(passage: Passage, found: Analysis) -> PassageFields:
    return PassageFields(passage.id, " ".join(found.words), " ".join(found.parts), " ".join(found.chars))


def _with_subwords(words: frozenset[str]) -> frozenset[str]:
    return words.union(*map(subwords, words))


def _named(document: Document) -> list[str]:
    """Type-ahead keys of what has a name: institution (a second line holds its other name), subjects, people."""
    things = [("institution", name) for name in document.institution.splitlines()]
    things += [("subject", label) for label in document.subjects]
    things += [("person", name) for name in document.people]
    labels = ((kind, label.strip()[:MAX_LABEL]) for kind, label in things)
    return [KEY_SEPARATOR.join((key, kind, label)) for kind, label in labels if label for key in completions(label)]


def spellings(words: Iterable[str], named: Iterable[str]) -> list[str]:
    """Keys of the vocabulary: pinyin → word, and for words of titles and the like their initials too."""
    keys = [f"{''.join(pinyin.of_word(word))}{KEY_SEPARATOR}{word}" for word in words]
    keys += [f"{pinyin.initials(word)}{KEY_SEPARATOR}{word}" for word in named if len(word) > 1]
    return keys


@lru_cache(maxsize=20_000)
def completions(label: str) -> tuple[str, ...]:
    """Keys for type-ahead: a label, its pinyin and its initials, from any of its words on, words inside words too.

    Keys of the beginning start with ``^``, the others with a dot.
    """
    units: list[tuple[str, str]] = []  # (as written, as spoken), character by character
    starts: list[int] = []
    for token in tokens(label):
        if token.han:
            spoken = pinyin.of_word(token.text)
            inside = {token.text.find(part) for part in subwords(token.text)} | {0}
            starts += sorted(len(units) + at for at in inside if at >= 0)
            units += zip(token.text, spoken, strict=True) if len(spoken) == len(token.text) else []
        elif not token.part:
            starts.append(len(units))
            units.append((token.text, token.text))
    keys: dict[str, None] = {}
    for at in starts[:MAX_STARTS]:
        rest = units[at : at + MAX_UNITS]
        forms = ("".join(plain for plain, _ in rest), "".join(said for _, said in rest))
        for form in (*forms, "".join(said[0] for _, said in rest)):
            keys["^."[at > 0] + form[:MAX_KEY]] = None
    return tuple(keys)


def weight(document: Document) -> float:
    """The number w that the engine turns into the factor log2(2 + w) on the score: mild, from 1 to about 1.1."""
    opens = min(1.0, math.log1p(max(0, document.opens)) / math.log1p(100_000))
    age = max(0.0, _NOW - document.published_at)
    fresh = math.exp(-age / _FRESH_SECONDS) if document.published_at else 0.0
    quality = min(1.0, max(0.0, document.quality))
    factor = 1.0 + weights.QUALITY * quality + weights.OPENS * opens + weights.FRESH * fresh
    return float(2.0**factor - 2.0)
