"""The only file that talks to Elasticsearch: requests in our words, its errors in ours."""

import re
import time
from base64 import b64encode
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager, suppress
from dataclasses import dataclass
from typing import Any

from elasticsearch import ApiError, Elasticsearch, NotFoundError, TransportError
from elasticsearch import ConnectionError as NotReached

from search.elastic_address import Address
from search.elastic_query import Body
from search.errors import SearchUnavailable

BULK_BYTES = 8_000_000
BULK_ITEMS = 2_000
BUSY = 429
TOO_LARGE = 413
CONFLICT = 409
PATIENCE = 9  # tries while the cluster is busy; about 20 seconds
LONGEST_PAUSE = 5.0
SCAN_PAGE = 5_000
WRITE_SECONDS = 60.0


class Gone(Exception):
    """An index or alias that was asked is not there (any more)."""


@dataclass(frozen=True, slots=True)
class Item:
    """One part of a bulk request; ``version`` is external, and not lower than the held one. Without source: delete."""

    index: str
    id: str
    source: bytes | None = None
    version: int | None = None

    def lines(self) -> list[Any]:
        """As the request has it."""
        action: dict[str, Any] = {"_index": self.index, "_id": self.id, "require_alias": True}
        if self.version is not None:
            action |= {"version": self.version, "version_type": "external_gte"}
        if self.source is None:
            return [{"delete": action}]
        return [{"index": action}, self.source]

    @property
    def size(self) -> int:
        """Bytes, roughly."""
        return len(self.source or b"") + len(self.id) + 200


@dataclass(frozen=True, slots=True)
class Refused:
    """Why an item is not in, which is its own fault: the status, and the cluster's words."""

    status: int
    reason: str


