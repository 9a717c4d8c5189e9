"""What ffmpeg is asked to make, from probe facts alone."""

from dataclasses import replace

import pytest
from hypothesis import given
from hypothesis import strategies as st

from ingest import plans
from ingest.plans import AudioStream, Ladder, VideoStream

FILM = VideoStream(
    0, "h264", 1280, 720, "High", 31, bit_rate=2_000_000, keyframes=5, longest_gap=2.0, cuts=(4.0, 8.0), thumbs=(0.0,)
)
SOUND = AudioStream(1, "aac", 2, 48_000, "LC", 128_000)


def names(ladder: Ladder) -> list[str]:
    return [rendition.name for rendition in ladder.renditions]


@pytest.mark.parametrize(
    ("size", "expected"),
    [
        ((1920, 1080), ["240p", "480p", "720p", "1080p"]),
        ((3840, 2160), ["240p", "480p", "720p", "1080p"]),
        ((1280, 720), ["240p", "480p", "720p"]),
        ((720, 576), ["240p", "480p"]),
        ((640, 360), ["240p", "360p"]),
        ((404, 720), ["240p", "404p"]),
        ((320, 180), ["180p"]),
        ((2, 2), ["2p"]),
    ],
)
def test_rungs_never_pass_the_source(size: tuple[int, int], expected: list[str]) -> None:
    ladder = plans.video_ladder(replace(FILM, codec="vp9", width=size[0], height=size[1]), [], 10.0)
    assert names(ladder) == expected


@given(st.integers(2, 8192), st.integers(2, 4320), st.sampled_from([0, 90, 180, 270]), st.integers(1, 4))
def test_every_rendition_is_even_and_keeps_the_shape(width: int, height: int, rotation: int, sar: int) -> None:
    video = replace(FILM, codec="vp9", width=width, height=height, rotation=rotation, sar=(sar, 1))
    shown = video.shown
    ladder = plans.video_ladder(video, [], 10.0)
    assert ladder.renditions
    for rendition in ladder.renditions:
        assert rendition.width % 2 == rendition.height % 2 == 0
        assert rendition.width <= max(2, shown[0])
        assert rendition.height <= max(2, shown[1])
        if min(rendition.width, rendition.height) >= 100:
            assert rendition.width / rendition.height == pytest.approx(shown[0] / shown[1], rel=0.03)
    rates = [rendition.max_rate for rendition in ladder.renditions]
    assert rates == sorted(rates)


def test_a_source_that_fits_is_the_top_rung_and_its_keyframes_bind_the_others() -> None:
    ladder = plans.video_ladder(FILM, [SOUND], 12.0)
    assert [rendition.copied for rendition in ladder.renditions] == [False, False, True]
    assert ladder.force_key_frames == "3.9995,7.9995"
    assert ladder.audio[0].copied


@pytest.mark.parametrize(
    "change",
    [
        {"codec": "hevc"},
        {"profile": "High 4:4:4 Predictive"},
        {"level": 51},
        {"pixel_format": "yuv420p10le"},
        {"rotation": 90},
        {"sar": (4, 3)},
        {"width": 1281},
        {"field_order": "tt"},
        {"bit_rate": 9_000_000},
        {"bit_rate": 0},
        {"longest_gap": 6.5},
        {"height": 2160, "width": 3840},
        {"cuts": tuple(float(second) for second in range(0, 43_200, 4))},
    ],
)
def test_a_source_that_does_not_fit_is_coded(change: dict[str, object]) -> None:
    ladder = plans.video_ladder(replace(FILM, **change), [], 12.0)  # type: ignore[arg-type]
    assert not any(rendition.copied for rendition in ladder.renditions)
    assert ladder.force_key_frames.startswith("expr:")


def test_filters_follow_the_picture() -> None:
    def filters(**change: object) -> list[str]:
        tonemap = bool(change.pop("tonemap", True))
        video = replace(FILM, codec="hevc", **change)  # type: ignore[arg-type]
        return [name for name, _ in plans.video_ladder(video, [], 10.0, tonemap=tonemap).filters]

    assert filters() == []
    assert filters(field_order="tt") == ["bwdif"]
    assert filters(fps=59.94) == ["fps"]
    assert "tonemap" in filters(transfer="smpte2084")
    assert filters(transfer="smpte2084", tonemap=False) == []


@pytest.mark.parametrize(("fps", "expected"), [(60.0, 30.0), (50.0, 25.0), (59.94, 29.97), (120.0, 30.0), (90.0, 30.0)])
def test_fast_pictures_lose_whole_frames(fps: float, expected: float) -> None:
    filters = dict(plans.video_ladder(replace(FILM, codec="vp9", fps=fps), [], 10.0).filters)
    assert float(filters["fps"]["fps"]) == pytest.approx(expected, rel=1e-3)


def test_sound_is_at_most_stereo_and_kept_where_it_fits() -> None:
    surround = AudioStream(1, "aac", 6, 48_000, "LC", 380_000)
    rough = AudioStream(2, "mp3", 1, 8_000, "", 8_000, language="chi")
    late = replace(SOUND, index=3, start=3.0)
    first, second, third = plans.audio_tracks([surround, rough, late])
    assert (first.name, first.channels, first.copied) == ("audio", 2, False)
    assert (second.name, second.channels, second.sample_rate, second.language) == ("audio-2", 1, 48_000, "chi")
    assert not third.copied
    assert len(plans.audio_tracks([SOUND] * 9)) == 4


def test_pictures_fit_their_frame() -> None:
    assert plans.fitted((1920, 1080), 640) == (640, 360)
    assert plans.fitted((320, 180), 640) == (320, 180)
    assert plans.fitted((100, 10_000), 640) == (12, 1280)
