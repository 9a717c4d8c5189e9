"""What ffmpeg shall make of a source: pure functions from probe facts to plans, tested without ffmpeg."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from fractions import Fraction
from typing import Any

SEGMENT_SECONDS = 4.0
MAX_SECONDS = 12 * 3600.0
RUNGS = ((240, 400_000), (480, 1_200_000), (720, 2_800_000), (1080, 5_000_000))  # short side, highest bits/s
_BETWEEN = 1.25  # a source that is so much larger than the highest rung below it gets a rung of its own size
_COPY_RATE = 1.2
_COPY_KEYFRAME_SECONDS = 6.0
_COPY_PROFILES = ("Constrained Baseline", "Baseline", "Main", "High")
_COPY_LEVEL = 41
_MAX_FPS = 31.0
_MAX_AUDIO_TRACKS = 4
PHONE_RUNG = 480
_HDR = {"smpte2084", "arib-std-b67"}
_INTERLACED = {"tt", "bb", "tb", "bt"}

Filter = tuple[str, Mapping[str, Any]]


@dataclass(frozen=True, slots=True)
class VideoStream:
    """The moving picture as probed. ``rotation`` in degrees, a multiple of 90; ``sar`` is the shape of a pixel."""

    index: int
    codec: str
    width: int
    height: int
    profile: str = ""
    level: int = 0
    pixel_format: str = "yuv420p"
    sar: tuple[int, int] = (1, 1)
    rotation: int = 0
    fps: float = 25.0
    field_order: str = "progressive"
    transfer: str = ""
    bit_rate: int = 0
    keyframes: int = 1
    longest_gap: float = 0.0
    cuts: tuple[float, ...] = ()
    thumbs_every: int = 1
    thumbs: tuple[float, ...] = ()

    @property
    def shown(self) -> tuple[int, int]:
        """Width and height as people see it: square pixels, upright."""
        width = max(1, round(self.width * Fraction(*self.sar)))
        return (self.height, width) if self.rotation % 180 else (width, self.height)


@dataclass(frozen=True, slots=True)
class AudioStream:
    """One sound track as probed."""

    index: int
    codec: str
    channels: int = 2
    sample_rate: int = 48_000
    profile: str = ""
    bit_rate: int = 0
    language: str = ""
    title: str = ""
    start: float = 0.0


@dataclass(frozen=True, slots=True)
class Rendition:
    """One rung: name (``480p``), size in pixels, highest bits per second. ``copied`` keeps the source's coding."""

    name: str
    width: int
    height: int
    max_rate: int
    crf: int = 23
    profile: str = "high"
    copied: bool = False


@dataclass(frozen=True, slots=True)
class AudioTrack:
    """One sound track of the ladder; ``name`` is ``audio``, ``audio-2`` …"""

    name: str
    index: int
    bit_rate: int
    channels: int
    sample_rate: int
    language: str = ""
    title: str = ""
    copied: bool = False


@dataclass(frozen=True, slots=True)
class Ladder:
    """One ffmpeg run: renditions from small to large and sound tracks, cut at the same moments.

    ``size`` is the picture as shown; nothing after ``seconds`` is made.
    """

    video_index: int
    renditions: tuple[Rendition, ...]
    audio: tuple[AudioTrack, ...]
    filters: tuple[Filter, ...] = ()
    force_key_frames: str = f"expr:gte(t,n_forced*{SEGMENT_SECONDS:g})"
    segment_seconds: float = SEGMENT_SECONDS
    seconds: float = MAX_SECONDS
    size: tuple[int, int] = field(default=(0, 0))


def video_ladder(
    video: VideoStream, audio: Sequence[AudioStream], seconds: float, *, copy: bool = True, tonemap: bool = True
) -> Ladder:
    """The ladder of a film that lasts so many seconds: damaged sound may believe that it lasts longer.

    ``copy=False`` codes every rung; ``tonemap`` says whether the filters for it are there.
    """
    copied = copy and may_copy(video)
    renditions = [_rendition(video.shown, short, rate) for short, rate in _rungs(video.shown)]
    forced: dict[str, Any] = {}
    if copied:
        top = renditions[-1]
        renditions[-1] = Rendition(top.name, *video.shown, max_rate=top.max_rate, copied=True)
        if video.cuts:
            forced["force_key_frames"] = ",".join(f"{max(0.0, cut - 0.0005):.4f}" for cut in video.cuts)
    return Ladder(
        video.index,
        tuple(renditions),
        audio_tracks(audio, copy=copy),
        filters=_filters(video, tonemap),
        seconds=min(seconds + 1.0, MAX_SECONDS) if seconds > 0 else MAX_SECONDS,
        size=video.shown,
        **forced,
    )


def audio_ladder(audio: Sequence[AudioStream], *, copy: bool = True) -> Ladder:
    """The ladder of a recording: sound alone."""
    return Ladder(-1, (), audio_tracks(audio, copy=copy))


