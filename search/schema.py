"""The fields of the embedded index, and how a document is laid into them."""

from collections.abc import Iterable
from hashlib import blake2b

import tantivy

from search.fields import HEADS, Fields, PassageFields, filled, orders, weight
from search.model import FACETS, Document, Tombstone

VERSION = 5  # raise with every change here or in the analysis: older indexes are rebuilt

VOCABULARY = ("sound", "initials", "halves")


def resource_schema() -> tantivy.Schema:
    """Fields of the index of resources. Only id, rev and title are stored; bodies stay in the database."""
    builder = tantivy.SchemaBuilder()
    builder.add_text_field("id", stored=True, tokenizer_name="raw", index_option="basic")
    builder.add_unsigned_field("rev", stored=True, fast=True)
    builder.add_text_field("live", tokenizer_name="raw", index_option="basic")
    builder.add_text_field("label", stored=True, tokenizer_name="raw", index_option="basic")
    builder.add_text_field("words", tokenizer_name="whitespace", index_option="position")
    for name in ("parts", "chars", "sounds", *HEADS):
        builder.add_text_field(name, tokenizer_name="whitespace", index_option="freq")
    for name in ("complete", "named"):
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
    builder.add_text_field("words", tokenizer_name="whitespace", index_option="position")
    for name in ("parts", "chars"):
        builder.add_text_field(name, tokenizer_name="whitespace", index_option="freq")
    return builder.build()


def vocabulary_schema() -> tantivy.Schema:
    """Fields of the vocabulary: an entry for each word that some document ever held.

    Chinese words by sound and initials, Latin ones by their beginning and their end. How many documents hold a word is
    asked of the index of resources, so that an entry is written once, with others in one document.
    """
    builder = tantivy.SchemaBuilder()
    for name in VOCABULARY:
        builder.add_text_field(name, tokenizer_name="raw", index_option="basic")
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


def entries(keys: Iterable[tuple[str, str]]) -> tantivy.Document:
    """Entries of the vocabulary, each under one of its fields, as one document."""
    laid = tantivy.Document()
    for name, key in keys:
        laid.add_text(name, key)
    return laid


def resource(document: Document, found: Fields) -> tuple[tantivy.Document, list[tantivy.Document]]:
    """A document laid into the fields of the index of resources, and its passages into those of theirs."""
    laid = tantivy.Document()
    laid.add_text("id", document.id)
    laid.add_unsigned("rev", document.rev)
    laid.add_text("live", "1")
    laid.add_text("label", found.label)
    for name, text in found.texts.items():
        laid.add_text(name, filled(text))
    for name, keys in found.terms.items():
        for key in keys:
            laid.add_text(name, key)
    for name, values in document.facets.items():
        for value in dict.fromkeys(values):
            laid.add_text(f"f_{name}", value)
    for name, number in orders(document).items():
        laid.add_unsigned(name, number)
    laid.add_float("weight", weight(document))
    return laid, [_passage(document.id, place) for place in found.passages]


def _passage(parent: str, place: PassageFields) -> tantivy.Document:
    laid = tantivy.Document()
    laid.add_text("id", place.id)
    laid.add_text("parent", parent)
    laid.add_unsigned("parent_number", parent_number(parent))
    laid.add_text("words", filled(place.words))
    laid.add_text("parts", filled(place.parts))
    laid.add_text("chars", filled(place.chars))
    return laid
