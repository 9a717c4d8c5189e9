"""What every engine indexes of a document: fields of words joined by spaces, and keys. No engine is known here."""

import math
import re
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from functools import lru_cache
from hashlib import blake2b

from search import pinyin, weights
from search.model import Document, Passage
from search.text import ASIDE, NO_WORDS, Analysis, Token, analyse, subwords, tokens
from search.words import remembered

GAP = "\u2029"  # stands between texts, so that no phrase crosses them
HEADS = ("title", "subjects", "people", "institution", "description")
NAMING = ("title", "subjects", "institution")  # fields whose words are found by their initials
KEY_SEPARATOR = "\x1f"
FORWARD, BACKWARD = ",", ";"  # keys of Latin words begin with one of these, those of sounds with a letter
MAX_LABEL = 200
MAX_STARTS = 16
MAX_UNITS = 12
LEAST_UNITS = 2  # of a title that is asked for as a whole
LEAST_LETTERS = 3  # of a title that is asked for by its pinyin or initials
MOST_INITIALS = 4  # as many letters are rather initials than a word that is a title
MAX_KEY = 40
_LATIN = re.compile("[a-z]{4,24}")
_TIE_BITS = 24
_MOST = 2**39 - 1  # hundredths of a second (until the year 2144), or opens; what has no length comes last
_PAGES = 2**38  # from here on pages are counted: what is read comes after what is seen or heard, short things first
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
    """A document: ``texts`` are words joined by spaces by field; ``terms`` are whole terms by field.

    ``heard``: its Chinese words, for the vocabulary, to which the words inside them belong too, text by text, with
    NO_WORDS between them; ``named``: those of titles and the like; ``aside``: what is no Chinese.
    """

    label: str
    texts: dict[str, str]
    terms: dict[str, list[str]]
    passages: list[PassageFields]
    heard: Sequence[Sequence[str]]
    named: Sequence[Sequence[str]]
    aside: Sequence[Sequence[str]]


def fields(document: Document) -> Fields:
    """Analyse a document, each of its texts once."""
    heads = {
        "title": analyse(document.title),
        "subjects": _analyse_again(f" {GAP} ".join((*document.subjects, *document.keywords))),
        "people": _analyse_again(f" {GAP} ".join(document.people)),
        "institution": _analyse_again(document.institution),
        "description": analyse(document.description),
    }
    places = [analyse(f"{passage.heading} {passage.text}") for passage in document.passages]
    everything = [*heads.values(), analyse(document.text), *places]
    label = document.title.strip()[:MAX_LABEL]
    return Fields(
        label=label,
        texts={name: f"{one.words} {one.parts}".strip() for name, one in heads.items()} | _all_texts(everything),
        terms={"complete": list(title_keys(label, heads["title"])), "named": _named(document)},
        passages=[_passage(*pair) for pair in zip(document.passages, places, strict=True)],
        heard=[text.cut for text in everything if text.cut],
        named=[heads[name].cut for name in NAMING if heads[name].cut],
        aside=[text.aside for text in everything if text.aside],
    )


@remembered(5_000)
def _analyse_again(text: str) -> Analysis:
    """Analyse what many documents have alike."""
    return analyse(text)


def _all_texts(everything: Iterable[Analysis]) -> dict[str, str]:
    found = [text for text in everything if text.words]
    return {
        "words": f" {GAP} {GAP} ".join(text.words for text in found),
        "parts": " ".join(text.parts for text in found if text.parts),
        "chars": " ".join(text.chars for text in found),
        "sounds": " ".join(text.sounds for text in found),
    }


def _passage(passage: Passage, found: Analysis) -> PassageFields:
    return PassageFields(passage.id, found.words, found.parts, found.chars)


def with_subwords(words: Iterable[str]) -> frozenset[str]:
    """Words and the words inside them."""
    whole = frozenset(words) - NO_WORDS
    return whole.union(*filter(None, map(subwords, whole)))


def _named(document: Document) -> list[str]:
    """Type-ahead keys of what has a name: institution (a second line holds its other name), subjects, people."""
    things = [("institution", name) for name in document.institution.splitlines()]
    things += [("subject", label) for label in document.subjects]
    things += [("person", name) for name in document.people]
    labels = ((kind, label.strip()[:MAX_LABEL]) for kind, label in things)
    return [KEY_SEPARATOR.join((key, kind, label)) for kind, label in labels if label for key in completions(label)]


@lru_cache(maxsize=300_000)
def spelled(word: str) -> str:
    """The key of a word by its pinyin."""
    return f"{''.join(pinyin.of_word(word))}{KEY_SEPARATOR}{word}"


def latin(aside: Iterable[str]) -> frozenset[str]:
    """The words among what is no Chinese that may be meant by a slip: letters alone, and neither short nor endless."""
    return frozenset(word for run in aside for word in run.split() if _LATIN.fullmatch(word))