def may_copy(video: VideoStream) -> bool:
    """Whether the source itself can be the top rung: what every browser plays, small enough, with enough keyframes."""
    short = min(video.shown)
    return (
        video.codec == "h264"
        and video.profile in _COPY_PROFILES
        and 0 < video.level <= _COPY_LEVEL
        and video.pixel_format in ("yuv420p", "yuvj420p")
        and video.rotation == 0
        and video.sar == (1, 1)
        and video.width % 2 == 0
        and video.height % 2 == 0
        and video.field_order not in _INTERLACED
        and video.transfer not in _HDR
        and short <= RUNGS[-1][0]
        and 0 < video.bit_rate <= _COPY_RATE * _rate(short)
        and video.longest_gap <= _COPY_KEYFRAME_SECONDS
        and len(video.cuts) * 11 < 100_000  # they are one argument of a command line
    )


def _rungs(shown: tuple[int, int]) -> list[tuple[int, int]]:
    """(short side, highest rate) of each rung, never above the source."""
    short = min(shown)
    below = [(side, rate) for side, rate in RUNGS if side <= short]
    top = below[-1][0] if below else 0
    if top < RUNGS[-1][0] and short >= top * _BETWEEN:
        below.append((short, _rate(short)))
    return below


def _rate(short: int) -> int:
    """Highest bits per second for a short side, between the rungs by area."""
    low, rate = RUNGS[0]
    if short <= low:
        return max(64_000, round(rate * (short / low) ** 2))
    for high, higher in RUNGS[1:]:
        if short <= high:
            share = (short**2 - low**2) / (high**2 - low**2)
            return round(rate + (higher - rate) * share)
        low, rate = high, higher
    return rate


def _rendition(shown: tuple[int, int], short: int, rate: int) -> Rendition:
    scale = Fraction(short, min(shown))
    width, height = (_even(side * scale) for side in shown)
    return Rendition(f"{min(width, height)}p", width, height, rate, profile="main" if short <= PHONE_RUNG else "high")


def _even(length: Fraction) -> int:
    return max(2, int(length) // 2 * 2)


def _filters(video: VideoStream, tonemap: bool) -> tuple[Filter, ...]:
    filters: list[Filter] = []
    if video.field_order in _INTERLACED:
        filters.append(("bwdif", {"mode": "send_frame"}))
    if video.fps > _MAX_FPS:
        divisor = -(-video.fps // _MAX_FPS)
        filters.append(("fps", {"fps": f"{min(video.fps, 1000.0) / divisor:.5f}" if divisor < 9 else "30"}))
    if video.transfer in _HDR and tonemap:
        filters += tone_map(video.shown)
    return tuple(filters)


def tone_map(shown: tuple[int, int]) -> list[Filter]:
    """From high dynamic range to what every screen shows; scaled down first, since it is dear."""
    scale = min(Fraction(1), Fraction(RUNGS[-1][0], min(shown)))
    width, height = (_even(side * scale) for side in shown)
    return [
        ("scale", {"w": width, "h": height}),
        ("zscale", {"transfer": "linear", "npl": 100}),
        ("format", {"pix_fmts": "gbrpf32le"}),
        ("zscale", {"primaries": "bt709"}),
        ("tonemap", {"tonemap": "hable", "desat": 0}),
        ("zscale", {"transfer": "bt709", "matrix": "bt709", "range": "tv"}),
        ("format", {"pix_fmts": "yuv420p"}),
    ]


def is_hdr(video: VideoStream) -> bool:
    """Whether the picture needs tone mapping."""
    return video.transfer in _HDR


def audio_tracks(streams: Sequence[AudioStream], *, copy: bool = True) -> tuple[AudioTrack, ...]:
    """AAC in stereo at most; AAC-LC that is small enough stays as it is, unless ``copy`` is false."""
    tracks = []
    for number, stream in enumerate(streams[:_MAX_AUDIO_TRACKS], 1):
        channels = min(2, max(1, stream.channels))
        copied = (
            copy
            and stream.codec == "aac"
            and stream.profile == "LC"
            and stream.channels <= 2
            and 0 < stream.bit_rate <= 96_000 * channels
            and stream.sample_rate in (22_050, 24_000, 32_000, 44_100, 48_000)
            and abs(stream.start) < 0.2
        )
        rate = stream.sample_rate if stream.sample_rate in (44_100, 48_000) else 48_000
        name = "audio" if number == 1 else f"audio-{number}"
        tracks.append(
            AudioTrack(name, stream.index, 64_000 * channels, channels, rate, stream.language, stream.title, copied)
        )
    return tuple(tracks)


def fitted(shown: tuple[int, int], longest: int) -> tuple[int, int]:
    """A size with even sides whose width is at most ``longest``, and whose height is at most twice that."""
    width, height = shown
    scale = min(Fraction(1), Fraction(longest, width), Fraction(2 * longest, height))
    return _even(width * scale), _even(height * scale)
