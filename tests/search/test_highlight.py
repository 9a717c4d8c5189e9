"""Marking the words that were looked for."""

import html
import re
from itertools import pairwise

import pytest
from hypothesis import given
from hypothesis import strategies as st

from search.fold import fold, strange_han
from search.highlight import highlight, marked, markup, snippet, spans
from search.text import HAN

TEXT = st.text(st.sampled_from("学习資料庫网络<>&\"'aAbé ㍿①。") | st.characters(), max_size=80)
TERMS = st.lists(
    st.sampled_from(["学习", "数据库", "网络", "a", "ab", "e", "的", "c++"]) | st.text(max_size=5), max_size=5
)


@pytest.mark.parametrize(
    ("text", "terms", "shown"),
    [
        ("學習資料庫", ["数据库"], "學習<mark>資料庫</mark>"),
        ("计算机网络", ["网络"], "计算机<mark>网络</mark>"),
        ("<b>Courses</b>", ["course"], "&lt;b&gt;<mark>Courses</mark>&lt;/b&gt;"),
        ("用 C++ 与 Python3.11", ["c++", "python3.11"], "用 <mark>C++</mark> 与 <mark>Python3.11</mark>"),
        ("scarab", ["car"], "scarab"),
        ("学习学习", ["学习"], "<mark>学习学习</mark>"),
        ("什么也没有", ["别的"], "什么也没有"),
    ],
)
def test_marks(text: str, terms: list[str], shown: str) -> None:
    assert marked(text, terms) == shown


@given(TEXT, TERMS)
def test_pieces_are_the_text_and_html_is_safe(text: str, terms: list[str]) -> None:
    pieces = highlight(text, terms)
    assert "".join(piece for piece, _ in pieces) == text
    shown = markup(pieces)
    assert html.unescape(re.sub("</?mark>", "", shown)) == text or "&" in text
    assert not re.search("<(?!/?mark>)", shown)
    found = spans(text, terms)
    assert all(0 <= start < end <= len(text) for start, end in found)
    assert all(before[1] < after[0] for before, after in pairwise(found))


@given(TEXT, TERMS, st.integers(5, 60))
def test_snippets_are_short_parts_of_the_text(text: str, terms: list[str], width: int) -> None:
    shown = "".join(piece for piece, _ in snippet(text, terms, width))
    assert len(shown) <= max(width + 2, len(text) if len(text) <= width else 0)
    assert shown.removeprefix("…").removesuffix("…") in text


def test_a_snippet_shows_the_place_with_most_words() -> None:
    text = "网络。" + "无关的话。" * 80 + "这里讲数据库和网络的安全。" + "再说别的。" * 80
    pieces = snippet(text, ["数据库", "网络", "安全"], 60)
    assert [piece for piece, hit in pieces if hit] == ["数据库", "网络", "安全"]


@given(
    st.text("资料库网络学习的机计算", max_size=40), st.sets(st.text("资料库数据网络学习计算机", min_size=1, max_size=4))
)
def test_chinese_words_are_found_as_a_pattern_finds_them(text: str, terms: set[str]) -> None:
    """Two ways: words alone are looked up one by one; beside a term that is none, a pattern finds all."""
    assert spans(text, terms) == spans(text, {*terms, "@"})


def test_every_character_that_becomes_chinese_is_known() -> None:
    """So that a text without them needs no folding where Chinese is looked for."""
    chinese = re.compile(f"[{HAN}]|^$")
    others = (chr(code) for code in range(0x110000) if not 0xD800 <= code < 0xE000)
    changed = [one for one in others if (folded := fold(one)) != one and chinese.search(folded)]
    assert len(changed) > 4_000
    assert [one for one in changed if not strange_han().fullmatch(one)] == []
