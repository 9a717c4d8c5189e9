"""Files of offices: quotes that are never closed, headings of several lines, encodings; no row is lost in silence."""

from pathlib import Path

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from repo_service.errors import Invalid
from repo_service.services import exchange_csv
from repo_service.services.exchange_fields import record_of
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


UTF8 = "id,title,text\n" + "".join(f"{n},机器学习入门{n},人工智能的课程{n}\n" for n in range(6))
OLD = {
    "gb18030": "1,数据库系统,嫁接技术\n2,农业概论,果树修剪\n3,联通,一\n",
    "big5": "1,資料庫系統,嫁接技術\n2,農業概論,果樹修剪\n3,臺灣,一\n",
    "big5hkscs": "1,香港嘅課程,喺度學習\n2,農業概論,果樹修剪\n3,臺灣,一\n",
    "cp1252": "1,Résumé writing,naïve\n2,Café culture,Über alles\n3,Öl,x\n",
    "utf-16-le": "1,数据库,一\n2,农业概论,果树修剪\n3,联通,一\n",
}


@pytest.mark.parametrize("wrong", ["截断的字".encode()[:-1], b"\xff", "数据".encode("gb18030")])
def test_wrong_bytes_in_utf8_are_told_of_and_nothing_else_changes(tmp_path: Path, wrong: bytes) -> None:
    """One of them made a file be read as GB 18030, and what nobody can read was published."""
    found = rows(tmp_path, UTF8.encode() + b"9,x," + wrong + b"\n10,y,\xe5\xad\x97\n")
    assert outcome(found) == {n + 2: str(n) for n in range(6)} | {8: "bad_encoding", 9: "10"}
    assert (found[0].fields["title"], found[-1].fields["text"]) == ("机器学习入门0", "字")


@pytest.mark.parametrize("encoding", OLD)
def test_old_encodings_are_told_apart_by_what_they_say(tmp_path: Path, encoding: str) -> None:
    written = [line.split(",") for line in OLD[encoding].splitlines()]
    found = rows(tmp_path, ("id,title,text\n" + OLD[encoding]).encode(encoding))
    assert [list(row.fields.values()) for row in found] == written
    late = rows(tmp_path, ("id,title,text\n" + "0,x,y\n" * 200_000 + OLD[encoding]).encode(encoding))
    assert [list(row.fields.values()) for row in late[-3:]] == written


@pytest.mark.parametrize("encoding", ["utf-16", "utf-16-le", "utf-16-be", "gb18030"])
def test_chinese_headings_are_read_in_any_encoding(tmp_path: Path, encoding: str) -> None:
    [row] = rows(tmp_path, "编号,标题\nk1,数据库\n".encode(encoding))
    assert row.fields == {"编号": "k1", "标题": "数据库"}


def test_rows_of_another_encoding_than_the_file_are_told_of(tmp_path: Path) -> None:
    """A row of UTF-8 in GB 18030 is something there too, and so is much of Big5: rubbish, some of it in private use."""
    old = "".join(f"{n},数据库系统{n},嫁接技术与果树修剪\n" for n in range(9)).encode("gb18030")
    found = rows(tmp_path, b"id,title,text\n" + old + "9,机器学习,课程\n".encode() + "10,\ue5e5,x\n".encode("gb18030"))
    assert outcome(found) == {n + 2: str(n) for n in range(9)} | {11: "bad_encoding", 12: "bad_encoding"}


def test_private_use_in_utf8_is_what_a_word_processor_wrote(tmp_path: Path) -> None:
    assert outcome(rows(tmp_path, "id,title,text\n1,茶,\uf0b7 一\n")) == {2: "1"}


def test_columns_of_a_list_may_come_twice_and_no_others(tmp_path: Path) -> None:
    content = "编号,标题,作者,作者,备注,备注,作者\n1,茶,张三,李四；王五,x,y,\n2,酒,,赵六\n"
    ignored: set[str] = set()
    found = [record_of(row, ignored) for row in rows(tmp_path, content)]
    assert [record["creators"] for record in found] == [["张三", "李四", "王五"], ["赵六"]]
    assert ignored == {"备注"}
    with pytest.raises(Invalid) as refused:
        rows(tmp_path, "编号,标题,标题\n1,茶,酒\n")
    assert (refused.value.stable_code, refused.value.detail) == ("import_columns", "2 × 标题")


def test_of_two_names_of_a_field_the_one_that_is_not_used_is_said(tmp_path: Path) -> None:
    ignored: set[str] = set()
    [row] = rows(tmp_path, "编号,标题,作者,主讲\n1,茶,张三,李四\n")
    assert (record_of(row, ignored)["creators"], ignored) == (["张三"], {"主讲"})


@pytest.mark.parametrize(
    ("written", "names"),
    [
        ("Smith, John; Doe, Ann", ["Smith, John", "Doe, Ann"]),
        ("张三, 李四，王五", ["张三", "李四", "王五"]),
        ("张三、李四；Doe, Ann", ["张三", "李四", "Doe, Ann"]),
        ("Smith, John;\r\n张三,李四", ["Smith, John", "张三", "李四"]),
    ],
)
def test_semicolons_part_names_that_hold_commas(written: str, names: list[str]) -> None:
    assert record_of(Row(1, {"id": "1", "title": "x", "creators": written}), set())["creators"] == names
