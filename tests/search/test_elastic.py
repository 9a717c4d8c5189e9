"""What only a cluster can suffer: nodes that go away, load, other schemas, passwords; against real nodes."""

import base64
import signal
import threading
import time
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest
from starlette.testclient import TestClient

from repo_service import wiring
from repo_service.app import create_app
from repo_service.migrations import run
from repo_service.models import Resource
from repo_service.policy import OPERATOR
from repo_service.services import catalog, indexing
from repo_service.services.catalog import ResourceChanges
from repo_service.settings import Settings
from search import elastic, elastic_address
from search.elastic import ElasticIndex
from search.elastic_client import Client
from search.elastic_generations import Generations
from search.errors import SearchBroken, SearchUnavailable
from search.model import Document, Passage, Query, Rejected
from tests import support
from tests.servers.base import end
from tests.servers.elastic import node, three_nodes
from tests.servers.gate import gate

pytestmark = pytest.mark.xdist_group("servers")
LECTURES = [Document(f"{number:03}", 1, f"太极拳第{number}讲") for number in range(60)]


@pytest.fixture
def address(new_prefix: Callable[[], str]) -> elastic_address.Address:
    """A prefix that nobody uses yet."""
    return elastic_address.parse(new_prefix())


@pytest.fixture
def index(address: elastic_address.Address) -> Iterator[ElasticIndex]:
    """An index with sixty lectures."""
    made = ElasticIndex(address)
    assert made.rebuild(LECTURES) == []
    yield made
    made.close()


class Readers:
    """Threads that ask again and again whether everything is there, until they are told to stop."""

    def __init__(self, index: ElasticIndex, many: int = 3) -> None:
        self.asked, self.wrong = 0, list[str]()
        self._index, self._stop = index, threading.Event()
        self._threads = [threading.Thread(target=self._read) for _ in range(many)]

    def __enter__(self) -> "Readers":
        for thread in self._threads:
            thread.start()
        return self

    def __exit__(self, *_: object) -> None:
        self._stop.set()
        for thread in self._threads:
            thread.join()

    def _read(self) -> None:
        while not self._stop.is_set():
            try:
                found, all_of_them = self._index.search(Query("太极拳", facets=())), self._index.search(Query())
                suggested = self._index.suggest("太极")
            except SearchUnavailable as error:
                self.wrong.append(str(error))
                continue
            self.asked += 1
            if (found.total, all_of_them.total, len(suggested)) != (60, 60, 10):
                self.wrong.append(f"{found.total} {all_of_them.total} {len(suggested)}")


def test_a_rebuild_under_load_leaves_no_gap(index: ElasticIndex) -> None:
    with Readers(index) as readers:
        for rev in range(2, 5):
            index.write([Document(one.id, rev, one.title) for one in LECTURES[:20]])
            index.rebuild(Document(one.id, rev, one.title) for one in LECTURES)
            index.write([Document(one.id, rev, one.title, opens=rev) for one in LECTURES[30:]])
    assert readers.wrong == []
    assert readers.asked > 10
    assert [rev for _, rev in index.scan()] == [4] * 60


def test_a_rebuild_that_somebody_else_took_over_says_so(index: ElasticIndex) -> None:
    def interrupted() -> Iterator[Document]:
        """A catalogue that is being read when another process begins anew."""
        yield LECTURES[0]
        index.rebuild(LECTURES[:5])
        yield LECTURES[1]

    with pytest.raises(SearchUnavailable):
        index.rebuild(interrupted())
    assert len(list(index.scan())) == 5
    index.write([Document("more", 1, "再来一讲")])
    assert index.search(Query("“再来一讲”")).total == 1


def test_a_busy_cluster_is_given_smaller_batches_and_time(index: ElasticIndex) -> None:
    passages = tuple(Passage(f"p{n}", "page", "太极拳" * 3_000, page=n) for n in range(4))
    rejected: list[Rejected] = []

    def write(writer: int) -> None:
        """More at once than the node takes, in three threads."""
        long = [Document(f"long-{writer}-{n}", 1, f"讲稿第{n}篇", passages=passages) for n in range(4)]
        rejected.extend(index.write(long))

    writers = [threading.Thread(target=write, args=(number,)) for number in range(3)]
    for writer in writers:
        writer.start()
    for writer in writers:
        writer.join()
    assert rejected == []
    assert index.search(Query("讲稿", limit=20)).total == 12


def test_what_is_larger_than_the_cluster_takes_is_refused_alone(index: ElasticIndex) -> None:
    huge = Document("huge", 1, "太大的讲稿", text="太极拳" * 100_000)
    assert [one.id for one in index.write([LECTURES[0], huge, Document("small", 1, "小的讲稿")])] == ["huge"]
    assert [hit.id for hit in index.search(Query("讲稿")).hits] == ["small"]


