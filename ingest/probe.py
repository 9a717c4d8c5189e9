"""What is in a film or a recording: ffprobe's answers, checked and typed, as facts that every later step plans from."""

from collections.abc import Mapping
from dataclasses import asdict, dataclass
from typing import Any

from ingest.errors import IngestError
from ingest.ffmpeg import MAX_PIXELS, Source, ffprobe, ffprobe_packets
from ingest.language import tag
from ingest.model import Facts, MediaKind, StepInput, StepOutput, Surroundings
from ingest.plans import MAX_SECONDS, SEGMENT_SECONDS, AudioStream, VideoStream

_MAX_STREAMS = 64
_MAX_CHAPTERS = 500
_MAX_THUMBS = 100
_UNKNOWN_CODECS = {"", "none", "unknown"}
TEXT_SUBTITLES = {"subrip", "srt", "ass", "ssa", "mov_text", "webvtt", "text", "eia_608"}


@dataclass(frozen=True, slots=True)
class SubtitleTrack:
    """A subtitle track inside a film; pictures of letters (DVD, Blu-ray) have a codec that is not text."""

    index: int
    codec: str
    language: str = ""
    title: str = ""


@dataclass(frozen=True, slots=True)
class Chapter:
    """A chapter, in seconds."""

    start: float
    end: float
    title: str


@dataclass(frozen=True, slots=True)
class Media:
    """Everything that later steps plan from. ``cover`` is the index of an attached picture."""

    duration: float
    video: VideoStream | None = None
    audio: tuple[AudioStream, ...] = ()
    subtitles: tuple[SubtitleTrack, ...] = ()
    chapters: tuple[Chapter, ...] = ()
    cover: int | None = None

    @classmethod
    def of(cls, facts: Facts) -> "Media":
        """From the facts of the probe step, which went through JSON."""
        given = facts["media"]
        video = given["video"]
        return cls(
            duration=given["duration"],
            video=video
            and VideoStream(**{**video, **{name: tuple(video[name]) for name in ("sar", "cuts", "thumbs")}}),
            audio=tuple(AudioStream(**stream) for stream in given["audio"]),
            subtitles=tuple(SubtitleTrack(**track) for track in given["subtitles"]),
            chapters=tuple(Chapter(**chapter) for chapter in given["chapters"]),
            cover=given["cover"],
        )


def source_of(given: StepInput) -> Source:
    """The given file with the demuxer that identify found."""
    return Source(given.source, given.facts["identify"]["demuxer"])


def probe(given: StepInput, around: Surroundings) -> StepOutput:
    """Facts: ``media`` (`Media` as JSON), ``duration`` in seconds; for films ``width`` and ``height`` as shown.

    Raises media_unreadable, media_too_large, no_streams, unsupported_codec.
    """
    source = source_of(given)
    told = ffprobe(source, around.sandbox, ["-show_format", "-show_streams", "-show_chapters"])
    media = understood(told)
    if media.video is None and given.facts["identify"]["media_kind"] == MediaKind.VIDEO:
        raise IngestError("no_streams", "no moving picture")
    if media.video is not None:
        packets = Packets(_seconds(told["format"].get("start_time")))
        ffprobe_packets(source, around.sandbox, media.video.index, packets.take, lambda: around.report(0.5))
        media = packets.added_to(media, media.video)
    if media.duration > MAX_SECONDS:
        raise IngestError("media_too_large", f"{media.duration:.0f} s")
    facts: Facts = {"media": asdict(media), "duration": round(media.duration, 3)}
    if media.video is not None:
        facts["width"], facts["height"] = media.video.shown
    return StepOutput(facts)


def understood(told: Mapping[str, Any]) -> Media:
    """ffprobe's JSON as `Media`. The first usable stream of each kind wins, the default one before others."""
    streams = told.get("streams", [])
    if len(streams) > _MAX_STREAMS:
        raise IngestError("media_too_large", f"{len(streams)} streams")
    shape = told.get("format", {})
    duration = max([_seconds(shape.get("duration")), *(_seconds(s.get("duration")) for s in streams)], default=0.0)
    pictures = [s for s in streams if s.get("codec_type") == "video" and not _flag(s, "attached_pic")]
    covers = [s for s in streams if s.get("codec_type") == "video" and _flag(s, "attached_pic")]
    sounds = sorted((s for s in streams if s.get("codec_type") == "audio"), key=lambda s: not _flag(s, "default"))
    usable = [_audio(s, shape) for s in sounds if _known(s) and s.get("channels", 0) > 0]
    if not pictures and not sounds:
        raise IngestError("no_streams")
    if (pictures and not any(map(_known, pictures))) or (not pictures and not usable):
        raise IngestError("unsupported_codec", ", ".join(s.get("codec_tag_string", "?") for s in pictures or sounds))
    picture = min(filter(_known, pictures), key=lambda s: not _flag(s, "default"), default=None)
    return Media(
        duration,
        video=None if picture is None else _video(picture, shape),
        audio=tuple(usable),
        subtitles=tuple(_subtitle(s) for s in streams if s.get("codec_type") == "subtitle"),
        chapters=tuple(map(_chapter, told.get("chapters", [])[:_MAX_CHAPTERS])),
        cover=covers[0]["index"] if covers else None,
    )


