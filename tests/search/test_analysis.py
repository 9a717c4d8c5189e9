"""The shared analysis of text: folding, words, places, pinyin."""

import opencc
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from search import pinyin
from search.fields import MAX_LABEL, completions, title_keys
from search.fold import fold, fold_with_offsets
from search.text import analyse, pieces, sounds, stem, subwords, tokens
from search.words import terms_of_taiwan
from tests.search import readings

CHINESE = st.text(
    st.sampled_from("学習計算機网络資料庫的是一不龍龜ＡＢａｂé㍿①ﬁ…，。 \n") | st.characters(), max_size=60
)


def words(text: str) -> list[str]:
    """Whole words, without the parts of codes."""
    return [token.text for token in tokens(text) if not token.part]


@pytest.mark.parametrize(
    ("text", "found"),
    [
        ("我們學習資料庫與軟體", ["我们", "学习", "数据库", "与", "软件"]),
        ("Ｐｙｔｈｏｎ３．１１", ["python3.11"]),
        ("CET-4 与 C++、GB/T 21365", ["cet-4", "与", "c++", "gb/t21365"]),
        ("C# .NET node.js", ["c#", "net", "node.js"]),
        ("Courses, studies; class", ["course", "study", "class"]),
        ("café ﬁnance", ["cafe", "finance"]),
        ("", []),
        ("，。！", []),
    ],
)
def test_words(text: str, found: list[str]) -> None:
    assert words(text) == found


def test_parts_of_codes_are_found_too() -> None:
    assert {"python3.11", "python3", "11"} == {token.text for token in tokens("Python3.11")}


def test_places_point_at_the_source_through_folding() -> None:
    text = "㍿的İ課程①ﬁle"
    for token in tokens(text):
        assert fold(text[token.start : token.end])
    (course,) = (token for token in tokens(text) if token.text == "课程")
    assert text[course.start : course.end] == "課程"


@given(CHINESE)
def test_folding_is_idempotent_and_knows_its_places(text: str) -> None:
    folded = fold_with_offsets(text)
    assert fold(folded.text) == folded.text == fold(text)
    for index in range(len(folded.text)):
        start, end = folded.span(index, index + 1)
        assert 0 <= start < end <= len(text)
        assert folded.text[index] in fold(text[start:end])


@given(CHINESE)
def test_words_stand_in_the_source_in_order(text: str) -> None:
    taiwan = terms_of_taiwan()
    last = 0
    for token in tokens(text):
        assert 0 <= token.start < token.end <= len(text)
        assert token.text
        assert " " not in token.text
        if not token.part:
            assert token.start >= last - 1, "a folded character may give two words"
            last = token.start
        if token.han:
            source = fold(text[token.start : token.end])
            assert token.text in source or taiwan.get(source) == token.text


@given(st.text(max_size=300))
@settings(max_examples=200)
def test_analysis_never_fails(text: str) -> None:
    analysed = analyse(text)
    assert all(len(part) > 1 for part in analysed.parts.split())
    sounds(tokens(text))


@given(CHINESE)
@settings(max_examples=300)
def test_what_is_indexed_is_what_is_looked_for(text: str) -> None:
    found, analysed = tokens(text), analyse(text)
    han = [token.text for token in found if token.han]
    assert analysed.words.split() == [token.text for token in found]
    assert analysed.parts.split() == [part for word in han for part in subwords(word)]
    assert analysed.chars.split() == [char for word in han for char in word]
    if len(fold(text)) == len(text):  # else neighbours in the index may come from one character
        assert analysed.sounds.split() == sounds(found)
    assert analysed.han == frozenset(han)


@given(CHINESE)
def test_titles_are_completed_from_what_was_analysed(text: str) -> None:
    for title in (text, text * 50):
        label = title.strip()[:MAX_LABEL]
        assert title_keys(label, analyse(title)) == completions(label)


def test_readings_are_those_of_the_library_that_they_were_made_from() -> None:
    assert readings.TABLE.read_text(encoding="utf-8") == readings.table()
    for word in ("音乐", "长江", "银行", "重庆大学", "中国音乐", "计算机", "〇"):
        assert list(pinyin.of_word(word)) == readings.read(word)


def test_every_character_folds_to_something_that_stays() -> None:
    for code in range(0x11000):
        folded = fold(chr(code))
        assert fold(folded) == folded, hex(code)


def test_folding_agrees_with_opencc_on_running_text() -> None:
    text = "網際網路與電腦科學系統程式設計課程學習資源開放共享終身學習圖書館"
    assert fold(text) == opencc.OpenCC("t2s").convert(text)


def test_long_runs_take_no_longer_than_their_length_deserves() -> None:
    for text in ("a" * 200_000, "的" * 200_000, "a-" * 100_000, "(" * 200_000, "gb" * 100_000, "-1" * 100_000):
        assert len(analyse(text).words.split()) <= len(text)


def test_words_inside_words() -> None:
    assert pieces("计算机网络") == ("计算机", "网络")
    assert words("計算機網路") == words("计算机网络"), "Taiwan's terms are cut like the mainland's"
    assert {"计算机", "网络"} <= set(subwords("计算机网络"))
    assert subwords("网络") == ()
    assert "伊丽莎白" in subwords("伊丽莎白港"), "words of four characters too"
    assert "丽莎白港" not in subwords("伊丽莎白港"), "no mere end of a word"


@pytest.mark.parametrize(
    ("plural", "single"),
    [("studies", "study"), ("courses", "course"), ("class", "class"), ("gas", "gas"), ("c++", "c++")],
)
def test_light_stemming(plural: str, single: str) -> None:
    assert stem(plural) == single


def test_pinyin() -> None:
    assert pinyin.of_word("计算机") == ("ji", "suan", "ji")
    assert pinyin.initials("计算机") == "jsj"
    assert pinyin.split("jisuanjiwangluo") == ("ji", "suan", "ji", "wang", "luo")
    assert pinyin.split("xi'an") == ("xi", "an")
    assert pinyin.split("lvse") == ("lv", "se")
    assert pinyin.split("python") == ()
    assert sounds(tokens("银行，计算")) == ["yin'hang", "ji'suan"]


@given(st.text(st.sampled_from("abcdefghijklmnopqrstuvwxyz'ü"), max_size=200))
def test_splitting_pinyin_never_fails(letters: str) -> None:
    assert all(part in pinyin.syllables() for part in pinyin.split(letters))
