"""What a score is made of, on the engine that tells."""

from pathlib import Path

import pytest

from search.embedded import EmbeddedIndex
from search.explaining import FACTOR, PLACED
from search.model import Document, Passage, Query

LECTURES = (
    Document(
        "net",
        1,
        "计算机网络基础",
        description="讲解互联网如何工作。",
        keywords=("通信",),
        quality=1.0,
        opens=50_000,
        passages=(Passage("n1", "cue", "今天我们学习路由器的配置。", 10.0, 14.0),),
    ),
    Document("tai", 1, "太极拳二十四式", description="适合老年人练习计算机前的放松。"),
    Document("mooc", 1, "MOOC 与网络", description="大规模开放在线课程"),
)


@pytest.fixture
def index(tmp_path: Path) -> EmbeddedIndex:
    """Three lectures."""
    made = EmbeddedIndex(tmp_path / "index", writer=True)
    made.write(LECTURES)
    return made


@pytest.mark.parametrize("typed", ["计算机网络", "如何学习路由器的配置", "jisuanji", "计蒜机", "网络 通信", "“网络”"])
def test_the_parts_are_the_score_but_for_a_mild_factor(index: EmbeddedIndex, typed: str) -> None:
    found = index.search(Query(typed, explain="net"))
    (hit,) = (hit for hit in found.hits if hit.id == "net")
    parts = {(part.field, part.term): part.score for part in found.explained}
    factor = parts.pop((FACTOR, ""))
    assert sum(parts.values()) + factor == pytest.approx(hit.score, rel=1e-4)
    assert 0.05 * hit.score < factor < 0.11 * hit.score, "a complete record that was opened often"
    assert all(score > 0 for score in parts.values())


def test_parts_name_fields_and_words(index: EmbeddedIndex) -> None:
    parts = {(part.field, part.term) for part in index.search(Query("慕课 网络", explain="mooc")).explained}
    assert {("words", "网络"), ("title", "网络"), ("words", "mooc")} <= parts
    assert ("words", "大规模 开放 在线 课程") in parts, "what means the same, word by word side by side"


def test_a_pin_is_a_part_and_what_is_not_found_has_none(index: EmbeddedIndex) -> None:
    pinned = index.search(Query("太极拳", pinned=("net",), explain="net"))
    assert pinned.explained[0].field == PLACED
    assert index.search(Query("太极拳", explain="net")).explained == ()
    assert index.search(Query("太极拳")).explained == ()
