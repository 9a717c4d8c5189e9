"""ffprobe's answers, checked and typed."""

import json
from dataclasses import asdict
from typing import Any

import pytest

from ingest.errors import IngestError
from ingest.probe import Media, Packets, cuts, understood

PICTURE: dict[str, Any] = {
    "index": 0,
    "codec_type": "video",
    "codec_name": "h264",
    "profile": "High",
    "level": 31,
    "width": 1280,
    "height": 720,
    "pix_fmt": "yuv420p",
    "avg_frame_rate": "30000/1001",
    "bit_rate": "1500000",
}
SOUND: dict[str, Any] = {
    "index": 1,
    "codec_type": "audio",
    "codec_name": "aac",
    "profile": "LC",
    "channels": 2,
    "sample_rate": "44100",
    "start_time": "0.5",
    "tags": {"language": "chi", "title": "普通话\x07"},
}


def told(*streams: dict[str, Any], **shape: Any) -> dict[str, Any]:
    return {"streams": list(streams), "format": {"duration": "10.5", **shape}, "chapters": []}


def test_a_film() -> None:
    media = understood(told(PICTURE, SOUND))
    assert media.video is not None
    assert (media.duration, media.video.shown, media.video.level) == (10.5, (1280, 720), 31)
    assert media.video.fps == pytest.approx(29.97, abs=0.001)
    assert (media.audio[0].language, media.audio[0].title, media.audio[0].start) == ("zh", "普通话", 0.5)
    assert Media.of({"media": json.loads(json.dumps(asdict(media)))}) == media


@pytest.mark.parametrize(
    ("change", "shown"),
    [
        ({"sample_aspect_ratio": "16:15", "width": 720, "height": 576}, (768, 576)),
        ({"sample_aspect_ratio": "1281:1280"}, (1280, 720)),
        ({"sample_aspect_ratio": "0:1"}, (1280, 720)),
        ({"sample_aspect_ratio": "N/A"}, (1280, 720)),
        ({"side_data_list": [{"rotation": -90}]}, (720, 1280)),
        ({"side_data_list": [{"rotation": 180}]}, (1280, 720)),
    ],
)
def test_the_size_as_people_see_it(change: dict[str, Any], shown: tuple[int, int]) -> None:
    media = understood(told(PICTURE | change))
    assert media.video is not None
    assert media.video.shown == shown


@pytest.mark.parametrize(
    ("streams", "code"),
    [
        ([], "no_streams"),
        ([{"index": 0, "codec_type": "data"}], "no_streams"),
        ([PICTURE | {"codec_name": "none"}], "unsupported_codec"),
        ([SOUND | {"codec_name": "unknown"}], "unsupported_codec"),
        ([PICTURE | {"width": 0}], "media_unreadable"),
        ([PICTURE | {"width": 40_000, "height": 2_000}], "media_too_large"),
        ([PICTURE | {"sample_aspect_ratio": "100:1"}], "media_too_large"),
        ([SOUND | {"index": number} for number in range(65)], "media_too_large"),
    ],
)
def test_what_is_refused(streams: list[dict[str, Any]], code: str) -> None:
    with pytest.raises(IngestError, match=code):
        understood(told(*streams))


def test_default_tracks_come_first_and_covers_are_no_film() -> None:
    cover = PICTURE | {"index": 3, "codec_name": "mjpeg", "disposition": {"attached_pic": 1}}
    second = SOUND | {"index": 2, "disposition": {"default": 1}}
    media = understood(told(SOUND, second, cover))
    assert media.video is None
    assert media.cover == 3
    assert [stream.index for stream in media.audio] == [2, 1]


def test_packets_tell_keyframes_cuts_and_the_end() -> None:
    packets = Packets(start=1.0)
    for number in range(300):
        packets.take(f"{1.0 + number / 10:.6f},0.100000,{'K_' if number % 25 == 0 else '__'}\n")
    for line in ("N/A,N/A,K_", "", "nonsense", "1,2"):
        packets.take(line)
    media = understood(told(PICTURE, duration="0"))
    assert media.video is not None
    found = packets.added_to(media, media.video)
    assert found.video is not None
    assert found.duration == pytest.approx(30.0)
    assert (found.video.keyframes, found.video.longest_gap) == (12, 2.5)
    assert found.video.cuts == (5.0, 10.0, 12.5, 17.5, 20.0, 25.0)
    assert found.video.thumbs[:3] == (0.0, 2.5, 5.0)


def test_long_films_get_a_bounded_storyboard() -> None:
    packets = Packets(start=0.0)
    packets.keyframes = [float(second) for second in range(7200)]
    packets.end = 7200.0
    media = understood(told(PICTURE))
    assert media.video is not None
    found = packets.added_to(media, media.video)
    assert found.video is not None
    assert len(found.video.thumbs) == 100
    assert found.video.thumbs_every == 72


def test_cuts_are_where_the_muxer_cuts() -> None:
    assert cuts([0.0, 6.0, 12.0, 18.0]) == [6.0, 12.0, 18.0]
    assert cuts([0.0, 1.0, 2.0, 3.9, 4.1, 8.0, 8.1]) == [4.1, 8.0]
    assert cuts([]) == []
