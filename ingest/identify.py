"""The first step of every file: what it is, by its content."""

from pathlib import Path

from ingest.errors import IngestError
from ingest.ffmpeg import Source, ffprobe
from ingest.model import Facts, MediaKind, StepInput, StepOutput, Surroundings
from ingest.sandbox import Limits, Sandbox

_LIMITS = Limits(wall=60, cpu=30, memory=2**30)


def identify(given: StepInput, around: Surroundings) -> StepOutput:
    """Facts: media_kind, media_type, format, and where they apply demuxer, encoding, note (a stable code).

    A file that was given as captions or as a cover must be that: captions_unreadable, cover_unreadable.
    An attachment may be anything, also empty.
    """
    try:
        facts = sniffed(given.source, around.sandbox)
    except IngestError as error:
        if given.role != "attachment" or error.retryable:
            raise
        facts = {"media_kind": MediaKind.OTHER, "format": "unknown", "media_type": "application/octet-stream"}
    kind = facts["media_kind"]
    if given.role == "captions" and kind != MediaKind.SUBTITLE:
        raise IngestError("captions_unreadable", f"it is {facts['format']}")
    if given.role == "cover" and kind != MediaKind.IMAGE:
        raise IngestError("cover_unreadable", f"it is {facts['format']}")
    return StepOutput(facts)


def sniffed(path: Path, sandbox: Sandbox) -> Facts:
    """What the file is; for containers of sound and pictures, whether it has moving pictures."""
    facts: Facts = sandbox.call("ingest.sniff:sniff", {"path": str(path)}, inputs=[path], limits=_LIMITS)
    if facts.get("demuxer"):
        facts["media_kind"] = _moving_or_not(Source(path, facts["demuxer"]), facts["media_kind"], sandbox)
        if facts["media_kind"] == MediaKind.AUDIO:
            facts["media_type"] = _AUDIO_TYPES.get(facts["format"], facts["media_type"])
    return facts


_AUDIO_TYPES = {"mp4": "audio/mp4", "ogg": "audio/ogg", "matroska": "audio/x-matroska", "asf": "audio/x-ms-wma"}


def _moving_or_not(source: Source, otherwise: str, sandbox: Sandbox) -> str:
    """Video when there is a moving picture, audio when there is only sound; what cannot be read stays as sniffed.

    The probe step says why it cannot be read.
    """
    try:
        told = ffprobe(source, sandbox, ["-show_entries", "stream=codec_type:stream_disposition=attached_pic"])
    except IngestError as error:
        if error.retryable:
            raise
        return otherwise
    streams = told.get("streams", [])
    if any(s.get("codec_type") == "video" and not s.get("disposition", {}).get("attached_pic") for s in streams):
        return MediaKind.VIDEO
    return MediaKind.AUDIO if any(s.get("codec_type") == "audio" for s in streams) else otherwise
