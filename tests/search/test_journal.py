"""The journal of a generation that is being filled: read while it is written, and after its writer was killed."""

from pathlib import Path

from search import journal
from search.model import Document, Passage, Tombstone

ONE = Document(id="a", rev=1, title="计算机\u2028网络", text="行\r\n行", keywords=("k",), facets={"year": ("2024",)})
TWO = Document(id="b", rev=2, title="数据库", passages=(Passage("p", "cue", "讲述", 1.0),))
GONE = Tombstone("c", 3)


def test_nothing_is_read_where_nothing_is(tmp_path: Path) -> None:
    assert journal.read(tmp_path / "journal") == ([], 0)


def test_what_was_written_is_read_once(tmp_path: Path) -> None:
    path = tmp_path / "journal"
    journal.append(path, [ONE, GONE])
    first, end = journal.read(path)
    journal.append(path, [TWO])
    then, last = journal.read(path, end)
    assert (first, then) == ([ONE, GONE], [TWO])
    assert journal.read(path, last) == ([], last)
    assert last == path.stat().st_size


def test_half_a_line_is_left_until_it_is_whole(tmp_path: Path) -> None:
    path, whole = tmp_path / "journal", tmp_path / "whole"
    journal.append(whole, [ONE, TWO])
    written = whole.read_bytes()
    for size in range(len(written) + 1):
        path.write_bytes(written[:size])
        found, end = journal.read(path)
        path.write_bytes(written)
        rest, _ = journal.read(path, end)
        assert found + rest == [ONE, TWO]


def test_what_a_killed_writer_left_is_passed_over(tmp_path: Path) -> None:
    path = tmp_path / "journal"
    journal.append(path, [ONE])
    size = path.stat().st_size
    journal.append(path, [TWO])
    with path.open("r+b") as file:
        file.truncate(size + 20)
    journal.append(path, [TWO, GONE])
    found, end = journal.read(path)
    assert found == [ONE, TWO, GONE]
    assert end == path.stat().st_size
