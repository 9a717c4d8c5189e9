"""The shared films, recordings, subtitles and hostile media against the table of what shall become of them.

``outcomes_media.tsv``: path; state; step:code of what failed; media kind and format; seconds; size as shown; rungs;
number of passages and the beginning of the first one. A dash means: nothing.
"""

import csv
from pathlib import Path

import pytest

from ingest.hls import read_playlist
from tests.ingest.whole import Outcome, ingest

TABLE = Path(__file__).with_name("outcomes_media.tsv")
LINES = TABLE.read_text(encoding="utf-8").splitlines()
ROWS = list(csv.DictReader(LINES, delimiter="\t", quoting=csv.QUOTE_NONE))
FOLDERS = ("media", "subtitles/opencast", "hostile/media-corrupt", "hostile/made/playlist", "hostile/made/subtitle")
LONG = {"media/derived/two_hours_black_silent.mp4", "media/lecture_zh_tts/lecture1.mp4"}


def described(outcome: Outcome) -> dict[str, str]:
    """An outcome as a row of the table."""
    record = outcome.record
    failed = [f"{step}:{code}" for step, code in outcome.errors.items() if code != "cancelled"]
    first = outcome.passages[0].text.replace("\n", " ")[:18].strip() if outcome.passages else "-"
    return {
        "state": outcome.state,
        "error": ",".join(failed) or "-",
        "kind": record.get("media_kind", "-"),
        "format": record.get("format", "-"),
        "seconds": f"{record['duration']:.1f}" if "duration" in record else "-",
        "size": f"{record['width']}x{record['height']}" if "width" in record else "-",
        "renditions": ",".join(record.get("renditions", [])) or "-",
        "passages": str(len(outcome.passages)),
        "text": first,
    }


def test_the_table_names_every_file(data_dir: Path) -> None:
    there = {
        path.relative_to(data_dir).as_posix()
        for folder in FOLDERS
        for path in (data_dir / folder).rglob("*")
        if path.is_file()
    }
    assert {row["path"] for row in ROWS} == there


@pytest.mark.timeout(900)
@pytest.mark.parametrize(
    "row", [pytest.param(row, id=row["path"], marks=[pytest.mark.slow] * (row["path"] in LONG)) for row in ROWS]
)
def test_outcome(row: dict[str, str], data_dir: Path, tmp_path: Path) -> None:
    outcome = ingest(data_dir / row["path"], tmp_path)
    assert described(outcome) == {name: value for name, value in row.items() if name != "path"}
    if outcome.of_role("hls"):
        check_hls(outcome)


def check_hls(outcome: Outcome) -> None:
    """Every address in a playlist is a product beside it, and every byte range lies in its file."""
    names = {product.name for product in outcome.of_role("hls")}
    for playlist in (product for product in outcome.of_role("hls") if product.name.endswith(".m3u8")):
        text = playlist.path.read_text(encoding="utf-8")
        addresses = {line for line in text.splitlines() if line and not line.startswith("#")}
        assert {f"hls/{address}" for address in addresses} <= names
        if playlist.name != "hls/master.m3u8":
            fragments = playlist.path.with_suffix(".mp4")
            assert sum(read_playlist(text).sizes) < fragments.stat().st_size
            assert "EXT-X-MAP" in text
    assert outcome.of_role("mp4") or outcome.of_role("audio")


@pytest.mark.parametrize("language", ["zh-CN", "en"])
def test_a_whole_course_of_captions(language: str, data_dir: Path, tmp_path: Path) -> None:
    files = sorted((data_dir / "subtitles/hf-course" / language).glob("*.srt"))
    assert len(files) >= 40
    for number, path in enumerate(files[::8]):
        outcome = ingest(path, tmp_path / str(number), role="captions")
        assert outcome.state == "ready"
        assert outcome.record["language"] == {"zh-CN": "zh-Hans", "en": "en"}[language]
        assert len(outcome.passages) > 15


def test_a_film_given_as_captions_is_refused_and_an_empty_attachment_kept(data_dir: Path, tmp_path: Path) -> None:
    film = data_dir / "media/derived/tiny_2x2.mp4"
    empty = data_dir / "media/derived/zero_byte.mp4"
    assert ingest(film, tmp_path / "a", role="captions").errors == {"identify": "captions_unreadable"}
    assert ingest(film, tmp_path / "b", role="cover").errors == {"identify": "cover_unreadable"}
    assert ingest(empty, tmp_path / "c", role="attachment").state == "ready"
