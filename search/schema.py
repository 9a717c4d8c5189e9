"""The fields of the embedded index, and how a document is laid into them."""

import math
from collections.abc import Iterable
from hashlib import blake2b
from itertools import chain

import tantivy

from search import pinyin, weights
from search.model import FACETS, Document, Passage, Tombstone
from search.text import analyse, sounds, subwords, tokens

VERSION = 1  # raise with every change here or in the analysis: older indexes are rebuilt
GAP = "\u2029"  # stands between fields, so that no phrase crosses them
FIELD_WORDS = ("title", "subjects", "people", "institution", "description")
KEY_SEPARATOR = "\x1f"
_FRESH_SECONDS = 2 * 365 * 86400.0
NO_DURATION = 2**40
MAX_TAILS = 24


def resource_schema() -> tantivy.Schema:
    """Fields of the index of resources. Only id, rev and title are stored; bodies stay in the database."""
    builder = tantivy.SchemaBuilder()
    builder.add_text_field("id", stored=True, tokenizer_name="raw", index_option="basic")
    builder.add_unsigned_field("rev", stored=True, fast=True)
    builder.add_text_field("live", tokenizer_name="raw", index_option="basic")
    builder.add_text_field("words", tokenizer_name="whitespace", index_option="position")
    for name in ("parts", "chars", "sounds", *FIELD_WORDS):
        builder.add_text_field(name, tokenizer_name="whitespace", index_option="freq")
    for name in ("spell", "complete"):
        builder.add_text_field(name, tokenizer_name="raw", index_option="basic")
    for name in FACETS:
        builder.add_text_field(f"f_{name}", tokenizer_name="raw", index_option="basic", fast=True)
    for name in ("newest", "shortest", "most_opened"):
        builder.add_unsigned_field(name, fast=True)
    builder.add_float_field("weight", fast=True)
    return builder.build()


def passage_schema() -> tantivy.Schema:
    """Fields of the index of passages: only the id is stored."""
    builder = tantivy.SchemaBuilder()
    builder.add_text_field("id", stored=True, tokenizer_name="raw", index_option="basic")
    builder.add_text_field("parent", tokenizer_name="raw", index_option="basic")
    builder.add_unsigned_field("parent_number", indexed=True, fast=True)
    builder.add_unsigned_field("place", fast=True)
    builder.add_text_field("words", tokenizer_name="whitespace", index_option="position")
    for name in ("parts", "chars"):
        builder.add_text_field(name, tokenizer_name="whitespace", index_option="freq")
    return builder.build()


def parent_number(document_id: str) -> int:
    """A document's id as a number, for fast columns (63 bits, so that it fits everywhere)."""
    return int.from_bytes(blake2b(document_id.encode(), digest_size=8).digest()) >> 1


def tombstone(stone: Tombstone) -> tantivy.Document:
    """What is left of a document that must not be found: its revision, so that an older change cannot bring it back."""
    laid = tantivy.Document()
    laid.add_text("id", stone.id)
    laid.add_unsigned("rev", stone.rev)
    laid.add_text("live", "0")
    return laid


def resource(document: Document) -> tantivy.Document:
    """Lay a document into the fields of the index of resources."""
    laid = tantivy.Document()
    laid.add_text("id", document.id)
    laid.add_unsigned("rev", document.rev)
    laid.add_text("live", "1")
    _add_words(laid, document)
    for name, values in document.facets.items():
        for value in dict.fromkeys(values):
            laid.add_text(f"f_{name}", value)
    laid.add_unsigned("newest", max(0, int(document.published_at * 1000)))
    laid.add_unsigned("shortest", int(document.duration * 1000) if document.duration > 0 else NO_DURATION)
    laid.add_unsigned("most_opened", max(0, document.opens))
    laid.add_float("weight", _weight(document))
    return laid


