"""Text as PDF gives it → text in which words can be found."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from ingest import repair


@pytest.mark.parametrize(
    ("given_text", "repaired"),
    [
        ("⼈⼯智能⻚⾯", "人工智能页面"),  # radicals in the place of characters
        ("操 作 系 统", "操作系统"),
        ("学习 ，再学习 。", "学习，再学习。"),
        ("第一章 概述", "第一章 概述"),
        ("第 3 讲 进程", "第 3 讲 进程"),
        ("使用 Linux 系统", "使用 Linux 系统"),
        ("opera-\ntion", "operation"),
        ("opera\x02\ntion", "operation"),
        ("概述 . . . . . . . . . . . 12", "概述 … 12"),
        ("ﬁle ﬂow", "file flow"),
        ("a\x00b\u200bc\ufeff", "abc"),
        ("　　首行缩进", "首行缩进"),
        ("一\r\n二\r三\x0c四", "一\n二\n三\n四"),
    ],
)
def test_repairs(given_text: str, repaired: str) -> None:
    assert repair.clean(given_text) == repaired


def test_typed_spaces_stay() -> None:
    assert repair.clean("向勇 陈渝  李国良", typeset=False) == "向勇 陈渝 李国良"
    assert repair.clean("教 育 部 向勇", typeset=False) == "教育部 向勇"


@given(st.text())
def test_repairing_twice_changes_nothing_and_leaves_clean_text(text: str) -> None:
    once = repair.clean(text)
    assert "\0" not in once
    once.encode()
    assert repair.clean(repair.clean(once)) == repair.clean(once)


def test_lines_broken_by_the_page_are_joined_and_items_are_not() -> None:
    text = "在开始之前请确认你是否已经正确安\n装了开发所需要的工具集\n• 第一个工具用来把源代码编译成程\n• 第二个工具"
    assert repair.join_lines(text).split("\n") == [
        "在开始之前请确认你是否已经正确安装了开发所需要的工具集",
        "• 第一个工具用来把源代码编译成程",
        "• 第二个工具",
    ]


def test_a_latin_word_at_the_join_is_set_apart() -> None:
    assert (
        repair.join_lines("其中没有任何一个会被标记为\nessential 或者其他的什么")
        == "其中没有任何一个会被标记为 essential 或者其他的什么"
    )


def test_running_heads_go_but_the_first_one_stays() -> None:
    bodies = ["软件", "工具", "文档", "求助", "流程", "程序", "试用", "编译", "名称"]
    pages = [f"新维护者手册 {number}\n{body}\n{number} / 9" for number, body in enumerate(bodies, 1)]
    kept = repair.without_running_lines(pages)
    assert kept[0].startswith("新维护者手册 1\n")
    assert kept[4] == "流程"


def test_meaningless_characters_are_told() -> None:
    assert repair.readable("操作系统")
    assert not repair.readable("\ue123\ue124\ue125操")
