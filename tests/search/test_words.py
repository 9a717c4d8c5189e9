"""The dictionary that Chinese is cut by: it changes while all runs, for everybody, and leaves nothing behind."""

import threading
from collections.abc import Iterator

import pytest

from search.fields import completions, fields
from search.highlight import spans
from search.model import Document
from search.query import understand
from search.text import analyse, pieces, subwords
from search.words import dictionary, set_words

READERS = 3
SIGNS = "甲乙丙丁戊己"


@pytest.fixture(autouse=True)
def _as_it_was() -> Iterator[None]:
    before = dictionary().own
    yield
    set_words(before)


def words(text: str) -> tuple[str, ...]:
    return understand(text).words


def test_words_come_and_go() -> None:
    assert "碳中合物" not in words("碳中合物")
    set_words(["碳中合物", "碳中合物概论", "x"])
    assert words("碳中合物") == ("碳中合物",)
    assert "碳中合物" in subwords("碳中合物概论")
    assert dictionary().own == {"碳中合物", "碳中合物概论"}, "a single character is no word to learn"
    set_words(["碳中合物概论"])
    assert "碳中合物" not in words("碳中合物")
    assert "碳中合物" not in subwords("碳中合物概论")


def test_the_same_words_again_change_nothing() -> None:
    set_words(["碳中合物"])
    known = dictionary()
    set_words(["碳中合物", "碳中合物"])
    assert dictionary() is known


def test_nothing_is_remembered_of_another_dictionary() -> None:
    """What many documents have alike is analysed once: keywords, institutions, people, beginnings of titles."""
    given = Document(
        id="a", rev=1, title="碳中合物", keywords=("碳中合物",), institution="碳中合物", people=("碳中合物",)
    )

    def found() -> tuple[object, ...]:
        return (
            fields(given),
            completions("碳中合物概论"),
            analyse("碳中合物概论"),
            pieces("碳中合物概论"),
            spans("讲碳中合物", {"碳中合物"}),
        )

    before = found()
    set_words(["碳中合物", "概论", "碳中合物概论"])
    after = found()
    for name in ("title", "subjects", "institution", "people"):
        assert fields(given).texts[name].split()[0] == "碳中合物"
    assert before[1] != after[1]
    assert before[3] == ()
    assert after[3] == ("碳中合物", "概论")
    set_words(dictionary().own - {"碳中合物", "概论", "碳中合物概论"})
    assert found() == before


def test_words_change_while_others_read() -> None:
    """Readers never fail, and when all is quiet everybody cuts by the last words."""
    stop, faults = threading.Event(), list[Exception]()

    def read() -> None:
        try:
            while not stop.is_set():
                understand("碳中合物与机器学习的关系是什么")
                analyse("碳中合物是什么，机器学习又是什么。" * 20)
        except Exception as error:  # whatever it is, it is told below
            faults.append(error)

    readers = [threading.Thread(target=read) for _ in range(READERS)]
    for reader in readers:
        reader.start()
    try:
        for sign in SIGNS:
            set_words([f"新词{sign}号", "碳中合物"])
            set_words([f"新词{sign}号", "碳中合物", f"又一个{sign}"])
    finally:
        stop.set()
        for reader in readers:
            reader.join()
    assert faults == []
    assert words("碳中合物") == ("碳中合物",)
    assert words("又一个己") == ("又一个己",)