class Packets:
    """The packets of the picture, as they are read: keyframes, where segments may be cut, and the true end."""

    def __init__(self, start: float) -> None:
        self.start, self.end = start, 0.0
        self.keyframes: list[float] = []

    def take(self, line: str) -> None:
        """One line of ``pts_time,duration_time,flags``."""
        pts, duration, flags, *_ = [*line.strip().split(","), "", "", ""]
        try:
            moment = float(pts) - self.start
        except ValueError:
            return
        self.end = max(self.end, moment + _seconds(duration))
        if flags.startswith("K") and moment >= 0:
            self.keyframes.append(moment)

    def added_to(self, media: Media, video: VideoStream) -> Media:
        """The same media, its picture with what the packets told."""
        times = sorted(self.keyframes)
        gaps = [after - before for before, after in zip(times, [*times[1:], self.end], strict=True)]
        every = max(1, -(-len(times) // _MAX_THUMBS))
        fields = asdict(video) | {
            "keyframes": len(times),
            "longest_gap": round(max([*gaps, times[0] if times else 0.0], default=0.0), 3),
            "cuts": tuple(cuts(times)),
            "thumbs_every": every,
            "thumbs": tuple(round(time, 3) for time in times[::every]),
        }
        sound_end = max((stream.start for stream in media.audio), default=0.0)
        duration = media.duration if media.duration > 0 else max(self.end, sound_end)
        return Media(duration, VideoStream(**fields), media.audio, media.subtitles, media.chapters, media.cover)


def cuts(keyframes: list[float]) -> list[float]:
    """Where an HLS muxer will cut a copied stream: the n-th cut is at the first keyframe after n segments."""
    found: list[float] = []
    for time in keyframes:
        if time >= SEGMENT_SECONDS * (len(found) + 1) - 1e-6:
            found.append(round(time, 6))
    return found


def _video(stream: Mapping[str, Any], shape: Mapping[str, Any]) -> VideoStream:
    width, height = int(stream.get("width", 0)), int(stream.get("height", 0))
    if width <= 0 or height <= 0:
        raise IngestError("media_unreadable", "the picture has no size")
    video = VideoStream(
        index=stream["index"],
        codec=stream["codec_name"],
        width=width,
        height=height,
        profile=str(stream.get("profile", "")),
        level=int(stream.get("level", 0)),
        pixel_format=stream.get("pix_fmt", ""),
        sar=_shape(stream),
        rotation=_rotation(stream),
        fps=_rate(stream.get("avg_frame_rate")) or _rate(stream.get("r_frame_rate")) or 25.0,
        field_order=stream.get("field_order", ""),
        transfer=stream.get("color_transfer", ""),
        bit_rate=int(stream.get("bit_rate") or shape.get("bit_rate") or 0),
    )
    if width * height > MAX_PIXELS or max(video.shown) > 16_384:
        raise IngestError("media_too_large", f"{width} × {height} pixels")
    return video


def _audio(stream: Mapping[str, Any], shape: Mapping[str, Any]) -> AudioStream:
    return AudioStream(
        index=stream["index"],
        codec=stream["codec_name"],
        channels=int(stream["channels"]),
        sample_rate=int(stream.get("sample_rate") or 48_000),
        profile=str(stream.get("profile", "")),
        bit_rate=int(stream.get("bit_rate") or 0),
        language=tag(_tag(stream, "language")),
        title=_tag(stream, "title"),
        start=_seconds(stream.get("start_time")) - _seconds(shape.get("start_time")),
    )


def _subtitle(stream: Mapping[str, Any]) -> SubtitleTrack:
    return SubtitleTrack(
        stream["index"], stream.get("codec_name", ""), tag(_tag(stream, "language")), _tag(stream, "title")
    )


def _chapter(chapter: Mapping[str, Any]) -> Chapter:
    return Chapter(_seconds(chapter.get("start_time")), _seconds(chapter.get("end_time")), _tag(chapter, "title"))


def _known(stream: Mapping[str, Any]) -> bool:
    return stream.get("codec_name", "") not in _UNKNOWN_CODECS


def _flag(stream: Mapping[str, Any], name: str) -> bool:
    return bool(stream.get("disposition", {}).get(name))


def _tag(thing: Mapping[str, Any], name: str) -> str:
    text = str(thing.get("tags", {}).get(name, "")).strip()[:200]
    return "" if text == "und" else "".join(char for char in text if char.isprintable())


def _shape(stream: Mapping[str, Any]) -> tuple[int, int]:
    """The shape of a pixel. Scalers leave shapes like 1281:1280 behind: those are squares."""
    above, below = _ratio(stream.get("sample_aspect_ratio"))
    return (1, 1) if abs(above / below - 1) < 0.01 else (above, below)


def _rotation(stream: Mapping[str, Any]) -> int:
    for side in stream.get("side_data_list", []):
        if "rotation" in side:
            return round(float(side["rotation"]) / 90) * 90 % 360
    return 0


def _seconds(text: Any) -> float:
    try:
        seconds = float(text)
    except (TypeError, ValueError):
        return 0.0
    return seconds if abs(seconds) < 1e9 else 0.0


def _rate(text: Any) -> float:
    """Frames per second; 0 where nothing is said, or a clock rate instead of a frame rate."""
    above, _, below = str(text or "").partition("/")
    rate = int(above) / int(below) if above.isdigit() and below.isdigit() and int(below) else 0.0
    return rate if rate < 1_000 else 0.0


def _ratio(text: Any) -> tuple[int, int]:
    """``16/9`` or ``16:9``; a square where it says nothing sensible."""
    above, _, below = str(text or "").replace(":", "/").partition("/")
    if above.isdigit() and below.isdigit() and int(above) and int(below) and 0.05 < int(above) / int(below) < 1e6:
        return int(above), int(below)
    return 1, 1
