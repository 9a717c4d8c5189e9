"""Films and recordings through real ffmpeg: what can be measured on what comes out."""

import json
import random
import subprocess
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from ingest.ladder import Made, limits
from tests.ingest.whole import Outcome, ingest

Clip = Callable[..., Path]
PICTURE = ["-f", "lavfi", "-i", "testsrc2=s={size}:r={fps}:d={seconds}"]
SOUND = ["-f", "lavfi", "-i", "sine=f=440:d={seconds}"]
X264 = "-c:v libx264 -preset ultrafast -pix_fmt yuv420p"


@pytest.fixture(scope="session")
def clip(tmp_path_factory: pytest.TempPathFactory) -> Clip:
    """Make a small clip with ffmpeg; the options are those of the output."""
    folder = tmp_path_factory.mktemp("clips")

    def make(
        name: str, options: str, *, size: str = "320x240", fps: str = "10", seconds: int = 10, sound: bool = True
    ) -> Path:
        path = folder / name
        inputs = [part.format(size=size, fps=fps, seconds=seconds) for part in (PICTURE + SOUND if sound else PICTURE)]
        subprocess.run(["ffmpeg", "-v", "error", "-y", *inputs, *options.split(), str(path)], check=True)
        return path

    return make


def packets(path: Path, stream: str) -> list[tuple[float, bool]]:
    """(moment, keyframe) of each packet in order of time."""
    entries = ["-select_streams", stream, "-show_entries", "packet=pts_time,flags", "-of", "json"]
    done = subprocess.run(["ffprobe", "-v", "error", *entries, str(path)], capture_output=True, check=True)
    return sorted((float(p["pts_time"]), "K" in p["flags"]) for p in json.loads(done.stdout)["packets"])


def streams(path: Path) -> list[dict[str, Any]]:
    done = subprocess.run(
        ["ffprobe", "-v", "error", "-show_streams", "-of", "json", str(path)], capture_output=True, check=True
    )
    found: list[dict[str, Any]] = json.loads(done.stdout)["streams"]
    return found


def keyframes(outcome: Outcome, rung: str) -> list[float]:
    return [round(moment, 2) for moment, key in packets(outcome.named(f"hls/{rung}.mp4"), "v:0") if key]


def pixel(path: Path, x: str, y: str) -> tuple[int, int, int]:
    """The colour in a corner of the first frame."""
    crop = f"crop=8:8:{x}:{y},scale=1:1,format=rgb24"
    command = ["ffmpeg", "-v", "error", "-i", str(path), "-vf", crop, "-frames:v", "1", "-f", "rawvideo", "-"]
    red, green, blue = subprocess.run(command, capture_output=True, check=True).stdout[:3]
    return red, green, blue


def test_a_copied_top_rung_and_the_coded_ones_cut_at_the_same_frames(clip: Clip, tmp_path: Path) -> None:
    options = f"{X264} -profile:v main -g 23 -keyint_min 23 -sc_threshold 0 -bf 2 -b:v 300k -c:a aac -ac 1"
    outcome = ingest(clip("copy.mp4", options, size="640x480", fps="10", seconds=15), tmp_path)
    assert outcome.state == "ready"
    assert outcome.record["copied"] == ["480p"]
    source_keys = keyframes(outcome, "480p")
    assert len(source_keys) == 7
    assert keyframes(outcome, "240p") == [10.0, 14.6, 19.2, 23.8]
    assert set(keyframes(outcome, "240p")) <= set(source_keys)
    first = [packets(outcome.named(f"hls/{name}.mp4"), "0")[0][0] for name in ("240p", "480p", "audio")]
    assert max(first) - min(first) < 0.06, "sound and all renditions begin together"


def test_coded_rungs_have_keyframes_every_four_seconds(clip: Clip, tmp_path: Path) -> None:
    source = clip("coded.mkv", "-c:v mpeg4 -q:v 5 -c:a flac", size="640x480", fps="60", seconds=9)
    outcome = ingest(source, tmp_path)
    assert outcome.record["renditions"] == ["240p", "480p"]
    assert keyframes(outcome, "240p") == keyframes(outcome, "480p") == [10.0, 14.0, 18.0]
    frames = packets(outcome.named("hls/480p.mp4"), "v:0")
    assert len(frames) == pytest.approx(9 * 30, abs=2), "sixty frames a second become thirty"
    assert outcome.record["duration"] == pytest.approx(9.0, abs=0.1)


def test_the_plain_mp4_is_in_step_and_begins_with_its_index(clip: Clip, tmp_path: Path) -> None:
    outcome = ingest(clip("plain.mp4", f"{X264} -bf 3 -c:a aac", size="1280x720", seconds=5), tmp_path)
    plain = outcome.named("video.mp4")
    picture, sound = streams(plain)
    assert (picture["codec_name"], picture["height"], sound["codec_name"]) == ("h264", 480, "aac")
    assert abs(float(picture["start_time"]) - float(sound["start_time"])) < 0.05
    assert plain.read_bytes()[:64].find(b"ftyp") == 4
    assert plain.read_bytes().find(b"moov") < plain.read_bytes().find(b"mdat")
    assert [s["codec_type"] for s in streams(outcome.named("audio.m4a"))] == ["audio"]


