"""One row of a file of records, whatever its format, and what its fields may be called."""

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import IO, Any

Report = Callable[[int], None]  # bytes read so far

LONGEST_LINE = 16 * 2**20  # bytes; a record with 1,000,000 characters of text fits, escaped too
LISTS = frozenset({"kinds", "subjects", "keywords", "creators"})
# other names of fields → those of the API
NAMES: Mapping[str, str] = {
    "id": "external_id",
    "people": "creators",
    "authors": "creators",
    "author": "creators",
    "teachers": "creators",
    "kind": "kinds",
    "subject": "subjects",
    "license": "licence",
    # as Chinese offices head their columns
    "编号": "external_id",
    "标识": "external_id",
    "标题": "title",
    "题名": "title",
    "名称": "title",
    "课程名称": "title",
    "简介": "description",
    "描述": "description",
    "正文": "text",
    "全文": "text",
    "作者": "creators",
    "主讲": "creators",
    "主讲人": "creators",
    "教师": "creators",
    "关键词": "keywords",
    "标签": "keywords",
    "学科": "subjects",
    "教育类型": "kinds",
    "语言": "language",
    "语种": "language",
    "许可": "licence",
    "许可协议": "licence",
    "级别": "level",
    "年份": "year",
    "学历": "degree",
    "职业": "vocational",
}


@dataclass(frozen=True, slots=True)
class Row:
    """A row as the file has it: its line from 1, and either what it names or why it cannot be read."""

    line: int
    fields: dict[str, Any]
    code: str = ""
    detail: str = ""


def skip_line(file: IO[Any]) -> None:
    """Go to the end of a line whose beginning was too much already."""
    while part := file.readline(LONGEST_LINE):
        if part[-1:] in (b"\n", "\n"):
            return
