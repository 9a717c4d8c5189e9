"""Whatever is typed, a search asks its index a bounded number of times."""

import random
from collections import Counter
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from search import pinyin, spelling
from search.embedded import EmbeddedIndex
from search.engine import Engine, Searchers
from search.model import FACETS, Document, Passage, Query

WORDS = [
    *("计算机", "网络", "安全", "数据库", "系统", "学习", "老年", "健康", "太极拳", "书法", "音乐"),
    *("历史", "物理", "化学", "生物", "经济", "管理", "法律", "英语", "语文"),
]
LIMIT = 10
STAGES = 4
SEARCHES = 2 * STAGES + 1 + 1 + 1 + LIMIT  # page and total of each stage, pins, reasons, passages, those crowded out
AGGREGATES = 1 + len(FACETS) + 1  # free facets, filtered ones, passages by resource
LOOKUPS = 2 * 2 * spelling.MOST_SOUNDS  # two fields of the vocabulary, for letters and for homophones


class Counting:
    """A searcher that counts what is asked of it."""

    def __init__(self, searcher: Any, asked: Counter[str]) -> None:
        self._searcher = searcher
        self._asked = asked

    def __getattr__(self, name: str) -> Any:
        found = getattr(self._searcher, name)
        if not callable(found):
            return found

        def counted(*given: Any, **named: Any) -> Any:
            self._asked[name] += 1
            return found(*given, **named)

        return counted


@pytest.fixture(scope="module")
def index(tmp_path_factory: pytest.TempPathFactory) -> Iterator[EmbeddedIndex]:
    """Documents of a few words, each with passages."""
    folder: Path = tmp_path_factory.mktemp("bounds")
    made, chance = EmbeddedIndex(folder, writer=True), random.Random(1)
    made.write([_document(number, chance) for number in range(60)])
    yield made
    made.close()


def _document(number: int, chance: random.Random) -> Document:
    title, text = ("".join(chance.sample(WORDS, count)) for count in (3, 8))
    places = tuple(Passage(f"{number}-{n}", "page", "".join(chance.sample(WORDS, 4)), page=n) for n in range(1, 15))
    facets = {name: (f"{name}-{number % 3}",) for name in FACETS}
    return Document(f"{number:04}", 1, title, text=text, passages=places, facets=facets, published_at=1.0 + number)


@pytest.fixture(scope="module")
def asked(index: EmbeddedIndex) -> Iterator[Counter[str]]:
    """How often each method of the searchers was called."""
    counter: Counter[str] = Counter()
    real = Engine.searchers

    def searchers(engine: Engine) -> Searchers:
        own = real(engine)
        parts: list[Any] = [Counting(one, counter) for one in (own.resources, own.passages, own.vocabulary)]
        return Searchers(own.generation, *parts)

    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(Engine, "searchers", searchers)
        yield counter


SYLLABLES = st.sampled_from(sorted(pinyin.syllables()))
PIECES = st.one_of(
    st.sampled_from(WORDS),
    st.sampled_from(
        ["“", "”", "-", "标题:", "类型:视频", "如何", "的", "*", "(", "[a-z]+", "\\", "~2", "^", "\x00", "𠮷"]
    ),
    SYLLABLES,
    st.lists(SYLLABLES, min_size=2, max_size=8).map("".join),
    st.text("abcdjsxzgl", min_size=2, max_size=10),
    st.text("计蒜基网珞学席是实石时识", min_size=1, max_size=12),
    st.text(max_size=6),
)
TYPED = st.lists(PIECES, max_size=120).flatmap(lambda some: st.sampled_from(["", " "]).map(lambda gap: gap.join(some)))
CHOSEN = st.dictionaries(st.sampled_from(FACETS), st.sampled_from([("kind-1",), ("nothing",), ("level-0", "year-2")]))


@settings(max_examples=150, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(TYPED, CHOSEN, st.booleans())
def test_any_search_is_bounded(
    index: EmbeddedIndex, asked: Counter[str], text: str, chosen: dict[str, tuple[str, ...]], pinned: bool
) -> None:
    asked.clear()
    index.search(Query(text, filters=chosen, limit=LIMIT, pinned=("0001",) if pinned else ()))
    assert asked["search"] <= SEARCHES
    assert asked["aggregate"] <= AGGREGATES
    assert asked["terms_with_prefix"] <= LOOKUPS


@pytest.mark.parametrize(
    "text",
    [
        " ".join(WORDS * 3),
        "如何" + "".join(WORDS),
        f"“{''.join(WORDS)}”",
        " ".join(f"“{word}”" for word in WORDS * 3),
        " ".join(f"-{word}" for word in WORDS * 3),
        " ".join(sorted(pinyin.syllables())[::8][:48]),
        " ".join(f"{one}{other}" for one, other in zip("jsdxzgyl" * 12, "xzjsdgyl" * 12, strict=True)),
        " ".join("jsjwlaqsjk"[at:] + "jsjwlaqsjk"[:at] for at in range(10)) * 4,
        "计蒜基网珞学席是实石" * 40,
        "([" * 50_000,
        " ".join(map(str, range(10_000))),
        "a*b?c+ /.*/ [a-z]{1,99}" * 500,
    ],
    ids=lambda text: text[:12],
)
def test_long_queries_are_bounded(index: EmbeddedIndex, asked: Counter[str], text: str) -> None:
    asked.clear()
    index.search(Query(text, limit=LIMIT))
    assert asked["search"] <= SEARCHES
    assert asked["aggregate"] <= AGGREGATES
    assert asked["terms_with_prefix"] <= LOOKUPS


def test_sounds_are_looked_up_so_often_and_no_more() -> None:
    looked_up: list[str] = []

    def vocabulary(beginning: str, most: int) -> list[tuple[str, int]]:
        looked_up.append(beginning)
        return []

    many = " ".join("jsdxzgyl"[n % 8 :] + "jsdxzgyl"[: n % 7] for n in range(40))
    spelling.respell(many, lambda _: False, vocabulary)
    assert len(looked_up) == len(set(looked_up))
    assert len(looked_up) <= spelling.MOST_SOUNDS


@given(prefix=st.text(max_size=30) | SYLLABLES | st.sampled_from(WORDS))
@settings(max_examples=60, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
def test_any_completion_is_bounded(index: EmbeddedIndex, asked: Counter[str], prefix: str) -> None:
    asked.clear()
    index.suggest(prefix)
    ways = 3 * 2  # by words, letter by letter, as it sounds; from the beginning and from later words
    assert asked["search"] <= ways
    assert asked["terms_with_prefix"] <= 2 * ways
