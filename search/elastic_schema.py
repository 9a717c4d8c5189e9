"""Settings and mappings of the two indexes of a generation, and how a document is laid into them. Pure."""

from dataclasses import dataclass
from itertools import chain
from typing import Any

import orjson

from search import schema
from search.asking import MAX_DEPTH, MAX_LIMIT
from search.elastic_query import COUNTED_IN
from search.fields import (
    GAP,
    HEADS,
    Fields,
    PassageFields,
    abbreviated,
    fields,
    filled,
    halves,
    latin,
    orders,
    spelled,
    weight,
    with_subwords,
)
from search.model import FACETS, Document, Tombstone

VERSION = schema.VERSION  # analysis and fields are those of the embedded engine
MAX_ID = 400  # bytes; Elasticsearch takes 512, and passages add to it
_BAR = "¶"  # in the place of GAP, which Java takes for a blank


@dataclass(frozen=True, slots=True)
class Laid:
    """A document as it goes over the line: JSON of its own, and of its passages by their ids."""

    id: str
    rev: int
    source: bytes
    passages: dict[str, bytes]


def settings(shards: int) -> dict[str, Any]:
    """Of an index that is being filled: it is refreshed when that is asked for."""
    return {
        "number_of_shards": shards,
        "auto_expand_replicas": "0-1",
        "refresh_interval": -1,
        "max_result_window": MAX_DEPTH + MAX_LIMIT,
        "max_regex_length": 100_000,
        "max_terms_count": 65_536,
    }


def resources(*, complete: bool) -> dict[str, Any]:
    """The mapping of documents. ``complete``: it was filled from the catalogue, or will be before it goes live."""
    keys = ("complete", "named", *(f"spell_{name}" for name in COUNTED_IN))
    return {
        "_meta": {"schema": VERSION, "complete": complete},
        "dynamic": "strict",
        "_source": {"includes": ["rev", "label", "passages"]},
        "properties": {
            "id": _key(),
            "rev": {"type": "long"},
            "live": _key(),
            "label": {"type": "keyword", "index": False, "doc_values": False},
            "passages": {"type": "integer", "index": False, "doc_values": False},
            "words": _words("positions"),
            **{name: _words("freqs") for name in ("parts", "chars", "sounds", *HEADS)},
            **{name: _key() for name in keys},
            **{f"f_{name}": {**_key(), "eager_global_ordinals": True} for name in FACETS},
            **{name: {"type": "long"} for name in ("newest", "shortest", "most_opened")},
            "weight": {"type": "double", "index": False},
        },
    }


def passages() -> dict[str, Any]:
    """The mapping of passages; ``owner`` is the document in one revision."""
    return {
        "dynamic": "strict",
        "_source": {"includes": ["id"]},
        "properties": {
            "id": {"type": "keyword", "index": False, "doc_values": False},
            "owner": _key(),
            "number": {"type": "integer", "index": False},
            "words": _words("positions"),
            **{name: _words("freqs") for name in ("parts", "chars")},
        },
    }


def _key() -> dict[str, Any]:
    return {"type": "keyword", "ignore_above": 8_000}


def _words(options: str) -> dict[str, Any]:
    return {"type": "text", "analyzer": "whitespace", "index_options": options}


def owner(identity: str, rev: int) -> str:
    """What the passages of a document in one revision have in common."""
    return f"{identity}@{rev}"


def place(owned_by: str, number: int) -> str:
    """The id of a passage in the index."""
    return f"{owned_by}#{number}"


def lay(change: Document | Tombstone) -> Laid:
    """A change as JSON. Raises ValueError or TypeError when it cannot be told as such."""
    if len(change.id.encode()) > MAX_ID:
        raise ValueError(f"the id is longer than {MAX_ID} bytes")
    if isinstance(change, Tombstone):
        gone = {"id": change.id, "rev": change.rev, "live": "0", "passages": 0, "weight": 0.0}
        return Laid(change.id, change.rev, orjson.dumps(gone | _ORDER_OF_GONE), {})
    found = fields(change)
    source: dict[str, Any] = {
        "id": change.id,
        "rev": change.rev,
        "live": "1",
        "label": found.label,
        "passages": len(found.passages),
        **{name: _barred(text) for name, text in found.texts.items()},
        **found.terms,
        **_spellings(found),
        **{f"f_{name}": values for name, values in change.facets.items() if name in FACETS},
        **orders(change),
        "weight": weight(change),
    }
    owned_by = owner(change.id, change.rev)
    laid = {place(owned_by, n): orjson.dumps(_passage(owned_by, n, one)) for n, one in enumerate(found.passages)}
    return Laid(change.id, change.rev, orjson.dumps(source), laid)


def _passage(owned_by: str, number: int, found: PassageFields) -> dict[str, Any]:
    words = {"words": _barred(found.words), "parts": _barred(found.parts), "chars": _barred(found.chars)}
    return {"id": found.id, "owner": owned_by, "number": number, **words}


_ORDER_OF_GONE = {"newest": 0, "shortest": 0, "most_opened": 0}


def _barred(text: str) -> str:
    return filled(text).replace(GAP, _BAR)


def _spellings(found: Fields) -> dict[str, list[str]]:
    """Keys of the vocabulary by the field that holds the word: how frequent it is, is counted there."""
    heard, named = (with_subwords(chain.from_iterable(texts)) for texts in (found.heard, found.named))
    spoken = {
        f"spell_{name}": [spelled(word) for word in sorted(heard.intersection(found.texts[name].split()))]
        for name in ("words", "parts")
    }
    spoken["spell_words"] += chain.from_iterable(map(halves, sorted(latin(chain.from_iterable(found.aside)))))
    initials = {
        f"spell_{name}": [
            abbreviated(word) for word in sorted(named.intersection(found.texts[name].split())) if len(word) > 1
        ]
        for name in ("title", "subjects", "institution")
    }
    return spoken | initials
