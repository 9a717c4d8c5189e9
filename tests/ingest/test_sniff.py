"""Type by content: what bytes are taken for, whatever they are called."""

import io
import zipfile
from pathlib import Path

import pytest

from ingest.errors import IngestError
from ingest.model import Facts, MediaKind
from ingest.sniff import sniff


def kind(tmp_path: Path, data: bytes) -> tuple[str, str, str]:
    path = tmp_path / "lesson.mp4"
    path.write_bytes(data)
    facts: Facts = sniff(str(path))
    return facts["media_kind"], facts["format"], facts.get("demuxer", "")


def zipped(**entries: str) -> bytes:
    file = io.BytesIO()
    with zipfile.ZipFile(file, "w") as archive:
        for name, text in entries.items():
            entry = zipfile.ZipInfo(name.replace("__", "/").replace("_dot_", "."))  # without the time of day
            archive.writestr(entry, text)
    return file.getvalue()


OFFICE = "application/vnd.openxmlformats-officedocument."
ID3 = b"ID3\x04\0\0\0\0\0\x04abcd"


@pytest.mark.parametrize(
    ("data", "expected"),
    [
        (b"\x1aE\xdf\xa3" + b"\0" * 40, ("video", "matroska", "matroska")),
        (b"\0\0\0\x18ftypisom" + b"\0" * 40, ("video", "mp4", "mov")),
        (b"\0\0\0\x14ftypqt  " + b"\0" * 40, ("video", "mov", "mov")),
        (b"\0\0\0\x20ftypavif" + b"\0" * 40, ("other", "heif", "")),
        (b"\0\0\x10\0moov" + b"\0" * 40, ("video", "mov", "mov")),
        (b"RIFF\0\0\0\0AVI LIST", ("video", "avi", "avi")),
        (b"RIFF\0\0\0\0WAVEfmt ", ("audio", "wav", "wav")),
        (b"RIFF\0\0\0\0WEBPVP8 ", ("image", "webp", "")),
        (b"G" + b"\0" * 187 + b"G" + b"\0" * 187 + b"G" + b"\0" * 187, ("video", "mpegts", "mpegts")),
        (b"\xff\xfb\x90\x64" + b"\0" * 40, ("audio", "mp3", "mp3")),
        (b"\xff\xf1\x50\x80" + b"\0" * 40, ("audio", "aac", "aac")),
        (ID3 + b"\xff\xfb\x90\x64" + b"\0" * 40, ("audio", "mp3", "mp3")),
        (ID3 + b"fLaC" + b"\0" * 40, ("audio", "flac", "flac")),
        (b"\x89PNG\r\n\x1a\n" + b"\0" * 40, ("image", "png", "")),
        (b"%PDF-1.7\n%\xe2\xe3", ("document", "pdf", "")),
        (b"GIF89a<script>alert(1)</script>", ("other", "gif", "")),
        (bytes(range(256)) * 8, ("other", "unknown", "")),
    ],
)
def test_binary_formats(tmp_path: Path, data: bytes, expected: tuple[str, str, str]) -> None:
    assert kind(tmp_path, data) == expected


@pytest.mark.parametrize(
    ("data", "expected"),
    [
        (zipped(_Content_Types_="x"), ("other", "zip", "")),
        (zipped(imsmanifest_dot_xml="<manifest/>"), ("package", "ims", "")),
        (zipped(h5p_dot_json="{}"), ("package", "h5p", "")),
        (zipped(mimetype="application/epub+zip"), ("package", "epub", "")),
        (
            zipped(**{"[Content_Types]_dot_xml": f"{OFFICE}wordprocessingml.document.main+xml"}),
            ("document", "docx", ""),
        ),
        (zipped(**{"[Content_Types]_dot_xml": f"{OFFICE}presentationml.presentation.main"}), ("slides", "pptx", "")),
        (zipped(**{"[Content_Types]_dot_xml": f"{OFFICE}spreadsheetml.sheet.main"}), ("other", "xlsx", "")),
        (b"PK\x03\x04" + b"\0" * 100, ("other", "zip", "")),
    ],
)
def test_what_zips_hold(tmp_path: Path, data: bytes, expected: tuple[str, str, str]) -> None:
    assert kind(tmp_path, data) == expected


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("今天讲机器学习。", ("text", "text")),
        ("# 第一章\n\n- 一\n- 二\n\n[链接](a.md)\n", ("text", "markdown")),
        ("1\n00:00:01,000 --> 00:00:02,000\n好\n", ("subtitle", "srt")),
        ("WEBVTT\n\n", ("subtitle", "vtt")),
        ("[Script Info]\nScriptType: v4.00+\n", ("subtitle", "ass")),
        ("<!DOCTYPE html><html><body>", ("other", "markup")),
        ("<svg xmlns='x'><script>1</script></svg>", ("other", "markup")),
        ("<?xml version='1.0'?><a/>", ("other", "markup")),
        ("#EXTM3U\n#EXTINF:1,\nfile:///etc/passwd\n", ("other", "playlist")),
        ("ffconcat version 1.0\nfile '/etc/passwd'\n", ("other", "playlist")),
        ("v=0\no=- 0 0 IN IP4 127.0.0.1\n", ("other", "playlist")),
        ("concat:/etc/passwd|/etc/group", ("other", "playlist")),
        ("{\\rtf1 hello}", ("other", "rtf")),
    ],
)
@pytest.mark.parametrize("encoding", ["utf-8", "utf-16"])
def test_text_formats(tmp_path: Path, text: str, expected: tuple[str, str], encoding: str) -> None:
    assert kind(tmp_path, text.encode(encoding)) == (*expected, "")


def test_an_office_zip_that_is_unsafe_says_so(tmp_path: Path) -> None:
    data = zipped(**{"[Content_Types]_dot_xml": "x", "..__evil": "y"})
    with pytest.raises(IngestError, match="archive_unsafe"):
        kind(tmp_path, data)


def test_nothing_is_no_type(tmp_path: Path) -> None:
    with pytest.raises(IngestError, match="empty_file"):
        kind(tmp_path, b"")


def test_every_kind_is_a_kind(tmp_path: Path) -> None:
    assert MediaKind(kind(tmp_path, b"abc")[0]) is MediaKind.TEXT
