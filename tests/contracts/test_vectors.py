"""What every store of vectors must do, beside whatever engine it is."""

import time
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest

from search import elastic_address
from search.elastic_vectors import ElasticVectors
from search.semantic import Text, Vector, Vectors, unit
from search.vector_file import VectorFile

CLOSE = 0.02  # of a cosine: the cluster keeps numbers as bytes
EAST, NORTH, NORTH_EAST = unit([1.0, 0.0] * 4), unit([0.0, 1.0] * 4), unit([1.0, 1.0] * 4)


@pytest.fixture(params=["file", pytest.param("elasticsearch", marks=pytest.mark.xdist_group("servers"))])
def opened(request: pytest.FixtureRequest, tmp_path: Path) -> Callable[[str], Vectors]:
    """Open this test's store of a model's vectors, of each kind."""
    if request.param == "file":
        return lambda model: VectorFile(tmp_path / "vectors", model)
    address = elastic_address.parse(request.getfixturevalue("new_prefix")())
    return lambda model: ElasticVectors(address, model)


@pytest.fixture
def vectors(opened: Callable[[str], Vectors]) -> Iterator[Vectors]:
    """An empty store."""
    made = opened("model")
    yield made
    made.close()


def teach(vectors: Vectors, **meanings: Vector) -> None:
    """Keep a vector for each of these documents."""
    made = [(Text(name, 1, f"text of {name}"), vector) for name, vector in meanings.items()]
    vectors.want([text for text, _ in made])
    vectors.keep(made)


def test_an_empty_store_knows_nothing(vectors: Vectors) -> None:
    assert vectors.wanted(5) == []
    assert vectors.near(EAST, ["a"]) == {}
    assert vectors.nearest(EAST) == {}
    vectors.forget(["a"])


def test_cosines_of_the_documents_that_have_a_vector(vectors: Vectors, opened: Callable[[str], Vectors]) -> None:
    teach(vectors, a=EAST, b=NORTH, c=NORTH_EAST)
    found = vectors.near(EAST, ["a", "b", "c", "d"])
    assert found == pytest.approx({"a": 1.0, "b": 0.0, "c": 0.7071}, abs=CLOSE)
    assert vectors.near(EAST, []) == {}
    assert opened("model").near(EAST, ["b"]) == pytest.approx({"b": 0.0}, abs=CLOSE), "it is kept"
    assert opened("another model").near(EAST, ["a"]) == {}


def soon(holds: Callable[[], object]) -> None:
    """Wait until something holds: a cluster shows what was written a moment later."""
    until = time.monotonic() + 20
    while not holds():
        assert time.monotonic() < until
        time.sleep(0.05)


def wanted(vectors: Vectors) -> list[Text]:
    """What is wanted, in order of id."""
    soon(lambda: vectors.wanted(10))
    return sorted(vectors.wanted(10), key=lambda one: one.id)


def test_texts_wait_until_their_vector_is_made(vectors: Vectors) -> None:
    texts = [Text("a", 3, "嫁接"), Text("b", 1, "急救")]
    vectors.want(texts)
    assert wanted(vectors) == texts
    assert vectors.near(EAST, ["a", "b"]) == {}
    vectors.keep([(texts[0], EAST)])
    soon(lambda: wanted(vectors) == [texts[1]])
    vectors.keep([(texts[1], ())])
    assert vectors.wanted(10) == []
    assert vectors.near(EAST, ["a", "b"]).keys() == {"a"}, "of b none can be made"


def test_an_unchanged_text_keeps_its_vector_and_a_changed_one_loses_it(vectors: Vectors) -> None:
    teach(vectors, a=EAST, b=EAST)
    vectors.want([Text("a", 9, "text of a"), Text("b", 9, "something else")])
    assert wanted(vectors) == [Text("b", 9, "something else")]
    soon(lambda: vectors.near(EAST, ["a", "b"]).keys() == {"a"})


def test_what_is_older_changes_nothing(vectors: Vectors) -> None:
    old, new = Text("a", 1, "old"), Text("a", 2, "new")
    vectors.want([old])
    vectors.want([new])
    vectors.keep([(old, EAST)])
    vectors.want([old])
    assert wanted(vectors) == [new], "a vector of the text before is not that of this one"
    vectors.keep([(new, NORTH)])
    assert vectors.near(NORTH, ["a"]) == pytest.approx({"a": 1.0}, abs=CLOSE)


def test_what_is_forgotten_can_be_wanted_again(vectors: Vectors) -> None:
    teach(vectors, a=EAST)
    vectors.forget(["a", "b"])
    soon(lambda: not vectors.near(EAST, ["a"]))
    vectors.want([Text("a", 4, "text of a")])
    assert wanted(vectors) == [Text("a", 4, "text of a")]


@pytest.mark.xdist_group("servers")
def test_a_cluster_finds_the_nearest_of_all(new_prefix: Callable[[], str]) -> None:
    vectors = ElasticVectors(elastic_address.parse(new_prefix()), "model")
    around = {f"{angle:03}": unit([float(angle), 100.0, 1.0, 1.0]) for angle in range(200)}
    teach(vectors, **around)
    found = vectors.nearest(around["000"])
    assert max(found, key=lambda one: found[one]) == "000"
    assert len(found) == 50
    assert all(int(name) < 60 for name in found), "neighbours are found, not just any"
    vectors.close()
