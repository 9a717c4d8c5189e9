"""Recordings: HLS, a download, and the picture that the file brings along."""

from ingest import ffmpeg, ladder, plans
from ingest.model import Product, StepInput, StepOutput, Surroundings
from ingest.probe import Media, source_of

_COVER = (("poster", 1280), ("thumbnail", 640))


def transcode(given: StepInput, around: Surroundings) -> StepOutput:
    """Products: hls and audio (m4a). Facts: duration, audio_tracks, note."""
    media = Media.of(given.facts["probe"])
    ladders = [plans.audio_ladder(media.audio, copy=copy) for copy in (True, False)]
    made = ladder.make_first(source_of(given), ladders, media.duration, around)
    products = [*ladder.products_of(made, 0.0), *ladder.download(made, around)]
    return ladder.output(made, products, media.duration)


def cover(given: StepInput, around: Surroundings) -> StepOutput:
    """Products: poster and thumbnail from the attached picture, where there is one."""
    media = Media.of(given.facts["probe"])
    if media.cover is None:
        return StepOutput({"has_cover": False})
    source = source_of(given)
    folder = around.scratch / "cover"
    folder.mkdir(parents=True, exist_ok=True)
    paths = {folder / f"{role}.jpg": width for role, width in _COVER}
    command = ffmpeg.Run(
        ffmpeg.cover_command(source, media.cover, paths),
        [source.path],
        folder,
        ladder.limits(0, source.path.stat().st_size),
    )
    ffmpeg.run(command, around.sandbox, around.report, "picture_failed")
    return StepOutput(
        {"has_cover": True},
        tuple(Product(role, f"{role}.jpg", folder / f"{role}.jpg", "image/jpeg") for role, _ in _COVER),
    )
