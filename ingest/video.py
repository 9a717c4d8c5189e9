"""Films: the HLS ladder, a poster, a storyboard, and the subtitles and chapters that the file brings along."""

from dataclasses import replace
from pathlib import Path

from ingest import ffmpeg, ladder, plans
from ingest.cues import timestamp
from ingest.errors import IngestError
from ingest.ffmpeg import Source
from ingest.language import name_of
from ingest.model import Facts, Passage, Product, StepInput, StepOutput, Surroundings
from ingest.plans import VideoStream
from ingest.probe import TEXT_SUBTITLES, Media, source_of
from ingest.sandbox import Sandbox
from ingest.subtitles import cleaned

_POSTER_WIDTH, _THUMBNAIL_WIDTH, _TILE_WIDTH = 1280, 640, 160
_GRID = 5
_FRAMES_COMPARED = 12


def _media(given: StepInput) -> tuple[Media, VideoStream]:
    media = Media.of(given.facts["probe"])
    if media.video is None:
        raise IngestError("no_streams", "no moving picture")
    return media, media.video


def _tone_maps(video: VideoStream, sandbox: Sandbox) -> bool:
    return plans.is_hdr(video) and all(ffmpeg.has_filter(sandbox, name) for name in ("zscale", "tonemap"))


def transcode(given: StepInput, around: Surroundings) -> StepOutput:
    """Products: hls, mp4 (480p for old phones), audio (m4a). Facts: duration, renditions, copied, audio_tracks, note.

    What fits is copied; where that fails everything is coded, and where that fails the picture alone. ``note`` is
    ``no_sound`` then, and ``ends_early`` for a cut-off file.
    """
    media, video = _media(given)
    tonemap = _tone_maps(video, around.sandbox)
    ladders = [
        plans.video_ladder(video, audio, media.duration, copy=copy, tonemap=tonemap)
        for audio, copy in ((media.audio, True), (media.audio, False), ((), False))
    ]
    made = ladder.make_first(source_of(given), ladders, media.duration, around)
    phone = max(
        (r for r, _ in made.renditions if min(r.width, r.height) <= plans.PHONE_RUNG),
        key=lambda r: r.height,
        default=made.renditions[0][0],
    )
    names = [phone.name, *(track.name for track, _ in made.sounds[:1])]
    plain = ladder.remuxed(made, names, around.scratch / "plain" / "video.mp4", around)
    products = [
        *ladder.products_of(made, min(video.fps, 30.0)),
        Product("mp4", "video.mp4", plain, "video/mp4", {"width": phone.width, "height": phone.height}),
        *ladder.download(made, around),
    ]
    found = ladder.output(made, products, media.duration)
    lost = {"note": "no_sound"} if media.audio and not made.sounds else {}
    return replace(found, facts=found.facts | lost)


def poster(given: StepInput, around: Surroundings) -> StepOutput:
    """Products: poster and thumbnail, from a telling frame near a tenth of the film. Raises picture_failed."""
    media, video = _media(given)
    size = plans.fitted(video.shown, _POSTER_WIDTH), plans.fitted(video.shown, _THUMBNAIL_WIDTH)
    folder = _folder(around, "poster")
    paths = folder / "poster.jpg", folder / "thumbnail.jpg"
    filters = plans.tone_map(video.shown) if _tone_maps(video, around.sandbox) else []
    telling = ("thumbnail", {"n": _FRAMES_COMPARED})
    sizes = dict(zip(paths, size, strict=True))
    why = "no frame could be decoded"
    for seconds in dict.fromkeys((round(media.duration / 10, 2), 0.0)):
        command = ffmpeg.stills_command(source_of(given), video.index, seconds, sizes, [telling, *filters])
        why = _draw(command, source_of(given), folder, around, media.duration) or why
        if all(path.is_file() for path in paths):
            return StepOutput({}, tuple(_picture(path, size) for path, size in sizes.items()))
    raise IngestError("picture_failed", why)


def _picture(path: Path, size: tuple[int, int]) -> Product:
    return Product(path.stem, path.name, path, "image/jpeg", {"width": size[0], "height": size[1]})


def _folder(around: Surroundings, name: str) -> Path:
    folder = around.scratch / name
    folder.mkdir(parents=True, exist_ok=True)
    return folder


def _draw(command: list[str], source: Source, folder: Path, around: Surroundings, duration: float) -> str:
    """Run a command that makes pictures; why it failed, or nothing. Other ways to try may be left."""
    bounds = ladder.limits(duration / 10, source.path.stat().st_size, 1280 * 720)
    try:
        ffmpeg.run(ffmpeg.Run(command, [source.path], folder, bounds), around.sandbox, around.report, "picture_failed")
    except IngestError as error:
        if error.code != "picture_failed":
            raise
        return error.detail
    return ""


