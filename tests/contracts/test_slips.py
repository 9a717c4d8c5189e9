"""A slip in a Latin word is put right alike on every engine."""

import pytest

from search.model import Document, Query
from search.port import SearchIndex

BOOKS = (
    Document("a", 1, "資料庫系統概論", description="Relational databases and SQL，使用 Python3.11 與 C++。"),
    Document("b", 1, "Python 程序设计", text="later papers"),
)


@pytest.fixture
def shelf(index: SearchIndex) -> SearchIndex:
    """An index with two books."""
    index.write(BOOKS)
    return index


@pytest.mark.parametrize(
    ("typed", "meant", "found"),
    [
        ("datebases", "database", "a"),
        ("Relatoinal 資料庫", "relational", "a"),
        ("relationl database", "relational database", "a"),
        ("pyhton", "python", "b"),
    ],
)
def test_is_put_right_and_said(shelf: SearchIndex, typed: str, meant: str, found: str) -> None:
    answer = shelf.search(Query(typed))
    assert answer.hits[0].id == found
    assert answer.corrected.startswith(meant)
    assert not shelf.search(Query(typed.split()[0], exact=True)).total


@pytest.mark.parametrize("typed", ["pithn", "dbase", "latex", "wangge", "papers"])
def test_what_may_be_another_word_is_left(shelf: SearchIndex, typed: str) -> None:
    corrected = shelf.search(Query(typed)).corrected
    assert not {"python", "database", "later", "paper"} & set(corrected.split())
