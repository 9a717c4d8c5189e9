"""Reading files of records: whatever is in them, each row is read or told of, in bounded memory."""

import csv
import io
import resource
import string
from pathlib import Path
from typing import Any

import orjson
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from repo_service.errors import Invalid
from repo_service.services.exchange_csv import DELIMITERS
from repo_service.services.exchange_encoding import encoding_of
from repo_service.services.exchange_fields import BadRow, record_of
from repo_service.services.exchange_row import Row
from repo_service.services.exchange_rows import Format, read

HEAD = "id,title,keywords\n"
TEXT = st.text(st.characters(codec="utf-8", exclude_characters="\x00\ufffd\ufeff"), max_size=30)
CELLS = st.lists(st.tuples(TEXT, TEXT, TEXT), max_size=20)
JSON = st.recursive(
    st.none() | st.booleans() | st.integers(-(2**53), 2**53) | st.floats(allow_nan=False, allow_infinity=False) | TEXT,
    lambda inner: st.lists(inner, max_size=4) | st.dictionaries(TEXT, inner, max_size=4),
    max_leaves=10,
)
NAMES = st.sampled_from(["id", "title", "text", "keywords", "year", "degree", "kinds", "subjects", "licence", "x"])
SHARED = settings(max_examples=150, suppress_health_check=[HealthCheck.function_scoped_fixture])


def rows(tmp_path: Path, content: bytes, form: Format = "jsonl") -> list[Row]:
    """The rows of a file with this content."""
    path = tmp_path / "rows"
    path.write_bytes(content)
    return list(read(path, form))


def taken(row: Row, ignored: set[str]) -> tuple[dict[str, Any], str]:
    """The fields of a row, or the code why there are none."""
    try:
        return record_of(row, ignored), ""
    except BadRow as bad:
        return {}, bad.code


@SHARED
@given(st.lists(JSON, max_size=10))
def test_every_line_of_json_is_a_row(tmp_path: Path, said: list[Any]) -> None:
    found = rows(tmp_path, b"\n".join(map(orjson.dumps, said)))
    assert [row.line for row in found] == list(range(1, len(said) + 1))
    for row, value in zip(found, said, strict=True):
        assert row.fields == value if isinstance(value, dict) else row.code == "not_a_record"


@SHARED
@given(st.binary(max_size=300), st.sampled_from(["jsonl", "csv"]))
def test_bytes_of_any_kind_are_read_or_told_of(tmp_path: Path, junk: bytes, form: Format) -> None:
    for row in rows(tmp_path, HEAD.encode() + junk, form):
        record, code = taken(row, set())
        assert code or (record["external_id"] and record["title"].strip())


@SHARED
@given(st.dictionaries(NAMES, JSON))
def test_any_values_make_a_record_or_a_code(fields: dict[str, Any]) -> None:
    ignored: set[str] = set()
    record, code = taken(Row(1, fields), ignored)
    if code:
        assert code in {"required", "too_long", "bad_value", "unknown_value"}
    else:
        named = {"external_id" if name == "id" else name for name in fields if name != "x"}
        unsaid = {name for name in ("licence", "degree") if name in named and not fields[name]}
        assert named - unsaid <= set(record) <= named
    assert ignored <= {"x"}


@SHARED
@given(CELLS, st.sampled_from(["utf-8", "utf-8-sig", "gb18030", "utf-16"]), st.sampled_from(DELIMITERS))
def test_csv_comes_back_as_it_was_written(
    tmp_path: Path, cells: list[tuple[str, str, str]], encoding: str, delimiter: str
) -> None:
    out = io.StringIO()
    writer = csv.writer(out, delimiter=delimiter, quoting=csv.QUOTE_ALL)
    writer.writerow(["id", "title", "keywords"])
    writer.writerows(cells)
    content = out.getvalue()
    found = rows(tmp_path, content.encode(encoding), "csv")
    written = [dict(zip(("id", "title", "keywords"), row, strict=True)) for row in cells if any(row)]
    if encoding != "gb18030" or encoding_of(tmp_path / "rows") == "gb18030" or content.isascii():
        unreadable = encoding == "gb18030"  # private use is told of there
        for row, fields in zip(found, written, strict=True):
            assert row.fields == fields or (unreadable and row.code == "bad_encoding")


def test_rows_that_cannot_be_read_say_where_and_why(tmp_path: Path) -> None:
    deep = b"[" * 100_000
    found = rows(
        tmp_path, b"\xef\xbb\xbf" + b'{"id":"1","title":"a"}\n{"id"\n\n[1]\n' + deep + b'\n{"id":"\\ud800"}\n\xff'
    )
    assert [(row.line, row.code) for row in found] == [
        (1, ""),
        (2, "bad_json"),
        (4, "not_a_record"),
        (5, "bad_json"),
        (6, "bad_json"),
        (7, "bad_json"),
    ]


def test_a_line_of_a_hundred_megabytes_is_told_of_and_eats_no_memory(tmp_path: Path) -> None:
    path = tmp_path / "rows"
    with path.open("wb") as file:
        file.write(b'{"id":"1","title":"')
        for _ in range(100):
            file.write(b"x" * 2**20)
        file.write(b'"}\n{"id":"2","title":"b"}\n')
    before = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss
    assert [(row.line, row.code) for row in read(path, "jsonl")] == [(1, "line_too_long"), (2, "")]
    path.write_bytes(HEAD.encode() + b"1,a,b\n" + path.read_bytes() + b"2,c,d\n")
    assert [row.code for row in read(path, "csv")][:2] == ["", "bad_csv"]
    grown = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss - before
    assert grown < 350_000, "KiB; the file itself, read to be written again, is 100,000 of them"


