"""The search index port on an Elasticsearch cluster, of one or many nodes; any process may write."""

import time
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from dataclasses import replace
from itertools import islice
from typing import Any, TypeVar

from search import elastic_address, elastic_query, elastic_schema, elastic_search
from search.asking import INCOMPLETE, LIVE
from search.elastic_client import CONFLICT, Client, Gone, Item
from search.elastic_generations import Generation, Generations
from search.elastic_query import Body
from search.elastic_schema import Laid
from search.errors import SearchBroken, SearchUnavailable
from search.model import Answer, Document, Health, Query, Rejected, Suggestion, Tombstone

LOOKS = 5  # at the cluster, while generations change under a request
REBUILD_BATCH = 500
_Result = TypeVar("_Result")


def connect(url: str) -> "ElasticIndex":
    """The index that a URL names (`search.elastic_address`). Raises ValueError for one that cannot be read."""
    return ElasticIndex(elastic_address.parse(url))


class ElasticIndex:
    """Documents and passages in two indexes behind aliases; `search.elastic_generations` tells which.

    A generation whose schema is older, or that lost one of its indexes, is replaced by a new empty one at the next
    write; `health` then says so until a rebuild has filled it. One of a newer schema is left alone.
    """

    def __init__(self, address: elastic_address.Address) -> None:
        self._client = Client(address)
        self._generations = Generations(self._client, address.prefix, address.shards)
        self._seen: Generation | None = None  # its door is closed when it is no longer the live one

    def write(self, changes: Sequence[Document | Tombstone]) -> list[Rejected]:
        """Apply a batch, durable and visible on return; a change with a lower ``rev`` than the held one is ignored."""
        newest: dict[str, Document | Tombstone] = {}
        for change in changes:
            if change.id not in newest or newest[change.id].rev <= change.rev:
                newest[change.id] = change
        laid, rejected = _lay(newest.values())

        def apply() -> list[Rejected]:
            """To the live generation and to those that are being filled."""
            outcomes = [self._apply(one, laid, visible=True) for one in self._writable()]
            return outcomes[0]

        return rejected + self._again(apply)

    def rebuild(self, documents: Iterable[Document]) -> list[Rejected]:
        """Fill a new generation beside the live one and switch to it at once; the old one answers until then."""
        live = self._generations.live()
        if live is not None:
            _must_not_be_newer(live)
        try:
            return self._filled(documents)
        except Gone as error:
            raise SearchUnavailable("somebody else began to fill the index anew") from error

    def _filled(self, documents: Iterable[Document]) -> list[Rejected]:
        new = self._generations.fill()
        try:
            rejected = self._fill(new, documents)
            self._client.set(new.indexes, {"refresh_interval": "1s"})
            self._client.refresh([new.resources, new.passages])
            self._generations.switch(new)
        except BaseException:
            self._generations.give_up(new)
            raise
        return rejected

    def _fill(self, new: Generation, documents: Iterable[Document]) -> list[Rejected]:
        rejected: list[Rejected] = []
        stream = iter(documents)
        while some := list(islice(stream, REBUILD_BATCH)):
            laid, refused = _lay(some)
            rejected += refused + self._apply(new, laid, visible=False)
        return rejected

    def scan(self) -> Iterator[tuple[str, int]]:
        """(id, rev) of every live document, in order of id."""

        def hold() -> str | None:
            """The live generation as it is now."""
            generation = self._live()
            return self._client.moment(generation.resources) if generation else None

        moment = self._again(hold)
        if moment is None:
            return
        try:
            for found in self._client.scan(moment, elastic_query.build(LIVE)):
                yield found["_id"], found["_source"]["rev"]
        except Gone as error:
            raise SearchUnavailable("the index was replaced") from error

    def health(self) -> Health:
        """How the engine is."""
        try:
            self._seen = None
            return self._again(self._health)
        except SearchUnavailable as error:
            return Health(False, 0, "", str(error), must_fill=isinstance(error, SearchBroken))

    def _health(self) -> Health:
        generation = self._live()
        if generation is None:
            return Health(True, 0, "", "there is no index yet", must_fill=True)
        doors = ("resources", elastic_query.counted(LIVE)), ("passages", elastic_query.NOTHING)
        answer, _ = self._asker(generation)(doors)
        count, complete = answer["hits"]["total"]["value"], generation.complete
        return Health(True, count, generation.name, "" if complete else "not yet filled", must_fill=not complete)

    def suggest(self, prefix: str, limit: int = 10) -> list[Suggestion]:
        """Complete what was typed so far: characters, pinyin or initials."""

        def complete() -> list[Suggestion]:
            """On the live generation."""
            generation = self._live()
            return elastic_search.complete(self._asker(generation), prefix, limit) if generation else []

        return self._again(complete)

    def search(self, query: Query) -> Answer:
        """Answer a query; never fails because of what is in it."""

        def answer() -> Answer:
            """On the live generation."""
            generation = self._live()
            if generation is None:
                raise SearchUnavailable("there is no index yet")

            def held_rev(identity: str) -> int | None:
                """The revision of one document."""
                held = self._client.held(generation.resources, [identity]).get(identity)
                return int(held["rev"]) if held else None

            found = elastic_search.OneSearch(self._asker(generation), generation.name, query, held_rev).answer()
            return found if generation.complete else replace(found, notices=(*found.notices, INCOMPLETE))

        return self._again(answer)

    def close(self) -> None:
        """Let the connections go."""
        self._client.close()

    def _asker(self, generation: Generation) -> elastic_search.Ask:
        doors = {"resources": generation.resources, "passages": generation.passages}

        def ask(searches: Sequence[tuple[str, Body]]) -> list[Mapping[str, Any]]:
            """Through the doors of this generation."""
            return self._client.search([(doors[part], body) for part, body in searches])

        return ask

    def _again(self, do: Callable[[], _Result]) -> _Result:
        """Do something that may meet a closed door, and look for the live generation then."""
        for look in range(LOOKS):
            try:
                return do()
            except Gone:
                self._seen = None
                time.sleep(0.02 * look)
        raise SearchUnavailable("the index is being replaced")

    def _live(self) -> Generation | None:
        """The generation that answers, when this programme can read it."""
        generation = self._seen or self._generations.live()
        if generation is not None:
            _must_not_be_newer(generation)
            if generation.flaw:
                raise SearchBroken(generation.flaw)
        self._seen = generation
        return generation

    def _writable(self) -> list[Generation]:
        """The live generation, made when there is none that is sound, and those that are being filled."""
        found = self._generations.all()
        live = next((one for one in found if one.live), None)
        if live is None:
            return [self._generations.first(), *found]
        _must_not_be_newer(live)
        if live.flaw:
            return [self._generations.replace()]
        return [live, *(one for one in found if not one.live and not one.flaw)]

    def _apply(self, to: Generation, changes: Sequence[Laid], *, visible: bool) -> list[Rejected]:
        """Write what is not older than what is held: passages, then documents; then drop passages that are left over.

        Passages belong to one revision of their document, so that nobody ever sees a mixture.
        """
        held = self._client.held(to.resources, [change.id for change in changes])
        wanted = [one for one in changes if one.id not in held or one.rev >= held[one.id]["rev"]]
        places = [Item(to.passages, key, source) for one in wanted for key, source in one.passages.items()]
        refused = {
            key.rpartition("@")[0]: why.reason for key, why in self._client.bulk(places, refresh=visible).items()
        }
        documents = [Item(to.resources, one.id, one.source, one.rev) for one in wanted if one.id not in refused]
        outcome = self._client.bulk(documents, refresh=visible)
        refused |= {key: why.reason for key, why in outcome.items() if why.status != CONFLICT}
        leftover = {key for one in wanted if one.id in refused or one.id in outcome for key in one.passages}
        for one in wanted:
            if one.id in held and one.id not in refused and one.id not in outcome:
                leftover |= _places_of(one.id, held[one.id]) - one.passages.keys()
        self._client.bulk([Item(to.passages, key) for key in leftover])
        return [Rejected(key, reason) for key, reason in refused.items()]


def _places_of(identity: str, held: Mapping[str, Any]) -> set[str]:
    owner = elastic_schema.owner(identity, held["rev"])
    return {elastic_schema.place(owner, number) for number in range(held["passages"])}


def _lay(changes: Iterable[Document | Tombstone]) -> tuple[list[Laid], list[Rejected]]:
    laid: list[Laid] = []
    rejected: list[Rejected] = []
    for change in changes:
        try:
            laid.append(elastic_schema.lay(change))
        except (ValueError, TypeError) as error:
            rejected.append(Rejected(change.id, str(error)))
    return laid, rejected


def _must_not_be_newer(generation: Generation) -> None:
    if generation.version > elastic_schema.VERSION:
        raise SearchUnavailable(f"the index has schema {generation.version}, newer than this programme")
