"""Pictures: renditions that carry no metadata. `render` runs inside the sandbox."""

from contextlib import suppress
from io import BytesIO
from pathlib import Path
from typing import Any

from PIL import Image, ImageCms, ImageOps

from ingest.errors import IngestError
from ingest.model import Product, StepInput, StepOutput, Surroundings
from ingest.watch import Limits

FORMATS = ("JPEG", "PNG", "WEBP", "GIF", "BMP", "TIFF")
MAX_PIXELS = 64_000_000
MAX_JPEG_PIXELS = 256_000_000  # JPEG is decoded at a fraction of its size
LARGE = (1920, 1920)
THUMBNAIL = (640, 854)
_QUALITY = 82
_LIMITS = Limits(wall=90, cpu=60, memory=1536 * 2**20, output=64 * 2**20, files=8)


def renditions(given: StepInput, around: Surroundings) -> StepOutput:
    """Step for pictures, covers too: a large and a small WebP without position or other metadata.

    Facts: ``width``, ``height`` as seen upright, ``frames``. Raises IngestError image_unreadable or image_too_large.
    """
    folder = around.scratch / "renditions"
    folder.mkdir(exist_ok=True)
    facts = around.sandbox.call(
        "ingest.images:render",
        {"path": str(given.source), "folder": str(folder)},
        inputs=[given.source],
        output=folder,
        limits=_LIMITS,
        poll=lambda: around.report(0.5),
    )
    products = [Product("thumbnail", "thumbnail.webp", folder / "thumbnail.webp", "image/webp", facts["thumbnail"])]
    if given.role != "cover":
        products.append(Product("image", "image/large.webp", folder / "large.webp", "image/webp", facts["large"]))
    return StepOutput({key: facts[key] for key in ("width", "height", "frames")}, tuple(products))


def render(path: str, folder: str) -> dict[str, Any]:
    """Write ``large.webp`` and ``thumbnail.webp`` of the first frame; sizes of the picture and of both."""
    try:
        with _open(Path(path)) as opened:
            frames = getattr(opened, "n_frames", 1)
            opened.draft("RGB", LARGE)
            upright = _in_srgb(ImageOps.exif_transpose(opened))
            width, height = _size_upright(Path(path))
    except IngestError:
        raise
    except (OSError, ValueError, SyntaxError, EOFError) as error:
        raise IngestError("image_unreadable", repr(error)) from error
    answer: dict[str, Any] = {"width": width, "height": height, "frames": frames}
    for name, box in (("large", LARGE), ("thumbnail", THUMBNAIL)):
        upright.thumbnail(box, Image.Resampling.LANCZOS)
        upright.save(Path(folder) / f"{name}.webp", "WEBP", quality=_QUALITY, method=4)
        answer[name] = {"width": upright.width, "height": upright.height}
    return answer


def _open(path: Path) -> Image.Image:
    """The picture with its header read and its pixels counted, nothing decoded yet."""
    Image.MAX_IMAGE_PIXELS = None  # counted here, with one limit a format
    opened = Image.open(path, formats=FORMATS)
    pixels = opened.width * opened.height
    if pixels > (MAX_JPEG_PIXELS if opened.format == "JPEG" else MAX_PIXELS):
        opened.close()
        raise IngestError("image_too_large", f"{opened.width} × {opened.height} pixels")
    return opened


def _size_upright(path: Path) -> tuple[int, int]:
    """Width and height as a person sees it: orientations 5 to 8 lie on their side."""
    with _open(path) as opened:
        lying = opened.getexif().get(0x0112, 1) in (5, 6, 7, 8)
        return (opened.height, opened.width) if lying else opened.size


def _in_srgb(picture: Image.Image) -> Image.Image:
    """The picture as RGB or RGBA in the screen's colours, and nothing but its pixels."""
    profile = picture.info.get("icc_profile")
    if picture.mode == "I;16":
        picture = picture.point(lambda value: value / 256).convert("L")
    if profile and picture.mode in ("RGB", "CMYK"):
        with suppress(ImageCms.PyCMSError, OSError):
            source = ImageCms.ImageCmsProfile(BytesIO(profile))
            converted = ImageCms.profileToProfile(picture, source, ImageCms.createProfile("sRGB"), outputMode="RGB")
            picture = converted or picture
    mode = "RGBA" if picture.has_transparency_data else "RGB"
    bare = Image.new(mode, picture.size)
    bare.paste(picture.convert(mode))
    return bare