class Client:
    """A cluster of one or more nodes. Raises SearchUnavailable and `Gone`, nothing of the vendor's.

    Raises ValueError for an address that cannot be used: its certificate is not there, for instance.
    """

    def __init__(self, address: Address) -> None:
        signed_in: dict[str, Any] = {}
        if address.api_key:
            signed_in["api_key"] = address.api_key
        elif address.user:
            together = f"{address.user}:{address.password}".encode()
            signed_in["basic_auth"] = b64encode(together).decode()  # the client itself takes ASCII alone
        if address.ca_certs:
            signed_in["ca_certs"] = address.ca_certs
        try:
            self._client = Elasticsearch(
                list(address.nodes),
                **signed_in,
                request_timeout=address.timeout,
                max_retries=max(1, len(address.nodes)),
                retry_on_status=(502, 503, 504),
                retry_on_timeout=len(address.nodes) > 1,
                max_dead_node_backoff=5.0,
            )
        except (ValueError, OSError) as error:
            raise ValueError(f"cannot use this address: {error}") from None
        self._writer = self._client.options(request_timeout=WRITE_SECONDS)

    def search(self, searches: Sequence[tuple[str, Body]]) -> list[Mapping[str, Any]]:
        """Answers to several searches, in one round trip; of all shards or none."""
        if not searches:
            return []
        lines: list[Mapping[str, Any]] = []
        for index, body in searches:
            head = {"index": index, "search_type": "dfs_query_then_fetch", "allow_partial_search_results": False}
            lines += [head, body]
        with _our_errors("cannot search"):
            answers = self._client.msearch(searches=lines)["responses"]
        for answer in answers:
            if "error" in answer:
                _raise(int(answer.get("status", 500)), answer["error"])
        return list(answers)

    def bulk(self, items: Sequence[Item], *, refresh: bool = False) -> dict[str, Refused]:
        """Write items, durable on return, and visible when asked for; those that were refused, by id.

        A cluster that is busy is given time and smaller requests. One that takes nothing at the moment refuses none.
        """
        refused: dict[str, Refused] = {}
        waiting, most, room = list(items), BULK_ITEMS, BULK_BYTES
        tries = 0
        while waiting:
            some = _head(waiting, most, room)
            answered = self._bulk_once(some, refresh=refresh)
            busy = {key for key, why in answered.items() if why.status == BUSY}
            large = {key for key, why in answered.items() if why.status == TOO_LARGE} if len(some) > 1 else set()
            if busy or large:
                most, room = max(1, len(some) // 2), sum(item.size for item in some) // 2
            tries = tries + 1 if busy else 0
            if tries >= PATIENCE:
                raise SearchUnavailable("the search cluster is too busy to take writes")
            if busy:
                time.sleep(min(LONGEST_PAUSE, 0.1 * 2**tries))
            again = busy | large
            refused |= {key: why for key, why in answered.items() if key not in again}
            waiting = [*(item for item in some if item.id in again), *waiting[len(some) :]]
        return refused

    def _bulk_once(self, items: Sequence[Item], *, refresh: bool) -> dict[str, Refused]:
        lines = [line for item in items for line in item.lines()]
        try:
            with _our_errors("cannot write"):
                answer = self._writer.bulk(operations=lines, refresh=refresh, filter_path=_BULK_ANSWER)
        except _Status as error:
            if error.status in (BUSY, TOO_LARGE):
                return {item.id: _refused(error.status, str(error)) for item in items}
            raise
        refused: dict[str, Refused] = {}
        for outcome in answer.get("items", ()):
            said = next(iter(outcome.values()))
            if "error" in said:
                refused[said["_id"]] = _item_refused(said["status"], said["error"])
        return refused

    def held(self, index: str, ids: Sequence[str]) -> dict[str, Mapping[str, Any]]:
        """What is stored of these documents, as it is now."""
        if not ids:
            return {}
        with _our_errors("cannot read"):
            answer = self._client.mget(index=index, ids=list(ids))
        found: dict[str, Mapping[str, Any]] = {}
        for one in answer["docs"]:
            if "error" in one:
                _raise(404 if "not_found" in one["error"].get("type", "") else 503, one["error"])
            if one.get("found"):
                found[one["_id"]] = one["_source"]
        return found

    def moment(self, index: str) -> str:
        """Hold an index as it is now; `scan` reads it."""
        with _our_errors("cannot scan"):
            return str(self._client.open_point_in_time(index=index, keep_alive=_HELD)["id"])

    def scan(self, moment: str, query: Body) -> Iterator[Mapping[str, Any]]:
        """All documents of a query in order of id, as of this moment, which is let go at the end."""
        try:
            after: list[Any] | None = None
            while True:
                with _our_errors("cannot scan"):
                    page = self._client.search(
                        pit={"id": moment, "keep_alive": _HELD},
                        query=query,
                        size=SCAN_PAGE,
                        sort=[{"id": "asc"}],
                        search_after=after,
                        track_total_hits=False,
                        source_includes=["rev"],
                    )["hits"]["hits"]
                yield from page
                if len(page) < SCAN_PAGE:
                    return
                after = page[-1]["sort"]
        finally:
            with suppress(Gone, SearchUnavailable), _our_errors("cannot end a scan"):
                self._client.close_point_in_time(id=moment)  # else it ends by itself

    def indexes(self, patterns: Sequence[str]) -> Mapping[str, Mapping[str, Any]]:
        """Aliases and mappings of the indexes of these patterns; a closed one is not lost, so it is among them."""
        wanted: dict[str, Any] = {"features": ["aliases", "mappings"], "expand_wildcards": ["open", "closed"]}
        with _our_errors("cannot list the indexes"):
            return dict(self._client.indices.get(index=list(patterns), **wanted))

    def create(self, index: str, settings: Body, mappings: Body, aliases: Sequence[str]) -> bool:
        """Make an index; whether it was not there yet."""
        try:
            with _our_errors("cannot make an index"):
                self._writer.indices.create(
                    index=index,
                    settings={"index": settings},
                    mappings=mappings,
                    aliases={name: {} for name in aliases},
                )
        except _Status as error:
            if "resource_already_exists" in str(error):
                return False
            raise
        return True

    def alias(self, actions: Sequence[Body]) -> None:
        """Move aliases, all at once."""
        with _our_errors("cannot move aliases"):
            self._writer.indices.update_aliases(actions=list(actions))

    def drop(self, indexes: Sequence[str]) -> None:
        """Delete indexes; those that are gone already are no error."""
        if indexes:
            with _our_errors("cannot drop an index"):
                self._writer.indices.delete(index=list(indexes), ignore_unavailable=True)

    def refresh(self, indexes: Sequence[str]) -> None:
        """Make visible what was written."""
        with _our_errors("cannot refresh"):
            self._writer.indices.refresh(index=list(indexes))

    def set(self, indexes: Sequence[str], settings: Body) -> None:
        """Change settings."""
        with _our_errors("cannot change settings"):
            self._writer.indices.put_settings(index=list(indexes), settings={"index": settings})

    def describe(self, index: str, about: Body) -> None:
        """Write what an index is into its mapping."""
        with _our_errors("cannot describe an index"):
            self._writer.indices.put_mapping(index=index, meta=about)

    def close(self) -> None:
        """Let the connections go."""
        self._client.close()


_HELD = "2m"
_BULK_ANSWER = "items.*._id,items.*.status,items.*.error.type,items.*.error.reason"


_FULL = re.compile(r"_operation_bytes=(\d+), max_\w+_bytes=(\d+)")


def _refused(status: int, reason: str) -> Refused:
    """A cluster calls itself busy also when a request alone is more than it ever takes at once."""
    full = _FULL.search(reason)
    return Refused(TOO_LARGE if full and int(full[1]) > int(full[2]) else status, reason)


_CONTENT = ("document_parsing_exception", "illegal_argument_exception", "mapper_parsing_exception")


def _item_refused(status: int, error: Mapping[str, Any]) -> Refused:
    """What is not known to be the item's fault is the cluster's: a block, a closed index, a shard that is away."""
    kind, reason = error.get("type", ""), error.get("reason", "")
    if status == 404:
        raise Gone(reason)
    if status in (BUSY, TOO_LARGE, CONFLICT) or (status == 400 and kind in _CONTENT):
        return _refused(status, reason)
    raise _Status(status, f"cannot write: {status} {kind}: {reason}")


class _Status(SearchUnavailable):
    """The cluster answered with an error."""

    def __init__(self, status: int, said: str) -> None:
        super().__init__(said)
        self.status = status


@contextmanager
def _our_errors(what: str) -> Iterator[None]:
    try:
        yield
    except NotFoundError as error:
        raise Gone(f"{what}: {error.message}") from None
    except ApiError as error:
        raise _Status(
            error.status_code, f"{what}: {error.status_code} {error.message} {_reason(error.body)}"
        ) from error
    except NotReached as error:
        raise SearchUnavailable(f"{what}: the cluster cannot be reached") from error
    except (TransportError, ValueError) as error:
        raise SearchUnavailable(f"{what}: {type(error).__name__}: {error}") from error


def _reason(body: object) -> str:
    said = body.get("error") if isinstance(body, dict) else None
    return str(said.get("reason", "")) if isinstance(said, dict) else ""


def _raise(status: int, error: Mapping[str, Any]) -> None:
    if status == 404:
        raise Gone(str(error.get("reason", "")))
    raise _Status(status, f"cannot search: {status} {error.get('type')}: {error.get('reason')}")


def _head(items: Sequence[Item], most: int, room: int) -> list[Item]:
    """As many of the first items as fit, at least one."""
    taken: list[Item] = []
    for item in items[:most]:
        room -= item.size
        if taken and room < 0:
            break
        taken.append(item)
    return taken
