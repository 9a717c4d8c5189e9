"""Vectors in an index of their own on an Elasticsearch cluster, beside the generations of words; any process writes."""

from collections.abc import Callable, Iterable, Mapping, Sequence
from hashlib import blake2b
from typing import Any, TypeVar

import orjson

from search.elastic_address import Address
from search.elastic_client import CONFLICT, Client, Gone, Item, Refused
from search.elastic_query import Body
from search.errors import SearchUnavailable
from search.semantic import FIRST, Text, Vector

CANDIDATES = 200  # that each shard looks at for the nearest ones
_Result = TypeVar("_Result")


class ElasticVectors:
    """Vectors of one model. Its index is made when it is first written to, and can be dropped at any time.

    PREFIX-vectors-MODEL-1   the index, MODEL being a digest of the model's name
    PREFIX-vectors-MODEL     its door, through which everybody goes

    Numbers are kept as bytes for the search of neighbours (int8), so a cosine may differ a little from the exact one.
    """

    def __init__(self, address: Address, model: str) -> None:
        self._client = Client(address)
        self._shards = address.shards
        self._door = f"{address.prefix}-vectors-{blake2b(model.encode(), digest_size=8).hexdigest()}"

    def want(self, texts: Sequence[Text]) -> None:
        """Have vectors made of these texts, unless they are there: until then a document has none."""
        newest = {one.id: one for one in sorted(texts, key=lambda one: one.rev)}
        none: dict[str, Mapping[str, Any]] = {}
        held = self._read(lambda: self._client.held(self._door, list(newest)), none)
        changed = [one for one in newest.values() if held.get(one.id, {}).get("digest") != one.digest.hex()]
        self._write(self._item(one, {"text": one.text, "waiting": True}) for one in changed)

    def wanted(self, most: int) -> list[Text]:
        """Texts whose vectors are still to be made, by whoever asks."""
        waiting = {"bool": {"filter": [{"term": {"waiting": True}}]}}
        found = self._search({"query": waiting, "size": most, "_source": ["rev", "text"], "track_total_hits": False})
        return [Text(hit["_id"], hit["_source"]["rev"], hit["_source"]["text"]) for hit in found]

    def keep(self, made: Sequence[tuple[Text, Vector]]) -> None:
        """Take vectors that were made. An empty one: none can be made of this text."""
        items = (self._item(one, {"vector": vector} if vector else {}) for one, vector in made)
        self._write(items, refresh=True)  # else the same texts would be wanted again

    def forget(self, ids: Sequence[str]) -> None:
        """Drop what is known of these documents."""
        self._write(Item(self._door, identity) for identity in ids)

    def near(self, vector: Vector, ids: Sequence[str]) -> dict[str, float]:
        """The cosine for each of these documents that has a vector."""
        return self._neighbours(vector, len(ids), {"terms": {"id": list(ids)}}) if ids else {}

    def nearest(self, vector: Vector) -> dict[str, float]:
        """The nearest documents of all with their cosine."""
        return self._neighbours(vector, FIRST)

    def close(self) -> None:
        """Let the connections go."""
        self._client.close()

    def _neighbours(self, vector: Vector, most: int, among: Body | None = None) -> dict[str, float]:
        knn: Body = {"field": "vector", "query_vector": vector, "k": most, "num_candidates": max(most, CANDIDATES)}
        knn |= {"filter": among} if among else {}
        found = self._search({"knn": knn, "size": most, "_source": False, "track_total_hits": False})
        return {hit["_id"]: 2 * float(hit["_score"]) - 1 for hit in found}  # the score is (1 + cosine) / 2

    def _search(self, body: Body) -> list[Mapping[str, Any]]:
        def hits() -> list[Mapping[str, Any]]:
            """Of the one search."""
            (answer,) = self._client.search([(self._door, body)])
            return list(answer["hits"]["hits"])

        return self._read(hits, [])

    def _read(self, read: Callable[[], _Result], nothing: _Result) -> _Result:
        """What is read, or nothing while there is no index."""
        try:
            return read()
        except Gone:
            return nothing

    def _item(self, one: Text, more: Body) -> Item:
        source = orjson.dumps({"id": one.id, "rev": one.rev, "digest": one.digest.hex(), **more})
        return Item(self._door, one.id, source, one.rev)

    def _write(self, items: Iterable[Item], *, refresh: bool = False) -> None:
        some = list(items)
        if not some:
            return
        try:
            refused = self._client.bulk(some, refresh=refresh)
        except Gone:
            settings = {"number_of_shards": self._shards, "auto_expand_replicas": "0-1"}
            self._client.create(f"{self._door}-1", settings, _MAPPING, [self._door])
            refused = self._again(some, refresh=refresh)
        if reasons := [why.reason for why in refused.values() if why.status != CONFLICT]:
            raise SearchUnavailable(f"the cluster refuses vectors: {reasons[0]}")

    def _again(self, items: Sequence[Item], *, refresh: bool) -> dict[str, Refused]:
        try:
            return self._client.bulk(items, refresh=refresh)
        except Gone as error:
            raise SearchUnavailable("the index of vectors was dropped") from error


_MAPPING: Body = {
    "dynamic": "strict",
    "_source": {"excludes": ["vector"]},
    "properties": {
        "id": {"type": "keyword"},
        "rev": {"type": "long", "index": False},
        "digest": {"type": "keyword", "index": False, "doc_values": False},
        "text": {"type": "keyword", "index": False, "doc_values": False},
        "waiting": {"type": "boolean"},
        # The number of dimensions is that of the first vector: all are of one model.
        "vector": {"type": "dense_vector", "similarity": "cosine", "index_options": {"type": "int8_hnsw"}},
    },
}
