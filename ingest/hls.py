"""HLS playlists: reading those that ffmpeg wrote, and writing the master. Pure, but for the bytes of `codec_of`."""

import re
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

from ingest.language import name_of

_SEGMENT = re.compile(r"#EXTINF:([\d.]+),[^\n]*\n#EXT-X-BYTERANGE:(\d+)@\d+")
_HEADER_BYTES = 16 * 1024
_AAC_LC = "mp4a.40.2"


@dataclass(frozen=True, slots=True)
class Segments:
    """The segments of one rendition: seconds and bytes of each."""

    seconds: tuple[float, ...]
    sizes: tuple[int, ...]

    @property
    def duration(self) -> float:
        """Seconds in all."""
        return sum(self.seconds)

    @property
    def peak(self) -> int:
        """The highest bits per second of a segment; a last splinter counts with what came before it."""
        rates = [8 * size / max(1.0, second) for size, second in zip(self.sizes, self.seconds, strict=True)]
        return round(max(rates, default=0))

    @property
    def average(self) -> int:
        """Bits per second over all."""
        return round(8 * sum(self.sizes) / self.duration) if self.duration else 0


def read_playlist(text: str) -> Segments:
    """The segments of a media playlist."""
    found = _SEGMENT.findall(text)
    return Segments(tuple(float(seconds) for seconds, _ in found), tuple(int(size) for _, size in found))


def codec_of(rendition: Path) -> str:
    """The RFC 6381 name of the H.264 that a rendition holds, from its decoder configuration."""
    with rendition.open("rb") as file:
        head = file.read(_HEADER_BYTES)
    at = head.find(b"avcC")
    return f"avc1.{head[at + 5 : at + 8].hex()}" if at >= 0 else "avc1.64001f"


@dataclass(frozen=True, slots=True)
class Variant:
    """One rung for the master playlist."""

    name: str
    width: int
    height: int
    codec: str
    fps: float
    segments: Segments


@dataclass(frozen=True, slots=True)
class Sound:
    """One sound track for the master playlist; the first one is the default."""

    name: str
    language: str
    title: str
    channels: int
    segments: Segments


def master_playlist(variants: Sequence[Variant], sounds: Sequence[Sound]) -> str:
    """The master: each rung with the sound as its own group, then the sound alone for thin lines."""
    lines = ["#EXTM3U", "#EXT-X-VERSION:7", "#EXT-X-INDEPENDENT-SEGMENTS"]
    group = ',AUDIO="audio"' if variants and sounds else ""
    if group:
        lines += [_media(sound, first=number == 0) for number, sound in enumerate(sounds)]
    loudest = max((sound.segments.peak for sound in sounds), default=0)
    for variant in sorted(variants, key=lambda variant: variant.segments.peak):
        codecs = f"{variant.codec},{_AAC_LC}" if sounds else variant.codec
        lines += [
            f"#EXT-X-STREAM-INF:BANDWIDTH={variant.segments.peak + loudest},"
            f"AVERAGE-BANDWIDTH={variant.segments.average + (sounds[0].segments.average if sounds else 0)},"
            f'CODECS="{codecs}",RESOLUTION={variant.width}x{variant.height},FRAME-RATE={variant.fps:.3f}{group}',
            f"{variant.name}.m3u8",
        ]
    if sounds:
        lines += [
            f"#EXT-X-STREAM-INF:BANDWIDTH={max(1, sounds[0].segments.peak)},"
            f'AVERAGE-BANDWIDTH={max(1, sounds[0].segments.average)},CODECS="{_AAC_LC}"{group}',
            f"{sounds[0].name}.m3u8",
        ]
    return "\n".join([*lines, ""])


def _media(sound: Sound, *, first: bool) -> str:
    name = (sound.title or name_of(sound.language) or sound.name).replace('"', "'")
    language = f',LANGUAGE="{sound.language}"' if re.fullmatch(r"[A-Za-z]{2,3}(-[A-Za-z0-9]+)*", sound.language) else ""
    return (
        f'#EXT-X-MEDIA:TYPE=AUDIO,GROUP-ID="audio",NAME="{name}"{language},DEFAULT={"YES" if first else "NO"},'
        f'AUTOSELECT=YES,CHANNELS="{sound.channels}",URI="{sound.name}.m3u8"'
    )
