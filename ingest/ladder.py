"""Running a ladder: one ffmpeg for HLS, a master playlist, and plain files for old phones and for taking along."""

import shutil
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

from ingest import ffmpeg
from ingest.errors import IngestError
from ingest.ffmpeg import Source
from ingest.hls import Segments, Sound, Variant, codec_of, master_playlist, read_playlist
from ingest.model import Facts, Product, StepOutput, Surroundings
from ingest.plans import AudioTrack, Ladder, Rendition
from ingest.sandbox import Limits

_MEMORY = 4 * 2**30
_PLAYLIST_BYTES = 8 * 2**20  # twelve hours are a twentieth of it
_PLAYLIST = "application/vnd.apple.mpegurl"


@dataclass(frozen=True, slots=True)
class Made:
    """What a ladder became. A track without a single packet is left out."""

    folder: Path
    renditions: tuple[tuple[Rendition, Segments], ...]
    sounds: tuple[tuple[AudioTrack, Segments], ...]

    @property
    def duration(self) -> float:
        """Seconds that can be played: what was decoded, whatever the file declared."""
        return max((made.duration for _, made in (*self.renditions, *self.sounds)), default=0.0)


def limits(duration: float, source_bytes: int, pixels: int = 0) -> Limits:
    """What a run of ffmpeg may use: a little for starting, then by the seconds and the size of the picture."""
    weight = 2.0 + 10.0 * pixels / (1280 * 720)  # slowness against playing it: 12 × for 720p
    return Limits(
        wall=300 + duration * weight,
        cpu=300 + duration * weight * 2,
        memory=_MEMORY,
        output=int(256 * 2**20 + 2 * source_bytes + duration * 1_500_000),
    )


def make_first(source: Source, ladders: Sequence[Ladder], duration: float, around: Surroundings) -> Made:
    """Make the first of these ladders that can be made; the last one's failure is the answer."""
    different = [ladder for number, ladder in enumerate(ladders) if ladder not in ladders[:number]]
    for ladder in different[:-1]:
        try:
            return make(source, ladder, duration, around)
        except IngestError as error:
            if error.code not in ("transcode_failed", "nothing_decodable"):
                raise
        shutil.rmtree(around.scratch / "hls")
    return make(source, different[-1], duration, around)


def make(source: Source, ladder: Ladder, duration: float, around: Surroundings) -> Made:
    """Code the ladder into ``scratch/hls``. Raises transcode_failed, nothing_decodable or the sandbox's reasons."""
    folder = around.scratch / "hls"
    folder.mkdir(parents=True, exist_ok=True)
    command = ffmpeg.Run(
        ffmpeg.ladder_command(source, ladder, folder),
        [source.path],
        folder,
        limits(duration, source.path.stat().st_size, ladder.size[0] * ladder.size[1]),
        duration,
    )
    ffmpeg.run(command, around.sandbox, lambda share: around.report(0.95 * share))
    renditions = [(rendition, _segments(folder, rendition.name)) for rendition in ladder.renditions]
    sounds = [(track, _segments(folder, track.name)) for track in ladder.audio]
    made = Made(
        folder,
        tuple((rendition, segments) for rendition, segments in renditions if segments.duration > 0),
        tuple((track, segments) for track, segments in sounds if segments.duration > 0),
    )
    if len(made.renditions) < len(ladder.renditions) or made.duration == 0:
        raise IngestError("nothing_decodable")
    return made


def _segments(folder: Path, name: str) -> Segments:
    playlist = folder / f"{name}.m3u8"
    if not playlist.is_file() or playlist.stat().st_size > _PLAYLIST_BYTES:
        return Segments((), ())
    return read_playlist(playlist.read_text(encoding="utf-8", errors="replace"))


def products_of(made: Made, fps: float) -> list[Product]:
    """The HLS products: ``hls/master.m3u8`` and for each rung a playlist with one file of fragments."""
    variants = [
        Variant(r.name, r.width, r.height, codec_of(made.folder / f"{r.name}.mp4"), fps, segments)
        for r, segments in made.renditions
    ]
    sounds = [Sound(t.name, t.language, t.title, t.channels, segments) for t, segments in made.sounds]
    master = made.folder / "master.m3u8"
    master.write_text(master_playlist(variants, sounds), encoding="utf-8")
    products = [Product("hls", "hls/master.m3u8", master, _PLAYLIST)]
    for rendition, _ in made.renditions:
        size = {"width": rendition.width, "height": rendition.height}
        products += _pair(made.folder, rendition.name, "video/mp4", size)
    for track, _ in made.sounds:
        products += _pair(made.folder, track.name, "audio/mp4", {"language": track.language})
    return products


def _pair(folder: Path, name: str, media_type: str, attributes: Facts) -> list[Product]:
    return [
        Product("hls", f"hls/{name}.m3u8", folder / f"{name}.m3u8", _PLAYLIST, attributes),
        Product("hls", f"hls/{name}.mp4", folder / f"{name}.mp4", media_type, attributes),
    ]


def remuxed(made: Made, names: Sequence[str], target: Path, around: Surroundings) -> Path:
    """One plain file out of parts of the ladder, by their names."""
    parts = [made.folder / f"{name}.mp4" for name in names]
    size = sum(part.stat().st_size for part in parts)
    target.parent.mkdir(exist_ok=True)
    command = ffmpeg.Run(
        ffmpeg.remux_command(parts, target), parts, target.parent, limits(made.duration, size), made.duration
    )
    ffmpeg.run(command, around.sandbox, lambda share: around.report(0.95 + 0.05 * share))
    return target


def download(made: Made, around: Surroundings) -> list[Product]:
    """The first sound track as an m4a to take along; nothing where there is no sound."""
    if not made.sounds:
        return []
    path = remuxed(made, [made.sounds[0][0].name], around.scratch / "plain" / "audio.m4a", around)
    return [Product("audio", "audio.m4a", path, "audio/mp4")]


def output(made: Made, products: Sequence[Product], declared: float) -> StepOutput:
    """The facts that both kinds share: duration as it can be played, rungs, and whether the file ended early."""
    facts: Facts = {
        "duration": round(_duration(made, declared), 3),
        "renditions": [rendition.name for rendition, _ in made.renditions],
        "copied": [r.name for r, _ in made.renditions if r.copied],
        "audio_tracks": len(made.sounds),
    }
    if made.duration < 0.9 * declared - 1.0:
        facts["note"] = "ends_early"
    return StepOutput(facts, tuple(products))


def _duration(made: Made, declared: float) -> float:
    """What was declared where that is near, since coders pad the last frame; else what was made.

    A film is never longer than it says: damaged sound may be.
    """
    tolerance = max(0.5, 0.01 * declared)
    if declared > 0 and (abs(made.duration - declared) <= tolerance or (made.renditions and made.duration > declared)):
        return declared
    return made.duration
