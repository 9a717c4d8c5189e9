"""What happens to a cluster under our hands: blocks, closed and lost indexes, copies, others who rebuild; all real."""

import urllib.request
from collections.abc import Callable, Iterator
from dataclasses import dataclass

import pytest

from search import elastic_address
from search.elastic import REBUILD_BATCH, ElasticIndex
from search.elastic_client import Client
from search.elastic_generations import Generation, Generations
from search.errors import SearchUnavailable
from search.model import Document, Passage, Query

pytestmark = pytest.mark.xdist_group("servers")


def lectures(many: int, rev: int = 1) -> list[Document]:
    """Lectures whose movements are told in their passages."""
    cue = (Passage("cue", "cue", "云手的动作要领"),)
    return [Document(f"{number:04}", rev, f"太极拳第{number}讲", passages=cue) for number in range(many)]


@dataclass
class Cluster:
    """An index with thirty lectures, and another hand on its cluster."""

    index: ElasticIndex
    client: Client
    generations: Generations
    prefix: str
    url: str

    @property
    def live(self) -> Generation:
        """The generation that answers."""
        found = self.generations.live()
        assert found is not None
        return found

    def close(self, index: str, again: bool = False) -> None:
        """As an operator closes an index, and opens it ``again``."""
        address = f"{self.url}/{index}/{'_open' if again else '_close'}"
        urllib.request.urlopen(urllib.request.Request(address, method="POST"), timeout=30).close()

    def block(self, one: Generation, blocked: bool = True) -> None:
        """Take no writes, as an operator may say, or a node whose disk is full."""
        self.client.set(one.indexes, {"blocks.write": blocked})


@pytest.fixture
def cluster(new_prefix: Callable[[], str]) -> Iterator[Cluster]:
    """Filled and live."""
    address = elastic_address.parse(new_prefix())
    index, client = ElasticIndex(address), Client(address)
    assert index.rebuild(lectures(30)) == []
    yield Cluster(index, client, Generations(client, address.prefix, 1), address.prefix, address.nodes[0])
    index.close()
    client.close()


def test_an_index_that_takes_no_writes_refuses_no_document(cluster: Cluster) -> None:
    cluster.block(cluster.live)
    with pytest.raises(SearchUnavailable, match="write"):
        cluster.index.write(lectures(2, rev=2))
    cluster.block(cluster.live, False)
    assert cluster.index.write(lectures(2, rev=2)) == []
    assert [rev for _, rev in cluster.index.scan()][:3] == [2, 2, 1]


def test_no_rebuild_switches_to_an_index_that_took_only_some(cluster: Cluster) -> None:
    before = cluster.live.name

    def blocked_for_a_while() -> Iterator[Document]:
        """A catalogue, while the new generation takes nothing for one batch."""
        for number, lecture in enumerate(lectures(3 * REBUILD_BATCH, rev=2)):
            if number in (REBUILD_BATCH, 2 * REBUILD_BATCH):
                for one in cluster.generations.all():
                    cluster.block(one, number == REBUILD_BATCH and not one.live)
            yield lecture

    with pytest.raises(SearchUnavailable):
        cluster.index.rebuild(blocked_for_a_while())
    assert cluster.live.name == before
    assert cluster.index.search(Query("云手")).total == 30


@pytest.mark.parametrize("lost", ["index", "door"])
@pytest.mark.parametrize("part", ["resources", "passages"])
def test_a_part_that_is_lost_is_noticed_and_filled_anew(cluster: Cluster, part: str, lost: str) -> None:
    live = cluster.live
    number = ("resources", "passages").index(part)
    if lost == "index":
        cluster.client.drop([live.indexes[number]])
    else:
        door = (live.resources, live.passages)[number]
        cluster.client.alias([{"remove": {"index": live.indexes[number], "alias": door}}])
    with pytest.raises(SearchUnavailable):
        cluster.index.search(Query("云手"))
    assert cluster.index.health().must_fill
    assert cluster.index.rebuild(lectures(30)) == []
    health = cluster.index.health()
    assert (health.ok, health.documents, health.must_fill) == (True, 30, False)
    assert cluster.index.search(Query("云手")).total == 30
    assert cluster.index.write(lectures(2, rev=2)) == []


def test_what_is_written_where_the_passages_are_lost_goes_into_a_new_index(cluster: Cluster) -> None:
    cluster.client.drop([cluster.live.indexes[1]])
    assert cluster.index.write(lectures(2, rev=2)) == []
    assert cluster.index.search(Query("云手")).notices == ("index_incomplete",)
    assert cluster.index.health().must_fill


@pytest.mark.parametrize("part", [0, 1])
def test_a_closed_index_is_away_and_not_lost(cluster: Cluster, part: int) -> None:
    live = cluster.live
    cluster.close(live.indexes[part])
    health = cluster.index.health()
    assert (health.ok, health.must_fill) == (False, False)
    with pytest.raises(SearchUnavailable):
        cluster.index.write(lectures(2, rev=2))
    with pytest.raises(SearchUnavailable):
        cluster.index.search(Query("云手"))
    assert cluster.live.name == live.name, "nothing empty took its place"
    cluster.close(live.indexes[part], again=True)
    assert cluster.index.write(lectures(2, rev=2)) == []
    assert cluster.index.search(Query("云手")).total == 30
    cluster.close(live.indexes[part])
    assert cluster.index.rebuild(lectures(30)) == [], "an operator may fill it anew all the same"
    assert cluster.index.search(Query("云手")).total == 30


def test_who_begins_anew_as_a_rebuild_ends_takes_it_over(cluster: Cluster) -> None:
    def taken_over() -> Iterator[Document]:
        """A catalogue of one batch, after which another process begins."""
        yield from lectures(REBUILD_BATCH)
        cluster.generations.fill()

    with pytest.raises(SearchUnavailable, match="somebody else"):
        cluster.index.rebuild(taken_over())
    assert cluster.index.search(Query("云手")).total == 30


def test_indexes_of_other_names_are_left_alone(cluster: Cluster) -> None:
    copies = [f"{cluster.prefix}-{part}-g1-copy" for part in ("resources", "passages")]
    for copy in copies:
        cluster.client.create(copy, {}, {}, [])
    assert cluster.index.rebuild(lectures(20)) == []
    assert cluster.index.health().documents == 20
    assert cluster.client.indexes(copies).keys() == set(copies)
