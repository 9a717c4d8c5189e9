"""Bytes → text: right on short captions as on books, in every encoding that Chinese files come in."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from ingest.encoding import decode, looks_like_text

SIMPLIFIED = (
    "课程",
    "联通",
    "谢谢",
    "眉毛",
    "焊接技术",
    "第一讲 操作系统概述",
    "大家好，欢迎来到社区学院。",
    "蔬菜大棚\n浇水",
)
TRADITIONAL = ("課程", "臺灣", "電腦網路", "第一講 作業系統概論", "歡迎來到社區大學", "老師，謝謝！")
FOREIGN = ("café", "naïve résumé", "Привет мир", "Ελληνικά")


@pytest.mark.parametrize("text", SIMPLIFIED)
@pytest.mark.parametrize("encoding", ["utf-8", "utf-8-sig", "gb18030", "utf-16", "utf-32"])
def test_simplified(text: str, encoding: str) -> None:
    assert decode(text.encode(encoding))[0] == text


@pytest.mark.parametrize("text", TRADITIONAL)
@pytest.mark.parametrize("encoding", ["utf-8", "big5", "gb18030", "utf-16"])
def test_traditional(text: str, encoding: str) -> None:
    assert decode(text.encode(encoding))[0] == text


@pytest.mark.parametrize("text", FOREIGN)
def test_short_utf8_of_other_scripts_is_not_taken_for_chinese(text: str) -> None:
    assert decode(text.encode()) == (text, "utf-8")


@pytest.mark.parametrize("encoding", ["utf-16-le", "utf-16-be", "utf-32-le", "utf-32-be"])
def test_wide_encodings_without_a_mark(encoding: str) -> None:
    text = "1\n00:00:01,000 --> 00:00:03,000\n大家好\n"
    assert decode(text.encode(encoding)) == (text, encoding)


def test_line_ends_and_marks_and_nuls_go() -> None:
    assert decode("\ufeff一\r\n二\r三\0".encode())[0] == "一\n二\n三"


def test_one_broken_byte_does_not_turn_utf8_into_something_else() -> None:
    text, encoding = decode("操作系统的第一讲，".encode() * 20 + b"\xff" + "谢谢".encode())
    assert encoding == "utf-8"
    assert text.count("\ufffd") == 1


@given(st.text(alphabet=st.characters(exclude_categories=["Cs", "Cc"])))
def test_marked_text_always_comes_back(text: str) -> None:
    expected = text.removeprefix("\ufeff")
    for encoding in ("utf-8-sig", "utf-16", "utf-32"):
        assert decode(text.removeprefix("\ufeff").encode(encoding))[0] == expected


@given(st.binary())
def test_never_fails_and_leaves_nothing_that_a_database_refuses(data: bytes) -> None:
    text, _ = decode(data)
    assert "\0" not in text
    assert "\r" not in text
    text.encode()


@given(st.text(alphabet="的一是在了学习课程技术农业焊接社区老年读书操作系统", min_size=4, max_size=60))
def test_gb18030_of_common_characters_is_recognised(text: str) -> None:
    assert decode(text.encode("gb18030"))[0] == text


@pytest.mark.parametrize("data", [b"\x7fELF\x02\x01\x01\0" * 40, bytes(range(256)) * 8, b""])
def test_binary_is_not_text(data: bytes) -> None:
    assert not looks_like_text(data)


def test_text_looks_like_text() -> None:
    assert looks_like_text("第一讲".encode("gb18030"))