def halves(word: str) -> tuple[str, str]:
    """The keys of a Latin word by its beginning and by its end: where one letter is wrong, one of the two is right."""
    return f"{FORWARD}{word}{KEY_SEPARATOR}{word}", f"{BACKWARD}{word[::-1]}{KEY_SEPARATOR}{word}"


def frequency(field: str, documents: int) -> int:
    """How frequent a word is that so many documents hold in a field.

    The words of an institution's name stand in all it gives, and say nothing of what people look for.
    """
    return min(documents, 1) if field == "institution" else documents


def abbreviated(word: str) -> str:
    """The key of a word by its initials."""
    return f"{pinyin.initials(word)}{KEY_SEPARATOR}{word}"


@remembered(20_000)
def completions(label: str) -> tuple[str, ...]:
    """Keys for type-ahead: a label, its pinyin and its initials, from any of its words on, words inside words too.

    Keys of the beginning start with ``^``, the others with a dot.
    """
    return _keys(tokens(label))


def title_keys(title: str, found: Analysis) -> tuple[str, ...]:
    """The `completions` of a title that is analysed already; most are all Chinese, and need not be cut once more."""
    if len(title) == MAX_LABEL or ASIDE in found.cut:
        return completions(title)
    return _keys([Token(word, 0, 0, han=True) for word in found.cut if word not in NO_WORDS])


def _keys(found: Sequence[Token]) -> tuple[str, ...]:
    plain, said, starts = _units(found)
    firsts = [unit[0] for unit in said]
    keys: dict[str, None] = {}
    for at in starts[:MAX_STARTS]:
        for form in (plain, said, firsts):
            keys[_key(form, at)] = None
    return tuple(keys)


def _key(form: list[str], at: int = 0) -> str:
    return "^."[at > 0] + "".join(form[at : at + MAX_UNITS])[:MAX_KEY]


def _units(found: Iterable[Token]) -> tuple[list[str], list[str], list[int]]:
    """(characters and Latin words as written, the same as spoken, where words begin among them)."""
    plain: list[str] = []
    said: list[str] = []
    starts: list[int] = []
    for token in found:
        if token.han:
            starts += (len(plain) + at for at in _beginnings(token.text))
            spoken = pinyin.of_word(token.text)
            if len(spoken) == len(token.text):
                plain += token.text
                said += spoken
        elif not token.part:
            starts.append(len(plain))
            plain.append(token.text)
            said.append(token.text)
    return plain, said, starts


def whole_title(found: Iterable[Token]) -> tuple[str, str]:
    """The keys by which `completions` knows a title that is all of these words: as written, and as spoken.

    Of a title that is longer than a key, they are of its beginning. Empty where they could mean many titles: a single
    character, or letters that may be anybody's initials.
    """
    plain, said, _ = _units(found)
    written = _key(plain)
    if len(plain) < LEAST_UNITS and len(written) <= MOST_INITIALS:
        return "", ""
    return written, _key(said)


def lettered_title(letters: str) -> tuple[str, ...]:
    """The keys by which `completions` knows titles that are, or end with, what these letters spell or abbreviate."""
    return tuple(f"{mark}{letters[:MAX_KEY]}" for mark in "^.") if len(letters) >= LEAST_LETTERS else ()


@remembered(100_000)
def _beginnings(word: str) -> tuple[int, ...]:
    """Where the words inside a word begin, its own beginning among them."""
    inside = {word.find(part) for part in subwords(word)} | {0}
    return tuple(sorted(at for at in inside if at >= 0))


def weight(document: Document) -> float:
    """The number w that the engine turns into the factor log2(2 + w) on the score: mild, from 1 to about 1.1."""
    opens = min(1.0, math.log1p(max(0, document.opens)) / math.log1p(100_000))
    age = max(0.0, _NOW - document.published_at)
    fresh = math.exp(-age / _FRESH_SECONDS) if document.published_at else 0.0
    quality = min(1.0, max(0.0, document.quality))
    factor = 1.0 + weights.QUALITY * quality + weights.OPENS * opens + weights.FRESH * fresh
    return float(2.0**factor - 2.0)


def orders(document: Document) -> dict[str, int]:
    """Numbers of 63 bits to sort by: newest, shortest, most opened.

    The low bits are made of the id, so that equal documents come in the same order on every engine, always.
    """
    paged = _PAGES + document.pages if document.pages > 0 else _MOST
    lasting = min(int(document.duration * 100), _PAGES) if document.duration > 0 else paged
    worth = {"newest": int(document.published_at * 100), "shortest": lasting, "most_opened": document.opens}
    tie = int.from_bytes(blake2b(document.id.encode(), digest_size=4).digest()) >> (32 - _TIE_BITS)
    return {name: (min(max(0, value), _MOST) << _TIE_BITS) | tie for name, value in worth.items()}


def filled(text: str) -> str:
    """A text of a field, or a gap where it has no words: so every document counts in the average length everywhere."""
    return GAP if not text or text.isspace() else text
