"""ffmpeg and ffprobe: commands are built with ffmpeg-python here and nowhere else, and run in the sandbox."""

import json
import re
from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import ffmpeg

from ingest.errors import IngestError
from ingest.plans import AudioTrack, Filter, Ladder, Rendition
from ingest.sandbox import Completed, Limits, Sandbox

MAX_PIXELS = 8192 * 4352
_PROBE_LIMITS = Limits(wall=300, cpu=200, memory=2 * 2**30, answer=16 * 2**20)
_PLACES = re.compile(r" @ 0x[0-9a-f]+|/[\w./-]+/")  # addresses in memory, folders of this machine
_NO_MEMORY = "Cannot allocate memory"  # strerror(ENOMEM); ffmpeg 5 ends with status 1 for every reason
# All renditions share one timeline that begins here. Reordered frames are decoded before they are shown; from 0 each
# rendition would be pushed back by its own delay, so that sound and pictures part and switching stumbles.
TIMELINE_START = 10
_SEGMENT_OPTIONS = {
    "f": "hls",
    "hls_segment_type": "fmp4",
    "hls_flags": "single_file",
    "hls_playlist_type": "vod",
    "output_ts_offset": TIMELINE_START,
    "fps_mode": "vfr",
    "map_metadata": -1,
    "map_chapters": -1,
}


@dataclass(frozen=True, slots=True)
class Source:
    """A media file and the one demuxer that may open it, as sniffed: a playlist in disguise stays closed."""

    path: Path
    demuxer: str

    @property
    def options(self) -> dict[str, str]:
        """Input options that hold ffmpeg to this file and this format."""
        return {"f": self.demuxer, "format_whitelist": self.demuxer, "protocol_whitelist": "file"}


def ffprobe(source: Source, sandbox: Sandbox, arguments: Sequence[str]) -> dict[str, Any]:
    """What ffprobe says as JSON. Raises media_unreadable when it cannot open the file."""
    done = sandbox.run(
        [*_ffprobe_command(source), "-of", "json", *arguments, str(source.path)],
        inputs=[source.path],
        limits=_PROBE_LIMITS,
    )
    if done.status != 0:
        raise _error(done, "media_unreadable")
    answer: dict[str, Any] = json.loads(done.stdout.decode("utf-8", "replace"))
    return answer


def ffprobe_packets(
    source: Source, sandbox: Sandbox, stream: int, on_line: Callable[[str], None], poll: Callable[[], None]
) -> None:
    """Give ``pts_time,duration_time,flags`` of each packet of a stream, a line each, to ``on_line``.

    Nothing is decoded. A damaged end is no error: what came before counts.
    """
    entries = ["-select_streams", str(stream), "-show_entries", "packet=pts_time,duration_time,flags", "-of", "csv=p=0"]
    sandbox.run(
        [*_ffprobe_command(source), *entries, str(source.path)],
        inputs=[source.path],
        limits=_PROBE_LIMITS,
        on_line=on_line,
        poll=poll,
    )


def _ffprobe_command(source: Source) -> list[str]:
    options = (part for name, value in source.options.items() for part in (f"-{name}", value))
    return ["ffprobe", "-v", "error", "-hide_banner", *options]


def has_filter(sandbox: Sandbox, name: str) -> bool:
    """Whether this ffmpeg was built with a filter."""
    done = sandbox.run(["ffmpeg", "-v", "error", "-h", f"filter={name}"], limits=_PROBE_LIMITS)
    return f"Filter {name}".encode() in done.stdout


@dataclass(frozen=True, slots=True)
class Sheet:
    """A sprite sheet of ``grid`` × ``grid`` tiles of this size, with each ``every``-th keyframe."""

    width: int
    height: int
    every: int
    grid: int


@dataclass(frozen=True, slots=True)
class Run:
    """One ffmpeg command with what it may read, write and use. ``seconds`` of output are 100 %."""

    argv: Sequence[str]
    inputs: Sequence[Path]
    output: Path
    limits: Limits
    seconds: float = 0.0


def run(command: Run, sandbox: Sandbox, report: Callable[[float], None], code: str = "transcode_failed") -> None:
    """Run ffmpeg to its end, reporting the share that is done. Raises IngestError with ``code`` when it fails."""
    reached = 0.0

    def on_line(line: str) -> None:
        nonlocal reached
        name, _, value = line.partition("=")
        if name == "out_time_us" and value.isdigit() and command.seconds > 0:
            reached = min(1.0, max(reached, int(value) / 1e6 / command.seconds))

    done = sandbox.run(
        command.argv,
        inputs=command.inputs,
        output=command.output,
        limits=command.limits,
        on_line=on_line,
        poll=lambda: report(reached),
    )
    if done.status != 0:
        raise _error(done, code)


def _error(done: Completed, code: str) -> IngestError:
    said = _PLACES.sub("", done.stderr)
    if _NO_MEMORY in said:
        return IngestError("too_much_memory", said[-500:])
    if done.status > 128:
        return IngestError("sandbox_crashed", f"status {done.status}: {said[-500:]}", retryable=True)
    return IngestError(code, said[-1500:])


def _input(source: Source, **options: Any) -> Any:
    return ffmpeg.input(str(source.path), max_pixels=MAX_PIXELS, **source.options, **options)


def _compiled(outputs: Iterable[Any]) -> list[str]:
    arguments = ("-hide_banner", "-nostdin", "-v", "error", "-nostats", "-progress", "pipe:1", "-y")
    merged = ffmpeg.merge_outputs(*outputs).global_args(*arguments)
    command: list[str] = merged.compile()
    return command