def _add_words(laid: tantivy.Document, document: Document) -> None:
    heads = {
        "title": tokens(document.title),
        "subjects": tokens(f" {GAP} ".join((*document.subjects, *document.keywords))),
        "people": tokens(f" {GAP} ".join(document.people)),
        "institution": tokens(document.institution),
        "description": tokens(document.description),
    }
    bodies = [tokens(document.text)] if document.text else []
    bodies += [tokens(f"{passage.heading} {passage.text}") for passage in document.passages]
    for name, found in heads.items():
        inside = chain.from_iterable(subwords(token.text) for token in found if token.han)
        laid.add_text(name, _join(chain((token.text for token in found), inside)))
    everything = [*heads.values(), *bodies]
    laid.add_text("words", f" {GAP} {GAP} ".join(_join(t.text for t in found) for found in everything))
    han = [token for found in everything for token in found if token.han]
    laid.add_text("chars", " ".join(chain.from_iterable(token.text for token in han)))
    laid.add_text("parts", _join(chain.from_iterable(subwords(token.text) for token in han)))
    laid.add_text("sounds", _join(chain.from_iterable(sounds(found) for found in everything)))
    named = {t.text for name in ("title", "subjects", "institution") for t in heads[name] if t.han}
    for key in spellings(_with_subwords({token.text for token in han}), _with_subwords(named)):
        laid.add_text("spell", key)
    for key in completions(document):
        laid.add_text("complete", key)


def _join(words: Iterable[str]) -> str:
    return " ".join(words)


def _with_subwords(words: set[str]) -> set[str]:
    return words.union(*map(subwords, words))


def spellings(words: set[str], named: set[str]) -> list[str]:
    """Keys of the vocabulary: pinyin → word, and for words of titles and the like their initials too."""
    keys = [f"{''.join(pinyin.of_word(word))}{KEY_SEPARATOR}{word}" for word in words]
    keys += [f"{pinyin.initials(word)}{KEY_SEPARATOR}{word}" for word in named if len(word) > 1]
    return keys


def completions(document: Document) -> list[str]:
    """Keys for type-ahead: the title, subjects, institution and people, from each of their words on."""
    things = [("title", document.title, document.id), ("institution", document.institution, "")]
    things += [("subject", label, "") for label in document.subjects]
    things += [("person", name, "") for name in document.people]
    keys: list[str] = []
    for kind, label, identity in things:
        label = label.strip()[:200]
        keys += [KEY_SEPARATOR.join((key, kind, identity, label)) for key in dict.fromkeys(_tails(label))]
    return keys


def _tails(label: str) -> list[str]:
    """What somebody may type for a label: it, its pinyin or its initials, from any of its characters on.

    Keys of the beginning start with ``^``, the others with a dot.
    """
    units: list[tuple[str, str]] = []
    for token in tokens(label):
        if token.han:
            spoken = pinyin.of_word(token.text)
            units += zip(token.text, spoken, strict=True) if len(spoken) == len(token.text) else []
        elif not token.part:
            units.append((token.text, token.text))
    keys: list[str] = []
    for index in range(min(len(units), MAX_TAILS)):
        rest = units[index : index + 16]
        forms = ("".join(plain for plain, _ in rest), "".join(said for _, said in rest))
        keys += (*forms, "".join(said[0] for _, said in rest))
    return [f"{'^' if index < 3 else '.'}{key[:40]}" for index, key in enumerate(keys)]


def passage(parent: str, place: int, given: Passage) -> tantivy.Document:
    """Lay a passage into the fields of its index. ``place`` counts passages of the document in their order."""
    laid = tantivy.Document()
    analysed = analyse(f"{given.heading} {given.text}")
    laid.add_text("id", given.id)
    laid.add_text("parent", parent)
    laid.add_unsigned("parent_number", parent_number(parent))
    laid.add_unsigned("place", place)
    laid.add_text("words", _join(analysed.words))
    laid.add_text("parts", _join(analysed.parts))
    laid.add_text("chars", _join(analysed.chars))
    return laid


def _weight(document: Document) -> float:
    """The number w that the engine turns into the factor log2(2 + w) on the score: mild, from 1 to about 1.1."""
    opens = min(1.0, math.log1p(max(0, document.opens)) / math.log1p(100_000))
    age = max(0.0, _reference_time() - document.published_at)
    fresh = math.exp(-age / _FRESH_SECONDS) if document.published_at else 0.0
    quality = min(1.0, max(0.0, document.quality))
    factor = 1.0 + weights.QUALITY * quality + weights.OPENS * opens + weights.FRESH * fresh
    return float(2.0**factor - 2.0)


def _reference_time() -> float:
    return 1.8e9  # fixed, so that equal documents always weigh the same whenever they were indexed