def storyboard(given: StepInput, around: Surroundings) -> StepOutput:
    """Products: sprite sheets of keyframes, and a WebVTT that says which tile shows which seconds."""
    media, video = _media(given)
    if not video.thumbs:
        raise IngestError("picture_failed", "no keyframe")
    tile = plans.fitted(video.shown, _TILE_WIDTH)
    folder = _folder(around, "storyboard")
    sheet = ffmpeg.Sheet(*tile, video.thumbs_every, _GRID)
    sheets: list[Path] = []
    why = ""
    for skip in (True, False):
        command = ffmpeg.sprites_command(source_of(given), video.index, sheet, folder / "sprite-%d.jpg", skip=skip)
        why = _draw(command, source_of(given), folder, around, media.duration)
        sheets = sorted(folder.glob("sprite-*.jpg"), key=lambda path: int(path.stem.partition("-")[2]))
        if sheets:
            break
    else:
        raise IngestError("picture_failed", why or "no keyframe could be decoded")
    text = storyboard_vtt(video.thumbs[: len(sheets) * _GRID**2], media.duration, tile)
    vtt = folder / "storyboard.vtt"
    vtt.write_text(text, encoding="utf-8")
    size = {"width": tile[0], "height": tile[1]}
    return StepOutput(
        {"tiles": len(video.thumbs)},
        (
            *(Product("sprite", f"storyboard/{sheet.name}", sheet, "image/jpeg", size) for sheet in sheets),
            Product("storyboard", "storyboard/storyboard.vtt", vtt, "text/vtt"),
        ),
    )


def storyboard_vtt(moments: tuple[float, ...], duration: float, tile: tuple[int, int]) -> str:
    """One cue a tile; the address is relative to the file, its fragment the place on the sheet."""
    width, height = tile
    cues = []
    for number, start in enumerate(moments):
        end = moments[number + 1] if number + 1 < len(moments) else max(duration, start + 0.001)
        sheet, place = divmod(number, _GRID**2)
        x, y = place % _GRID * width, place // _GRID * height
        address = f"sprite-{sheet + 1}.jpg#xywh={x},{y},{width},{height}"
        cues.append(f"{timestamp(start)} --> {timestamp(end)}\n{address}\n")
    return "WEBVTT\n\n" + "\n".join(cues)


def captions(given: StepInput, around: Surroundings) -> StepOutput:
    """Products: captions_vtt for each text track, chapters; passages: cues and chapters. Facts: has_captions, note.

    ``note`` is ``bitmap_subtitles`` where tracks are pictures of letters, which cannot be read.
    """
    media, _ = _media(given)
    folder = _folder(around, "captions")
    targets = {t.index: folder / f"track-{t.index}.vtt" for t in media.subtitles if t.codec in TEXT_SUBTITLES}
    products: list[Product] = []
    passages: list[Passage] = []
    if targets:
        source = source_of(given)
        command = ffmpeg.Run(
            ffmpeg.subtitles_command(source, targets),
            [source.path],
            folder,
            ladder.limits(media.duration / 10, source.path.stat().st_size),
            media.duration,
        )
        ffmpeg.run(command, around.sandbox, around.report, "captions_unreadable")
    for track in media.subtitles:
        if track.index not in targets or not targets[track.index].is_file():
            continue
        found = cleaned(targets[track.index], folder / f"clean-{track.index}.vtt", track.language, around)
        if found.passages:
            attributes = {"language": found.language, "label": track.title or name_of(found.language)}
            name = f"captions/{track.index}-{found.language or 'und'}.vtt"
            products.append(Product("captions_vtt", name, found.path, "text/vtt", attributes))
            passages += found.passages
    facts: Facts = {"has_captions": True} if products else {}
    if len(targets) < len(media.subtitles):
        facts["note"] = "bitmap_subtitles"
    if media.chapters:
        products.append(_chapters(media, folder / "chapters.vtt"))
        passages += [Passage("chapter", c.title, c.start, c.end) for c in media.chapters if c.title]
    return StepOutput(facts, tuple(products), tuple(passages))


def _chapters(media: Media, path: Path) -> Product:
    cues = [
        f"{timestamp(chapter.start)} --> {timestamp(max(chapter.end, chapter.start + 0.001))}\n"
        f"{chapter.title or number}\n"
        for number, chapter in enumerate(media.chapters, 1)
    ]
    path.write_text("WEBVTT\n\n" + "\n".join(cues), encoding="utf-8")
    return Product("chapters", "chapters.vtt", path, "text/vtt")
