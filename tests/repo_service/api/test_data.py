"""The shipped divisions and subjects are complete trees, and loading them is safe at any time."""

import re
from pathlib import Path

from sqlalchemy import func, select

from repo_service import data
from repo_service.context import Context
from repo_service.data import convert
from repo_service.models import Division, Subject
from repo_service.services.seed import seed

ZHENGZHOU = "4101"


def test_each_division_lies_in_one_that_is_there() -> None:
    tree = {row.code: row for row in data.divisions()}
    assert all(re.fullmatch(r"[0-9]{12}", code) for code in tree)
    for row in tree.values():
        if row.level == 1:
            assert row.parent_code is None
        else:
            assert row.parent_code is not None
            assert tree[row.parent_code].level == row.level - 1
            assert row.code.startswith(row.parent_code.rstrip("0"))


def test_zhengzhou_is_there_to_the_township() -> None:
    rows = list(data.divisions())
    ours = [row for row in rows if row.code.startswith(ZHENGZHOU)]
    assert [sum(row.level == level for row in ours) for level in (2, 3, 4)] == [1, 15, 208]
    assert {"410100000000": "郑州市", "410102000000": "中原区", "410102001000": "林山寨街道"}.items() <= {
        row.code: row.name for row in ours
    }.items()
    assert sum(row.level == 1 for row in rows) == 31
    assert len({row.code for row in rows}) == len(rows)


def test_the_table_is_what_the_published_lists_make(data_dir: Path) -> None:
    assert convert.packed(data_dir / "divisions") == (data.HERE / "divisions.csv.gz").read_bytes()


def test_subjects_have_the_main_classes_and_a_tree_below() -> None:
    rows = list(data.subjects())
    codes = [row.code for row in rows]
    assert len(set(codes)) == len(codes)
    main = [row.code for row in rows if row.parent_code is None and row.code.isupper()]
    assert "".join(main) == "ABCDEFGHIJKNOPQRSTUVXZ"
    for place, row in enumerate(rows):
        assert row.parent_code is None or row.parent_code in codes[:place]
        assert row.label_zh
        assert row.label_en
        assert re.fullmatch(r"[A-Z][A-Z0-9]*|[a-z]+(-[a-z]+)*", row.code)


def test_loading_twice_changes_nothing_and_names_are_brought_up_to_date(ctx: Context) -> None:
    total = len(list(data.divisions())) + len(list(data.subjects()))
    seed(ctx.db)
    assert seed(ctx.db) == 0
    with ctx.db.write() as session:
        assert session.scalar(select(func.count()).select_from(Division)) is not None
        session.get_one(Subject, "S").label_zh = "旧名"
        counts = [session.scalar(select(func.count()).select_from(table)) for table in (Division, Subject)]
    assert sum(count or 0 for count in counts) == total
    assert seed(ctx.db) == 1
    with ctx.db.read() as session:
        assert session.get_one(Subject, "S").label_zh == "农业科学"