@pytest.mark.parametrize("version", [0, 10_000])
def test_an_index_of_another_schema(address: elastic_address.Address, index: ElasticIndex, version: int) -> None:
    client = Client(address)
    live = Generations(client, address.prefix, 1).live()
    assert live is not None
    client.describe(live.indexes[0], {"schema": version, "complete": True})
    other = ElasticIndex(address)
    health = other.health()
    assert (health.ok, health.must_fill) == (False, version == 0)
    with pytest.raises(SearchBroken if version == 0 else SearchUnavailable):
        other.search(Query("太极拳"))
    if version:
        with pytest.raises(SearchUnavailable):
            other.write(LECTURES[:1])
        with pytest.raises(SearchUnavailable):
            other.rebuild(LECTURES)
    else:
        other.write([Document("new", 1, "新的一讲")])
        assert other.search(Query("新的一讲")).notices == ("index_incomplete",)
        assert other.health().must_fill
        other.rebuild(LECTURES)
        assert (other.health().documents, other.health().must_fill) == (60, False)
    client.close()
    other.close()


def test_passwords_and_certificates(elasticsearch_url: str, tmp_path: Path) -> None:
    basic = "Basic " + base64.b64encode("馆员:p@ss,word".encode()).decode()
    with gate(tmp_path, elasticsearch_url, {basic, "ApiKey aWQ6a2V5"}) as (port, certificate):
        for url in (
            f"https://%E9%A6%86%E5%91%98:p%40ss%2Cword@localhost:{port}/gate?ca_certs={certificate}",
            f"https://localhost:{port}/gate?api_key=aWQ6a2V5&ca_certs={certificate}",
        ):
            index = elastic.connect(url)
            index.rebuild(LECTURES[:1])
            assert index.search(Query("太极拳")).total == 1
            index.close()
        for url in (
            f"https://guest:geheim@localhost:{port}/gate?ca_certs={certificate}",
            f"https://localhost:{port}/gate?api_key=aWQ6a2V5",
        ):
            index = elastic.connect(url)
            with pytest.raises(SearchUnavailable) as refused:
                index.search(Query("太极拳"))
            assert "geheim" not in str(refused.value)
            assert not index.health().ok
            index.close()


@pytest.mark.slow
@pytest.mark.usefixtures("elasticsearch_url")  # which says so when the server is not on this machine
def test_the_site_goes_on_without_its_cluster(tmp_path: Path) -> None:
    alone = node(tmp_path, heap="512m")
    ctx = wiring.build(Settings(data_dir=tmp_path / "data", search_url=f"{alone.url}/site"), index_writer=True)
    run.upgrade(ctx.db)
    school = support.institution(ctx)
    row = support.resource(ctx, school, "豫剧入门", state="published", published_at=ctx.clock())
    with ctx.db.write() as session:
        indexing.touch(session, ctx, session.get_one(Resource, row.id), visibility=True)
    with TestClient(create_app(ctx), base_url=ctx.settings.public_url) as client:

        def found(words: str) -> tuple[int, bool, int]:
            """Status of the answer, whether it is degraded, and how many hits it has."""
            answer = client.get("/api/v1/search", params={"q": words})
            return answer.status_code, answer.json()["degraded"], answer.json()["total"]

        with alone.up():
            indexing.drain(ctx)
            assert found("豫剧") == (200, False, 1)
        assert found("豫剧") == (200, True, 1), "the catalogue's titles answer"
        for path in ("/search?q=豫剧", "/api/v1/suggest?q=豫", "/", f"/resources/{row.id}"):
            assert client.get(path).status_code == 200, path
        catalog.edit(ctx, OPERATOR, row.id, None, ResourceChanges(title="越调入门"))
        with pytest.raises(SearchUnavailable):
            indexing.drain(ctx)
        with alone.up():
            assert indexing.drain(ctx) > 0
            assert found("越调") == (200, False, 1)
            assert found("豫剧") == (200, False, 0)
    ctx.close()


@pytest.mark.slow
@pytest.mark.kill
@pytest.mark.timeout(900)
@pytest.mark.usefixtures("elasticsearch_url")
def test_a_node_of_three_is_killed_while_people_search(tmp_path: Path) -> None:
    with three_nodes(tmp_path) as nodes:
        hosts = ",".join(one.url.removeprefix("http://") for one, _ in nodes)
        index = elastic.connect(f"http://{hosts}/three?timeout=20")
        index.rebuild(LECTURES)
        with Readers(index) as readers:
            index.write([Document(one.id, 2, one.title) for one in LECTURES])
            before = readers.asked
            end(nodes[0][1], signal.SIGKILL)
            index.write([Document(one.id, 3, one.title) for one in LECTURES])
            while readers.asked < before + 30 and not readers.wrong:
                time.sleep(0.1)
        assert readers.wrong == []
        assert [rev for _, rev in index.scan()] == [3] * 60
        index.close()