def test_rotation_is_carried_out(clip: Clip, tmp_path: Path) -> None:
    painted = "drawbox=0:0:320:240:blue:fill,drawbox=0:0:160:120:red:fill"
    flat = clip("flat.mp4", f"{X264} -vf {painted}", seconds=2, sound=False)
    turned = flat.with_name("turned.mp4")
    command = ["-i", str(flat), "-c", "copy", "-metadata:s:v:0", "rotate=270", str(turned)]
    subprocess.run(["ffmpeg", "-v", "error", "-y", *command], check=True)
    outcome = ingest(turned, tmp_path)
    assert (outcome.record["width"], outcome.record["height"]) == (240, 320)
    assert outcome.record["copied"] == []
    rung = streams(outcome.named("video.mp4"))[0]
    assert (rung["width"], rung["height"]) == (240, 320)
    corners = {(x, y): pixel(outcome.named("video.mp4"), x, y) for x in ("0", "iw-8") for y in ("0", "ih-8")}
    red = [place for place, (r, g, b) in corners.items() if r > 150 and g < 80 and b < 80]
    assert red in ([("0", "ih-8")], [("iw-8", "0")]), corners


def test_pictures_and_storyboard(clip: Clip, tmp_path: Path) -> None:
    outcome = ingest(clip("board.mp4", f"{X264} -g 10 -c:a aac", size="640x480", seconds=30), tmp_path)
    thumbnail, poster = streams(outcome.named("thumbnail.jpg"))[0], streams(outcome.named("poster.jpg"))[0]
    assert (thumbnail["width"], poster["width"], poster["height"]) == (640, 640, 480)
    sheets = [streams(product.path)[0] for product in outcome.of_role("sprite")]
    assert {(sheet["width"], sheet["height"]) for sheet in sheets} == {(160 * 5, 120 * 5)}
    cues = outcome.named("storyboard/storyboard.vtt").read_text().split("\n\n")[1:]
    assert len(cues) == outcome.record["tiles"] == 30
    assert cues[0].splitlines() == ["00:00:00.000 --> 00:00:01.000", "sprite-1.jpg#xywh=0,0,160,120"]
    assert cues[26].splitlines()[1] == "sprite-2.jpg#xywh=160,0,160,120"


def test_a_recording_with_a_cover(clip: Clip, tmp_path: Path) -> None:
    options = "-map 1:a -map 0:v -frames:v 1 -c:v mjpeg -disposition:v attached_pic -c:a libmp3lame -id3v2_version 3"
    outcome = ingest(clip("cover.mp3", options, seconds=3), tmp_path)
    assert (outcome.state, outcome.record["media_kind"], outcome.record["has_cover"]) == ("ready", "audio", True)
    assert {product.role for product in outcome.products} == {"hls", "audio", "poster", "thumbnail"}
    master = outcome.named("hls/master.m3u8").read_text()
    assert "RESOLUTION" not in master
    assert "mp4a.40.2" in master


def test_a_film_with_a_subtitle_that_cannot_be_read_still_plays(clip: Clip, tmp_path: Path) -> None:
    source = clip("plays.mkv", f"{X264} -c:a aac", seconds=3)
    titled = source.with_name("titled.mkv")
    words = tmp_path / "empty.srt"
    words.write_text("1\n00:00:00,100 --> 00:00:00,200\n<b></b>\n", encoding="utf-8")
    command = ["-i", str(source), "-i", str(words), "-map", "0", "-map", "1", "-c", "copy", str(titled)]
    subprocess.run(["ffmpeg", "-v", "error", "-y", *command], check=True)
    outcome = ingest(titled, tmp_path / "run")
    assert (outcome.state, outcome.errors) == ("partial", {"captions": "captions_empty"})
    assert outcome.of_role("hls")


def test_a_film_whose_sound_is_rubbish_still_plays(clip: Clip, tmp_path: Path) -> None:
    whole = clip("sound.mp4", f"{X264} -c:a aac -ac 6", seconds=4)
    entries = ["-select_streams", "a", "-show_entries", "packet=pos,size", "-of", "csv=p=0"]
    done = subprocess.run(["ffprobe", "-v", "error", *entries, str(whole)], capture_output=True, check=True, text=True)
    data, rubbish = bytearray(whole.read_bytes()), random.Random(7)
    for line in done.stdout.split():
        size, place = map(int, line.strip(",").split(","))
        data[place : place + size] = rubbish.randbytes(size)
    broken = tmp_path / "broken.mp4"
    broken.write_bytes(data)
    outcome = ingest(broken, tmp_path / "run")
    assert (outcome.state, outcome.record["duration"]) == ("ready", pytest.approx(4.0, abs=0.1))
    assert (outcome.record["audio_tracks"], outcome.record["note"]) == (0, "no_sound")


def test_a_playlist_called_lesson_mp4_reads_no_other_file(clip: Clip, tmp_path: Path) -> None:
    secret = clip("secret.mp4", f"{X264} -c:a aac", seconds=2)
    for number, text in enumerate(
        (
            f"#EXTM3U\n#EXT-X-TARGETDURATION:5\n#EXTINF:2,\n{secret}\n#EXT-X-ENDLIST\n",
            f"ffconcat version 1.0\nfile '{secret}'\n",
            f"concat:{secret}",
        )
    ):
        lesson = tmp_path / str(number) / "lesson.mp4"
        lesson.parent.mkdir()
        lesson.write_text(text, encoding="utf-8")
        outcome = ingest(lesson, tmp_path / f"run{number}")
        assert (outcome.record["media_kind"], outcome.record["note"], outcome.products) == ("other", "playlist", [])


def test_limits_grow_with_the_film_and_stay_finite() -> None:
    small, large = limits(10, 10**6, 320 * 240), limits(7200, 10**9, 1920 * 1080)
    assert small.wall < large.wall < 7 * 86_400
    assert small.output < large.output < 20 * 2**30
    assert Made(Path(), (), ()).duration == 0