def test_hostile_cells_are_rows_like_others(tmp_path: Path) -> None:
    lines = [
        "id,title,description",
        '1,"=HYPERLINK(""http://127.0.0.1/"")",-2+3',
        '2,"two\nlines",x',
        "3,too,many,cells",
        "4,nul\0,x",
        f"5,huge,{'字' * 1_000_001}",
        "6,good,",
        '7,"never closed,x',
    ]
    found = rows(tmp_path, "\n".join(lines).encode(), "csv")
    assert [(row.line, row.code) for row in found] == [
        (2, ""),
        (3, ""),
        (5, "too_many_cells"),
        (6, ""),
        (7, "bad_csv"),
        (8, ""),
        (9, "bad_csv"),
    ]
    assert record_of(found[0], set())["title"] == '=HYPERLINK("http://127.0.0.1/")'
    assert record_of(found[1], set())["title"] == "two lines"
    with pytest.raises(BadRow) as bad:
        record_of(found[3], set())
    assert (bad.value.code, bad.value.detail[:5]) == ("bad_value", "title")


@pytest.mark.parametrize("head", ["", "a,b\n", "id,name\n", "title\n", "\n", ",".join(string.ascii_letters * 30)])
def test_csv_must_name_its_columns(tmp_path: Path, head: str) -> None:
    with pytest.raises(Invalid) as refused:
        rows(tmp_path, head.encode(), "csv")
    assert refused.value.stable_code == "import_columns"


def test_a_blank_title_is_made_of_the_text_and_a_missing_one_is_told_of() -> None:
    assert record_of(Row(1, {"id": "1", "title": " ", "text": "春天来了。花开"}), set())["title"] == "春天来了"
    assert record_of(Row(1, {"id": "1", "title": "", "text": "长" * 99}), set())["title"] == "长" * 40 + "…"
    for fields in ({"id": "1", "text": "春天"}, {"id": "1", "title": ""}, {"id": "1", "title": None, "text": "春天"}):
        assert taken(Row(1, fields), set())[1] == "required"


def test_columns_may_have_the_names_that_chinese_offices_give_them(tmp_path: Path) -> None:
    content = "编号,课程名称,主讲人,简介,年份\n7,茶艺,王伟、李娜,泡茶,2020\n".encode("gb18030")
    ignored: set[str] = set()
    [found] = rows(tmp_path, content, "csv")
    assert record_of(found, ignored) == {
        "external_id": "7",
        "title": "茶艺",
        "creators": ["王伟", "李娜"],
        "description": "泡茶",
        "year": 2020,
    }
    assert ignored == set()


def test_stray_control_characters_of_long_texts_are_left_out_those_of_names_are_told_of() -> None:
    fields = {"id": "1", "title": "茶", "text": "一\x00二\x0c三\n四\t五", "description": "\x1b[1m"}
    assert record_of(Row(1, fields), set())["text"] == "一二三\n四\t五"
    assert record_of(Row(1, fields), set())["description"] == "[1m"
    assert taken(Row(1, fields | {"title": "茶\x00艺"}), set())[1] == "bad_value"


def test_values_are_read_as_offices_write_them() -> None:
    named = {
        "id": 7,
        "title": " 茶 艺 ",
        "authors": "王伟、李 娜；Ann",
        "degree": "是",
        "year": "105",
        "language": "",
        "keywords": ["茶", "茶", " "],
        "评价": "高",
    }
    ignored: set[str] = set()
    assert record_of(Row(1, named), ignored) == {
        "external_id": "7",
        "title": "茶 艺",
        "creators": ["王伟", "李 娜", "Ann"],
        "degree": True,
        "year": 2016,
        "keywords": ["茶"],
    }
    assert ignored == {"评价"}


@pytest.mark.parametrize("written", [2020, 2020.0, "2020", " 2020.0 ", "2020.00", 109, 109.0, "109"])
def test_a_year_may_be_written_as_tables_write_it(written: object) -> None:
    assert record_of(Row(1, {"id": "1", "title": "茶", "year": written}), set())["year"] == 2020


@pytest.mark.parametrize(
    "written", [[2020], {"year": 2020}, [], {}, 2020.5, True, False, "2020.5", "二〇二〇", 0, 1e300]
)
def test_what_is_no_year_is_told_of_and_empties_none(written: object) -> None:
    assert taken(Row(1, {"id": "1", "title": "茶", "year": written}), set())[1] == "bad_value"


@pytest.mark.parametrize("blank", ["", " ", None])
def test_a_blank_year_is_none(blank: object) -> None:
    assert record_of(Row(1, {"id": "1", "title": "茶", "year": blank}), set())["year"] is None


def test_an_id_is_the_same_with_a_point_and_without(tmp_path: Path) -> None:
    """Two ids beyond what a number with a point can tell apart would be one record."""
    lines = [
        b"1",
        b"1.0",
        b'"1"',
        b"9007199254740993",
        b"123456789012345678901",
        b"1.5",
        b"9007199254740992.0",
        b"true",
    ]
    found = rows(tmp_path, b"\n".join(b'{"id":%s,"title":"a"}' % line for line in lines))
    records = [taken(row, set()) for row in found]
    assert [record.get("external_id", code) for record, code in records] == [
        *("1", "1", "1", "9007199254740993"),
        *["bad_value"] * 4,
    ]
