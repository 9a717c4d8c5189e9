"""Clauses that only count match what the ranked ones match."""

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from search import asking
from search.asking import Mixed
from search.embedded_query import build
from search.engine import Engine, found_count
from search.model import Document, Query
from search.query import understand
from search.stages import Stage, stages
from tests.search.test_stages import Shelf

TEXTS = ("计算机网络技术", "学习中文", "网络学习的计算技术", "太极拳入门", "中文信息处理与计算机")
WORDS = st.sampled_from(("计算机", "网络", "学习", "中文", "的技术", "-拳", "“计算机网络”", "title:中文", "jisuanji"))


@pytest.fixture(scope="module")
def engine(tmp_path_factory: pytest.TempPathFactory) -> Engine:
    """A few documents."""
    folder = tmp_path_factory.mktemp("asking")
    for part in ("resources", "passages", "vocabulary"):
        (folder / part).mkdir()
    engine = Engine("g", folder, new=True)
    with engine.batch():
        engine.apply([Document(str(n), 1, text) for n, text in enumerate(TEXTS)], check=False)
    return engine


def matched(engine: Engine, clause: asking.Clause) -> set[str]:
    searcher = engine.searchers().resources
    hits = searcher.search(build(engine.resources.schema, clause), limit=10)
    found = {searcher.doc(address).to_dict()["id"][0] for _, address in hits.hits}
    assert len(found) == found_count(hits)
    return found


@settings(deadline=None, max_examples=150)
@given(typed=st.lists(WORDS, max_size=4).map(" ".join))
def test_what_only_ranks_matches_nothing_more(engine: Engine, typed: str) -> None:
    ways = [*stages(Query(typed), Shelf()), Stage(understand(typed), "loose"), Stage(understand(typed), "forgiving")]
    for stage in ways:
        ranked = asking.matching(stage)
        assert matched(engine, asking.unranked(ranked)) == matched(engine, ranked)


def test_counting_drops_what_only_ranks() -> None:
    ranked = asking.matching(Stage(understand("计算机 网络"), "strict"))
    counting = asking.unranked(ranked)
    assert isinstance(ranked, Mixed)
    assert isinstance(counting, Mixed)
    assert ranked.should
    assert not counting.should
    assert len(counting.must) == 2
