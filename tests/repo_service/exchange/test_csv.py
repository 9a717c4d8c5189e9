"""Files of offices: quotes that are never closed, headings of several lines, encodings; no row is lost in silence."""

from pathlib import Path

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from repo_service.errors import Invalid
from repo_service.services import exchange_csv
from repo_service.services.exchange_row import Row
from repo_service.services.exchange_rows import read

SHARED = settings(max_examples=150, suppress_health_check=[HealthCheck.function_scoped_fixture])


def rows(tmp_path: Path, content: str | bytes) -> list[Row]:
    """The rows of a file with this content."""
    path = tmp_path / "rows.csv"
    path.write_bytes(content.encode() if isinstance(content, str) else content)
    return list(read(path, "csv"))


def outcome(found: list[Row]) -> dict[int, str]:
    """Line → the code, or the id of a row that can be read."""
    return {row.line: row.code or str(row.fields["id"]) for row in found}


def test_an_unclosed_quote_takes_no_other_row_with_it(tmp_path: Path) -> None:
    assert outcome(rows(tmp_path, 'id,title,text\n1,甲,"没有闭合\n2,乙,二\n3,丙,三\n')) == {
        2: "bad_csv",
        3: "2",
        4: "3",
    }


def test_an_unclosed_quote_that_a_later_row_closes_is_told_of_where_it_began(tmp_path: Path) -> None:
    between = "".join(f"{n},题{n},正文{n}\n" for n in range(2, 40))
    found = rows(tmp_path, f'id,title,text\n1,甲,"未闭合\n{between}40,题,"有引号的"\n41,末,文\n')
    assert outcome(found) == {2: "bad_csv"} | {n + 1: str(n) for n in range(2, 42)}
    assert "line 41" in found[0].detail


def test_rows_before_the_wrong_quote_in_the_same_record_are_not_read_as_others(tmp_path: Path) -> None:
    """Only the lines after the one where it opened are read again: the first cell was closed well."""
    found = rows(tmp_path, 'id,title,text\n1,"x\n8,y,z\n9,y,z","没有闭合\n2,乙,二\n')
    assert outcome(found) == {2: "bad_csv", 5: "2"}


def test_the_rest_of_a_text_with_wrong_quotes_becomes_no_record(tmp_path: Path) -> None:
    text = '1,甲,"第一行\nIn this course, we learn\n所谓 "茶道" 者\n\n末行"\n'
    found = rows(tmp_path, f"id,title,text\n0,短\n{text}2,乙\n3,丙,三\n4\n")
    bad = dict.fromkeys((3, 4, 5, 7, 8), "bad_csv")
    assert outcome(found) == {2: "0", **bad, 9: "3", 10: "4"}


def test_hostile_quotes_cost_no_more_than_the_file_is_long(tmp_path: Path) -> None:
    """Each of these lines opens a quote that none of the later ones closes: reading on from each would take days."""
    found = rows(tmp_path, "id,title\n1,甲\n" + 'x","a\n' * 200_000)
    assert (found[0].fields["id"], {row.code for row in found[1:]}) == ("1", {"bad_csv"})


@SHARED
@given(st.text('a,"\n\r1', max_size=60))
def test_whatever_the_quotes_the_rows_after_them_are_read_or_told_of(tmp_path: Path, junk: str) -> None:
    """Unless a quote is closed by chance, the last row goes in; no line is passed over, none is told of twice."""
    found = rows(tmp_path, f'id,title,text\n1,甲,"{junk}\n2,乙,"二"\n3,丙,三\n')
    assert [row.line for row in found] == sorted({row.line for row in found})
    assert found[-1].fields["id"] == "3"


def test_a_heading_may_break_its_lines_and_use_any_delimiter(tmp_path: Path) -> None:
    for delimiter in exchange_csv.DELIMITERS:
        content = '"编号",标题,"作者\n（主讲,主持;同上）",正文\n1,茶,张三,文\n'.replace(",", delimiter)
        [row] = rows(tmp_path, "\ufeff" + content)
        assert (row.line, list(row.fields.values())) == (3, ["1", "茶", "张三", "文"])
        assert list(row.fields)[2].startswith("作者 （主讲")
    with pytest.raises(Invalid) as refused:
        rows(tmp_path, 'id,title,"text\n1,甲,乙\n')
    assert refused.value.stable_code == "import_columns"