def ladder_command(source: Source, ladder: Ladder, folder: Path) -> list[str]:
    """One process for all of HLS: the picture is decoded once and split, the sound is coded once."""
    given = _input(source)
    outputs = []
    coded = [rendition for rendition in ladder.renditions if not rendition.copied]
    if coded:
        picture = given[str(ladder.video_index)]
        for name, arguments in ladder.filters:
            picture = picture.filter(name, **arguments)
        branches = picture.filter_multi_output("split", len(coded)) if len(coded) > 1 else [picture]
        for number, rendition in enumerate(coded):
            scaled = branches[number].filter("scale", rendition.width, rendition.height, flags="bicubic")
            scaled = scaled.filter("setsar", "1").filter("format", "yuv420p")
            outputs.append(_segmented(scaled, rendition.name, folder, ladder, _x264(rendition, ladder)))
    outputs += [
        _segmented(given[str(ladder.video_index)], rendition.name, folder, ladder, {"c:v": "copy"})
        for rendition in ladder.renditions
        if rendition.copied
    ]
    outputs += [_segmented(given[str(t.index)], t.name, folder, ladder, _aac(t)) for t in ladder.audio]
    return _compiled(outputs)


def _segmented(stream: Any, name: str, folder: Path, ladder: Ladder, options: Mapping[str, Any]) -> Any:
    playlist = folder / f"{name}.m3u8"
    return ffmpeg.output(
        stream,
        str(playlist),
        t=ladder.seconds,
        hls_time=ladder.segment_seconds,
        hls_segment_filename=str(folder / f"{name}.mp4"),
        **_SEGMENT_OPTIONS,
        **options,
    )


def _x264(rendition: Rendition, ladder: Ladder) -> dict[str, Any]:
    return {
        "c:v": "libx264",
        "preset": "veryfast",
        "crf": rendition.crf,
        "maxrate": rendition.max_rate,
        "bufsize": rendition.max_rate * 2,
        "profile:v": rendition.profile,
        "g": 9999,  # keyframes are placed, never found: all renditions cut at the same frames
        "sc_threshold": 0,
        "force_key_frames": ladder.force_key_frames,
    }


def _aac(track: AudioTrack) -> dict[str, Any]:
    if track.copied:
        return {"c:a": "copy"}
    return {
        "c:a": "aac",
        "b:a": track.bit_rate,
        "ac": track.channels,
        "ar": track.sample_rate,
        "af": "aresample=async=1000:first_pts=0",  # holes and late starts become silence
    }


def remux_command(parts: Sequence[Path], target: Path) -> list[str]:
    """Fragmented parts of one ladder → one progressive MP4 whose index comes first. Nothing is coded."""
    streams = [_input(Source(part, "mov"), itsoffset=-TIMELINE_START) for part in parts]
    options = {"c": "copy", "movflags": "+faststart", "f": "mp4", "map_metadata": -1}
    return [*_compiled([ffmpeg.output(*streams, str(target), **options)]), "-copyts"]


def stills_command(
    source: Source, index: int, seconds: float, sizes: Mapping[Path, tuple[int, int]], filters: Sequence[Filter]
) -> list[str]:
    """The first frame that the filters let through after ``seconds``, as JPEGs by path and (width, height)."""
    picture = _input(source, ss=seconds)[str(index)]
    for name, arguments in filters:
        picture = picture.filter(name, **arguments)
    return _compiled(_jpegs(picture, sizes))


def cover_command(source: Source, index: int, widths: Mapping[Path, int]) -> list[str]:
    """The attached picture of a recording as JPEGs, by path and greatest width."""
    return _compiled(_jpegs(_input(source)[str(index)], {path: (f"min({w},iw)", -2) for path, w in widths.items()}))


def _jpegs(picture: Any, sizes: Mapping[Path, tuple[Any, int]]) -> list[Any]:
    branches = picture.filter_multi_output("split", len(sizes))
    options = {"frames:v": 1, "q:v": 3, "f": "image2", "update": 1, "c:v": "mjpeg", "map_metadata": -1}
    return [
        ffmpeg.output(
            branches[number].filter("scale", width, height).filter("setsar", "1").filter("format", "yuvj420p"),
            str(path),
            **options,
        )
        for number, (path, (width, height)) in enumerate(sizes.items())
    ]


def sprites_command(source: Source, index: int, sheet: Sheet, pattern: Path, *, skip: bool) -> list[str]:
    """Sheets of small pictures of keyframes. ``skip`` decodes nothing else; some old decoders cannot do that."""
    picture = _input(source, **{"skip_frame": "nokey"} if skip else {})[str(index)]
    if not skip:
        picture = picture.filter("select", "key")
    if sheet.every > 1:
        picture = picture.filter("select", f"not(mod(n,{sheet.every}))")
    picture = picture.filter("scale", sheet.width, sheet.height).filter("setsar", "1")
    picture = picture.filter("tile", f"{sheet.grid}x{sheet.grid}").filter("format", "yuvj420p")
    options = {"fps_mode": "passthrough", "q:v": 5, "f": "image2", "c:v": "mjpeg", "map_metadata": -1}
    return _compiled([ffmpeg.output(picture, str(pattern), **options)])


def subtitles_command(source: Source, targets: Mapping[int, Path]) -> list[str]:
    """The text tracks of a file, by stream index, as WebVTT."""
    given = _input(source)
    return _compiled([ffmpeg.output(given[str(index)], str(path), f="webvtt") for index, path in targets.items()])
