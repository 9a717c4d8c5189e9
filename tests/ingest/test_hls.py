"""Playlists: what is read from ffmpeg's and what the master says."""

from ingest.hls import Segments, Sound, Variant, master_playlist, read_playlist

MEDIA = """#EXTM3U
#EXT-X-VERSION:7
#EXT-X-MAP:URI="240p.mp4",BYTERANGE="821@0"
#EXTINF:4.000000,
#EXT-X-BYTERANGE:50000@821
240p.mp4
#EXTINF:2.000000,
#EXT-X-BYTERANGE:40000@50821
240p.mp4
#EXT-X-ENDLIST
"""
SOUND = Sound("audio", "zh", '讲"课', 2, Segments((4.0, 2.0), (64_000, 32_000)))


def test_segments_know_their_length_and_rates() -> None:
    segments = read_playlist(MEDIA)
    assert segments == Segments((4.0, 2.0), (50_000, 40_000))
    assert (segments.duration, segments.peak, segments.average) == (6.0, 160_000, 120_000)


def test_an_empty_playlist_is_empty() -> None:
    assert read_playlist("#EXTM3U\n#EXT-X-ENDLIST\n") == Segments((), ())
    assert Segments((), ()).average == 0


def test_the_master_names_rungs_sound_and_sound_alone() -> None:
    rungs = [Variant("240p", 426, 240, "avc1.4d4015", 25.0, read_playlist(MEDIA))]
    lines = master_playlist(rungs, [SOUND]).splitlines()
    assert lines[:3] == ["#EXTM3U", "#EXT-X-VERSION:7", "#EXT-X-INDEPENDENT-SEGMENTS"]
    assert 'NAME="讲\'课",LANGUAGE="zh",DEFAULT=YES' in lines[3]
    assert lines[4].startswith("#EXT-X-STREAM-INF:BANDWIDTH=288000,AVERAGE-BANDWIDTH=248000,")
    assert 'CODECS="avc1.4d4015,mp4a.40.2",RESOLUTION=426x240,FRAME-RATE=25.000,AUDIO="audio"' in lines[4]
    assert lines[5] == "240p.m3u8"
    assert lines[6] == '#EXT-X-STREAM-INF:BANDWIDTH=128000,AVERAGE-BANDWIDTH=128000,CODECS="mp4a.40.2",AUDIO="audio"'
    assert lines[7] == "audio.m3u8"


def test_without_sound_and_without_pictures() -> None:
    silent = master_playlist([Variant("240p", 426, 240, "avc1.4d4015", 25.0, read_playlist(MEDIA))], [])
    assert "AUDIO" not in silent
    assert 'CODECS="avc1.4d4015",' in silent
    assert "EXT-X-MEDIA" not in master_playlist([], [SOUND])
