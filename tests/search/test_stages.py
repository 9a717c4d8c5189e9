"""In which order a query is tried: few stages, few looks into the vocabulary, whatever was typed."""

import string
import time
from dataclasses import dataclass

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from search import pinyin, spelling
from search.fields import KEY_SEPARATOR, halves
from search.model import Query
from search.query import MAX_CHARACTERS, MAX_WORDS
from search.spelling import LONGEST
from search.stages import FEW, Stage, stages
from search.synonyms import MAX_OTHERS, Synonyms, curated, curated_groups, words_of
from search.text import stem
from tests.search.test_query import MONSTERS, TYPED

WORDS = ("计算机", "网络", "学习", "中文", "技术", "计", "算", "机")


@dataclass
class Shelf:
    """A vocabulary of a few words that counts how often it is asked."""

    asked: int = 0

    def known(self, word: str) -> bool:
        """Whether it is one of the words."""
        self.asked += 1
        return word in WORDS

    def vocabulary(self, beginning: str, most: int) -> list[tuple[str, int]]:
        """By pinyin and by initials."""
        self.asked += 1
        keys = [key for word in WORDS for key in ("".join(pinyin.of_word(word)), pinyin.initials(word))]
        terms = [
            f"{key}{KEY_SEPARATOR}{word}" for key, word in zip(keys, (w for w in WORDS for _ in "xx"), strict=True)
        ]
        return [(term, 1) for term in terms if term.startswith(beginning)][:most]


def tried(query: Query) -> tuple[list[Stage], int]:
    """All stages, and how often the vocabulary was asked."""
    shelf = Shelf()
    return list(stages(query, shelf)), shelf.asked


def modes(text: str, **asked: bool) -> list[str]:
    return [stage.mode for stage in tried(Query(text, **asked))[0]]  # type: ignore[arg-type]


def test_strictest_first() -> None:
    assert modes("") == ["everything"]
    assert modes("计算机") == ["strict", "forgiving"]
    assert modes("计算机 网络") == ["strict", "wide", "forgiving"]
    assert modes("计蒜机") == ["strict", "wide", "strict", "forgiving"]
    assert modes("jisuanji") == ["spoken", "forgiving"]
    assert modes("如何学习计算机") == ["loose"]
    assert modes("计蒜机", exact=True) == ["strict", "wide", "loose"]
    assert modes("计算机 网络", like=True) == ["loose"]


def test_few_documents_with_every_word_are_followed_by_those_with_some() -> None:
    strict, wide, _ = tried(Query("计算机 网络"))[0]
    assert not strict.taken(FEW - 1)
    assert strict.taken(FEW)
    assert wide.skipped(0), "a slip is looked for first"
    assert not wide.skipped(1)
    assert tried(Query("计算机"))[0][0].taken(1), "of one word there is no part"


def test_what_is_tried_instead_is_said() -> None:
    found, _ = tried(Query("计蒜机 wangluo"))
    assert "网络" in found[0].corrected
    assert [stage.corrected for stage in tried(Query("计蒜机"))[0]] == ["", "", "计算机", ""]
    assert {stage.corrected for stage in tried(Query("计蒜机", exact=True))[0]} == {""}


def test_pinyin_beside_other_words_is_asked_for_by_sound_and_they_as_they_are() -> None:
    (stage, _), _ = tried(Query("python jisuanji"))
    assert (stage.mode, stage.plan.unsaid, stage.plan.sounds) == ("spoken", ("python",), ("ji'suan", "suan'ji"))
    (joined, _), _ = tried(Query("计算机wangluo"))
    assert (joined.corrected, joined.plan.unsaid, joined.plan.sounds[-1]) == ("计算机网络", (), "wang'luo")


ENGLISH = ("python", "paper", "later", "language", "learning", "algorithm")


def english(beginning: str, most: int) -> list[tuple[str, int]]:
    """The vocabulary of an index that holds these words only."""
    keys = sorted(key for word in ENGLISH for key in halves(word))
    return [(key, 1) for key in keys if key.startswith(beginning)][:most]


@pytest.mark.parametrize("word", ENGLISH)
def test_wherever_a_slip_is_the_word_is_found(word: str) -> None:
    letters = string.ascii_lowercase
    for at in range(len(word)):
        assert spelling.latin(word[:at] + word[at + 1 :], english) in {word, ""}
        assert spelling.latin(word[:at] + "q" + word[at:], english) == stem(word)
        if at and word[at - 1] != word[at]:
            swapped = word[: at - 1] + word[at] + word[at - 1] + word[at + 1 :]
            assert spelling.latin(swapped, english) == word
        if len(word) >= spelling.LEAST_CHANGED:
            changed = {spelling.latin(word[:at] + letter + word[at + 1 :], english) for letter in set(letters) - {"s"}}
            assert changed <= {word, ""}
            assert word in changed


def test_short_words_are_rather_other_words() -> None:
    assert spelling.latin("latex", english) == ""
    assert spelling.latin("pape", english) == ""
    assert spelling.latin("papers", english) == "", "this is the word itself"


def test_pinyin_comes_before_english_where_it_makes_words() -> None:
    def both(beginning: str, most: int) -> list[tuple[str, int]]:
        return [*Shelf().vocabulary(beginning, most), *english(beginning, most)]

    assert spelling.letters("jisuanji", both).text == "计算机"
    assert spelling.letters("langage", both).text == "language"
    assert spelling.letters("pyhton", both).text == "python"


def test_what_librarians_know_is_no_slip() -> None:
    known = Synonyms([("计蒜机", "电脑")])
    assert [stage.corrected for stage in tried(Query("计蒜机", synonyms=known))[0]] == [""] * 3


def check(typed: str, **asked: bool) -> None:
    """Few stages, bounded plans, few questions to the index."""
    found, questions = tried(Query(typed, **asked))  # type: ignore[arg-type]
    assert 1 <= len([stage for stage in found if not stage.skipped(0)]) <= 3
    assert questions <= MAX_CHARACTERS * (LONGEST + 2)
    for stage in found:
        assert len(stage.plan.words) <= MAX_WORDS
        assert set(stage.plan.others) <= set(stage.plan.words)
        assert all(len(others) <= MAX_OTHERS for others in stage.plan.others.values())


@pytest.mark.parametrize("typed", MONSTERS, ids=range(len(MONSTERS)))
def test_monsters_take_little(typed: str) -> None:
    began = time.process_time()
    check(typed)
    assert time.process_time() - began < 0.2


@given(TYPED, st.booleans(), st.booleans())
@settings(max_examples=150, deadline=None)
def test_nothing_that_is_typed_takes_much(typed: str, exact: bool, like: bool) -> None:
    check(typed, exact=exact, like=like)


@pytest.mark.parametrize("group", curated_groups(), ids=lambda group: group[0])
def test_each_expression_leads_to_the_others(group: tuple[str, ...]) -> None:
    assert len(group) > 1
    for expression in group:
        words = words_of(expression)
        others = curated().of(words)
        wanted = {words_of(other) for other in group} - {words}
        assert wanted <= {other.words for word in words for other in others.get(word, ())}, expression


@given(st.lists(st.lists(st.text(max_size=8), max_size=4), max_size=4), st.lists(st.text(max_size=8), max_size=6))
def test_groups_of_anything_are_taken(groups: list[list[str]], words: list[str]) -> None:
    found = Synonyms(groups).of(words)
    assert set(found) <= set(words)
