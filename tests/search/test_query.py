"""Reading what a person typed: it never fails, whatever it is, and stays bounded."""

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from search.embedded import EmbeddedIndex
from search.model import Document, Passage, Query
from search.query import MAX_WORDS, Phrase, understand

TYPED = st.text(
    st.sampled_from("学习网络计算机的什么如何zhongwenjsj +-*?~^\"“”「」()[]{}:：/\\.'&|!标题title:-年份 ")
    | st.characters(),
    max_size=120,
)
MONSTERS = (
    "(" * 100_000,
    "网络 " * 10_000,
    '"' * 5_000,
    "*" * 3_000,
    "title:" * 1_000,
    "-" * 2_000,
    "[a TO z]~5^9 AND OR NOT",
    ".*(a|b)+$" * 500,
    "zhong" * 2_000,
    "a" * 100_000,
    "\x00\ud800\uffff",
    "标题:" * 300,
)


@pytest.fixture(scope="module")
def index(tmp_path_factory: pytest.TempPathFactory) -> EmbeddedIndex:
    """A small index, to try queries on."""
    made = EmbeddedIndex(tmp_path_factory.mktemp("fuzz") / "index", writer=True)
    lectures = [
        Document(
            str(number),
            1,
            f"{title}第{number}讲",
            facets={"media_kind": ("video",), "year": ("2024",)},
            passages=(Passage(f"p{number}", "cue", "我们学习中文网络课程。", 1.0, 2.0),),
        )
        for number, title in enumerate(["计算机网络", "中文写作", "学习方法"])
    ]
    made.rebuild(lectures)
    return made


def test_phrases_fields_and_what_must_not_occur() -> None:
    plan = understand("“终身学习” 标题:网络 年份:2024 -广告 -“付费 课程” C++")
    assert plan.words == ("c++",)
    assert plan.phrases == (
        Phrase(("终身学习",)),
        Phrase(("付费", "课程"), negated=True),
        Phrase(("网络",), "title"),
        Phrase(("广告",), negated=True),
    )
    assert plan.filters == {"year": ("2024",)}


def test_questions_are_trimmed_to_what_they_are_about() -> None:
    plan = understand("请问如何学习计算机网络？")
    assert plan.loose
    assert plan.words == ("学习", "计算机网络")
    assert understand("什么").words == ("什么",), "a query of nothing else keeps its words"
    assert not understand("计算机网络").loose


def test_a_colon_that_is_no_field_is_text() -> None:
    assert understand("比例1:2").words
    assert understand("http://example.cn").words


@pytest.mark.parametrize("typed", MONSTERS, ids=range(len(MONSTERS)))
def test_monsters_are_cut(index: EmbeddedIndex, typed: str) -> None:
    plan = understand(typed)
    assert len(plan.words) <= MAX_WORDS
    assert len(plan.phrases) <= 3 * MAX_WORDS
    answer = index.search(Query(typed))
    assert ("query_cut" in answer.notices) == (len(typed) > 400 or len(plan.words) > MAX_WORDS)
    index.suggest(typed)


@given(TYPED)
@settings(max_examples=150, suppress_health_check=[HealthCheck.function_scoped_fixture], deadline=None)
def test_nothing_that_is_typed_fails(index: EmbeddedIndex, typed: str) -> None:
    answer = index.search(Query(typed, filters={"media_kind": ("video",)}))
    assert len(answer.hits) == min(answer.total, 20)
    assert sum(count for _, count in answer.facets["year"]) == answer.total
    index.search(Query(typed, within="0", sort="newest"))
    index.suggest(typed)
