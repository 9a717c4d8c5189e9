"""Subtitle files, broken in the ways that people break them, become plain timed text."""

from pathlib import Path

import pytest

from ingest.cues import MAX_CUE_CHARACTERS, clean, timestamp
from ingest.errors import IngestError
from ingest.language import detected, name_of, tag


def cues(tmp_path: Path, text: str, encoding: str = "utf-8") -> list[tuple[float, float, str]]:
    source = tmp_path / "given"
    source.write_bytes(text.encode(encoding))
    return [tuple(cue) for cue in clean(str(source), str(tmp_path / "made.vtt"))["cues"]]


def test_srt_with_and_without_blank_lines(tmp_path: Path) -> None:
    tidy = "1\n00:00:01,000 --> 00:00:02,500\n第一\n第二行\n\n2\n00:00:03,000 --> 00:00:04,000\n三\n"
    assert cues(tmp_path, tidy) == [(1.0, 2.5, "第一\n第二行"), (3.0, 4.0, "三")]
    assert cues(tmp_path, tidy.replace("\n\n", "\n")) == cues(tmp_path, tidy)
    assert cues(tmp_path, tidy.replace("\n", "\r")) == cues(tmp_path, tidy)


def test_webvtt_leaves_notes_styles_and_names_out(tmp_path: Path) -> None:
    text = (
        "WEBVTT 题目\nKind: captions\n\nSTYLE\n::cue(b) { color: red }\n\nintro\n00:01.000 --> 00:02.000 align:start\n"
        "<v 王老师>大家<b>好</b>\n\nNOTE 别念\n\n第二\n00:03.000 --> 00:04.000\n<00:03.500>再见 &amp; 谢谢\n"
    )
    assert cues(tmp_path, text) == [(1.0, 2.0, "大家好"), (3.0, 4.0, "再见 & 谢谢")]


def test_ass_keeps_words_and_drops_drawings(tmp_path: Path) -> None:
    text = (
        "[Script Info]\nScriptType: v4.00+\n\n[Events]\n"
        "Format: Layer, Start, End, Style, Name, MarginL, MarginR, MarginV, Effect, Text\n"
        "Dialogue: 0,0:00:01.00,0:00:02.00,Default,,0,0,0,,{\\b1}你好{\\b0}\\N世界\n"
        "Dialogue: 0,0:00:03.00,0:00:04.00,Default,,0,0,0,,{\\p1}m 0 0 l 10 10{\\p0}\n"
        "Comment: 0,0:00:05.00,0:00:06.00,Default,,0,0,0,,不显示\n"
    )
    assert cues(tmp_path, text) == [(1.0, 2.0, "你好\n世界")]


@pytest.mark.parametrize("encoding", ["utf-8-sig", "utf-16", "utf-16-le", "gb18030", "big5"])
def test_encodings(tmp_path: Path, encoding: str) -> None:
    words = "歡迎來到社區大學，今天我們學習電腦" if encoding == "big5" else "欢迎来到社区大学，今天我们学习电脑"
    found = cues(tmp_path, f"1\r\n00:00:01,000 --> 00:00:03,000\r\n{words}\r\n", encoding)
    assert found == [(1.0, 3.0, words)]


def test_no_markup_survives(tmp_path: Path) -> None:
    text = (
        "WEBVTT\n\n00:00.000 --> 00:02.000\n<img src=x onerror=alert(1)><b>粗</b>"
        "<script>alert(2)</script>&lt;i&gt; a < b\n\u202e反\u202c\n"
    )
    assert cues(tmp_path, text) == [(0.0, 2.0, "粗<i> a < b\n反")]
    made = (tmp_path / "made.vtt").read_text(encoding="utf-8")
    assert "<" not in made
    assert "粗&lt;i&gt; a &lt; b" in made


def test_odd_times_are_put_in_order(tmp_path: Path) -> None:
    text = (
        "1\n00:00:05,000 --> 00:00:01,000\n倒\n\n2\n-00:00:01,000 --> 00:00:00,500\n早\n\n"
        "3\n100:00:00,000 --> 100:00:00,000\n晚\n"
    )
    assert cues(tmp_path, text) == [(0.0, 0.5, "早"), (1.0, 5.0, "倒"), (360_000.0, 360_000.5, "晚")]


def test_an_endless_line_is_cut(tmp_path: Path) -> None:
    source = tmp_path / "given"
    source.write_text("1\n00:00:01,000 --> 00:00:02,000\n" + "长" * 500_000, encoding="utf-8")
    found = clean(str(source), str(tmp_path / "made.vtt"))
    assert found["cut"]
    assert len(found["cues"][0][2]) == MAX_CUE_CHARACTERS


@pytest.mark.parametrize("text", ["", "只是一段话", "WEBVTT\n\n", "1\n00:00:01,000 --> 00:00:02,000\n<b></b>\n"])
def test_without_a_cue_it_is_refused(tmp_path: Path, text: str) -> None:
    with pytest.raises(IngestError, match="captions_empty"):
        cues(tmp_path, text)


def test_a_broken_ass_is_refused(tmp_path: Path) -> None:
    with pytest.raises(IngestError, match="captions_"):
        cues(tmp_path, "[Script Info]\n[Events]\nFormat: Start\nDialogue: nonsense\n")


@pytest.mark.parametrize(
    ("text", "hint", "language"),
    [
        ("欢迎学习本课程，我们从头说起", "", "zh-Hans"),
        ("歡迎學習本課程，我們從頭說起", "", "zh-Hant"),
        ("The first lesson is about the history of the city", "", "en"),
        ("これは日本語の字幕です", "chi", "ja"),
        ("한국어 자막", "", "ko"),
        ("Guten Tag zusammen", "ger", "de"),
        ("123 …", "chi", "zh"),
        ("Salut", "und er;drop", ""),
    ],
)
def test_language(text: str, hint: str, language: str) -> None:
    assert detected(text, hint) == language


def test_names_of_languages() -> None:
    assert (tag("zho"), tag("pt-BR"), tag("x" * 9)) == ("zh", "pt-BR", "")
    assert (name_of("zh-Hant"), name_of("pt-BR")) == ("中文（繁體）", "pt-BR")


def test_timestamps() -> None:
    assert [timestamp(seconds) for seconds in (-1, 0, 59.9996, 360_000.5)] == [
        "00:00:00.000",
        "00:00:00.000",
        "00:01:00.000",
        "100:00:00.500",
    ]
